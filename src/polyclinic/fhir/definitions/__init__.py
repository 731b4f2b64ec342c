"""The definitions of FHIR R4 (4.0.1): what types there are, what they are made of, how they are searched.

    RESOURCE_TYPES                      the 146 resource types that can be made
    structure("Patient.contact")        Structure: kind, base, own elements and invariants, or KeyError
    find_structure("Patient.contact")   the same, or None
    elements("Patient")["name"]         Element: types, choice, is_list, targets...; inherited ones included
    properties("Observation")["valueQuantity"]   Property: element `value`, type "Quantity"
    ancestors("Age")                    ("Age", "Quantity", "Element")
    is_subtype("Age", "Quantity")       for FHIRPath's is, as, ofType
    value_set(url)                      ValueSet: codes by system, or a syntax
    search_parameters("Patient")        code -> SearchParameter, those of Resource and DomainResource included
    compartment("Patient")              resource type -> codes of the parameters that place it there

The tables beside this file are made by ``tools/generate_definitions.py``; see docs/decisions/0003. A table is
read when first asked for, a row of it is decoded when first asked for.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

import msgspec

from polyclinic.fhir.definitions.model import (
    Component,
    Element,
    Invariant,
    Property,
    SearchParameter,
    Structure,
    ValueSet,
)

__all__ = [
    "EVERY_TYPE",
    "RESOURCE_TYPES",
    "Component",
    "Element",
    "Invariant",
    "Property",
    "SearchParameter",
    "Structure",
    "ValueSet",
    "ancestors",
    "compartment",
    "elements",
    "find_structure",
    "is_subtype",
    "properties",
    "search_parameters",
    "structure",
    "value_set",
]

Row = TypeVar("Row")


@cache
def _rows(table: str) -> Mapping[str, msgspec.Raw]:
    content = (files(__name__) / "tables" / f"{table}.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, msgspec.Raw])


def _row(table: str, name: str, shape: type[Row]) -> Row:
    return msgspec.json.decode(_rows(table)[name], type=shape)


@cache
def structure(name: str) -> Structure:
    """Return the structure of a data type, resource type or backbone path.

    Raises: ``KeyError`` where R4 has none of that name.
    """
    return _row("structures", name, Structure)


def find_structure(name: str) -> Structure | None:
    """Return the structure of that name, or None where R4 has none."""
    return structure(name) if name in EVERY_TYPE else None


@cache
def ancestors(name: str) -> tuple[str, ...]:
    """Return the type itself and what it specialises, nearest first."""
    base = structure(name).base
    return (name, *ancestors(base)) if base else (name,)


def is_subtype(name: str, base: str) -> bool:
    """Whether ``name`` is ``base`` or specialises it; False for names that R4 does not have."""
    return name == base or (name in EVERY_TYPE and base in ancestors(name))


@cache
def elements(name: str) -> Mapping[str, Element]:
    """Return the elements of a structure by FHIRPath name, inherited ones first."""
    found = structure(name)
    inherited = elements(found.base) if found.base else {}
    return MappingProxyType({**inherited, **{element.name: element for element in found.elements}})


@cache
def properties(name: str) -> Mapping[str, Property]:
    """Return the JSON properties of a structure, but ``resourceType`` and the ``_`` ones of primitives."""
    return MappingProxyType({found.name: found for found in _properties(elements(name))})


def _properties(described: Mapping[str, Element]) -> Iterator[Property]:
    for element in described.values():
        for type_name in element.types:
            suffix = type_name[0].upper() + type_name[1:] if element.choice else ""
            yield Property(element.name + suffix, element, type_name)


@cache
def value_set(url: str) -> ValueSet:
    """Return a value set that some element is bound to with strength required.

    Raises: ``KeyError`` for any other.
    """
    return _row("value_sets", url, ValueSet)


@cache
def search_parameters(type_name: str) -> Mapping[str, SearchParameter]:
    """Return every R4 search parameter of a resource type by code, those of its ancestors first.

    Raises: ``KeyError`` for an unknown type.
    """
    found: dict[str, SearchParameter] = {}
    for name in reversed(ancestors(type_name)):
        if name in _rows("search_parameters"):
            found.update(_row("search_parameters", name, dict[str, SearchParameter]))
    return MappingProxyType(found)


@cache
def compartment(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return which parameters place a resource in a compartment, by resource type.

    ``name`` is Patient, Encounter, RelatedPerson, Practitioner or Device. The pseudo parameter ``{def}`` says
    that the resource which defines the compartment is in it itself. Types left out are never in it.
    Raises: ``KeyError`` for another name.
    """
    return MappingProxyType(_row("compartments", name, dict[str, tuple[str, ...]]))


class _Outline(msgspec.Struct):
    kind: str
    abstract: bool = False


def _resource_types() -> Iterator[str]:
    for name, row in _rows("structures").items():
        outline = msgspec.json.decode(row, type=_Outline)
        if outline.kind == "resource" and not outline.abstract:
            yield name


EVERY_TYPE = frozenset(_rows("structures"))
"""Names of all structures: resource and data types, abstract ones, and backbones by path."""

RESOURCE_TYPES = frozenset(_resource_types())
"""Names of the resource types that can be made; without Resource and DomainResource."""
