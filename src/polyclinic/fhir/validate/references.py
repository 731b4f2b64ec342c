"""Whether a Reference leads to a type that its element allows (https://hl7.org/fhir/R4/references.html).

Nothing is fetched: a reference that does not tell a type (``urn:uuid:``, other servers' URLs) is fine.
"""

import re
from collections.abc import Iterable
from typing import Any

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.validate.findings import Check, Found, LocalReference, broken

# [base/]Type/id[/_history/version][#fragment], or Type?query of a conditional reference
_LITERAL = re.compile(
    r"(?P<base>https?://[^?#]*/)?(?P<type>[A-Z][A-Za-z]+)"
    r"(?:/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?(?:#.*)?|\?[^ ]+)"
).fullmatch


def check_target(check: Check, targets: Iterable[str]) -> Check:
    """Return ``check`` of a Reference, followed by that of its target; no ``targets`` means any."""
    allowed = frozenset() if "Resource" in targets else frozenset(targets)

    def checked(value: Any, owner: dict[str, Any]) -> Found | None:
        found = check(value, owner)
        if type(value) is not dict:
            return found
        reference = value.get("reference")
        if type(reference) is not str:
            reference = ""
        if "type" not in value and reference.partition("/")[0] in (allowed or RESOURCE_TYPES):
            return found
        told = value.get("type")
        wrong = judge(reference, told if type(told) is str else None, allowed)
        return found + wrong if found and wrong else found or wrong

    return checked


def judge(reference: str, told: str | None, allowed: frozenset[str]) -> Found | None:
    """Judge a literal reference ("" for none) and the type that is told beside it."""
    if told not in RESOURCE_TYPES:
        told = None  # a logical model's URL, or of the wrong form
    if told and allowed and told not in allowed:
        return broken("value", f"must not refer to {told}, only to {_list(allowed)}", ".type")
    if reference.startswith("#"):
        return [LocalReference(reference[1:], allowed, ".reference")]
    target = target_type(reference)
    if target is None:
        return None
    if target not in RESOURCE_TYPES:
        return broken("value", f"refers to {target}, which is no resource type of R4", ".reference")
    if allowed and target not in allowed:
        return broken("value", f"must not refer to {target}, only to {_list(allowed)}", ".reference")
    if told and told != target:
        return broken("value", f"the reference leads to {target}, its type says {told}", ".type")
    return None


def target_type(reference: str) -> str | None:
    """Return the resource type that a literal reference tells, None where it tells none.

    A URL of another server tells one only where its last parts look like a FHIR address.
    """
    literal = _LITERAL(reference)
    if literal is None:
        return None
    name = literal["type"]
    return name if name in RESOURCE_TYPES or literal["base"] is None else None


def _list(allowed: frozenset[str]) -> str:
    return ", ".join(sorted(allowed))
