"""Opening hours as instants: weekly windows on the wall clock of a time zone, without exceptions and holidays.

A window runs from what its clock shows at the begin to what it shows at the end, however long that really takes on
a day of change: 00:00 to 08:00 is seven hours where an hour is skipped and nine where one comes twice.
"""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from polyclinic.services.scheduling.model import Hours, Interval, Stretch, Window
from polyclinic.services.scheduling.rules.intervals import Intervals, clip, difference, union
from polyclinic.services.scheduling.rules.times import DAY
from polyclinic.services.scheduling.rules.zones import day_of, local_day, moment, span_of


def open_between(hours: Hours, zone: ZoneInfo, within: Interval) -> list[Interval]:
    """Return when ``hours`` are open within [begin, end): all of it where no windows are said."""
    return difference(windows_between(hours.windows, zone, within), closed(hours.closures, zone))


def windows_between(windows: Sequence[Window], zone: ZoneInfo, within: Interval) -> list[Interval]:
    """Return what ``windows`` cover of [begin, end): all of it where there are none."""
    begin, end = within
    if begin >= end:
        return []
    if not windows:
        return [within]
    reach = max(window.end for window in windows) // (DAY + 1)
    days = range(day_of(zone, begin) - reach, day_of(zone, end - 1) + 1)
    return clip(union(_on_days(windows, zone, days)), within)


def closed(closures: Iterable[Stretch], zone: ZoneInfo) -> Intervals:
    """Return what ``closures`` cover."""
    return union(span_of(closure, zone) for closure in closures)


def _on_days(windows: Sequence[Window], zone: ZoneInfo, days: Iterable[int]) -> Iterable[Interval]:
    """Yield the windows that begin on ``days`` (ordinals; 1 is a Monday). A day that its zone skips has none."""
    for day in days:
        midnight, next_midnight, is_even = local_day(zone, day)
        weekday = (day - 1) % 7 if midnight < next_midnight else None
        for window in windows:
            if weekday not in window.weekdays:
                continue
            if is_even and window.end <= DAY:
                yield midnight + window.begin, midnight + window.end
            else:
                yield moment(zone, day, window.begin).instant, moment(zone, day, window.end).instant
