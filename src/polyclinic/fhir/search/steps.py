"""Steps: a search parameter's expression as a walk through JSON, known before any resource is seen.

Nearly all of R4's expressions are plain paths with a filter or two. Walking them without a FHIRPath engine costs a
tenth; what is no such walk is told by ``UnreadablePath``.
"""

from dataclasses import dataclass, replace

from polyclinic.fhir.definitions import elements, is_subtype
from polyclinic.fhir.path import tree


class UnreadablePath(ValueError):
    """The expression is more than a walk."""


@dataclass(frozen=True, slots=True)
class Field:
    """Go into a property of a JSON object."""

    name: str


@dataclass(frozen=True, slots=True)
class Where:
    """Go on only where the property has the value."""

    name: str
    value: str


Step = Field | Where


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk ends: the steps to get there and the data type that lies there."""

    steps: tuple[Step, ...]
    type: str


@dataclass(frozen=True, slots=True)
class Walk:
    """One branch of an expression. ``path`` names the element; ``target`` is the type a reference must lead to."""

    path: str
    places: tuple[Place, ...]
    target: str | None = None


def walks(expression: tree.Expression, root: str) -> tuple[Walk, ...]:
    """Return the branches of a union, each as a walk from a resource of type ``root``.

    Raises: ``UnreadablePath``.
    """
    if isinstance(expression, tree.Binary) and expression.operator == "|":
        return walks(expression.left, root) + walks(expression.right, root)
    return (_walk(expression, root),)


def _walk(node: tree.Expression, root: str) -> Walk:
    match node:
        case tree.Member(None, name) if name[0].isupper():
            # what every type has lies at one path for all, so that a search over all types looks in one place
            return Walk(name if name in ("Resource", "DomainResource") else root, (Place((), root),))
        case tree.Member(source, name):
            return _member(_walk(source, root) if source else Walk(root, (Place((), root),)), name)
        case tree.TypeOperation(operand, "as" | "ofType", type):
            return _typed(_walk(operand, root), type.removeprefix("FHIR."))
        case tree.Call(source, "where", (condition,)) if source is not None:
            return _where(_walk(source, root), condition)
    raise UnreadablePath(str(node))


def _member(walk: Walk, name: str) -> Walk:
    places = []
    for place in walk.places:
        element = elements(place.type).get(name)
        if element is None:
            continue
        for type in element.types:
            suffix = type[0].upper() + type[1:] if element.choice else ""
            places.append(Place((*place.steps, Field(name + suffix)), type))
    if not places:
        raise UnreadablePath(f"{walk.path} has no {name}")
    return replace(walk, path=f"{walk.path}.{name}", places=tuple(places))


def _typed(walk: Walk, type: str) -> Walk:
    places = tuple(place for place in walk.places if is_subtype(place.type, type))
    if not places:
        raise UnreadablePath(f"{walk.path} is never {type}")
    if len(places) == len(walk.places):
        return walk
    return replace(walk, path=walk.path + type[0].upper() + type[1:], places=places)


def _where(walk: Walk, condition: tree.Expression) -> Walk:
    match condition:
        case tree.Binary("=", tree.Member(None, name), tree.Literal(str() as value)):
            places = tuple(replace(place, steps=(*place.steps, Where(name, value))) for place in walk.places)
            return replace(walk, path=f"{walk.path}.where({name}='{value}')", places=places)
        case tree.TypeOperation(tree.Call(None, "resolve", ()), "is", type):
            return replace(walk, target=type)
    raise UnreadablePath(str(condition))
