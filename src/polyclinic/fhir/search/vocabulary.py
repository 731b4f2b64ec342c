"""The search parameters that are known, by type: those of R4, and with them those that somebody has defined here."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import SearchParameter, value_set
from polyclinic.fhir.path import parse
from polyclinic.fhir.search.composites import foci_of
from polyclinic.fhir.search.emit import EMITTED
from polyclinic.fhir.search.parameters import Branch, Parameter
from polyclinic.fhir.search.steps import Field, Place, UnreadablePath, walks

_BASE = "http://hl7.org/fhir/SearchParameter"
_SPECIAL = {
    "_id": Parameter("_id", "special", (), url=f"{_BASE}/Resource-id"),
    "_lastUpdated": Parameter("_lastUpdated", "special", (), url=f"{_BASE}/Resource-lastUpdated"),
    "_content": Parameter("_content", "special", (), url=f"{_BASE}/Resource-content"),
    "_text": Parameter("_text", "special", (), url=f"{_BASE}/DomainResource-text"),
}
SPECIAL_TYPES = MappingProxyType({"_id": "token", "_lastUpdated": "date", "_content": "string", "_text": "string"})
"""The type by which R4 defines the parameters that have a meaning of their own."""


class Vocabulary:
    """The known search parameters. ``custom`` are further ones by resource type; they never replace one of R4.

    ``number`` tells vocabularies of one service apart: what was indexed with a lower one may lack a custom parameter.
    """

    def __init__(self, custom: Mapping[str, Sequence[SearchParameter]] | None = None, number: int = 0) -> None:
        self.custom = MappingProxyType(dict(custom or {}))
        self.number = number
        self._by_type: dict[str, Mapping[str, Parameter]] = {}

    def of(self, type: str) -> Mapping[str, Parameter]:
        """Return the parameters by which resources of ``type`` can be searched, by code."""
        found = self._by_type.get(type)
        if found is None:
            own = {d.code: made for d in self.custom.get(type, ()) if (made := understood(d, type, custom=True))}
            found = self._by_type[type] = MappingProxyType({**own, **_of_r4(type)})
        return found


@cache
def _of_r4(type: str) -> Mapping[str, Parameter]:
    defined = definitions.search_parameters(type)
    found = {code: parameter for code, parameter in _SPECIAL.items() if code in defined}
    for code, definition in defined.items():
        if code not in found and (made := understood(definition, type)):
            found[code] = made
    for code, definition in defined.items():
        if definition.type == "composite" and (foci := foci_of(definition, type, found, _branch)):
            found[code] = Parameter(code, "composite", (), url=definition.url, foci=foci)
    return MappingProxyType(found)


R4 = Vocabulary()
"""The search parameters of R4 and no others."""


def understood(definition: SearchParameter, type: str, *, custom: bool = False) -> Parameter | None:
    """Return ``definition`` as it applies to resources of ``type``; None where this server cannot follow it."""
    if definition.code == "near":
        position = Branch("Location.position", (Place((Field("position"),), "Location.position"),))
        return Parameter("near", "special", (position,), url=definition.url)
    if definition.type not in EMITTED or not definition.expression:
        return None
    branches = tuple(_branches(definition, type))
    if not branches:
        return None
    targets = definition.targets or tuple(sorted(definitions.RESOURCE_TYPES))
    return Parameter(
        definition.code,
        definition.type,
        branches,
        targets,
        definition.url,
        documentation=definition.expression,
        custom=custom,
    )


def _branches(definition: SearchParameter, root: str) -> Iterator[Branch]:
    try:
        found = walks(parse(definition.expression), root)
    except UnreadablePath:
        if definition.type == "token":  # Patient.deceased, the only one of R4: true or false
            yes_or_no = (Place((), "boolean"),)
            yield Branch(f"{root}:{definition.code}", yes_or_no, systems=frozenset(), expression=definition.expression)
        return
    for walk in found:
        branch = _branch(walk.path, walk.places, definition.type, root)
        if branch.places:
            yield Branch(branch.path, branch.places, walk.target, branch.systems)


def _branch(path: str, places: Sequence[Place], type: str, root: str) -> Branch:
    """Return the branch at ``path`` with those of its ``places`` that a parameter of ``type`` looks at."""
    kept = tuple(place for place in places if place.type in EMITTED[type])
    return Branch(path, kept, systems=_systems(kept, root))


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
