"""Local days and wall clocks as instants, where a time zone may skip an hour or have it twice.

A local day is its ordinal (``date.toordinal``); a wall clock is seconds after midnight as a clock shows them, so
02:30 is 9000 on every day. Of a time that comes twice, the first is meant; a time that is skipped stands for the
instant of the change.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from polyclinic.services.scheduling.model import Interval, Stretch
from polyclinic.services.scheduling.rules.times import DAY

FAR = 1 << 40
"""An instant after all others; its negative is before all others."""

REACH = range(-62_000_000_000, 253_000_000_000)
"""Instants that every zone can show on a clock: those of the years 6 to 9986."""

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()


class LocalDay(NamedTuple):
    """[begin, end) of a local day, and whether its clock runs evenly from 00:00 to 24:00."""

    begin: int
    end: int
    is_even: bool


class Moment(NamedTuple):
    """The instant a wall clock stands for, and whether the clock ever showed it."""

    instant: int
    is_shown: bool


@lru_cache(maxsize=16_384)
def local_day(zone: ZoneInfo, day: int) -> LocalDay:
    """Return the local day with the ordinal ``day``."""
    begin, end = midnight(zone, day), midnight(zone, day + 1)
    return LocalDay(begin, end, end - begin == DAY)


def midnight(zone: ZoneInfo, day: int) -> int:
    """Return when the local day begins; beyond the years 2 to 9998 it is far away."""
    if day < _FIRST:
        return -FAR
    return moment(zone, day, 0).instant if day <= _LAST else FAR


def moment(zone: ZoneInfo, day: int, clock: int) -> Moment:
    """Return when a wall clock shows ``clock`` on ``day``; beyond 86400 on the next one."""
    local = datetime.fromordinal(day) + timedelta(seconds=clock)
    unzoned = (local.toordinal() - _EPOCH) * DAY + clock % DAY
    first = unzoned - _seconds(local.replace(tzinfo=zone).utcoffset())
    second = unzoned - _seconds(local.replace(tzinfo=zone, fold=1).utcoffset())
    if first <= second:
        return Moment(first, True)
    return Moment(_change(zone, second, first), False)


def day_of(zone: ZoneInfo, instant: int) -> int:
    """Return the ordinal of the local day of ``instant``."""
    day = _EPOCH + instant // DAY
    return _local(zone, instant).toordinal() if _FIRST < day < _LAST else day


def clock_at(zone: ZoneInfo, instant: int) -> tuple[int, bool]:
    """Return the wall clock at ``instant``, and whether it shows this for the first time on its day."""
    local = _local(zone, instant)
    return local.hour * 3600 + local.minute * 60 + local.second, local.fold == 0


def changes_between(zone: ZoneInfo, begin: int, end: int) -> Iterator[int]:
    """Yield the instants in (begin, end] at which the offset of ``zone`` changes; one a day at most."""
    while begin < end:
        next = min(begin + DAY, end)
        if _local(zone, begin).utcoffset() != _local(zone, next).utcoffset():
            yield _change(zone, begin, next)
        begin = next


def span_of(stretch: Stretch, zone: ZoneInfo) -> Interval:
    """Return [begin, end) of a stretch in ``zone``; it is empty where it ends before it begins."""
    begin, end = stretch.begin, stretch.end
    if isinstance(begin, date):
        begin = midnight(zone, begin.toordinal())
    if isinstance(end, date):
        end = midnight(zone, end.toordinal() + 1)
    return -FAR if begin is None else begin, FAR if end is None else end


def _change(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the instant in (low, high] at which the offset of ``zone`` changes."""
    before = _local(zone, low).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if _local(zone, middle).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _local(zone: ZoneInfo, instant: int) -> datetime:
    return datetime.fromtimestamp(instant, zone)


def _seconds(offset: timedelta | None) -> int:
    assert offset is not None, "a ZoneInfo always knows its offset"
    return offset.days * DAY + offset.seconds
