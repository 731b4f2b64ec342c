"""Conversion between System types: http://hl7.org/fhirpath/N1/#conversion. What does not convert gives {}."""

import re
from collections.abc import Callable
from decimal import Decimal

from polyclinic.fhir.path import quantity, temporal
from polyclinic.fhir.path.functions.registry import on_items
from polyclinic.fhir.path.nodes import Item
from polyclinic.fhir.path.operators import integer, text_of
from polyclinic.fhir.path.quantity import CALENDAR_WORDS, Quantity
from polyclinic.fhir.path.scope import Collection, Scope, single
from polyclinic.fhir.path.temporal import Temporal
from polyclinic.fhir.path.values import Value

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?\d{1,10}")
_DECIMAL = re.compile(r"[+-]?\d{1,100}(?:\.\d{1,100})?")
_QUANTITY = re.compile(rf"({_DECIMAL.pattern})\s*(?:'([^']+)'|([a-z]+))?")


def to_boolean(value: Item) -> bool | None:
    """Return true or false for what N1 lists as their writings."""
    text = (text_of(value) or "").lower()
    if type(value) not in (bool, int, Decimal, str):
        return None
    return True if text in _TRUE else False if text in _FALSE else None


def to_integer(value: Item) -> int | None:
    """Return an integer, a boolean's 0 or 1, or what a string writes."""
    if type(value) is str and _INTEGER.fullmatch(value):
        return integer(int(value))
    return int(value) if type(value) in (int, bool) else None  # type: ignore[arg-type]


def to_decimal(value: Item) -> Decimal | None:
    """Return a number, a boolean's 0.0 or 1.0, or what a string writes."""
    if type(value) is bool:
        return Decimal("1.0") if value else Decimal("0.0")
    if type(value) is str:
        return Decimal(value) if _DECIMAL.fullmatch(value) else None
    return Decimal(value) if isinstance(value, (int, Decimal)) else None


def to_string(value: Item) -> str | None:
    """Return a value as FHIRPath writes it."""
    return text_of(value)


def to_date(value: Item) -> Temporal | None:
    """Return a Date, the day of a DateTime, or what a string writes."""
    if type(value) is str:
        written = temporal.read_date_time(value)
        return None if written is None else temporal.as_date(written)
    return temporal.as_date(value) if isinstance(value, Temporal) and value.kind != "Time" else None


def to_date_time(value: Item) -> Temporal | None:
    """Return a DateTime, a Date as one, or what a string writes."""
    if type(value) is str:
        return temporal.read_date_time(value)
    return temporal.as_date_time(value) if isinstance(value, Temporal) and value.kind != "Time" else None


def to_time(value: Item) -> Temporal | None:
    """Return a Time or what a string writes."""
    if type(value) is str:
        return temporal.read_time(value)
    return value if isinstance(value, Temporal) and value.kind == "Time" else None


def to_quantity(value: Item) -> Quantity | None:
    """Return a Quantity, a number as one without unit, or what a string writes (``4 days``, ``1 'wk'``)."""
    if isinstance(value, Quantity):
        return value
    if type(value) is not str:
        number = to_decimal(value)
        return None if number is None else Quantity(number, "1")
    found = _QUANTITY.fullmatch(value)
    if found is None or (found[3] and found[3] not in CALENDAR_WORDS):
        return None
    return Quantity(Decimal(found[1]), found[2] or found[3] or "1")


def _declare(name: str, convert: Callable[[Item], Value | None]) -> None:
    @on_items(f"to{name}")
    def to(items: Collection, _scope: Scope) -> Collection:
        value = single(items)
        found = None if value is None else convert(value)
        return [] if found is None else [found]

    @on_items(f"convertsTo{name}")
    def converts_to(items: Collection, _scope: Scope) -> Collection:
        value = single(items)
        return [] if value is None else [convert(value) is not None]


for _name, _convert in (
    ("Boolean", to_boolean),
    ("Integer", to_integer),
    ("Decimal", to_decimal),
    ("String", to_string),
    ("Date", to_date),
    ("DateTime", to_date_time),
    ("Time", to_time),
):
    _declare(_name, _convert)


@on_items("toQuantity", 0, 1)
def to_quantity_of(items: Collection, _scope: Scope, unit: Collection | None = None) -> Collection:
    """Return the item as a quantity, in ``unit`` if given."""
    value = single(items)
    found = None if value is None else to_quantity(value)
    if found is None or unit is None:
        return [] if found is None else [found]
    wanted = str(single(unit))
    converted = quantity.convert(found, wanted)
    return [] if converted is None else [Quantity(converted, wanted)]


@on_items("convertsToQuantity", 0, 1)
def converts_to_quantity(items: Collection, scope: Scope, unit: Collection | None = None) -> Collection:
    """Whether the item is or writes a quantity, in ``unit`` if given."""
    if single(items) is None:
        return []
    return [bool(to_quantity_of(items, scope, unit))]
