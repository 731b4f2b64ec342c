"""Mathematics: http://hl7.org/fhirpath/N1/#math. Overflow and what has no real result are {}."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from polyclinic.fhir.path.functions.registry import on
from polyclinic.fhir.path.operators import finite, integer
from polyclinic.fhir.path.quantity import ARITHMETIC, Quantity
from polyclinic.fhir.path.values import Value

Number = int | Decimal
_NUMBER = (int, Decimal)
_LARGEST_EXPONENT = 12
"""A Decimal of more digits before its point is no 32-bit Integer."""


def _whole(value: Number, rounding: str) -> int | None:
    number = Decimal(value)
    if number.adjusted() > _LARGEST_EXPONENT:
        return None
    return integer(int(number.to_integral_value(rounding)))


@on((int, Decimal, Quantity), "abs")
def absolute(value: Number | Quantity) -> Value:
    """Return the value without its sign."""
    if isinstance(value, Quantity):
        return Quantity(value.value.copy_abs(), value.unit)
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


@on(_NUMBER, "ceiling")
def ceiling(value: Number) -> int | None:
    """Return the first integer not below the value."""
    return _whole(value, ROUND_CEILING)


@on(_NUMBER, "floor")
def floor(value: Number) -> int | None:
    """Return the first integer not above the value."""
    return _whole(value, ROUND_FLOOR)


@on(_NUMBER, "truncate")
def truncate(value: Number) -> int | None:
    """Return the value without its fraction."""
    return _whole(value, ROUND_DOWN)


@on(_NUMBER, "round", (int,), optional=1)
def rounded(value: Number, digits: int = 0) -> Decimal | None:
    """Return the value with ``digits`` after the point; a half goes away from zero."""
    if not 0 <= digits <= 28:
        return None
    return finite(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, ARITHMETIC))


@on(_NUMBER, "exp")
def exponential(value: Number) -> Decimal | None:
    """Return e to the power of the value."""
    return finite(ARITHMETIC.exp(Decimal(value)))


@on(_NUMBER, "ln")
def natural_logarithm(value: Number) -> Decimal | None:
    """Return the natural logarithm."""
    return finite(ARITHMETIC.ln(Decimal(value)))


@on(_NUMBER, "log", (_NUMBER,))
def logarithm(value: Number, base: Number) -> Decimal | None:
    """Return the logarithm to ``base``, with 28 digits after the point."""
    found = ARITHMETIC.divide(ARITHMETIC.ln(Decimal(value)), ARITHMETIC.ln(Decimal(base)))
    return finite(found.quantize(Decimal(1).scaleb(-28), ROUND_HALF_UP, ARITHMETIC))


@on(_NUMBER, "power", (_NUMBER,))
def power(value: Number, exponent: Number) -> Number | None:
    """Return the value to the power of ``exponent``; an Integer of two Integers where it is one."""
    found = finite(ARITHMETIC.power(Decimal(value), Decimal(exponent)))
    if found is None or type(value) is not int or type(exponent) is not int or exponent < 0:
        return found
    return _whole(found, ROUND_DOWN)


@on(_NUMBER, "sqrt")
def square_root(value: Number) -> Decimal | None:
    """Return the square root."""
    return finite(ARITHMETIC.sqrt(Decimal(value)))
