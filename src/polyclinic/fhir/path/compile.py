"""From syntax tree to closures: every node becomes a function of (collection of $this, scope).

Closures never change a collection they are given, so constants and inputs are shared freely.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from polyclinic.fhir import definitions
from polyclinic.fhir.path import tree
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions import FUNCTIONS, Function
from polyclinic.fhir.path.functions.filtering import sort
from polyclinic.fhir.path.nodes import Item, Node
from polyclinic.fhir.path.operators import (
    arithmetic,
    bounded,
    distinct,
    equal,
    equal_items,
    equivalent,
    logical,
    order,
)
from polyclinic.fhir.path.quantity import Quantity
from polyclinic.fhir.path.scope import EMPTY, FALSE, TRUE, Collection, Evaluator, Scope, single, truth, type_of
from polyclinic.fhir.path.specifiers import matcher
from polyclinic.fhir.path.tree import Expression
from polyclinic.fhir.path.variables import variable


class Compiler:
    """Compiles the trees of one expression. ``strict``: ``as`` on several items is an error, as N1 has it."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict

    def compile(self, node: Expression) -> Evaluator:
        """Return the closure of ``node``. Raises: ``PathError`` for unknown functions and types."""
        match node:
            case tree.Member(source, name):
                return self._member(source, name)
            case tree.Call():
                return self._call(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Literal(value):
                return _constant([value])
            case tree.TypeOperation():
                return _located(self._type_operation(node), node.at)
            case tree.Indexer(source, index):
                return _located(_indexer(self.compile(source), self.compile(index)), node.at)
            case tree.Sign(operator, operand):
                return _located(_sign(operator, self.compile(operand)), node.at)
            case tree.Variable(name):
                return _located(variable(name), node.at)
            case _:
                return _CONSTANT[type(node)]

    def _member(self, source: Expression | None, name: str) -> Evaluator:
        if source is not None:
            return _member(self.compile(source), name)
        if name in definitions.EVERY_TYPE and name[0].isupper():
            return _root(name)
        return _member(_this, name)

    def _call(self, node: tree.Call) -> Evaluator:
        source = _this if node.source is None else self.compile(node.source)
        if node.name == "sort":
            return _located(self._sort(source, node.arguments), node.at)
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise PathError(f"there is no function {node.name}()", position=node.at, fault="semantic")
        if not function.least <= len(node.arguments) <= function.most:
            wanted = f"{function.least} to {function.most}" if function.least < function.most else function.least
            sentence = f"{node.name}() takes {wanted} arguments, not {len(node.arguments)}"
            raise PathError(sentence, position=node.at, fault="semantic")
        arguments = [self.compile(argument) for argument in node.arguments]
        return _call(function, source, arguments, node.at)

    def _sort(self, source: Evaluator, arguments: tuple[Expression, ...]) -> Evaluator:
        """Compile ``sort``, the one function whose arguments may bear a sign that is not arithmetic."""
        keys = [
            (self.compile(key.operand), key.operator == "-")
            if isinstance(key, tree.Sign)
            else (self.compile(key), False)
            for key in arguments or (tree.This(),)
        ]
        return lambda this, scope: sort(source(this, scope), scope, keys)

    def _binary(self, node: tree.Binary) -> Evaluator:
        left, right = self.compile(node.left), self.compile(node.right)
        if node.operator in _LOGICAL:
            return _located(_logical(node.operator, left, right), node.at)
        if node.operator in _ARITHMETIC:
            return _located(_arithmetic(node.operator, left, right), node.at)
        if node.operator in _ORDERS:
            return _located(_order(_ORDERS[node.operator], left, right), node.at)
        if node.operator in ("=", "!="):
            return self._equality(node)
        return _located(_OTHERS[node.operator](left, right), node.at)

    def _equality(self, node: tree.Binary) -> Evaluator:
        left, wanted = self.compile(node.left), node.operator == "="
        match node.right:
            case tree.Literal(str() as text):
                return _equality_to_text(left, text, wanted=wanted)
            case other:
                return _equality(left, self.compile(other), wanted=wanted)

    def _type_operation(self, node: tree.TypeOperation) -> Evaluator:
        operand = self.compile(node.operand)
        matches = matcher(node, strict=self.strict)
        if node.operator == "is":
            return _is(operand, matches)
        if node.operator == "as" and self.strict:
            return _as_single(operand, matches)
        return lambda this, scope: [item for item in operand(this, scope) if matches(item)]


def _this(this: Collection, _scope: Scope) -> Collection:
    return this


def _constant(items: Collection) -> Evaluator:
    return lambda _this, _scope: items


_CONSTANT: dict[type, Evaluator] = {
    tree.This: _this,
    tree.Index: lambda _this, scope: [scope.index],
    tree.Total: lambda _this, scope: scope.total,
    tree.Empty: _constant(EMPTY),
}


def _located(evaluate: Evaluator, at: int) -> Evaluator:
    """Let errors of ``evaluate`` tell the position ``at``."""

    def run(this: Collection, scope: Scope) -> Collection:
        try:
            return evaluate(this, scope)
        except PathError as error:
            raise error.located(at) from error.__cause__

    return run


def _member(source: Evaluator, name: str) -> Evaluator:
    if source is _this:
        return partial(_children, name)

    def run(this: Collection, scope: Scope) -> Collection:
        found: Collection = []
        for item in source(this, scope):
            if type(item) is Node:
                reader = item.shape.readers.get(name)
                if reader is not None:
                    reader(item, found)
            elif type(item) is Quantity and name in ("value", "unit"):
                found.append(getattr(item, name))
        return found

    return run


def _children(name: str, this: Collection, _scope: Scope) -> Collection:
    found: Collection = []
    for item in this:
        if type(item) is Node:
            reader = item.shape.readers.get(name)
            if reader is not None:
                reader(item, found)
    return found


def _root(name: str) -> Evaluator:
    """Return the items that are of the type a path begins with."""

    def run(this: Collection, _scope: Scope) -> Collection:
        return [item for item in this if type(item) is Node and name in item.shape.ancestors]

    return run


def _call(function: Function, source: Evaluator, arguments: list[Evaluator], at: int) -> Evaluator:
    run = function.run
    if function.looks:

        def look(this: Collection, scope: Scope) -> Collection:
            return run(source(this, scope), scope, *arguments)

        return _located(look, at)
    if not arguments:
        return _located(lambda this, scope: run(source(this, scope), scope), at)

    def call(this: Collection, scope: Scope) -> Collection:
        return run(source(this, scope), scope, *[argument(this, scope) for argument in arguments])

    return _located(call, at)


def _indexer(source: Evaluator, index: Evaluator) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        place = single(index(this, scope))
        if place is None:
            return EMPTY
        if type(place) is not int:
            raise PathError(f"an index is an Integer, not {type_of(place)}")
        return source(this, scope)[place : place + 1] if place >= 0 else EMPTY

    return run


def _sign(operator: str, operand: Evaluator) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        value = single(operand(this, scope))
        if value is None:
            return EMPTY
        zero = Quantity(Decimal(0), value.unit) if isinstance(value, Quantity) else 0
        result = arithmetic(operator, zero, value)
        return EMPTY if result is None else [result]

    return run


_LOGICAL = frozenset({"and", "or", "xor", "implies"})
_DECIDES = {"and": False, "or": True, "implies": False}  # what the left must be for the right not to matter


def _logical(operator: str, left: Evaluator, right: Evaluator) -> Evaluator:
    decisive = _DECIDES.get(operator)
    decided = _constant_of(operator != "and")

    def run(this: Collection, scope: Scope) -> Collection:
        one = truth(left(this, scope))
        if one is not None and one is decisive:
            return decided
        return _constant_of(logical(operator, one, truth(right(this, scope))))

    return run


def _constant_of(value: bool | None) -> Collection:
    return EMPTY if value is None else TRUE if value else FALSE


_ARITHMETIC = frozenset({"+", "-", "*", "/", "div", "mod"})


def _arithmetic(operator: str, left: Evaluator, right: Evaluator) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        one, other = single(left(this, scope)), single(right(this, scope))
        if one is None or other is None:
            return EMPTY
        result = arithmetic(operator, one, other)
        return EMPTY if result is None else [result]

    return run


_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda place: place < 0,
    "<=": lambda place: place <= 0,
    ">": lambda place: place > 0,
    ">=": lambda place: place >= 0,
}


