"""Steps: a search parameter's expression as a walk through JSON, known before any resource is seen.

Nearly all of R4's expressions are plain paths with a filter or two. Walking them without a FHIRPath engine costs a
tenth; what is no such walk is told by ``UnreadablePath``.
"""

from dataclasses import dataclass, replace

from polyclinic.fhir.definitions import Element, elements, is_subtype, properties, structure
from polyclinic.fhir.path import tree

_TEXTS = frozenset({"code", "string", "uri", "url", "canonical", "id", "oid", "uuid"})


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
        case tree.Call(source, "extension", (tree.Literal(str() as url),)):
            return _with(
                _member(_walk(source, root) if source else Walk(root, (Place((), root),)), "extension"), "url", url
            )
    raise UnreadablePath(str(node))


def _member(walk: Walk, name: str) -> Walk:
    places = []
    for place in walk.places:
        if structure(place.type).abstract:
            raise UnreadablePath(f"{walk.path} may be of several types")
        element = elements(place.type).get(name)
        if element is not None and structure(place.type).kind == "primitive":
            raise UnreadablePath(f"{walk.path} has its {name} elsewhere in JSON")
        if element is not None:
            for type in element.types:
                suffix = type[0].upper() + type[1:] if element.choice else ""
                places.append(Place((*place.steps, Field(name + suffix)), type))
        elif written := properties(place.type).get(name):  # valueDateTime, as some write it
            places.append(Place((*place.steps, Field(name)), written.type))
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
            return _with(walk, name, value)
        case tree.TypeOperation(tree.Call(None, "resolve", ()), "is", type):
            return replace(walk, target=type)
    raise UnreadablePath(str(condition))


def _with(walk: Walk, name: str, value: str) -> Walk:
    """Return ``walk`` going on only where the property ``name``, which is one text, has the ``value``."""
    described = [(place, elements(place.type).get(name)) for place in walk.places]
    known = [(place, element) for place, element in described if element is not None]
    if not known or any(not _is_text(element) or structure(place.type).kind == "primitive" for place, element in known):
        raise UnreadablePath(f"{walk.path} has no {name} that is one text")
    places = tuple(replace(place, steps=(*place.steps, Where(name, value))) for place, _ in known)
    return replace(walk, path=f"{walk.path}.where({name}='{value}')", places=places)


def _is_text(element: Element) -> bool:
    return not element.is_list and not element.choice and element.types[0] in _TEXTS
