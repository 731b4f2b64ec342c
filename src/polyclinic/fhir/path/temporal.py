"""Dates, date-times and times of partial precision: reading, writing and comparing them.

Source: http://hl7.org/fhirpath/N1 (sections Types and Comparison).
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

Kind = Literal["Date", "DateTime", "Time"]

SECOND = 1_000_000_000  # nanoseconds, the unit that instants are compared in
HOUR = 3600 * SECOND
EARLIEST_OFFSET, LATEST_OFFSET = 14 * 60, -12 * 60  # minutes; the zones of the earth
_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_DATE_TIME = re.compile(rf"{_DATE.pattern}(?:T(?:{_CLOCK})?(Z|[+-]\d\d:\d\d)?)?")
_TIME = re.compile(rf"T?{_CLOCK}")
LEAST = (1, 1, 1, 0, 0, 0)
_DIGITS = (4, 2, 2, 2, 2, 2)
YEAR, MONTH, DAY, HOURS, MINUTE, SECONDS = range(1, 7)  # how many parts are known to this one


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
        if len(self.parts) <= DAY:
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
        year, month, day = (parts + LEAST)[:3] if len(parts) >= 3 else parts + LEAST[len(parts) : 3]
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
    return low - EARLIEST_OFFSET * 60 * SECOND, high - LATEST_OFFSET * 60 * SECOND


def _span(value: Temporal) -> tuple[int, int]:
    """Return the first and last nanosecond that ``value`` may mean, counted from year 1, in UTC if it can."""
    low = instant(value)
    known = len(value.parts) + (3 if value.kind == "Time" else 0)
    if known >= SECONDS:
        return low, low
    if known >= DAY:
        return low, low + {DAY: 24 * HOUR, HOURS: HOUR, MINUTE: 60 * SECOND}[known] - 1
    year, month = value.parts[0], value.parts[1] if known == MONTH else 12
    last = date(year, month, monthrange(year, month)[1]).toordinal() + 1
    return low, last * 24 * HOUR - (value.offset or 0) * 60 * SECOND - 1


def instant(value: Temporal) -> int:
    """Return the first nanosecond that ``value`` may mean, counted from year 1 (from midnight for a Time)."""
    if value.kind == "Time":
        day, clock = 0, value.parts
    else:
        year, month, dayofmonth = (value.parts + LEAST[len(value.parts) :])[:3]
        day, clock = date(year, month, dayofmonth).toordinal(), value.parts[3:]
    hour, minute, second = clock + (0, 0, 0)[len(clock) :]
    seconds = day * 86_400 + hour * 3600 + minute * 60 + second - (value.offset or 0) * 60
    return seconds * SECOND + int(value.fraction[:9].ljust(9, "0"))


def key(value: Temporal) -> tuple[bool, int, bool, int]:
    """Return what two values have in common exactly when they are known to be the same time."""
    known = min(len(value.parts), 3 if value.kind == "Time" else SECONDS)
    return value.kind == "Time", known, value.offset is None, instant(value)
