"""Reads the operations of a FHIRPath Patch from the Parameters that carry them.

Source: https://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.outcome import Invalid, TooCostly
from polyclinic.fhir.patch.elements import Part, Value
from polyclinic.fhir.validate import validate

MOST_OPERATIONS = 1_000

NEEDS: Mapping[str, tuple[str, ...]] = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
"""The parts that each type of operation has, and none else."""

_TEXTS = ("type", "path", "name")
_NUMBERS = ("index", "source", "destination")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; ``at`` is the FHIRPath of its parameter. What its type does not need is empty."""

    at: str
    type: str
    texts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    value: Value = field(default_factory=lambda: Value(""))

    @property
    def path(self) -> str:
        """The FHIRPath of what is changed."""
        return self.texts["path"]


def read_operations(parameters: dict[str, Any]) -> tuple[Operation, ...]:
    """Return the operations that ``parameters`` say. Refuses: ``Invalid`` with every fault's place, ``TooCostly``."""
    issues = validate(parameters, expected_type="Parameters")
    if issues:
        raise Invalid(issues=issues)
    listed = parameters.get("parameter", [])
    if len(listed) > MOST_OPERATIONS:
        raise TooCostly(f"the patch has more than {MOST_OPERATIONS} operations")
    return tuple(_operation(item, f"Parameters.parameter[{index}]") for index, item in enumerate(listed))


def _operation(item: dict[str, Any], at: str) -> Operation:
    if item.get("name") != "operation":
        raise Invalid("a FHIRPath Patch has no parameter but 'operation'", at=f"{at}.name")
    parts = _parts(item, at)
    kind = _text(parts, "type", at)
    if kind not in NEEDS:
        raise Invalid(f"the type of an operation is one of {', '.join(NEEDS)}", at=at)
    wanted = NEEDS[kind]
    for name, (_, place) in parts.items():
        if name != "type" and name not in wanted:
            raise Invalid(f"{kind} has no part {name[:64]!r}", at=place)
    return Operation(
        at,
        kind,
        {name: _text(parts, name, at) for name in wanted if name in _TEXTS},
        {name: _number(parts, name, at) for name in wanted if name in _NUMBERS},
        _value(*_needed(parts, "value", at)) if "value" in wanted else Value(at),
    )


_Parts = Mapping[str, tuple[dict[str, Any], str]]
"""Parts and where they are, by name."""


def _parts(item: dict[str, Any], at: str) -> _Parts:
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for index, part in enumerate(item.get("part", ())):
        place = f"{at}.part[{index}]"
        if part["name"] in found:
            raise Invalid(f"the part {part['name'][:64]!r} is there twice", at=place)
        found[part["name"]] = part, place
    return found


def _needed(parts: _Parts, name: str, at: str) -> tuple[dict[str, Any], str]:
    if name not in parts:
        raise Invalid(f"the operation needs a part {name!r}", at=at)
    return parts[name]


def _text(parts: _Parts, name: str, at: str) -> str:
    part, place = _needed(parts, name, at)
    text = part.get("valueString", part.get("valueCode"))
    if type(text) is not str:
        raise Invalid(f"{name} is a text (valueString)", at=place)
    return text


def _number(parts: _Parts, name: str, at: str) -> int:
    part, place = _needed(parts, name, at)
    number = part.get("valueInteger", part.get("valueUnsignedInt", part.get("valuePositiveInt")))
    if type(number) is not int or number < 0:
        raise Invalid(f"{name} is a whole number from 0 (valueInteger)", at=place)
    return number


def _value(part: dict[str, Any], at: str) -> Value:
    if "resource" in part:
        return Value(at, part["resource"]["resourceType"], part["resource"])
    if "part" in part:
        inner = enumerate(part["part"])
        return Value(at, parts=tuple(Part(one["name"], _value(one, f"{at}.part[{index}]")) for index, one in inner))
    for key, found in definitions.properties("Parameters.parameter").items():
        if found.element.name == "value" and (key in part or "_" + key in part):
            return Value(at, found.type, part.get(key), part.get("_" + key))
    raise Invalid("a value is needed: value[x], resource, or parts that build it", at=at)
