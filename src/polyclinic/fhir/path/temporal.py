"""Dates, date-times and times of partial precision: comparison, calendar arithmetic, boundaries.

Source: http://hl7.org/fhirpath/N1 (sections Types, Comparison, Date/Time Arithmetic).
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from polyclinic.fhir.path.quantity import CALENDAR_WORDS

Kind = Literal["Date", "DateTime", "Time"]

_SECOND = 1_000_000_000  # nanoseconds, the unit that instants are compared in
_HOUR = 3600 * _SECOND
_LARGEST_EXPONENT = 20  # of an amount of time; the years 1 to 9999 have 3e17 milliseconds
_EARLIEST_OFFSET, _LATEST_OFFSET = (
    14 * 60,
    -12 * 60,
)  # minutes; the zones of the earth, for values without one
_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_DATE_TIME = re.compile(rf"{_DATE.pattern}(?:T(?:{_CLOCK})?(Z|[+-]\d\d:\d\d)?)?")
_TIME = re.compile(rf"T?{_CLOCK}")
_LEAST = (1, 1, 1, 0, 0, 0)
_DIGITS = (4, 2, 2, 2, 2, 2)
_YEAR, _MONTH, _DAY, _HOURS, _MINUTE, _SECONDS = range(1, 7)

_UNITS = {  # what a calendar word or a definite UCUM code of time counts: (months, nanoseconds)
    "year": (12, 0), "month": (1, 0), "week": (0, 7 * 24 * _HOUR), "wk": (0, 7 * 24 * _HOUR),
    "day": (0, 24 * _HOUR), "d": (0, 24 * _HOUR), "hour": (0, _HOUR), "h": (0, _HOUR),
    "minute": (0, 60 * _SECOND), "min": (0, 60 * _SECOND), "second": (0, _SECOND), "s": (0, _SECOND),
    "millisecond": (0, _SECOND // 1000), "ms": (0, _SECOND // 1000),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Temporal:
    """A Date, DateTime or Time as precise as it was written.

    ``parts``: year, month, day, hour, minute, second (a Time begins at hour), as many as are known.
    ``fraction``: the digits after the second's point. ``offset``: minutes east of UTC, None where not told.
    """

    kind: Kind
    parts: tuple[int, ...]
    fraction: str = ""
    offset: int | None = None

    def __str__(self) -> str:
        """Return the value as FHIR writes it."""
        if self.kind == "Time":
            return _clock(self.parts, self.fraction)
        days = "-".join(f"{part:0{digits}}" for part, digits in zip(self.parts[:3], _DIGITS, strict=False))
        if len(self.parts) <= _DAY:
            return days
        return f"{days}T{_clock(self.parts[3:], self.fraction)}{_zone(self.offset)}"

    @property
    def precision(self) -> int:
        """Return the number of its digits: 4 for a year, 8 for a day, 17 to the millisecond."""
        digits = _DIGITS[3:] if self.kind == "Time" else _DIGITS
        return sum(digits[: len(self.parts)]) + len(self.fraction)


def _clock(parts: tuple[int, ...], fraction: str) -> str:
    return ":".join(f"{part:02}" for part in parts) + (f".{fraction}" if fraction else "")


def _zone(offset: int | None) -> str:
    if offset is None:
        return ""
    if offset == 0:
        return "Z"
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"


@lru_cache(maxsize=4096)
def read_date(text: str) -> Temporal | None:
    """Return the Date that ``text`` writes (YYYY, YYYY-MM or YYYY-MM-DD), or None."""
    found = _DATE.fullmatch(text)
    return None if found is None else _checked("Date", found.groups(), "", None)


@lru_cache(maxsize=4096)
def read_date_time(text: str) -> Temporal | None:
    """Return the DateTime that ``text`` writes, from YYYY to fractions of seconds, or None."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    *parts, fraction, zone = found.groups()
    return _checked("DateTime", tuple(parts), fraction or "", zone)


