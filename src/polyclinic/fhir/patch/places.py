"""Places: what a FHIRPath leads to, not as a value but as where it stands, so that it can be changed there.

A path goes from the resource by the names of elements; each step may be narrowed by an index, ``where()``,
``ofType()``, ``first()`` and their like, and ``extension(url)`` may stand for ``extension.where(url = ...)``.
Source: https://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.patch.copying import Json
from polyclinic.fhir.path import Node, Path, PathError, node_of, parse, tree
from polyclinic.fhir.path.compile import Compiler
from polyclinic.fhir.path.tree import Expression

_NARROWING = frozenset({"where", "first", "last", "tail", "skip", "take", "single", "trace"})


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where one value stands: in ``above``, under the JSON name ``key``, at ``index`` if that is a list.

    The resource itself has no place above it. ``node`` is what stands there.
    """

    node: Node
    above: "Place | None" = None
    key: str = ""
    index: int | None = None

    @property
    def type(self) -> str:
        """The name of the type (or backbone path) of what stands here."""
        return self.node.shape.name

    def holder(self) -> dict[str, Any]:
        """Return the object that holds the elements of what stands here; made if a primitive has none yet."""
        if not self.node.shape.is_primitive:
            value: dict[str, Any] = self.node.value
            return value
        if type(self.node.extra) is not dict:
            self.node.extra = {}
            self._set_extra(self.node.extra)
        extra: dict[str, Any] = self.node.extra
        return extra

    def _set_extra(self, extra: dict[str, Any]) -> None:
        assert self.above is not None  # a resource is no primitive
        holder, key = self.above.holder(), "_" + self.key
        if self.index is None:
            holder[key] = extra
            return
        listed = holder.setdefault(key, [])
        listed += [None] * (self.index + 1 - len(listed))
        listed[self.index] = extra


def root_of(resource: dict[str, Any]) -> Place:
    """Return the place of a resource itself."""
    node = node_of(resource)
    assert isinstance(node, Node)
    return Place(node)


@dataclass(frozen=True, slots=True)
class Way:
    """A path in its last step: ``name`` of the element, where it is ``below``, and what is left of it.

    ``name`` is empty for the resource itself. What R4 has no type for, such as a contained resource of an unknown
    type, is led to by nothing.
    """

    name: str = ""
    below: "Way | None" = None
    narrowed: Path | None = None

    def places(self, root: Place) -> list[Place]:
        """Return the places this leads to from the resource at ``root``, in order. Raises: ``PathError``."""
        if self.below is None:
            return self._left([root], root)
        found = [inner for place in self.below.places(root) for inner in children(place, self.name)]
        return self._left([place for place in found if place.type in definitions.EVERY_TYPE], root)

    def _left(self, places: list[Place], root: Place) -> list[Place]:
        if self.narrowed is None or not places:
            return places
        left = self.narrowed.select([place.node for place in places], resource=root.node)
        by_node = {id(place.node): place for place in places}
        return [by_node[id(item)] for item in left]


@lru_cache(maxsize=512)
def way_of(expression: str, type_name: str) -> Way:
    """Return the way that a FHIRPath describes from a resource of ``type_name``.

    Raises: ``PathError`` for a path that cannot be read, or computes something instead of leading to elements.
    """
    return _way(parse(expression), type_name)


def _way(node: Expression, type_name: str) -> Way:
    bottom, filters = _peeled(node)
    narrowed = _narrowed(filters) if filters else None
    match bottom:
        case tree.Member(None, name) if name in (type_name, "Resource", "DomainResource"):
            return Way(narrowed=narrowed)
        case tree.Member(None, name):
            return Way(name, Way(), narrowed)
        case tree.Member(source, name) if source is not None:
            return Way(name, _way(source, type_name), narrowed)
        case tree.This() | tree.Variable("resource" | "rootResource" | "context"):
            return Way(narrowed=narrowed)
    sentence = "a patch needs a path of element names, each narrowed by an index, where() or ofType() at most"
    raise PathError(sentence, fault="semantic")


def _peeled(node: Expression) -> tuple[Expression, list[Expression]]:
    """Return the member at the bottom of the last step, and what narrows it, outermost first."""
    filters: list[Expression] = []
    while True:
        match node:
            case tree.Indexer(source, _):
                filters.append(node)
                node = source
            case tree.TypeOperation(operand, "as" | "ofType"):
                filters.append(node)
                node = operand
            case tree.Call(source, "extension", (url,), at):
                criterion = tree.Binary("=", tree.Member(None, "url"), url, at)
                node = tree.Call(tree.Member(source, "extension", at), "where", (criterion,), at)
            case tree.Call(source, name, _) if source is not None and name in _NARROWING:
                filters.append(node)
                node = source
            case _:
                return node, filters


def _narrowed(filters: list[Expression]) -> Path:
    expression: Expression = tree.This()
    for each in reversed(filters):
        match each:
            case tree.Indexer(_, index, at):
                expression = tree.Indexer(expression, index, at)
            case tree.TypeOperation(_, operator, type_name, at):
                expression = tree.TypeOperation(expression, operator, type_name, at)
            case tree.Call(_, name, arguments, at):
                expression = tree.Call(expression, name, arguments, at)
    return Path("", Compiler(strict=False).compile(expression))


def children(place: Place, name: str) -> Iterator[Place]:
    """Yield the places of the element ``name`` below ``place``, in order."""
    node = place.node
    holder = node.extra if node.shape.is_primitive else node.value
    if type(holder) is not dict:
        return
    for key, found in definitions.properties(node.shape.name).items():
        if found.element.name == name and (key in holder or "_" + key in holder):
            yield from _standing(place, key, found.type, holder.get(key), holder.get("_" + key))


def _standing(place: Place, key: str, type_name: str, value: Json, extra: Json) -> Iterator[Place]:
    if type(value) is not list and type(extra) is not list:
        yield Place(_node(value, type_name, extra), place, key)
        return
    values = value if type(value) is list else []
    extras = extra if type(extra) is list else []
    for index in range(max(len(values), len(extras))):
        one = values[index] if index < len(values) else None
        more = extras[index] if index < len(extras) else None
        if one is not None or more is not None:
            yield Place(_node(one, type_name, more), place, key, index)


def _node(value: Json, type_name: str, extra: Json) -> Node:
    node = node_of(value, type_name, extra)
    assert isinstance(node, Node)
    return node