def _order(holds: Callable[[int], bool], left: Evaluator, right: Evaluator) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        one, other = single(left(this, scope)), single(right(this, scope))
        if one is None or other is None:
            return EMPTY
        place = order(one, other)
        return EMPTY if place is None else _constant_of(holds(place))

    return run


def _equality(left: Evaluator, right: Evaluator, *, wanted: bool) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        same = equal(left(this, scope), right(this, scope))
        return EMPTY if same is None else TRUE if same is wanted else FALSE

    return run


def _equality_to_text(left: Evaluator, text: str, *, wanted: bool) -> Evaluator:
    """Compare with a string that is written in the expression, the comparison that is met most."""

    def run(this: Collection, scope: Scope) -> Collection:
        items = left(this, scope)
        if not items:
            return EMPTY
        item = items[0]
        same = item.shape.system == "String" and item.value == text if type(item) is Node else item == text
        return TRUE if (same and len(items) == 1) is wanted else FALSE

    return run


def _equivalence(left: Evaluator, right: Evaluator, *, wanted: bool) -> Evaluator:
    return lambda this, scope: _constant_of(equivalent(left(this, scope), right(this, scope)) is wanted)


def _membership(item: Evaluator, items: Evaluator) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        wanted = item(this, scope)
        if not wanted:
            return EMPTY
        if len(wanted) > 1:
            raise PathError("one item is looked for in a collection, not several")
        return _constant_of(any(equal_items(wanted[0], other) for other in items(this, scope)))

    return run


def _concatenation(left: Evaluator, right: Evaluator) -> Evaluator:
    def text(items: Collection) -> str:
        value = single(items)
        if value is not None and type(value) is not str:
            raise PathError(f"'&' joins strings, not {type_of(value)}")
        return value or ""

    return lambda this, scope: [bounded(text(left(this, scope)) + text(right(this, scope)))]


_OTHERS: dict[str, Callable[[Evaluator, Evaluator], Evaluator]] = {
    "~": partial(_equivalence, wanted=True),
    "!~": partial(_equivalence, wanted=False),
    "in": _membership,
    "contains": lambda left, right: _membership(right, left),
    "&": _concatenation,
    "|": lambda left, right: lambda this, scope: distinct(left(this, scope) + right(this, scope)),
}


def _is(operand: Evaluator, matches: Callable[[Item], bool]) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        items = operand(this, scope)
        if len(items) > 1:
            raise PathError("'is' asks of one item, not several")
        return _constant_of(matches(items[0])) if items else EMPTY

    return run


def _as_single(operand: Evaluator, matches: Callable[[Item], bool]) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        items = operand(this, scope)
        if len(items) > 1:
            raise PathError("'as' takes one item, not several; ofType() takes them")
        return items if items and matches(items[0]) else EMPTY

    return run
