"""What is compared: dates, numbers and quantities, and which comparison a prefix means.

It is decided here so that a store only has to compare columns. Source: https://hl7.org/fhir/R4/search.html#prefix
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import isinf

from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.path.ucum import Measure, measure
from polyclinic.fhir.search import terms
from polyclinic.fhir.search.clauses import Bound, SpanMatch, Spans, Updated
from polyclinic.fhir.search.emit import UCUM
from polyclinic.fhir.search.meaning.asked import Asked, Prefix, plain, prefixed, split
from polyclinic.fhir.search.values import Span, about, about_date, date_span, number, precision

Groups = tuple[tuple[Bound, ...], ...]


def date(asked: Asked) -> Spans:
    """Return what a date parameter asks."""
    asked.only()
    return Spans(
        asked.code,
        tuple(SpanMatch(b.path, _date_groups(asked, v)) for v in asked.values for b in asked.parameter.branches),
    )


def updated(asked: Asked) -> Updated:
    """Return what ``_lastUpdated`` asks."""
    asked.only()
    return Updated(tuple(group for value in asked.values for group in _date_groups(asked, value)))


def _date_groups(asked: Asked, value: str) -> Groups:
    prefix, text = prefixed(value)
    span = date_span(text.replace(" ", "+"))
    if span is None:
        raise asked.wrong(value, "a date such as 2024, 2024-05, 2024-05-31 or 2024-05-31T14:30:00+02:00")
    if prefix == "ap":
        if asked.now is None:
            raise NotSupported(f"{asked.name}: ap needs to know the time", at=asked.name)
        return overlapping(about_date(span, asked.now))
    return _DATES[prefix](span)


def numeric(asked: Asked) -> Spans:
    """Return what a number parameter asks."""
    asked.only()
    found = []
    for value in asked.values:
        prefix, text = prefixed(value)
        amount = number(text)
        if amount is None:
            raise asked.wrong(value, "a number")
        found += [SpanMatch(b.path, amounts(prefix, amount)) for b in asked.parameter.branches]
    return Spans(asked.code, tuple(found))


def quantity(asked: Asked) -> Spans:
    """Return what a quantity parameter asks; an amount in a unit of UCUM finds comparable units too."""
    asked.only()
    found = []
    for value in asked.values:
        parts = [plain(part) for part in split(value, "|")]
        prefix, text = prefixed(parts[0])
        amount = number(text)
        if amount is None or len(parts) not in (1, 3) or (len(parts) == 3 and parts[1] and not parts[2]):
            raise asked.wrong(value, "[number], [number]|[system]|[code] or [number]||[code]")
        system, code = parts[1:] if len(parts) == 3 else ("", "")
        unit = terms.unit_term(system, code) if code else None
        measured = code if system == UCUM and measure(code) else None
        groups = amounts(prefix, amount)
        found += [SpanMatch(b.path, groups, unit, measured) for b in asked.parameter.branches]
    return Spans(asked.code, tuple(found))


def overlapping(span: Span) -> Groups:
    """Return the bounds of the dates that share a moment with ``span``."""
    return ((Bound("low", "<", span.high), Bound("high", ">", span.low)),)


_DATES: dict[Prefix, Callable[[Span], Groups]] = {
    "eq": lambda s: ((Bound("low", ">=", s.low), Bound("high", "<=", s.high)),),
    "ne": lambda s: ((Bound("low", "<", s.low),), (Bound("high", ">", s.high),)),
    "gt": lambda s: ((Bound("high", ">", s.high),),),
    "lt": lambda s: ((Bound("low", "<", s.low),),),
    "ge": lambda s: ((Bound("low", ">=", s.low),), (Bound("high", ">", s.high),)),
    "le": lambda s: ((Bound("high", "<=", s.high),), (Bound("low", "<", s.low),)),
    "sa": lambda s: ((Bound("low", ">=", s.high),),),
    "eb": lambda s: ((Bound("high", "<=", s.low),),),
}


def amounts(prefix: Prefix, amount: Decimal) -> Groups:
    """Return the bounds that ``prefix`` and ``amount`` put on a number; only eq and ne look at its precision."""
    exact, near = float(amount), precision(amount)
    if prefix == "ap":
        near = about(amount)
        return ((Bound("low", "<=", near.high), Bound("high", ">=", near.low)),)
    return {
        "eq": ((Bound("low", ">=", near.low), Bound("high", "<", near.high)),),
        "ne": ((Bound("low", "<", near.low),), (Bound("high", ">=", near.high),)),
        "gt": ((Bound("high", ">", exact),),),
        "lt": ((Bound("low", "<", exact),),),
        "ge": ((Bound("high", ">=", exact),),),
        "le": ((Bound("low", "<=", exact),),),
        "sa": ((Bound("low", ">", exact),),),
        "eb": ((Bound("high", "<", exact),),),
    }[prefix]


def comparable(match: SpanMatch, code: str) -> SpanMatch | None:
    """Return what ``match`` asks of amounts in another unit, the UCUM ``code``; None where they cannot be compared."""
    wanted, unit = measure(match.measured or ""), measure(code)
    if wanted is None or unit is None or code == match.measured or unit.dimension != wanted.dimension:
        return None
    groups = tuple(tuple(_converted(bound, wanted, unit) for bound in group) for group in match.groups)
    return SpanMatch(match.path, groups, terms.unit_term(UCUM, code))


def _converted(bound: Bound, wanted: Measure, unit: Measure) -> Bound:
    """Return ``bound``, which is an amount of ``wanted``, as one of ``unit``."""
    if isinf(bound.value):
        return bound
    base = (Fraction(repr(bound.value)) + wanted.offset) * wanted.factor
    return Bound(bound.end, bound.comparison, float(base / unit.factor - unit.offset))
