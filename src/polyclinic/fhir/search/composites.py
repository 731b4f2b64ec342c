"""Composite parameters: the elements on which several parts must hold together.

Source: https://hl7.org/fhir/R4/search.html#composite
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import Component, SearchParameter
from polyclinic.fhir.path import parse
from polyclinic.fhir.search.branches import branch_at
from polyclinic.fhir.search.parameters import Focus, Parameter
from polyclinic.fhir.search.steps import Field, UnreadablePath, Walk, walks


def foci_of(definition: SearchParameter, type: str, known: Mapping[str, Parameter]) -> tuple[Focus, ...]:
    """Return where the composite ``definition`` is asked in a ``type``; nothing where this server cannot follow it.

    ``known`` are the parameters of the type, of which the parts are some.
    """
    try:
        found = walks(parse(definition.expression), type)
        return tuple(_focus(walk, definition.components, known) for walk in found)
    except (UnreadablePath, KeyError):
        return ()


def _focus(walk: Walk, components: tuple[Component, ...], known: Mapping[str, Parameter]) -> Focus:
    (element,) = {place.type for place in walk.places}
    repeats = any(step.is_list for step in _elements_on(walk))
    if repeats and len(components) != 2:
        raise UnreadablePath("pairs are kept, not triples")
    for ordered in permutations(component.expression for component in components):
        parts = tuple(
            _part(known[component.code], expression, element, walk.path)
            for component, expression in zip(components, ordered, strict=True)
        )
        if all(part.branches for part in parts):
            # R4 itself has the expressions of DocumentReference.relationship the wrong way round
            return Focus(walk.places, parts, repeats)
    raise UnreadablePath(f"{walk.path} has not all parts")


def _elements_on(walk: Walk) -> list[definitions.Element]:
    type, found = walk.path.partition(".")[0], []
    for step in walk.places[0].steps:
        if isinstance(step, Field):
            described = definitions.properties(type)[step.name]
            found.append(described.element)
            type = described.type
    return found


def _part(parameter: Parameter, expression: str, element: str, at: str) -> Parameter:
    """Return ``parameter`` as it is asked by ``expression`` from the ``element`` that lies ``at`` a path."""
    expression = expression.replace("as(DateTime)", "as(dateTime)")  # as R4 misspells it
    made = [branch_at(walk.path, walk.places, parameter.type, element) for walk in walks(parse(expression), element)]
    kept = tuple(replace(each, path=at + each.path.removeprefix(element)) for each in made if each.places)
    return Parameter(parameter.code, parameter.type, kept, parameter.targets)


def within(path: str, term: str) -> str:
    """Return the path of values found beside ``term`` on the same element."""
    return f"{path}\0\0&{term}"
