"""The closures that trees are compiled to: evaluators in, an evaluator out.

They never change a collection they are given, so constants and inputs are shared freely.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from polyclinic.fhir.path import operators
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions import Function
from polyclinic.fhir.path.nodes import Item, Node
from polyclinic.fhir.path.quantity import Quantity
from polyclinic.fhir.path.scope import EMPTY, FALSE, TRUE, Collection, Evaluator, Scope, single, truth, type_of


def this_itself(this: Collection, _scope: Scope) -> Collection:
    """Return $this."""
    return this


def constant(items: Collection) -> Evaluator:
    """Give the same items always."""
    return lambda _this, _scope: items


def located(evaluate: Evaluator, at: int) -> Evaluator:
    """Let errors of ``evaluate`` tell the position ``at``."""

    def run(this: Collection, scope: Scope) -> Collection:
        try:
            return evaluate(this, scope)
        except PathError as error:
            raise error.located(at) from error.__cause__

    return run


UNCOUNTED = 16
"""Elements up to which going to them costs no effort: nearly every step of real data, so it is not counted."""


def member(source: Evaluator, name: str) -> Evaluator:
    """Go to the elements of one name; a Quantity that was computed has ``value`` and ``unit``."""
    if source is this_itself:
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
        if len(found) > UNCOUNTED:
            scope.spend(len(found))
        return found

    return run


def _children(name: str, this: Collection, scope: Scope) -> Collection:
    found: Collection = []
    for item in this:
        if type(item) is Node:
            reader = item.shape.readers.get(name)
            if reader is not None:
                reader(item, found)
    if len(found) > UNCOUNTED:
        scope.spend(len(found))
    return found


def root(name: str) -> Evaluator:
    """Return the items that are of the type a path begins with."""

    def run(this: Collection, _scope: Scope) -> Collection:
        return [item for item in this if type(item) is Node and name in item.shape.ancestors]

    return run


def call(function: Function, source: Evaluator, arguments: list[Evaluator], at: int) -> Evaluator:
    """Call a function on what ``source`` gives."""
    run = function.run
    if function.looks:

        def look(this: Collection, scope: Scope) -> Collection:
            return run(source(this, scope), scope, *arguments)

        return located(look, at)
    if not arguments:
        return located(lambda this, scope: run(source(this, scope), scope), at)

    def call(this: Collection, scope: Scope) -> Collection:
        return run(source(this, scope), scope, *[argument(this, scope) for argument in arguments])

    return located(call, at)


def indexer(source: Evaluator, index: Evaluator) -> Evaluator:
    """Take the item at a place, from 0."""

    def run(this: Collection, scope: Scope) -> Collection:
        place = single(index(this, scope))
        if place is None:
            return EMPTY
        if type(place) is not int:
            raise PathError(f"an index is an Integer, not {type_of(place)}")
        return source(this, scope)[place : place + 1] if place >= 0 else EMPTY

    return run


def sign(operator: str, operand: Evaluator) -> Evaluator:
    """Put a sign before a number or quantity."""

    def run(this: Collection, scope: Scope) -> Collection:
        value = single(operand(this, scope))
        if value is None:
            return EMPTY
        zero = Quantity(Decimal(0), value.unit) if isinstance(value, Quantity) else 0
        result = operators.arithmetic(operator, zero, value)
        return EMPTY if result is None else [result]

    return run


LOGICAL = frozenset({"and", "or", "xor", "implies"})
_DECIDES = {"and": False, "or": True, "implies": False}  # what the left must be for the right not to matter


def logical(operator: str, left: Evaluator, right: Evaluator) -> Evaluator:
    """Join two booleans; the right one is not looked at where the left one decides."""
    decisive = _DECIDES.get(operator)
    decided = _constant_of(operator != "and")

    def run(this: Collection, scope: Scope) -> Collection:
        one = truth(left(this, scope))
        if one is not None and one is decisive:
            return decided
        return _constant_of(operators.logical(operator, one, truth(right(this, scope))))

    return run


def _constant_of(value: bool | None) -> Collection:
    return EMPTY if value is None else TRUE if value else FALSE


ARITHMETIC = frozenset({"+", "-", "*", "/", "div", "mod"})


def arithmetic(operator: str, left: Evaluator, right: Evaluator) -> Evaluator:
    """Calculate with two single values."""

    def run(this: Collection, scope: Scope) -> Collection:
        one, other = single(left(this, scope)), single(right(this, scope))
        if one is None or other is None:
            return EMPTY
        result = operators.arithmetic(operator, one, other)
        return EMPTY if result is None else [result]

    return run


ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda place: place < 0,
    "<=": lambda place: place <= 0,
    ">": lambda place: place > 0,
    ">=": lambda place: place >= 0,
}


def order(holds: Callable[[int], bool], left: Evaluator, right: Evaluator) -> Evaluator:
    """Compare two single values."""

    def run(this: Collection, scope: Scope) -> Collection:
        one, other = single(left(this, scope)), single(right(this, scope))
        if one is None or other is None:
            return EMPTY
        place = operators.order(one, other)
        return EMPTY if place is None else _constant_of(holds(place))

    return run


def equality(left: Evaluator, right: Evaluator, *, wanted: bool) -> Evaluator:
    """Compare two collections, for ``=`` (``wanted``) and ``!=``."""

    def run(this: Collection, scope: Scope) -> Collection:
        same = operators.equal(left(this, scope), right(this, scope))
        return EMPTY if same is None else TRUE if same is wanted else FALSE

    return run


def equality_to_text(left: Evaluator, text: str, *, wanted: bool) -> Evaluator:
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
    return lambda this, scope: _constant_of(operators.equivalent(left(this, scope), right(this, scope)) is wanted)


def _membership(item: Evaluator, items: Evaluator) -> Evaluator:
    def run(this: Collection, scope: Scope) -> Collection:
        wanted = item(this, scope)
        if not wanted:
            return EMPTY
        if len(wanted) > 1:
            raise PathError("one item is looked for in a collection, not several")
        return _constant_of(any(operators.equal_items(wanted[0], other) for other in items(this, scope)))

    return run


def _concatenation(left: Evaluator, right: Evaluator) -> Evaluator:
    def text(items: Collection) -> str:
        value = single(items)
        if value is not None and type(value) is not str:
            raise PathError(f"'&' joins strings, not {type_of(value)}")
        return value or ""

    return lambda this, scope: [operators.bounded(text(left(this, scope)) + text(right(this, scope)))]


OTHERS: dict[str, Callable[[Evaluator, Evaluator], Evaluator]] = {
    "~": partial(_equivalence, wanted=True),
    "!~": partial(_equivalence, wanted=False),
    "in": _membership,
    "contains": lambda left, right: _membership(right, left),
    "&": _concatenation,
    "|": lambda left, right: lambda this, scope: operators.distinct(left(this, scope) + right(this, scope)),
}


def is_of(operand: Evaluator, matches: Callable[[Item], bool]) -> Evaluator:
    """Ask whether the one item is of a type."""

    def run(this: Collection, scope: Scope) -> Collection:
        items = operand(this, scope)
        if len(items) > 1:
            raise PathError("'is' asks of one item, not several")
        return _constant_of(matches(items[0])) if items else EMPTY

    return run


def as_single(operand: Evaluator, matches: Callable[[Item], bool]) -> Evaluator:
    """Take the one item if it is of a type."""

    def run(this: Collection, scope: Scope) -> Collection:
        items = operand(this, scope)
        if len(items) > 1:
            raise PathError("'as' takes one item, not several; ofType() takes them")
        return items if items and matches(items[0]) else EMPTY

    return run


def of_type(operand: Evaluator, matches: Callable[[Item], bool]) -> Evaluator:
    """Take the items that are of a type."""
    return lambda this, scope: [item for item in operand(this, scope) if matches(item)]
