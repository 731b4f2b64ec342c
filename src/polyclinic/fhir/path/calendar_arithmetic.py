"""Moving dates and times by quantities of time, and the first and last moment a partial one may mean.

Source: http://hl7.org/fhirpath/N1/#datetime-arithmetic; boundaries: http://hl7.org/fhirpath/#lowboundary.
"""

from calendar import monthrange
from datetime import date
from decimal import Decimal

from polyclinic.fhir.path.quantity import CALENDAR_WORDS
from polyclinic.fhir.path.temporal import (
    DAY,
    EARLIEST_OFFSET,
    HOUR,
    HOURS,
    LATEST_OFFSET,
    LEAST,
    MINUTE,
    SECOND,
    YEAR,
    Temporal,
    instant,
)

_LARGEST_EXPONENT = 20  # of an amount of time; the years 1 to 9999 have 3e17 milliseconds

_UNITS = {  # what a calendar word or a definite UCUM code of time counts: (months, nanoseconds)
    "year": (12, 0), "month": (1, 0), "week": (0, 7 * 24 * HOUR), "wk": (0, 7 * 24 * HOUR),
    "day": (0, 24 * HOUR), "d": (0, 24 * HOUR), "hour": (0, HOUR), "h": (0, HOUR),
    "minute": (0, 60 * SECOND), "min": (0, 60 * SECOND), "second": (0, SECOND), "s": (0, SECOND),
    "millisecond": (0, SECOND // 1000), "ms": (0, SECOND // 1000),
}  # fmt: skip


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
    if len(value.parts) == YEAR:
        months = int(months / 12) * 12
    year, month, day = (value.parts + LEAST[len(value.parts) :])[:3]
    year, month = divmod(year * 12 + month - 1 + months, 12)
    day = min(day, monthrange(year, month + 1)[1])
    date(year, month + 1, day)
    moved = (year, month + 1, day, *value.parts[3:])[: len(value.parts)]
    return Temporal(value.kind, moved, value.fraction, value.offset)


def _moved(value: Temporal, nanoseconds: int) -> Temporal:
    if len(value.parts) < DAY:  # a month counts 30 days and a year 365 where days move a partial date
        days = int(nanoseconds / (24 * HOUR))
        return _moved_months(value, int(days / 365) * 12 if len(value.parts) == YEAR else int(days / 30))
    resolution = _resolution(value)
    start = instant(Temporal(value.kind, value.parts, value.fraction))
    moment = start + _toward_zero(nanoseconds, resolution)
    day, rest = divmod(moment, 24 * HOUR)
    moved = date.fromordinal(day)
    clock, fraction = _clock_parts(rest, value.fraction)
    parts = (moved.year, moved.month, moved.day, *clock)[: len(value.parts)]
    return Temporal(value.kind, parts, fraction, value.offset)


def _moved_clock(value: Temporal, nanoseconds: int) -> Temporal:
    resolution = _resolution(value)
    moment = (instant(value) + _toward_zero(nanoseconds, resolution)) % (24 * HOUR)
    clock, fraction = _clock_parts(moment, value.fraction)
    return Temporal("Time", clock[: len(value.parts)], fraction)


def _toward_zero(nanoseconds: int, resolution: int) -> int:
    whole = abs(nanoseconds) // resolution * resolution
    return whole if nanoseconds > 0 else -whole


def _resolution(value: Temporal) -> int:
    """Return the nanoseconds of the finest part that is known, from the day on."""
    known = len(value.parts) + (3 if value.kind == "Time" else 0)
    return {DAY: 24 * HOUR, HOURS: HOUR, MINUTE: 60 * SECOND}.get(known, 1)


def _clock_parts(nanoseconds: int, written: str) -> tuple[tuple[int, int, int], str]:
    seconds, rest = divmod(nanoseconds, SECOND)
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
    if value.kind == "DateTime" and len(parts) == HOURS:
        parts = (*parts, 0)  # FHIR has no hour without minutes: the hour alone means its first minute
    filled = _filled(parts, time=value.kind == "Time", last=last)[:length]
    fraction = value.fraction
    if precision in (9, 17):
        fraction = fraction.ljust(3, "9" if last and len(parts) < len(filled) else "0")[:3]
    elif precision in (6, 14):
        fraction = ""
    offset = value.offset
    if value.kind == "DateTime" and length > DAY and offset is None:
        offset = LATEST_OFFSET if last else EARLIEST_OFFSET
    kept = offset if length > DAY else None
    return Temporal(value.kind, filled, fraction if length >= (3 if value.kind == "Time" else 6) else "", kept)


def _filled(parts: tuple[int, ...], *, time: bool, last: bool) -> tuple[int, ...]:
    least = LEAST[3:] if time else LEAST
    if not last:
        return parts + least[len(parts) :]
    if time:
        return parts + (23, 59, 59)[len(parts) :]
    month = parts[1] if len(parts) > 1 else 12
    return parts + (9999, 12, monthrange(parts[0], month)[1], 23, 59, 59)[len(parts) :]
