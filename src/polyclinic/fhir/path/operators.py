"""What the operators do: equality, equivalence, order, arithmetic and three-valued logic.

Source: http://hl7.org/fhirpath/N1/#operations. None stands for the empty collection.
"""

import decimal
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

from polyclinic.fhir.path import calendar_arithmetic, quantity, temporal
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.nodes import Item, Node, plain
from polyclinic.fhir.path.quantity import ARITHMETIC, Quantity
from polyclinic.fhir.path.scope import Collection, type_of
from polyclinic.fhir.path.temporal import Temporal
from polyclinic.fhir.path.values import Value

LARGEST_INTEGER = 2**31 - 1
LONGEST_STRING = 1_000_000
"""Characters that a computed string may have."""


def equal(left: Collection, right: Collection) -> bool | None:
    """Return whether both hold equal items in the same order; None where either is empty or it is open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    outcome: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal_items(one, other)
        if same is False:
            return False
        if same is None:
            outcome = None
    return outcome


def equal_items(one: Item, other: Item) -> bool | None:
    """Return whether two items are equal; None where precision, zone or unit leave it open."""
    one, other = plain(one), plain(other)
    if type(one) is str or type(other) is str or type(one) is bool or type(other) is bool:
        return type(one) is type(other) and one == other
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        return temporal.equal(one, other)
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        first, second = _as_quantity(one), _as_quantity(other)
        order = quantity.compare(first, second) if first and second else None
        return False if first is None or second is None else None if order is None else order == 0
    if isinstance(one, Node) or isinstance(other, Node):
        return isinstance(one, Node) and isinstance(other, Node) and _same_json(one, other)
    return one == other


def _same_json(one: Node, other: Node) -> bool:
    if one.value is other.value and one.extra is other.extra:
        return True
    return frozen(one.value) == frozen(other.value) and frozen(one.extra) == frozen(other.extra)


def _as_quantity(item: Item) -> Quantity | None:
    if isinstance(item, Quantity):
        return item
    if type(item) is int or isinstance(item, Decimal):
        return Quantity(Decimal(item), "1")
    return None


def key(item: Item) -> Hashable:
    """Return what two items have in common exactly when they are equal; for sets of items."""
    value = plain(item)
    if isinstance(value, Node):
        return ("node", frozen(value.value), frozen(value.extra))
    if isinstance(value, Temporal):
        return temporal.key(value)
    if isinstance(value, Quantity):
        return ("quantity", quantity.canonical(value) or (value.value, value.unit))
    return ("boolean", value) if type(value) is bool else value


def frozen(value: Any) -> Hashable:
    """Return JSON as a value that can be hashed; the order of properties does not count, that of lists does."""
    if type(value) is dict:
        return frozenset((name, frozen(child)) for name, child in value.items())
    if type(value) is list:
        return tuple(map(frozen, value))
    return ("boolean", value) if type(value) is bool else value


def distinct(items: Collection) -> Collection:
    """Return the items without those equal to an earlier one."""
    if len(items) < 2:
        return items
    found: dict[Hashable, Item] = {}
    for item in items:
        found.setdefault(key(item), item)
    return list(found.values())


def equivalent(left: Collection, right: Collection) -> bool:
    """Return whether both hold equivalent items in any order."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for one in left:
        place = next((place for place, other in enumerate(rest) if equivalent_items(one, other)), None)
        if place is None:
            return False
        del rest[place]
    return True


def equivalent_items(one: Item, other: Item) -> bool:
    """Return whether two items mean the same: strings without case, numbers at the lesser precision."""
    one, other = plain(one), plain(other)
    if type(one) is str and type(other) is str:
        return " ".join(one.casefold().split()) == " ".join(other.casefold().split())
    if type(one) is bool or type(other) is bool:
        return one is other
    if isinstance(one, (int, Decimal)) and isinstance(other, (int, Decimal)):
        return quantity.equal_rounded(Decimal(one), Decimal(other))
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        return temporal.key(one) == temporal.key(other)
    first, second = _as_quantity(one), _as_quantity(other)
    if first is not None and second is not None:
        return quantity.equivalent(first, second)
    if isinstance(one, Node) and isinstance(other, Node):
        return _equivalent_nodes(one, other)
    return False


def _equivalent_nodes(one: Node, other: Node) -> bool:
    if _same_json(one, other):
        return True
    if type(one.value) is not dict or type(other.value) is not dict or one.value.keys() != other.value.keys():
        return False
    return all(equivalent(one.shape.read(one, name), other.shape.read(other, name)) for name in one.value)


