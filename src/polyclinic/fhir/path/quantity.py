"""Quantities: a decimal and a unit of UCUM or of the calendar, compared across comparable units.

Source: http://hl7.org/fhirpath/N1/#quantity and #time-valued-quantities.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from polyclinic.fhir.path import ucum

UCUM = "http://unitsofmeasure.org"
ARITHMETIC = Context(prec=34, traps=[])
CALENDAR_WORDS = {
    word + plural: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}
_LARGEST_EXPONENT = 1000
_DEFINITE = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_ABOUT = {**_DEFINITE, "year": "a", "month": "mo"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """``value`` of ``unit``: a UCUM code ("mg/dL", "1") or a calendar word as written ("days")."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        """Return the quantity as FHIRPath writes it: ``4 days``, ``1.5 'mg'``."""
        return f"{self.value} {self.unit}" if self.unit in CALENDAR_WORDS else f"{self.value} '{self.unit}'"


def compare(left: Quantity, right: Quantity) -> int | None:
    """Return -1, 0 or 1; None where the units are not comparable.

    A calendar year or month is comparable with its own kind only, and a year is 12 months.
    """
    if left.unit == right.unit:
        return (left.value > right.value) - (left.value < right.value)
    here, there = canonical(left), canonical(right)
    if here is None or there is None or here[1] != there[1]:
        return None
    return (here[0] > there[0]) - (here[0] < there[0])


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether both units measure the same thing."""
    return compare(left, right) is not None


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Whether both are the same, rounded to the less precise; a calendar year is about UCUM's 'a'."""
    here, there = (Quantity(one.value, _definite(one.unit, _ABOUT)) for one in (left, right))
    converted = convert(there, here.unit)
    if converted is None:
        return False
    return equal_rounded(here.value, converted)


def equal_rounded(left: Decimal, right: Decimal) -> bool:
    """Whether both are the same at the precision of the less precise."""
    last = ARITHMETIC.scaleb(Decimal(1), -min(decimals(left), decimals(right)))
    here, there = (one.quantize(last, ROUND_HALF_UP, ARITHMETIC) for one in (left, right))
    return here == there if here.is_finite() and there.is_finite() else left == right


def convert(quantity: Quantity, unit: str) -> Decimal | None:
    """Return the value of ``quantity`` in ``unit``; None where that is something else."""
    if quantity.unit == unit:
        return quantity.value
    there = canonical(Quantity(Decimal(0), unit))
    base = canonical(quantity)
    size = canonical(Quantity(Decimal(1), unit))
    if base is None or there is None or size is None or base[1] != there[1]:
        return None
    amount = (base[0] - there[0]) / (size[0] - there[0])
    return ARITHMETIC.divide(Decimal(amount.numerator), Decimal(amount.denominator))


def canonical(quantity: Quantity) -> tuple[Fraction, frozenset[tuple[str, int]]] | None:
    """Return the quantity in base units and their exponents; None for a unit not known or a value beyond measure."""
    if abs(quantity.value.adjusted()) > _LARGEST_EXPONENT:
        return None
    word = CALENDAR_WORDS.get(quantity.unit)
    if word in ("year", "month"):
        return Fraction(quantity.value) * (12 if word == "year" else 1), frozenset({("calendar month", 1)})
    measure = ucum.measure(_definite(quantity.unit, _DEFINITE))
    if measure is None:
        return None
    return (Fraction(quantity.value) + measure.offset) * measure.factor, measure.dimension


def multiply(left: Quantity, right: Quantity) -> Quantity:
    """Return the product; its unit is the product of the units."""
    if left.unit == "1" or right.unit == "1":
        return Quantity(ARITHMETIC.multiply(left.value, right.value), right.unit if left.unit == "1" else left.unit)
    return Quantity(ARITHMETIC.multiply(left.value, right.value), f"{_ucum(left.unit)}.{_ucum(right.unit)}")


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """Return the quotient; None for a division by zero."""
    if not right.value:
        return None
    value = ARITHMETIC.divide(left.value, right.value)
    if left.unit == right.unit:
        return Quantity(value, "1")
    if right.unit == "1":
        return Quantity(value, left.unit)
    over, under = _ucum(left.unit), _ucum(right.unit)
    under = f"({under})" if "." in under or "/" in under else under
    return Quantity(value, f"/{under}" if over == "1" else f"{over}/{under}")


def add(left: Quantity, right: Quantity) -> Quantity | None:
    """Return the sum in the unit of ``left``; None where the units are not comparable."""
    value = convert(right, left.unit)
    return None if value is None else Quantity(ARITHMETIC.add(left.value, value), left.unit)


def decimals(value: Decimal) -> int:
    """Return the number of digits after the point."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _definite(unit: str, codes: dict[str, str]) -> str:
    return codes.get(CALENDAR_WORDS.get(unit, ""), unit)


def _ucum(unit: str) -> str:
    return _definite(unit, _ABOUT)
