"""FHIR's JSON as FHIRPath sees it: nodes that know their type, primitives with their extensions, choices.

A ``Shape`` is made once per R4 type from ``polyclinic.fhir.definitions``, on first use, and holds one reader
per element, so that a step of a path is one look-up and one call.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from typing import Any

import msgspec

from polyclinic.fhir import definitions
from polyclinic.fhir.path.primitives import CONVERSIONS, system_of
from polyclinic.fhir.path.values import Value


class Node(msgspec.Struct, eq=False):
    """One element or resource: its JSON ``value``, its ``shape``, and the ``_sibling`` of a primitive.

    ``value`` is None where a primitive has extensions only. A Struct, because it is made in half the time.
    """

    value: Any
    shape: "Shape"
    extra: Any = None

    def __repr__(self) -> str:
        """Return the type only: values may be a patient's."""
        return f"Node({self.shape.name})"


Item = Node | Value
"""What collections hold: FHIR's elements as nodes, everything computed as plain values."""

Reader = Callable[[Node, list[Item]], None]
"""Appends the children of one name to a list."""


class Shape:
    """What navigation must know of one type; ``ancestors`` are the names of its supertypes and itself."""

    def __init__(self, name: str) -> None:
        structure = definitions.structure(name)
        self.name = name
        self.type_name = "BackboneElement" if structure.kind == "backbone" else name
        self.ancestors = frozenset(definitions.ancestors(name))
        self.is_primitive = structure.kind == "primitive"
        self.is_resource = structure.kind == "resource"
        self.system = system_of(name)
        self.convert = CONVERSIONS.get(self.system) if self.system else None

    @cached_property
    def readers(self) -> dict[str, Reader]:
        """The reader of each element, by its FHIRPath name."""
        if self.is_primitive:
            return {"extension": _read_extensions, "id": _read_id, "value": _read_value}
        return {element.name: _reader(element) for element in definitions.elements(self.name).values()}

    @cached_property
    def properties(self) -> dict[str, Reader]:
        """The reader of each JSON property, and of its ``_sibling``."""
        if self.is_primitive:
            return {}
        found: dict[str, Reader] = {}
        for element in definitions.elements(self.name).values():
            for key in _keys(element):
                found[key] = found["_" + key] = self.readers[element.name]
        return found

    def read(self, node: Node, key: str) -> list[Item]:
        """Return the nodes of one JSON property of ``node``, and of its ``_sibling``."""
        out: list[Item] = []
        reader = self.properties.get(key)
        if reader is not None:
            reader(node, out)
        return out

    def children(self, node: Node) -> list[Item]:
        """Return the child nodes of ``node`` in the order of its JSON."""
        out: list[Item] = []
        if self.is_primitive:
            _read_id(node, out)
            _read_extensions(node, out)
        elif type(node.value) is dict:
            for reader in dict.fromkeys(map(self.properties.get, node.value)):
                if reader is not None:
                    reader(node, out)
        return out


class _Untyped(Shape):
    """The shape of objects of no known type: every property is an element."""

    def __init__(self) -> None:
        self.name = self.type_name = "Any"
        self.ancestors = frozenset()
        self.is_primitive = self.is_resource = False
        self.system = None
        self.convert = None
        self.readers = self.properties = _AnyReaders()


class _AnyReaders(dict[str, Reader]):
    def get(self, name: str, _default: Any = None) -> Reader:
        return _any_reader(name)


@lru_cache(maxsize=1024)
def _any_reader(name: str) -> Reader:
    def read(node: Node, out: list[Item]) -> None:
        child = node.value.get(name) if type(node.value) is dict else None
        for value in child if type(child) is list else [child]:
            if value is not None:
                out.append(Node(value, resource_shape(value)) if type(value) is dict else value)

    return read


@cache
def shape(name: str) -> Shape:
    """Return the shape of the R4 type (or backbone path) ``name``. Raises: ``KeyError``."""
    return Shape(name)


ANY = _Untyped()


def resource_shape(value: Any) -> Shape:
    """Return the shape that the ``resourceType`` of ``value`` names, or ``ANY``."""
    name = value.get("resourceType") if type(value) is dict else None
    return _resource_shape(name) if type(name) is str else ANY


@lru_cache(maxsize=512)
def _resource_shape(name: str) -> Shape:
    return shape(name) if name in definitions.EVERY_TYPE else ANY


