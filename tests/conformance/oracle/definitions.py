"""The definitions of R4 as data: search parameters, compartments, and the types of elements."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parents[3] / "src/polyclinic/fhir/definitions/tables"


@dataclass(frozen=True)
class Parameter:
    """One search parameter; ``components`` are (code of the component's parameter, expression on the element).

    ``own`` is one that a SearchParameter resource defines: its expression may be any FHIRPath.
    """

    code: str
    type: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[tuple[str, str], ...] = ()
    own: bool = False


@dataclass(frozen=True)
class Element:
    """What a JSON property holds; ``binding`` is the value set its codes come from, if R4 requires one."""

    name: str
    type: str
    binding: str = ""


@cache
def table(name: str) -> Mapping[str, Any]:
    return json.loads((TABLES / f"{name}.json").read_text())


@cache
def properties(type: str) -> Mapping[str, Element]:
    """Return JSON property -> element of a type and its bases; ``valueQuantity`` is the element ``value``."""
    structure = table("structures").get(type)
    if structure is None:
        return {}
    found = dict(properties(structure["base"])) if structure.get("base") else {}
    for element in structure.get("elements", ()):
        for held in element["types"]:
            suffix = held[0].upper() + held[1:] if element.get("choice") else ""
            found[element["name"] + suffix] = Element(element["name"], held, element.get("binding", ""))
    return found


@cache
def is_a(type: str, other: str) -> bool:
    """Whether ``type`` is ``other`` or built on it. R4's own expressions write ``DateTime`` for ``dateTime``."""
    while type:
        if type.lower() == other.removeprefix("FHIR.").lower():
            return True
        type = table("structures").get(type, {}).get("base", "")
    return False


@cache
def systems_of(binding: str) -> frozenset[str]:
    """Return the code systems that a code implies by the value set it is bound to."""
    return frozenset(table("value_sets").get(binding, {}).get("codes", ()))


class Definitions:
    """The search parameters of R4, and those of ``own`` SearchParameter resources."""

    def __init__(self, own: Iterable[Mapping[str, Any]] = ()) -> None:
        self._own: dict[tuple[str, str], Parameter] = {}
        for resource in own:
            for base in resource["base"]:
                self._own[base, resource["code"]] = Parameter(
                    resource["code"],
                    resource["type"],
                    resource["expression"],
                    tuple(resource.get("target", ())),
                    own=True,
                )

    def find(self, type: str, code: str) -> Parameter | None:
        """Return the parameter ``code`` of resources of ``type``, None if there is none."""
        if (type, code) in self._own:
            return self._own[type, code]
        for place in (type, "DomainResource", "Resource"):
            row = table("search_parameters").get(place, {}).get(code)
            if row is not None:
                return _parameter(row)
        return None

    def all(self, type: str) -> list[Parameter]:
        """Return every parameter of resources of ``type``."""
        codes = {*table("search_parameters").get(type, {}), *table("search_parameters")["Resource"]}
        codes |= {code for base, code in self._own if base == type}
        return [found for code in sorted(codes) if (found := self.find(type, code)) is not None]

    @staticmethod
    def compartment(name: str) -> Mapping[str, list[str]]:
        """Return resource type -> codes of the reference parameters that place it in the compartment."""
        return table("compartments")[name]


def _parameter(row: Mapping[str, Any]) -> Parameter:
    components = tuple((part["code"], part["expression"]) for part in row.get("components", ()))
    return Parameter(row["code"], row["type"], row.get("expression", ""), tuple(row.get("targets", ())), components)
