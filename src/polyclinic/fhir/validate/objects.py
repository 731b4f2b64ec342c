"""Checks of JSON objects against the structures of R4, put together when a property is first met.

Source: https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from polyclinic.fhir.definitions import Element, Property, elements, properties, structure
from polyclinic.fhir.validate.arrays import array_of, companion_of, companions_of
from polyclinic.fhir.validate.bindings import bind
from polyclinic.fhir.validate.findings import Check, Found, below, broken, kind, without_content
from polyclinic.fhir.validate.invariants import judge_element, judge_object
from polyclinic.fhir.validate.primitives import PRIMITIVES
from polyclinic.fhir.validate.references import check_target
from polyclinic.fhir.validate.resources import resource_check

COMPANION = "Element"  # what stands in a _ property; ele-1 is judged together with the value beside it
SHOWN = 64  # characters of an unknown property's name that are told


class Checks(dict[str, Check]):
    """The check of each type by name, made when first asked for."""

    def __init__(self, *, warnings: bool) -> None:
        super().__init__()
        self.warnings = warnings

    def __missing__(self, name: str) -> Check:
        self[name] = check = self._make(name)
        return check

    def _make(self, name: str) -> Check:
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if name in ("Resource", "DomainResource"):
            return resource_check(self, is_contained=False)
        return object_check(self, name)

    def of(self, owner: str, found: Property) -> Check:
        """Return the check of one value of a property of the structure ``owner``."""
        element = found.element
        check = resource_check(self, is_contained=True) if element.name == "contained" else self[found.type]
        if element.binding:
            check = bind(check, found.type, element.binding)
        if found.type == "Reference":
            check = check_target(check, element.targets)
        if element.invariants:
            path = f"{owner}.{element.name}"
            check = judge_element(check, path, found.type, element.invariants, warnings=self.warnings)
        return check


class Rules(dict[str, Check]):
    """The check of each JSON property of one structure; an unknown one is refused and not remembered."""

    def __init__(self, checks: Checks, name: str) -> None:
        super().__init__()
        self.checks = checks
        self.name = name
        self.properties: Mapping[str, Property] = properties(name)
        if structure(name).kind == "resource":
            self["resourceType"] = _accept

    def __missing__(self, key: str) -> Check:
        found = self.properties.get(key.removeprefix("_"))
        if found is None or (key[0] == "_" and not _is_extensible(found)):
            return _refuse_unknown
        self[key] = check = self._companion(found) if key[0] == "_" else self._value(found)
        return check

    def _value(self, found: Property) -> Check:
        check = self.checks.of(self.name, found)
        return array_of(check, found) if found.element.is_list else check

    def _companion(self, found: Property) -> Check:
        make = companions_of if found.element.is_list else companion_of
        return make(self.checks[COMPANION], found)

    def step(self, key: str) -> str:
        """Return the FHIRPath step of a property: ``.value`` of valueQuantity, ``.given`` of _given."""
        found = self.properties.get(key.removeprefix("_"))
        name = found.element.name if found else key[:SHOWN]
        return "." + name if name else ""


def object_check(checks: Checks, name: str) -> Check:
    """Return the check of an object of that structure."""
    rules = Rules(checks, name)
    required = tuple(required_properties(name))
    afters = tuple(after_checks(name, warnings=checks.warnings))
    is_element = structure(name).kind != "resource" and name != COMPANION

    def check(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is not dict:
            return broken("structure", f"must be an object, {name}; here is {kind(value)}")
        found: Found = []
        for key, item in value.items():
            problems = rules[key](item, value)
            if problems is not None:
                found += below(rules.step(key), problems)
        for key in required:
            if key not in value and "_" + key not in value:
                found += broken("required", f"{name} must have {key}", rules.step(key))
        for after in afters:
            problems = after(value, owner)
            if problems is not None:
                found += problems
        if len(value) < 2 and is_element:
            found += without_content(value)
        return found or None

    return check


def required_properties(name: str) -> Iterator[str]:
    """Return the properties that every object of the structure must have; choices are not among them."""
    for element in elements(name).values():
        if element.min and not element.choice:
            yield element.name


def after_checks(name: str, *, warnings: bool) -> Iterator[Check]:
    """Return the checks that look at the whole object."""
    for element in elements(name).values():
        if element.choice:
            yield choice_check(element, name)
    judge = judge_object(name, warnings=warnings)
    if judge is not None:
        yield judge


def choice_check(element: Element, name: str) -> Check:
    """Return the check that a choice such as value[x] is made at most once, and made where it is required."""
    keys = {key for key, found in properties(name).items() if found.element is element}
    both = frozenset(keys | {"_" + key for key in keys})

    def check(value: Any, owner: dict[str, Any]) -> Found | None:
        if both.isdisjoint(value):
            return broken("required", f"{name} must have {element.name}[x]", step) if element.min else None
        chosen = both & value.keys()
        if len(chosen) == 1 or len({key.removeprefix("_") for key in chosen}) == 1:
            return None
        return broken("structure", f"only one {element.name}[x] is allowed; here are {_list(chosen)}", step)

    step = "." + element.name
    return check


def _list(keys: set[str]) -> str:
    return ", ".join(sorted({key.removeprefix("_") for key in keys}))


def _is_extensible(found: Property) -> bool:
    """Whether a primitive may have an id and extensions: not ids themselves, and not the XHTML of narratives."""
    return found.type in PRIMITIVES and found.name != "id" and found.type != "xhtml"


def _accept(value: Any, owner: dict[str, Any]) -> Found | None:
    return None


def _refuse_unknown(value: Any, owner: dict[str, Any]) -> Found | None:
    return broken("structure", "R4 has no such property here")
