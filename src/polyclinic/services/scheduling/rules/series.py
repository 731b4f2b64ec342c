"""Series: the visits that a recurrence stands for, at the wall clock of the first one.

A month or year without the day that is meant has no visit, as in RFC 5545, section 3.3.10. A visit whose clock is
skipped on its day is not moved: it does not fit, and is told so. Of a clock that comes twice, the first is meant.
Source: https://hl7.org/fhir/R5/appointment-definitions.html#Appointment.recurrenceTemplate
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import count, islice, takewhile
from zoneinfo import ZoneInfo

from polyclinic.fhir.outcome import TooCostly, Unacceptable
from polyclinic.services.scheduling.model import Diary, Occurrence, Recurrence, Wish
from polyclinic.services.scheduling.rules.reasons import why_not_each
from polyclinic.services.scheduling.rules.times import zone_of
from polyclinic.services.scheduling.rules.zones import REACH, clock_at, day_of, moment

MOST = 104
"""Visits of a series: two years of weeks."""

_LAST_YEAR = 9990


def occurrences(recurrence: Recurrence, first: int, zone: ZoneInfo) -> list[Occurrence]:
    """Return the visits of a series that starts at ``first``, in order and without those excluded.

    ``zone`` is the time zone where the recurrence names none. Refuses: ``Unacceptable`` where the first visit is
    not on one of the recurrence's own days, ``TooCostly`` for more than ``MOST`` visits.
    """
    if first not in REACH:
        raise Unacceptable("that is not a time anybody plans for", at="Appointment.start")
    zone = zone_of(recurrence.timezone or "") or zone
    first_day = date.fromordinal(day_of(zone, first))
    clock, _ = clock_at(zone, first)
    days = list(islice(_ending(recurrence, _days(recurrence, first_day)), MOST + 1))
    if days[:1] != [first_day]:
        raise Unacceptable("the first visit is not on one of the days of its series", at="Appointment.start")
    if len(days) > MOST:
        raise TooCostly(f"a series has {MOST} visits at most")
    return [
        Occurrence(number, day, first if number == 1 else _start(zone, day, clock))
        for number, day in enumerate(days, 1)
        if day not in recurrence.excluded_days and number not in recurrence.excluded_numbers
    ]


def preview(visits: Sequence[Occurrence], wish: Wish, diary: Diary) -> list[list[str]]:
    """Return for each of ``visits`` why it does not fit; no reasons: it does."""
    reasons = why_not_each(wish, diary, (visit.start for visit in visits if visit.start is not None))
    return [["the clock skips this time on that day"] if visit.start is None else next(reasons) for visit in visits]


def _start(zone: ZoneInfo, day: date, clock: int) -> int | None:
    found = moment(zone, day.toordinal(), clock)
    return found.instant if found.is_shown else None


def _ending(recurrence: Recurrence, days: Iterator[date]) -> Iterator[date]:
    until = recurrence.until or date(_LAST_YEAR, 12, 31)
    return islice(takewhile(lambda day: day <= until, days), recurrence.count)


def _days(recurrence: Recurrence, first: date) -> Iterator[date]:
    """Return the days of a recurrence from ``first`` on, in order."""
    if recurrence.dates:
        return iter(sorted({first, *recurrence.dates}))
    by_period = {"day": _daily, "week": _weekly, "month": _monthly, "year": _yearly}
    return (day for day in by_period[recurrence.each](recurrence, first) if day >= first)


def _daily(recurrence: Recurrence, first: date) -> Iterator[date]:
    last = date(_LAST_YEAR, 12, 31).toordinal()
    return map(date.fromordinal, range(first.toordinal(), last, recurrence.interval))


def _weekly(recurrence: Recurrence, first: date) -> Iterator[date]:
    weekdays = sorted(recurrence.weekdays or {first.weekday()})
    monday = first.toordinal() - first.weekday()
    for week in range(monday, date(_LAST_YEAR, 12, 1).toordinal(), 7 * recurrence.interval):
        yield from (date.fromordinal(week + weekday) for weekday in weekdays)


def _monthly(recurrence: Recurrence, first: date) -> Iterator[date]:
    for month in count(first.year * 12 + first.month - 1, recurrence.interval):
        year, month_of_year = month // 12, month % 12 + 1
        if year >= _LAST_YEAR:
            return
        if recurrence.nth is not None and recurrence.weekday is not None:
            yield _nth_weekday(year, month_of_year, recurrence.nth, recurrence.weekday)
        else:
            yield from _existing(year, month_of_year, recurrence.day_of_month or first.day)


def _yearly(recurrence: Recurrence, first: date) -> Iterator[date]:
    for year in range(first.year, _LAST_YEAR, recurrence.interval):
        yield from _existing(year, first.month, first.day)


def _existing(year: int, month: int, day: int) -> Iterator[date]:
    """Yield the day, if its month has it."""
    try:
        yield date(year, month, day)
    except ValueError:
        return


def _nth_weekday(year: int, month: int, nth: int, weekday: int) -> date:
    """Return the first to fourth such weekday of a month, or with -1 its last."""
    if nth > 0:
        first = date(year, month, 1).toordinal()
        return date.fromordinal(first + (weekday - (first - 1)) % 7 + 7 * (nth - 1))
    next_month = date(year + month // 12, month % 12 + 1, 1).toordinal()
    return date.fromordinal(next_month - 1 - (next_month - 2 - weekday) % 7)