@lru_cache(maxsize=4096)
def read_time(text: str) -> Temporal | None:
    """Return the Time that ``text`` writes (hh, hh:mm, hh:mm:ss or finer), or None."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    *parts, fraction = found.groups()
    return _checked("Time", tuple(parts), fraction or "", None)


def from_datetime(moment: datetime) -> Temporal:
    """Return the DateTime of ``moment``, which carries an offset, to the millisecond."""
    shift = moment.utcoffset()
    offset = None if shift is None else int(shift.total_seconds()) // 60
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return Temporal("DateTime", parts, f"{moment.microsecond // 1000:03}", offset)


def _checked(kind: Kind, texts: tuple[str | None, ...], fraction: str, zone: str | None) -> Temporal | None:
    parts = tuple(int(text) for text in texts if text is not None)
    clock = parts if kind == "Time" else parts[3:]
    if any(part > limit for part, limit in zip(clock, (23, 59, 60), strict=False)):
        return None
    if kind != "Time":
        year, month, day = (parts + _LEAST)[:3] if len(parts) >= 3 else parts + _LEAST[len(parts) : 3]
        if year < 1 or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
            return None
    offset = None
    if zone is not None:
        offset = 0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[4:6]))
    return Temporal(kind, parts, fraction, offset)


def as_date_time(value: Temporal) -> Temporal:
    """Return a Date as the DateTime of the same precision (a DateTime as it is)."""
    return Temporal("DateTime", value.parts, value.fraction, value.offset)


def as_date(value: Temporal) -> Temporal:
    """Return the day (month, year) of a DateTime (a Date as it is)."""
    return Temporal("Date", value.parts[:3])


def compare(left: Temporal, right: Temporal) -> int | None:
    """Return -1, 0 or 1 for before, same and after; None where their precision or zones leave it open.

    Seconds and their fractions are one precision. Raises: ``TypeError`` for a Time beside a date.
    """
    if (left.kind == "Time") is not (right.kind == "Time"):
        raise TypeError("a time of day and a date are not comparable")
    (low, high), (other_low, other_high) = _span(left), _span(right)
    mixed = (left.offset is None) is not (right.offset is None)
    if not mixed and len(left.parts) == len(right.parts):
        return (low > other_low) - (low < other_low)
    if mixed and left.kind != "Time":
        low, high = _widened(low, high, left)
        other_low, other_high = _widened(other_low, other_high, right)
    if high < other_low:
        return -1
    return 1 if low > other_high else None


def equal(left: Temporal, right: Temporal) -> bool | None:
    """Return whether both are the same time; None where that is open; False for a Time beside a date."""
    if (left.kind == "Time") is not (right.kind == "Time"):
        return False
    order = compare(left, right)
    return None if order is None else order == 0


def _widened(low: int, high: int, value: Temporal) -> tuple[int, int]:
    if value.offset is not None:
        return low, high
    return low - _EARLIEST_OFFSET * 60 * _SECOND, high - _LATEST_OFFSET * 60 * _SECOND


def _span(value: Temporal) -> tuple[int, int]:
    """Return the first and last nanosecond that ``value`` may mean, counted from year 1, in UTC if it can."""
    low = _instant(value)
    known = len(value.parts) + (3 if value.kind == "Time" else 0)
    if known >= _SECONDS:
        return low, low
    if known >= _DAY:
        return low, low + {_DAY: 24 * _HOUR, _HOURS: _HOUR, _MINUTE: 60 * _SECOND}[known] - 1
    year, month = value.parts[0], value.parts[1] if known == _MONTH else 12
    last = date(year, month, monthrange(year, month)[1]).toordinal() + 1
    return low, last * 24 * _HOUR - (value.offset or 0) * 60 * _SECOND - 1


def _instant(value: Temporal) -> int:
    if value.kind == "Time":
        day, clock = 0, value.parts
    else:
        year, month, dayofmonth = (value.parts + _LEAST[len(value.parts) :])[:3]
        day, clock = date(year, month, dayofmonth).toordinal(), value.parts[3:]
    hour, minute, second = clock + (0, 0, 0)[len(clock) :]
    seconds = day * 86_400 + hour * 3600 + minute * 60 + second - (value.offset or 0) * 60
    return seconds * _SECOND + int(value.fraction[:9].ljust(9, "0"))


def add(value: Temporal, amount: Decimal, unit: str) -> Temporal | None:
    """Return ``value`` moved by ``amount`` units of time; None outside the years 1-9999.

    A partial date is moved in its own precision: the rest of the amount is cut off, and so is a fraction of
    a unit (HL7's testPlusDate19). A day that the month lacks becomes its last.
    Raises: ``TypeError`` where ``unit`` does not count calendar time (UCUM's 'a' and 'mo' are averages).
    """
    counts = _UNITS.get(CALENDAR_WORDS.get(unit, unit))
    if counts is None:
        raise TypeError("only a quantity of time can be added to a date or a time")
    if amount.adjusted() > _LARGEST_EXPONENT:
        return None
    months, nanoseconds = counts
    if value.kind == "Time":
        if months:
            raise TypeError("years and months cannot be added to a time of day")
        return _moved_clock(value, int(amount) * nanoseconds)
    try:
        if months:
            return _moved_months(value, int(amount) * months)
        return _moved(value, int(amount) * nanoseconds)
    except (ValueError, OverflowError):
        return None


def _moved_months(value: Temporal, months: int) -> Temporal:
    if len(value.parts) == _YEAR:
        months = int(months / 12) * 12
    year, month, day = (value.parts + _LEAST[len(value.parts) :])[:3]
    year, month = divmod(year * 12 + month - 1 + months, 12)
    day = min(day, monthrange(year, month + 1)[1])
    date(year, month + 1, day)
    moved = (year, month + 1, day, *value.parts[3:])[: len(value.parts)]
    return Temporal(value.kind, moved, value.fraction, value.offset)


def _moved(value: Temporal, nanoseconds: int) -> Temporal:
    if len(value.parts) < _DAY:  # a month counts 30 days and a year 365 where days move a partial date
        days = int(nanoseconds / (24 * _HOUR))
        return _moved_months(value, int(days / 365) * 12 if len(value.parts) == _YEAR else int(days / 30))
    resolution = _resolution(value)
    start = _instant(Temporal(value.kind, value.parts, value.fraction))
    moment = start + _toward_zero(nanoseconds, resolution)
    day, rest = divmod(moment, 24 * _HOUR)
    moved = date.fromordinal(day)
    clock, fraction = _clock_parts(rest, value.fraction)
    parts = (moved.year, moved.month, moved.day, *clock)[: len(value.parts)]
    return Temporal(value.kind, parts, fraction, value.offset)


def _moved_clock(value: Temporal, nanoseconds: int) -> Temporal:
    resolution = _resolution(value)
    moment = (_instant(value) + _toward_zero(nanoseconds, resolution)) % (24 * _HOUR)
    clock, fraction = _clock_parts(moment, value.fraction)
    return Temporal("Time", clock[: len(value.parts)], fraction)


def _toward_zero(nanoseconds: int, resolution: int) -> int:
    whole = abs(nanoseconds) // resolution * resolution
    return whole if nanoseconds > 0 else -whole


def _resolution(value: Temporal) -> int:
    """Return the nanoseconds of the finest part that is known, from the day on."""
    known = len(value.parts) + (3 if value.kind == "Time" else 0)
    return {_DAY: 24 * _HOUR, _HOURS: _HOUR, _MINUTE: 60 * _SECOND}.get(known, 1)


def _clock_parts(nanoseconds: int, written: str) -> tuple[tuple[int, int, int], str]:
    seconds, rest = divmod(nanoseconds, _SECOND)
    digits = max(len(written), 3) if rest else len(written)
    return (seconds // 3600, seconds // 60 % 60, seconds % 60), f"{rest:09}"[:digits]


def low_boundary(value: Temporal, precision: int) -> Temporal | None:
    """Return the earliest value of ``precision`` digits of ``value``; None for a precision it lacks."""
    return _boundary(value, precision, last=False)


def high_boundary(value: Temporal, precision: int) -> Temporal | None:
    """Return the latest value of ``precision`` digits of ``value``; None for a precision it lacks."""
    return _boundary(value, precision, last=True)


def _boundary(value: Temporal, precision: int, *, last: bool) -> Temporal | None:
    lengths = {2: 1, 4: 2, 6: 3, 9: 3} if value.kind == "Time" else {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6}
    length = lengths.get(precision)
    if length is None or (value.kind == "Date" and precision > 8):
        return None
    parts = value.parts
    if value.kind == "DateTime" and len(parts) == _HOURS:
        parts = (*parts, 0)  # FHIR has no hour without minutes: the hour alone means its first minute
    filled = _filled(parts, time=value.kind == "Time", last=last)[:length]
    fraction = value.fraction
    if precision in (9, 17):
        fraction = fraction.ljust(3, "9" if last and len(parts) < len(filled) else "0")[:3]
    elif precision in (6, 14):
        fraction = ""
    offset = value.offset
    if value.kind == "DateTime" and length > _DAY and offset is None:
        offset = _LATEST_OFFSET if last else _EARLIEST_OFFSET
    kept = offset if length > _DAY else None
    return Temporal(value.kind, filled, fraction if length >= (3 if value.kind == "Time" else 6) else "", kept)


def _filled(parts: tuple[int, ...], *, time: bool, last: bool) -> tuple[int, ...]:
    least = _LEAST[3:] if time else _LEAST
    if not last:
        return parts + least[len(parts) :]
    if time:
        return parts + (23, 59, 59)[len(parts) :]
    month = parts[1] if len(parts) > 1 else 12
    return parts + (9999, 12, monthrange(parts[0], month)[1], 23, 59, 59)[len(parts) :]


def key(value: Temporal) -> tuple[bool, int, bool, int]:
    """Return what two values have in common exactly when they are known to be the same time."""
    known = min(len(value.parts), 3 if value.kind == "Time" else _SECONDS)
    return value.kind == "Time", known, value.offset is None, _instant(value)
