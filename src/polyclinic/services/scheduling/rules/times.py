"""FHIR's dates and times as scheduling reckons: instants in seconds, local days, seconds of wall clock.

Source: https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from polyclinic.services.scheduling.model import Edge, Stretch

DAY = 86_400
"""Seconds of wall clock in a day."""

_LAST_MINUTE = DAY - 60


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone with this IANA name, None if there is none."""
    return ZoneInfo(name) if name in _names() else None


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def moment_of(text: str) -> datetime:
    """Return a dateTime on the clock that it is written by; a date is its first moment, in UTC.

    Raises: ``ValueError`` for what no calendar has.
    """
    if "T" not in text:
        year, month, day = ([int(part) for part in text.split("-")] + [1, 1])[:3]
        return datetime(year, month, day, tzinfo=UTC)
    leap = text[17:19] == "60"  # FHIR allows it, no clock here shows it
    return datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if leap else text) + timedelta(seconds=leap)


def edge_of(text: str, *, last: bool) -> int | date:
    """Return an instant for a dateTime, a local day for a date; the ``last`` of a month or year, else the first.

    Fractions of a second are rounded outwards. Raises: ``ValueError`` for what no calendar has.
    """
    if "T" in text:
        instant = moment_of(text).timestamp()
        return ceil(instant) if last else floor(instant)
    year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    month = month or (12 if last else 1)
    return date(year, month, day or (monthrange(year, month)[1] if last else 1))


def stretch_of(period: dict[str, Any]) -> Stretch:
    """Return a Period as a stretch of time. Raises: ``ValueError`` saying what is wrong."""
    begin: Edge = edge_of(period["start"], last=False) if "start" in period else None
    end: Edge = edge_of(period["end"], last=True) if "end" in period else None
    if type(begin) is type(end) and begin is not None and end is not None and _is_reversed(begin, end):
        raise ValueError("it ends before it starts")
    return Stretch(begin, end)


def _is_reversed(begin: Any, end: Any) -> bool:
    return bool(end < begin)


def clock_of(text: str) -> int:
    """Return the seconds after midnight of a FHIR time; parts of a second are dropped. Raises: ``ValueError``."""
    clock = time.fromisoformat(text)
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def closing_clock_of(text: str) -> int:
    """Return when a time of closing is: midnight and the last minute of a day both mean the end of it, 86400.

    FHIR's time has no 24:00, so people write 23:59 or 23:59:59; nobody means to be closed for a minute.
    Raises: ``ValueError``.
    """
    clock = clock_of(text)
    return DAY if clock == 0 or clock >= _LAST_MINUTE else clock
