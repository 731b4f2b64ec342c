"""What a value means in a search: the span of time a date covers, the precision of a number, the folded form of a text.

A span is a pair of floats. Dates count microseconds since 1970-01-01T00:00Z and are half-open [low, high);
numbers are closed [low, high]. Source: https://hl7.org/fhir/R4/search.html#prefix
"""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import inf, nextafter
from typing import NamedTuple


class Span(NamedTuple):
    """From ``low`` to ``high``; infinite where a period is open."""

    low: float
    high: float


DAY = 86_400_000_000
LONGEST_TEXT = 256
"""Characters of a folded text that are indexed; a longer text is found by its first 256."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_ORDINAL = _EPOCH.toordinal()
_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:T(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d|60)(?P<fraction>\.\d+)?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?\Z",
    re.ASCII,
)
_TENTH = Decimal("0.1")
_FIRST_DAY = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1)
_LAST_DAY = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1)


def moment(at: datetime) -> float:
    """Return ``at`` (with an offset) in microseconds since 1970."""
    return float((at - _EPOCH) // timedelta(microseconds=1))


def time_of(microseconds: float) -> datetime:
    """Return the moment that ``microseconds`` since 1970 stand for, in UTC; never beyond the calendar."""
    return _EPOCH + timedelta(microseconds=min(max(microseconds, _FIRST_DAY), _LAST_DAY))


def date_span(text: str) -> Span | None:
    """Return the span that a date, dateTime or instant covers by its precision; None if it is none of them.

    A year covers the year, a minute the minute. Without an offset the time is taken as UTC.
    """
    if len(text) == 10 and text.isascii():
        return _day(text)
    if len(text) >= 20:
        return _second(text)
    return _by_precision(text)


def _day(text: str) -> Span | None:
    try:
        low = (date.fromisoformat(text).toordinal() - _FIRST_ORDINAL) * DAY
    except ValueError:
        return None
    return Span(float(low), float(low + DAY)) if text[4] == text[7] == "-" else None


def _second(text: str) -> Span | None:
    """Return the span of a time with seconds and an offset, the form that nearly all data has."""
    if not (text[4] == text[7] == "-" and text[10] == "T" and text[13] == text[16] == ":"):
        return _by_precision(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _by_precision(text)
    if at.tzinfo is None:
        return _by_precision(text)
    low = round(at.timestamp() * 1e6)
    point = text.find(".", 19, 21)
    if point < 0:
        return Span(float(low), float(low + 1_000_000))
    digits = len(text) - point - (2 if text[-1] == "Z" else 7)
    return Span(float(low), float(low + 10 ** max(0, 6 - digits)))


def _by_precision(text: str) -> Span | None:
    found = _DATE.match(text)
    if not found:
        return None
    part = found.groupdict()
    try:
        low = datetime(int(part["year"]), int(part["month"] or 1), int(part["day"] or 1), tzinfo=UTC)
        low += timedelta(hours=int(part["hour"] or 0), minutes=int(part["minute"] or 0)) - _offset(part["zone"])
        low += timedelta(seconds=int(part["second"] or 0))
        begin = moment(low) + float(part["fraction"] or 0) * 1e6 // 1
        return Span(begin, begin + _width(part))
    except (ValueError, OverflowError):
        return None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta(0)
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return size if zone[0] == "+" else -size


def _width(part: dict[str, str | None]) -> float:
    if part["fraction"]:
        return float(10 ** max(0, 7 - len(part["fraction"])))
    if part["second"]:
        return 1e6
    if part["hour"]:
        return 60e6
    if part["day"]:
        return float(DAY)
    year, month = int(part["year"] or 0), part["month"]
    first = datetime(year, int(month or 1), 1)  # noqa: DTZ001
    ends_with_time = year == 9999 and month in (None, "12")
    if ends_with_time:
        return inf
    after = datetime(year + (month in (None, "12")), int(month) % 12 + 1 if month else 1, 1)  # noqa: DTZ001
    return float((after - first) // timedelta(microseconds=1))


def number(text: str) -> Decimal | None:
    """Return the number that ``text`` writes (exponents allowed); None if it is none, or not finite."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 300 and "_" not in text else None


def precision(value: Decimal) -> Span:
    """Return what ``value`` covers by the digits it was written with: 100 is [99.5, 100.5), 1e2 is [95, 105).

    The second is R4's own example: one digit with a power of ten counts as two. It is never less than one float.
    """
    _, digits, exponent = value.as_tuple()
    places = int(exponent) - (len(digits) == 1 and int(exponent) > 0)
    half = Decimal(5).scaleb(places - 1)
    return Span(float(value - half), max(float(value + half), nextafter(float(value), inf)))


def about(value: Decimal) -> Span:
    """Return what "approximately ``value``" covers: a tenth of it to each side, as R4 recommends."""
    slack = abs(value) * _TENTH
    return Span(float(value - slack), float(value + slack))


def about_date(span: Span, now: datetime) -> Span:
    """Return what "approximately then" covers: a tenth of the distance to ``now`` to each side, as R4 recommends."""
    slack = abs(moment(now) - span.low) * 0.1
    return Span(span.low - slack, span.high + slack)


def fold(text: str) -> str:
    """Return ``text`` without case, accents and runs of blanks: what a string search compares."""
    if text.isascii():
        return " ".join(text.lower().split())[:LONGEST_TEXT]
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())[:LONGEST_TEXT]
