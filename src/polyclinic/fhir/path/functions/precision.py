"""Boundaries and precision: http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time.

They are of FHIRPath's later releases; HL7's tests for R4 have them.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from polyclinic.fhir.path import calendar_arithmetic, quantity
from polyclinic.fhir.path.functions.registry import on
from polyclinic.fhir.path.operators import finite
from polyclinic.fhir.path.quantity import ARITHMETIC, Quantity, decimals
from polyclinic.fhir.path.temporal import Temporal

Bounded = int | Decimal | Quantity | Temporal
_BOUNDED = (int, Decimal, Quantity, Temporal)
_DEFAULTS = {"Date": 8, "DateTime": 17, "Time": 9}
_MOST_DIGITS = 28


@on(_BOUNDED, "lowBoundary", (int,), optional=1)
def low_boundary(value: Bounded, digits: int | None = None) -> Bounded | None:
    """Return the least value of ``digits`` that the value, as precise as it is written, may stand for."""
    return _boundary(value, digits, calendar_arithmetic.low_boundary, ROUND_FLOOR)


@on(_BOUNDED, "highBoundary", (int,), optional=1)
def high_boundary(value: Bounded, digits: int | None = None) -> Bounded | None:
    """Return the greatest value of ``digits`` that the value, as precise as it is written, may stand for."""
    return _boundary(value, digits, calendar_arithmetic.high_boundary, ROUND_CEILING)


def _boundary(
    value: Bounded, digits: int | None, in_time: Callable[[Temporal, int], Temporal | None], rounding: str
) -> Bounded | None:
    if isinstance(value, Temporal):
        return in_time(value, _DEFAULTS[value.kind] if digits is None else digits)
    places = 8 if digits is None else digits
    if isinstance(value, Quantity):
        bound = _decimal_boundary(value.value, places, rounding)
        return None if bound is None else Quantity(bound, value.unit)
    return _decimal_boundary(Decimal(value), places, rounding)


def _decimal_boundary(value: Decimal, digits: int, rounding: str) -> Decimal | None:
    """Return half of the last written digit below or above; what rounds to nothing at ``digits`` is zero."""
    if not 0 <= digits <= _MOST_DIGITS:
        return None
    half = ARITHMETIC.scaleb(Decimal(-5 if rounding == ROUND_FLOOR else 5), -decimals(value) - 1)
    bound = ARITHMETIC.add(value, half)
    last = Decimal(1).scaleb(-digits)
    if abs(bound) * 2 < last:
        rounding = ROUND_CEILING if bound < 0 else ROUND_FLOOR
    return finite(bound.quantize(last, rounding, ARITHMETIC))


@on((Decimal, Temporal), "precision")
def precision(value: Decimal | Temporal) -> int:
    """Return the digits after a decimal's point, or the digits a date or time is written with."""
    return value.precision if isinstance(value, Temporal) else decimals(value)


@on(Quantity, "comparable", (Quantity,))
def comparable(value: Quantity, other: Quantity) -> bool:
    """Whether two quantities measure the same thing."""
    return quantity.comparable(value, other)
