"""The search parameters of R4 as this server understands them: which elements each one looks at.

A parameter is a union of branches; a branch is one element, named by its path without filters on its type, so that
parameters that look at the same element (``subject`` and ``patient``) share one place in the index.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import SearchParameter, value_set
from polyclinic.fhir.path import parse
from polyclinic.fhir.search.emit import EMITTED
from polyclinic.fhir.search.steps import Field, Place, UnreadablePath, walks


@dataclass(frozen=True, slots=True)
class Branch:
    """One element that a parameter looks at.

    ``places`` are the JSON walks to it; ``target`` is the one resource type that a reference must lead to, if the
    parameter says so; ``systems`` is None where a value carries its own code system, else the systems that
    its element is bound to. ``expression`` stands in for places where only FHIRPath can tell the value.
    """

    path: str
    places: tuple[Place, ...]
    target: str | None = None
    systems: frozenset[str] | None = None
    expression: str | None = None

    @property
    def types(self) -> frozenset[str]:
        """The data types found there."""
        return frozenset(place.type for place in self.places)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one resource type; ``targets`` are the types that a reference may lead to."""

    code: str
    type: str
    branches: tuple[Branch, ...]
    targets: tuple[str, ...] = ()
    url: str | None = None


@cache
def parameters(type: str) -> Mapping[str, Parameter]:
    """Return the parameters by which resources of ``type`` can be searched here, by code."""
    found = {
        "_id": Parameter("_id", "special", (), url="http://hl7.org/fhir/SearchParameter/Resource-id"),
        "_lastUpdated": Parameter(
            "_lastUpdated", "special", (), url="http://hl7.org/fhir/SearchParameter/Resource-lastUpdated"
        ),
    }
    for code, definition in definitions.search_parameters(type).items():
        if code in found or definition.type not in EMITTED or not definition.expression:
            continue
        branches = tuple(_branches(definition, type))
        if branches:
            targets = definition.targets or tuple(sorted(definitions.RESOURCE_TYPES))
            found[code] = Parameter(code, definition.type, branches, targets, definition.url)
    return MappingProxyType(found)


supported = parameters
"""What a CapabilityStatement may promise: exactly what can be asked."""


def _branches(definition: SearchParameter, root: str) -> Iterator[Branch]:
    try:
        found = walks(parse(definition.expression), root)
    except UnreadablePath:
        if definition.type == "token":  # Patient.deceased, the only one: true or false
            yes_or_no = (Place((), "boolean"),)
            yield Branch(f"{root}:{definition.code}", yes_or_no, systems=frozenset(), expression=definition.expression)
        return
    for walk in found:
        places = tuple(place for place in walk.places if place.type in EMITTED[definition.type])
        if places:
            yield Branch(walk.path, places, walk.target, _systems(places, root))


def _systems(places: tuple[Place, ...], root: str) -> frozenset[str] | None:
    """Return the code systems that the element's binding implies, None where values name their own."""
    if any(definitions.structure(place.type).kind != "primitive" for place in places):
        return None
    bound: set[str] = set()
    for place in places:
        binding = _binding(place, root)
        if binding:
            bound.update(value_set(binding).codes)
    return frozenset(bound)


def _binding(place: Place, root: str) -> str:
    type, binding = root, ""
    for step in place.steps:
        if isinstance(step, Field):
            found: Any = definitions.properties(type).get(step.name)
            type, binding = found.type, found.element.binding
    return str(binding)
