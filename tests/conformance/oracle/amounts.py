"""Number and quantity parameters: https://hl7.org/fhir/R4/search.html#number and #quantity

Arithmetic is exact. A span is closed, [low, high], infinite where it is open. With a comparator a value is all that
it may be, its limit included.
"""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import inf
from typing import Any, NamedTuple

from oracle.grammar import Malformed, plain, prefixed, split
from oracle.paths import Node
from oracle.units import UCUM, unit

CURRENCIES = "urn:iso:std:iso:4217"
_QUANTITIES = ("Quantity", "SimpleQuantity", "MoneyQuantity", "Age", "Count", "Distance", "Duration")


class Amount(NamedTuple):
    """What a quantity may be, and its unit by system, code and name."""

    low: Fraction | float
    high: Fraction | float
    system: str = ""
    code: str = ""
    name: str = ""


def number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Malformed(text) from error
    if not value.is_finite() or "_" in text:
        raise Malformed(text)
    return value


def half_digit(value: Decimal) -> Fraction:
    """Return half of what the last digit counts; 1e2 has two digits, as in R4's own example."""
    _, digits, exponent = value.as_tuple()
    places = int(exponent) - (len(digits) == 1 and int(exponent) > 0)
    return Fraction(10) ** places / 2


def amounts(node: Node) -> list[Amount]:
    """Return what a number, Quantity, Money or Range may be; nothing for what has no value."""
    value = node.value
    if node.type in ("integer", "positiveInt", "unsignedInt", "decimal"):
        return [Amount(Fraction(str(value)), Fraction(str(value)))]
    if node.type in _QUANTITIES and "value" in value:
        low, high = _compared(Fraction(str(value["value"])), value.get("comparator", ""))
        return [Amount(low, high, *_unit(value))]
    if node.type == "Money" and "value" in value:
        exact = Fraction(str(value["value"]))
        return [Amount(exact, exact, CURRENCIES, value.get("currency", ""))]
    if node.type == "Range":
        return _range(value.get("low", {}), value.get("high", {}))
    return []


def _unit(value: dict[str, Any]) -> tuple[str, str, str]:
    return value.get("system", ""), value.get("code", ""), value.get("unit", "")


def _compared(value: Fraction, comparator: str) -> tuple[Fraction | float, Fraction | float]:
    if comparator.startswith("<"):
        return -inf, value
    return value, inf if comparator.startswith(">") else value


def _range(low: dict[str, Any], high: dict[str, Any]) -> list[Amount]:
    if "value" not in low and "value" not in high:
        return []
    lower = Fraction(str(low["value"])) if "value" in low else -inf
    upper = Fraction(str(high["value"])) if "value" in high else inf
    return [Amount(lower, upper, *_unit(low or high))]


def number_matches(node: Node, value: str) -> bool:
    prefix, text = prefixed(plain(value))
    asked = number(text)
    return any(compare(prefix, held, Fraction(asked), half_digit(asked)) for held in amounts(node))


def quantity_matches(node: Node, value: str) -> bool:
    parts = [plain(part) for part in split(value, "|")]
    if len(parts) not in (1, 3) or (len(parts) == 3 and parts[1] and not parts[2]):
        raise Malformed(value)
    prefix, text = prefixed(parts[0])
    asked = number(text)
    system, code = parts[1:] if len(parts) == 3 else ("", "")
    return any(_held_matches(prefix, held, asked, system, code) for held in amounts(node))


def _held_matches(prefix: str, held: Amount, asked: Decimal, system: str, code: str) -> bool:
    """Compare in the unit of the question; only UCUM units of one dimension are converted into each other."""
    exact, half = Fraction(asked), half_digit(asked)
    if not code:
        return compare(prefix, held, exact, half)
    if not system:
        return code in (held.code, held.name) and compare(prefix, held, exact, half)
    if (held.system, held.code) == (system, code):
        return compare(prefix, held, exact, half)
    mine, theirs = unit(held.code), unit(code)
    if system != UCUM or held.system != UCUM or mine is None or theirs is None or mine.dimension != theirs.dimension:
        return False
    factor = mine.factor / theirs.factor
    converted = Amount(held.low * factor, held.high * factor)
    return compare(prefix, converted, exact, half)


def compare(prefix: str, held: Amount, asked: Fraction, half: Fraction) -> bool:
    """Whether ``held`` stands to ``asked`` as the prefix says; only eq and ne look at the precision of the question."""
    contained = asked - half <= held.low and held.high < asked + half
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return held.high > asked
        case "lt":
            return held.low < asked
        case "ge":
            return held.high >= asked
        case "le":
            return held.low <= asked
        case "sa":
            return held.low > asked
        case "eb":
            return held.high < asked
    slack = abs(asked) / 10
    return held.low <= asked + slack and held.high >= asked - slack
