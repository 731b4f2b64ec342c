"""Composite parameters: the elements on which several parts must hold together.

Source: https://hl7.org/fhir/R4/search.html#composite
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations, takewhile

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import Component, SearchParameter
from polyclinic.fhir.path import parse
from polyclinic.fhir.search.branches import branch_at
from polyclinic.fhir.search.parameters import Focus, Parameter
from polyclinic.fhir.search.steps import Field, UnreadablePath, Walk, walks

_OF_RESOURCE = "%resource."


def foci_of(definition: SearchParameter, type: str, known: Mapping[str, Parameter]) -> tuple[Focus, ...]:
    """Return where the composite ``definition`` is asked in a ``type``; nothing where this server cannot follow it.

    ``known`` are the parameters of the type, of which the parts are some.
    """
    try:
        outer = _outer(definition.components, type, known)
        inner = definition.components[len(outer) :]
        return tuple(_focus(walk, inner, known, outer) for walk in walks(parse(definition.expression), type))
    except (UnreadablePath, KeyError):
        return ()


def _outer(components: tuple[Component, ...], type: str, known: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
    """Return the parts that are asked of the resource whatever the element is; R4 names them first."""
    outer = takewhile(lambda component: component.expression.startswith(_OF_RESOURCE), components)
    return tuple(_part(known[each.code], each.expression.removeprefix(_OF_RESOURCE), type, type) for each in outer)


def _focus(
    walk: Walk, components: tuple[Component, ...], known: Mapping[str, Parameter], outer: tuple[Parameter, ...]
) -> Focus:
    (element,) = {place.type for place in walk.places}
    repeats = any(step.is_list for step in _elements_on(walk))
    if repeats and len(components) != 2:
        raise UnreadablePath("pairs are kept, not triples")
    for ordered in permutations(component.expression for component in components):
        parts = tuple(
            _part(known[component.code], expression, element, walk.path)
            for component, expression in zip(components, ordered, strict=True)
        )
        if all(part.branches for part in (*outer, *parts)):
            # R4 itself has the expressions of DocumentReference.relationship the wrong way round
            return Focus(walk.places, (*outer, *parts), repeats, len(outer))
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
