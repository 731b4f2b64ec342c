"""Branches: a search parameter's expression as the elements it looks at in resources of one type.

What is a walk stays one; what is more is left to FHIRPath, after the definitions have told which types it can give.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import SearchParameter, value_set
from polyclinic.fhir.outcome import Refusal
from polyclinic.fhir.path import parse, tree
from polyclinic.fhir.path.check import types_of
from polyclinic.fhir.search.emit import EMITTED, SYSTEM_TYPES
from polyclinic.fhir.search.parameters import Branch
from polyclinic.fhir.search.steps import Field, Place, Step, UnreadablePath, walks

LONGEST_EXPRESSION = 2_000
"""Characters of the expression of a parameter that somebody defines."""
_TELLS_MORE = frozenset({
    "conformsTo", "memberOf", "now", "resolve", "subsumedBy", "subsumes", "timeOfDay", "today", "trace",
})  # fmt: skip
"""Functions whose outcome does not depend on the resource alone."""
_VARIABLES = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})


class Unfollowable(ValueError):
    """An expression that this server cannot follow; the sentence says why."""


def branches_of_r4(definition: SearchParameter, root: str) -> Iterator[Branch]:
    """Yield what a parameter of R4 looks at in a resource of type ``root``."""
    expression = parse(definition.expression)
    try:
        found = walks(expression, root)
    except UnreadablePath:
        if definition.type == "token":  # Patient.deceased, the only one of R4: true or false
            yes_or_no = (Place((), "boolean"),)
            yield Branch(f"{root}:{definition.code}", yes_or_no, systems=frozenset(), expression=expression)
        return
    for walk in found:
        branch = branch_at(walk.path, walk.places, definition.type, root)
        if branch.places:
            yield Branch(branch.path, branch.places, walk.target, branch.systems)


def branches_defined(definition: SearchParameter, root: str) -> tuple[Branch, ...]:
    """Return what a parameter that somebody defined looks at in a resource of type ``root``.

    Raises: ``Unfollowable``.
    """
    if len(definition.expression) > LONGEST_EXPRESSION:
        raise Unfollowable(f"it is longer than {LONGEST_EXPRESSION} characters")
    try:
        parts = [part for part in _alternatives(parse(definition.expression)) if _begins_at(part, root)]
    except Refusal as refusal:
        raise Unfollowable(str(refusal)) from refusal
    if not parts:
        raise Unfollowable(f"no part of it begins at {root}")
    return tuple(branch for number, part in enumerate(parts) for branch in _defined(definition, part, number, root))


def _defined(definition: SearchParameter, part: tree.Expression, number: int, root: str) -> list[Branch]:
    try:
        found = walks(part, root)
    except UnreadablePath:
        return [_evaluated(definition, part, number, root)]
    listed = []
    for walk in found:
        places = tuple(_beside_its_system(place, root) for place in walk.places)
        branch = branch_at(walk.path, places, definition.type, root)
        if not branch.places:
            raise _of_no_use(definition, {place.type for place in walk.places})
        # values of other types at the same element, kept for another parameter, must not answer for this one
        path = walk.path if len(branch.places) == len(walk.places) else f"{walk.path}:{definition.type}"
        listed.append(Branch(path, branch.places, walk.target, branch.systems))
    return listed


def _beside_its_system(place: Place, root: str) -> Place:
    """Return the Coding that ``place`` is the code of, so that it can be asked for with its system; else ``place``."""
    if place.type != "code" or place.steps[-1] != Field("code") or _described(place.steps[:-1], root)[0] != "Coding":
        return place
    return Place(place.steps[:-1], "Coding")


def _evaluated(definition: SearchParameter, part: tree.Expression, number: int, root: str) -> Branch:
    _refuse_what_tells_more(part)
    known = EMITTED[definition.type]
    try:
        found = types_of(part, root)
    except Refusal as refusal:
        raise Unfollowable(str(refusal)) from refusal
    types = set(known) if found is None else {SYSTEM_TYPES.get(type, type) for type in found}
    places = tuple(Place((), type) for type in sorted(types & set(known)))
    if not places:
        raise _of_no_use(definition, types)
    primitive = all(definitions.structure(place.type).kind == "primitive" for place in places)
    path = f"{root}:{definition.type}:{number}:{definition.expression}"
    return Branch(path, places, systems=frozenset() if primitive else None, expression=part)


def _of_no_use(definition: SearchParameter, types: set[str]) -> Unfollowable:
    return Unfollowable(
        f"it gives {', '.join(sorted(types))[:200]}, which a {definition.type} parameter cannot look at"
    )


def _alternatives(expression: tree.Expression) -> list[tree.Expression]:
    if isinstance(expression, tree.Binary) and expression.operator == "|":
        return _alternatives(expression.left) + _alternatives(expression.right)
    return [expression]


def _begins_at(part: tree.Expression, root: str) -> bool:
    """Whether ``part`` can find anything in a ``root``: what begins with the name of another type cannot."""
    node: tree.Expression | None = part
    while isinstance(node, tree.Member | tree.Call | tree.Indexer | tree.TypeOperation):
        if isinstance(node, tree.Member) and node.source is None:
            return not node.name[0].isupper() or definitions.is_subtype(root, node.name)
        node = node.operand if isinstance(node, tree.TypeOperation) else node.source
    return True


def _refuse_what_tells_more(node: tree.Expression) -> None:
    if isinstance(node, tree.Call) and node.name in _TELLS_MORE:
        raise Unfollowable(f"{node.name}() does not depend on the resource alone")
    if isinstance(node, tree.Variable) and node.name not in _VARIABLES:
        raise Unfollowable(f"the variable %{node.name[:64]} means nothing here")
    for child in tree.children(node):
        _refuse_what_tells_more(child)


def branch_at(path: str, places: Sequence[Place], type: str, root: str) -> Branch:
    """Return the branch at ``path`` with those of its ``places`` that a parameter of ``type`` looks at."""
    kept = tuple(place for place in places if place.type in EMITTED[type])
    return Branch(path, kept, systems=_systems(kept, root))


def _systems(places: tuple[Place, ...], root: str) -> frozenset[str] | None:
    """Return the code systems that the element's binding implies, None where values name their own."""
    if any(definitions.structure(place.type).kind != "primitive" for place in places):
        return None
    bound: set[str] = set()
    for place in places:
        binding = _described(place.steps, root)[1]
        if binding:
            bound.update(value_set(binding).codes)
    return frozenset(bound)


def _described(steps: Sequence[Step], root: str) -> tuple[str, str]:
    """Return the type of the element to which ``steps`` lead from a ``root``, and the value set it is bound to."""
    type, binding = root, ""
    for step in steps:
        if isinstance(step, Field):
            found: Any = definitions.properties(type).get(step.name)
            type, binding = found.type, found.element.binding
    return str(type), str(binding)
