"""Arrays of JSON, and the ``_`` properties that carry ids and extensions of primitives.

Source: https://hl7.org/fhir/R4/json.html#primitive
"""

from typing import Any

from polyclinic.fhir.definitions import Property
from polyclinic.fhir.validate.findings import Check, Found, below, broken, kind, without_content


def array_of(check: Check, described: Property) -> Check:
    """Return the check of an array whose items are checked by ``check``.

    A null is allowed where the item of the same index in the ``_`` property is an object.
    """
    companion = "_" + described.name
    most = described.element.max

    def every(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is not list:
            return broken("structure", f"must be an array; here is {kind(value)}")
        if not value:
            return broken("structure", "an array must not be empty; leave the property out")
        found: Found = []
        for index, item in enumerate(value):
            problems = check(item, owner)
            if problems is not None and not (item is None and _is_filled(owner.get(companion), index)):
                found += below(f"[{index}]", problems)
        if most is not None and len(value) > most:
            found += broken("structure", f"at most {most} are allowed; here are {len(value)}")
        return found or None

    return every


def _is_filled(companions: Any, index: int) -> bool:
    return type(companions) is list and index < len(companions) and type(companions[index]) is dict


def companion_of(check: Check, described: Property) -> Check:
    """Return the check of the ``_`` property of a primitive that does not repeat."""
    name = described.name

    def single(value: Any, owner: dict[str, Any]) -> Found | None:
        return _with_content(check(value, owner), value, owner.get(name))

    return single


def companions_of(check: Check, described: Property) -> Check:
    """Return the check of the ``_`` property of a repeating primitive: objects and nulls, one per value."""
    name = described.name

    def aligned(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is not list:
            return broken("structure", f"_{name} must be an array; here is {kind(value)}")
        values = owner.get(name, [None] * len(value))
        if type(values) is not list or not value or len(values) != len(value):
            return broken("structure", f"_{name} must have as many items as {name}")
        found: Found = []
        for index, item in enumerate(value):
            if item is not None:
                problems = _with_content(check(item, owner), item, values[index])
                found += below(f"[{index}]", problems or [])
            elif name not in owner:
                found += broken("structure", f"_{name} and {name} must not both be null here", f"[{index}]")
        return found or None

    return aligned


def _with_content(found: Found | None, companion: Any, value: Any) -> Found | None:
    """Add ele-1 where there is neither a value nor an extension."""
    if type(companion) is dict and "extension" not in companion and (not companion or value is None):
        return (found or []) + without_content(companion)
    return found
