"""Checking a FHIRPath against the definitions before it ever meets a resource.

Found are: elements a type does not have, paths that begin at another type, JSON names of choices
(``valueQuantity`` for ``value``), functions and types that do not exist, string functions on what is no
string, criteria that are no boolean, and positions in collections that have no order. Where the type of a step
cannot be known (variables, ``resolve()``, abstract types) nothing is said of what follows.
"""

from dataclasses import dataclass, replace

from polyclinic.fhir import definitions
from polyclinic.fhir.path import tree
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions import FUNCTIONS
from polyclinic.fhir.path.grammar import parse
from polyclinic.fhir.path.primitives import system_of
from polyclinic.fhir.path.tree import Expression
from polyclinic.fhir.path.values import SYSTEM_TYPES, system_type


@dataclass(frozen=True, slots=True)
class Expected:
    """What a step may give: names of types (None for any; System types as ``System.String``), and if in order."""

    types: frozenset[str] | None = None
    ordered: bool = True


_ANYTHING = Expected()
_BOOLEAN = Expected(frozenset({"System.Boolean"}))
_INTEGER = Expected(frozenset({"System.Integer"}))
_STRING = Expected(frozenset({"System.String"}))

_ON_STRINGS = frozenset({
    "contains", "decode", "encode", "endsWith", "escape", "indexOf", "lastIndexOf", "length", "lower", "matches",
    "matchesFull", "replace", "replaceMatches", "split", "startsWith", "substring", "toChars", "trim",
    "unescape", "upper",
})  # fmt: skip
_GIVES_BOOLEAN = (
    "all", "allFalse", "allTrue", "anyFalse", "anyTrue", "comparable", "conformsTo", "contains", "empty", "endsWith",
    "exists", "hasValue", "htmlChecks", "isDistinct", "matches", "matchesFull", "not", "startsWith", "subsetOf",
    "supersetOf",
)  # fmt: skip
_GIVES_STRING = ("join", "lower", "replace", "replaceMatches", "substring", "toString", "trim", "upper")
_GIVES: dict[str, Expected] = {
    **dict.fromkeys(_GIVES_BOOLEAN, _BOOLEAN),
    **dict.fromkeys(("count", "indexOf", "lastIndexOf", "length", "toInteger"), _INTEGER),
    **dict.fromkeys(_GIVES_STRING, _STRING),
}
_KEEPS = frozenset({
    "distinct", "exclude", "first", "intersect", "last", "single", "skip", "sort", "tail", "take", "trace", "where",
})  # fmt: skip
_BY_POSITION = frozenset({"first", "last", "skip", "tail", "take"})
_UNORDERED = frozenset({"children", "descendants"})


def check(expression: str, type_name: str) -> None:
    """Check an expression that begins on an element or resource of ``type_name``.

    Raises: ``PathError`` with fault "syntax" or "semantic" and the position of the first thing found.
    """
    _Checker(type_name).expect(parse(expression), Expected(frozenset({type_name})))


def types_of(expression: Expression, type_name: str) -> frozenset[str] | None:
    """Return the types of what an expression can give on a ``type_name``, None where they cannot be known.

    System types are named such as ``System.String``. Raises: as ``check``.
    """
    return _Checker(type_name).expect(expression, Expected(frozenset({type_name}))).types