def order(left: Item, right: Item) -> int | None:
    """Return -1, 0 or 1 for two plain values; None where precision, zone or unit leave it open.

    Raises: ``PathError`` for values of types that have no common order.
    """
    if type(left) is str and type(right) is str:
        return (left > right) - (left < right)
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        if (left.kind == "Time") is (right.kind == "Time"):
            return temporal.compare(left, right)
    elif type(left) is not bool and type(right) is not bool:
        if isinstance(left, (int, Decimal)) and isinstance(right, (int, Decimal)):
            return (left > right) - (left < right)
        first, second = _as_quantity(left), _as_quantity(right)
        if first is not None and second is not None:
            return quantity.compare(first, second)
    raise PathError(f"{type_of(left)} and {type_of(right)} have no common order")


def logical(operator: str, left: bool | None, right: bool | None) -> bool | None:
    """Return ``left operator right`` in three-valued logic, for ``and``, ``or``, ``xor`` and ``implies``."""
    if operator == "and":
        return False if left is False or right is False else None if left is None or right is None else True
    if operator == "or":
        return True if left or right else None if left is None or right is None else False
    if operator == "xor":
        return None if left is None or right is None else left is not right
    if left is None:
        return True if right else None
    return right if left else True


def arithmetic(operator: str, left: Item, right: Item) -> Value | None:
    """Return ``left operator right`` for two plain values; None for overflow and division by zero.

    Raises: ``PathError`` where the operator is not defined for their types.
    """
    try:
        if isinstance(left, Temporal):
            return _moved(operator, left, right)
        if type(left) is str and type(right) is str and operator == "+":
            return bounded(left + right)
        if _is_number(left) and _is_number(right):
            return _numbers(operator, left, right)  # type: ignore[arg-type]
        if operator in ("+", "-", "*", "/"):
            first, second = _as_quantity(left), _as_quantity(right)
            if first is not None and second is not None:
                return _quantities(operator, first, second)
    except decimal.DecimalException:
        return None
    raise PathError(f"'{operator}' is not defined for {type_of(left)} and {type_of(right)}")


def _is_number(value: Item) -> bool:
    return type(value) is int or isinstance(value, Decimal)


def _moved(operator: str, moment: Temporal, by: Item) -> Value | None:
    if not isinstance(by, Quantity) or operator not in ("+", "-"):
        raise PathError(f"'{operator}' is not defined for {moment.kind} and {type_of(by)}")
    try:
        return calendar_arithmetic.add(moment, by.value if operator == "+" else by.value.copy_negate(), by.unit)
    except TypeError as error:
        raise PathError(str(error)) from error


def _numbers(operator: str, left: int | Decimal, right: int | Decimal) -> Value | None:
    if operator in ("/", "div", "mod"):
        return None if not right else _divided(operator, left, right)
    if type(left) is int and type(right) is int:
        return integer(left + right if operator == "+" else left - right if operator == "-" else left * right)
    calculate = {"+": ARITHMETIC.add, "-": ARITHMETIC.subtract, "*": ARITHMETIC.multiply}[operator]
    return finite(calculate(left, right))


def _divided(operator: str, left: int | Decimal, right: int | Decimal) -> Value | None:
    if operator == "/":
        return finite(ARITHMETIC.divide(left, right))
    if operator == "mod":
        rest = finite(ARITHMETIC.remainder(left, right))
        return int(rest) if rest is not None and type(left) is int and type(right) is int else rest
    whole = finite(ARITHMETIC.divide_int(left, right))
    return None if whole is None else integer(int(whole))


def _quantities(operator: str, left: Quantity, right: Quantity) -> Quantity | None:
    if operator == "*":
        return quantity.multiply(left, right)
    if operator == "/":
        return quantity.divide(left, right)
    return quantity.add(left, right if operator == "+" else Quantity(right.value.copy_negate(), right.unit))


def integer(value: int) -> int | None:
    """Return ``value``, or None where it is beyond 32 bits."""
    return value if -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER else None


def finite(value: Decimal) -> Decimal | None:
    """Return ``value``, or None for infinity and what is not a number."""
    return value if value.is_finite() else None


def bounded(text: str) -> str:
    """Return ``text``. Raises: ``PathError`` where it is too long."""
    if len(text) > LONGEST_STRING:
        raise PathError(f"a string grew beyond {LONGEST_STRING} characters")
    return text


def text_of(value: Item) -> str | None:
    """Return a plain value as FHIRPath writes it; None for a complex node."""
    if type(value) is bool:
        return "true" if value else "false"
    return None if isinstance(value, Node) else str(value)
