"""Date parameters: https://hl7.org/fhir/R4/search.html#date

A span is half-open, in microseconds since 1970 UTC, infinite where a period is open. Without an offset a time is UTC.
"""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import inf
from typing import NamedTuple

from oracle.grammar import Malformed, plain, prefixed
from oracle.paths import Node

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


class Span(NamedTuple):
    low: float
    high: float


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def date_span(text: str) -> Span:
    """Return all moments that ``text`` may mean by its precision. Raises: ``Malformed``."""
    found = _DATE.fullmatch(text)
    if not found:
        raise Malformed(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), tzinfo=UTC)
    except ValueError as error:
        raise Malformed(text) from error
    low = micros(start) + int(second or 0) * 1_000_000 - _offset(zone)
    if fraction:
        return Span(low + int(fraction.ljust(6, "0")[:6]), low + int(fraction.ljust(6, "0")[:6]) + _last(fraction))
    if second:
        return Span(low, low + 1_000_000)
    if hour:
        return Span(low, low + 60_000_000)
    return Span(low, micros(_after(start, month, day)))


def _last(fraction: str) -> int:
    return 10 ** max(0, 6 - len(fraction))


def _offset(zone: str | None) -> int:
    if zone in (None, "Z"):
        return 0
    size = (int(zone[1:3]) * 60 + int(zone[4:6])) * 60_000_000
    return size if zone[0] == "+" else -size


def _after(start: datetime, month: str | None, day: str | None) -> datetime:
    if day:
        return start + timedelta(days=1)
    if month:
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1)


def spans(node: Node) -> list[Span]:
    """Return the spans of a date, Period or Timing; of a schedule only the outer limits, as R4 has it."""
    match node.type:
        case "date" | "dateTime" | "instant":
            return [date_span(node.value)]
        case "Period":
            return _period(node.value)
        case "Timing":
            found = [date_span(event) for event in node.value.get("event", ()) if event]
            found += _period(node.value.get("repeat", {}).get("boundsPeriod", {}))
            return [Span(min(one.low for one in found), max(one.high for one in found))] if found else []
    return []


def _period(period: dict[str, str]) -> list[Span]:
    start, end = period.get("start"), period.get("end")
    if not start and not end:
        return []
    return [Span(date_span(start).low if start else -inf, date_span(end).high if end else inf)]


def matches(node: Node, value: str, now: datetime) -> bool:
    prefix, text = prefixed(plain(value))
    asked = date_span(text)
    return any(compare(prefix, span, asked, now) for span in spans(node))


def compare(prefix: str, held: Span, asked: Span, now: datetime) -> bool:
    """Whether ``held`` stands to ``asked`` as the prefix says (https://hl7.org/fhir/R4/search.html#prefix)."""
    contained = asked.low <= held.low and held.high <= asked.high
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return held.high > asked.high
        case "lt":
            return held.low < asked.low
        case "ge":
            return contained or held.high > asked.high
        case "le":
            return contained or held.low < asked.low
        case "sa":
            return held.low >= asked.high
        case "eb":
            return held.high <= asked.low
    slack = Fraction(abs(micros(now) - int(asked.low)), 10)
    return held.low < asked.high + slack and held.high > asked.low - slack