class _Checker:
    """One walk over a tree, each method given what ``$this`` is."""

    def __init__(self, type_name: str) -> None:
        self.context = Expected(frozenset({type_name}))

    def expect(self, node: Expression, this: Expected) -> Expected:
        match node:
            case tree.Literal(value):
                return Expected(frozenset({f"System.{system_type(value)}"}))
            case tree.This():
                return this
            case tree.Variable("context"):
                return self.context
            case tree.Member(source, name):
                return self.member(node, this) if source is None else _element(self.expect(source, this), name, node.at)
            case tree.Call():
                return self.call(node, this)
            case tree.Indexer(source, index):
                self.expect(index, this)
                return _in_order(self.expect(source, this), node.at)
            case tree.TypeOperation():
                return self.type_operation(node, this)
            case tree.Binary():
                return self.binary(node, this)
            case _:
                return self.unknown(node, this)

    def unknown(self, node: Expression, this: Expected) -> Expected:
        for child in tree.children(node):
            self.expect(child, this)
        return _ANYTHING

    def member(self, node: tree.Member, this: Expected) -> Expected:
        """Judge the beginning of a path: the type of $this, or one of its elements."""
        if node.name not in definitions.EVERY_TYPE or not node.name[0].isupper():
            return _element(this, node.name, node.at)
        if this.types is None or any(_related(node.name, name) for name in this.types):
            return replace(this, types=frozenset({node.name}))
        raise _semantic(f"a path on {_words(this)} cannot begin with {node.name}", node.at)

    def binary(self, node: tree.Binary, this: Expected) -> Expected:
        left, right = self.expect(node.left, this), self.expect(node.right, this)
        if node.operator == "|":
            types = None if left.types is None or right.types is None else left.types | right.types
            return Expected(types, ordered=left.ordered and right.ordered)
        if node.operator == "&":
            return _STRING
        return _ANYTHING if node.operator in ("+", "-", "*", "/", "div", "mod") else _BOOLEAN

    def type_operation(self, node: tree.TypeOperation, this: Expected) -> Expected:
        operand = self.expect(node.operand, this)
        if node.operator == "is":
            return _BOOLEAN
        namespace, _, name = node.type.rpartition(".")
        if name in definitions.EVERY_TYPE and namespace in ("", "FHIR"):
            return replace(operand, types=frozenset({name}))
        if name in SYSTEM_TYPES and namespace in ("", "System"):
            return replace(operand, types=frozenset({f"System.{name}"}))
        raise _semantic(f"there is no type {node.type}", node.at)

    def call(self, node: tree.Call, this: Expected) -> Expected:
        source = this if node.source is None else self.expect(node.source, this)
        if node.name not in FUNCTIONS and node.name != "sort":
            raise _semantic(f"there is no function {node.name}()", node.at)
        if node.name in _ON_STRINGS and source.types is not None and not _may_be(source.types, "String"):
            raise _semantic(f"{node.name}() does not take {_words(source)}", node.at)
        if node.name in _BY_POSITION:
            _in_order(source, node.at)
        arguments = self.arguments(node, source, this)
        if node.name == "iif":
            return self.iif(node, arguments)
        if node.name in _UNORDERED:
            return Expected(ordered=False)
        if node.name in _KEEPS:
            return source
        if node.name == "extension":
            return Expected(frozenset({"Extension"}))
        if node.name in ("select", "repeat") and arguments:
            return arguments[0]
        return _GIVES.get(node.name, _ANYTHING)

    def arguments(self, node: tree.Call, source: Expected, this: Expected) -> list[Expected]:
        function = FUNCTIONS.get(node.name)
        looks = node.name == "sort" or (function is not None and function.looks)
        inner = source if looks else this
        if node.name == "repeat":  # what it finds is looked at again, and may be of other types
            first = [self.expect(argument, inner) for argument in node.arguments]
            return [_ANYTHING if first and first[0].types != inner.types else found for found in first]
        return [self.expect(argument, inner) for argument in node.arguments]

    def iif(self, node: tree.Call, arguments: list[Expected]) -> Expected:
        criterion = arguments[0] if arguments else _ANYTHING
        if criterion.types is not None and not _may_be(criterion.types, "Boolean"):
            raise _semantic(f"iif() needs a boolean, not {_words(criterion)}", node.at)
        results = [argument.types for argument in arguments[1:]]
        if not results or None in results:
            return _ANYTHING
        return Expected(frozenset().union(*[types for types in results if types is not None]))


def _element(source: Expected, name: str, at: int) -> Expected:
    """Return what the element ``name`` of ``source`` gives. Raises: ``PathError`` where no type of it has one."""
    if source.types is None:
        return replace(_ANYTHING, ordered=source.ordered)
    found: set[str] = set()
    exists = False
    for type_name in source.types:
        if _is_open(type_name):
            return replace(_ANYTHING, ordered=source.ordered)
        element = _elements(type_name).get(name)
        if element is not None:
            exists = True
            found.update(element.types)
        elif _is_value_of_primitive(type_name, name):
            exists = True
            found.add(f"System.{system_of(type_name)}")
    if not exists:
        raise _semantic(f"{_words(source)} has no element {name}{_hint(source.types, name)}", at)
    return Expected(frozenset(found), source.ordered)


def _elements(type_name: str) -> dict[str, definitions.Element]:
    return {} if type_name.startswith("System.") else dict(definitions.elements(type_name))


def _is_open(type_name: str) -> bool:
    """Whether values may be of subtypes with more elements, or of a system type with parts of its own."""
    if type_name.startswith("System."):
        return type_name == "System.Quantity"
    return definitions.structure(type_name).abstract


def _is_value_of_primitive(type_name: str, name: str) -> bool:
    return name == "value" and _is_primitive(type_name)


def _is_primitive(type_name: str) -> bool:
    return not type_name.startswith("System.") and definitions.structure(type_name).kind == "primitive"


def _hint(types: frozenset[str], name: str) -> str:
    for type_name in types:
        known = None if type_name.startswith("System.") else definitions.properties(type_name).get(name)
        if known is not None:
            return f"; write {known.element.name}, or {known.element.name}.ofType({known.type})"
    return ""


def _in_order(source: Expected, at: int) -> Expected:
    if not source.ordered:
        raise _semantic("children and descendants have no order to count in", at)
    return source


def _may_be(types: frozenset[str], system: str) -> bool:
    return any(
        name == f"System.{system}" or (not name.startswith("System.") and (_is_open(name) or system_of(name) == system))
        for name in types
    )


def _related(one: str, other: str) -> bool:
    return definitions.is_subtype(one, other) or definitions.is_subtype(other, one)


def _words(expected: Expected) -> str:
    return " or ".join(sorted(expected.types or ()))


def _semantic(sentence: str, at: int) -> PathError:
    return PathError(sentence, position=at, fault="semantic")