def node_of(value: Any, type_name: str | None = None, extra: dict[str, Any] | None = None) -> Item:
    """Return ``value`` as what collections hold: of the type named, of its resourceType, or a plain value.

    Raises: ``KeyError`` for a type R4 does not have.
    """
    if isinstance(value, Node):
        return value
    if type_name is not None:
        found = shape(type_name)
        if found.name in ("Resource", "DomainResource"):
            found = resource_shape(value)
        return Node(value, found, extra)
    if type(value) is dict:
        return Node(value, resource_shape(value))
    return Decimal(str(value)) if type(value) is float else value


def plain(item: Item) -> Item:
    """Return the System value of a primitive or quantity; complex and valueless nodes stay nodes."""
    if type(item) is Node:
        convert = item.shape.convert
        if convert is not None and item.value is not None:
            value = convert(item.value)
            return item if value is None else value
    return item


def lacks_value(item: Item) -> bool:
    """Whether an item is a primitive that has extensions only."""
    return type(item) is Node and item.value is None and item.shape.is_primitive


def _keys(element: definitions.Element) -> dict[str, str]:
    """Return the type of each JSON property that may carry ``element``."""
    if not element.choice:
        return {element.name: element.types[0]}
    return {element.name + name[0].upper() + name[1:]: name for name in element.types}


def _reader(element: definitions.Element) -> Reader:
    types = _keys(element)
    if element.choice:
        return _choice_reader(types)
    ((name, type_name),) = types.items()
    found = shape(type_name)
    if found.is_primitive:
        return _primitive_reader(name, found)
    if found.is_resource:
        return _resource_reader(name)
    return _complex_reader(name, found)


def _complex_reader(name: str, found: Shape) -> Reader:
    def read(node: Node, out: list[Item]) -> None:
        value = node.value
        child = value.get(name) if type(value) is dict else None
        if child is None:
            return
        if type(child) is list:
            out.extend([Node(one, found) for one in child if one is not None])
        else:
            out.append(Node(child, found))

    return read


def _primitive_reader(name: str, found: Shape) -> Reader:
    sibling = "_" + name

    def read(node: Node, out: list[Item]) -> None:
        value = node.value
        if type(value) is not dict:
            return
        child, extra = value.get(name), value.get(sibling)
        if extra is not None:
            _join(child, extra, found, out)
        elif type(child) is list:
            out.extend([Node(one, found) for one in child if one is not None])
        elif child is not None:
            out.append(Node(child, found))

    return read


def _resource_reader(name: str) -> Reader:
    def read(node: Node, out: list[Item]) -> None:
        child = node.value.get(name) if type(node.value) is dict else None
        for one in child if type(child) is list else (child,):
            if one is not None:
                out.append(Node(one, resource_shape(one)))

    return read


def _choice_reader(types: dict[str, str]) -> Reader:
    shapes = {key: shape(name) for key, name in types.items()}

    def read(node: Node, out: list[Item]) -> None:
        value = node.value
        if type(value) is not dict:
            return
        for key in value:
            found = shapes.get(key)
            if found is not None:
                _join(value[key], value.get("_" + key), found, out)
            elif key[0] == "_" and key[1:] in shapes and key[1:] not in value:
                _join(None, value[key], shapes[key[1:]], out)

    return read


def _join(child: Any, extra: Any, found: Shape, out: list[Item]) -> None:
    """Append the nodes of a value (or list) and its ``_sibling``, which may be of different lengths."""
    if type(child) is not list and type(extra) is not list:
        out.append(Node(child, found, extra))
        return
    values = child if type(child) is list else []
    extras = extra if type(extra) is list else []
    for place in range(max(len(values), len(extras))):
        value = values[place] if place < len(values) else None
        more = extras[place] if place < len(extras) else None
        if value is not None or more is not None:
            out.append(Node(value, found, more))


def _read_extensions(node: Node, out: list[Item]) -> None:
    if type(node.extra) is dict:
        found = shape("Extension")
        out.extend([Node(one, found) for one in node.extra.get("extension") or ()])


def _read_id(node: Node, out: list[Item]) -> None:
    if type(node.extra) is dict and "id" in node.extra:
        out.append(Node(node.extra["id"], shape("string")))


def _read_value(node: Node, out: list[Item]) -> None:
    value = plain(node)
    if type(value) is not Node:
        out.append(value)
