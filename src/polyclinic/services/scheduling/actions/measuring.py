"""Measuring: how soon, how full and how missed the visits of each calendar are."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from polyclinic.fhir.outcome import TooCostly
from polyclinic.repository import Repository
from polyclinic.services.scheduling.actions.finding import find
from polyclinic.services.scheduling.actions.looking_back import appointments
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.model import Calendar, Interval, Wish
from polyclinic.services.scheduling.rules.claims import SCHEDULE, times_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.measures import Given, Measured, measured
from polyclinic.services.scheduling.rules.seeking import Seek, wish_for
from polyclinic.services.scheduling.rules.terms import terms_of
from polyclinic.services.scheduling.rules.times import edge_of

MOST_VISITS = 50_000
"""Visits that one answer reckons with."""
LOOK_AHEAD = 90 * 86_400
"""Seconds in which the third next opening is looked for."""


async def measures(
    repository: Repository, rules: Rulebook, names: Sequence[str], between: Interval, now: datetime
) -> dict[str, Measured]:
    """Return by calendar the measures of [begin, end); without ``names`` those of all that lead visits.

    Refuses: ``TooCostly`` for more than ``MOST_VISITS``.
    """
    async with repository.session() as session:
        directory = await rules.read(session)
    leading = [calendar for _, calendar in sorted(directory.calendars.items()) if calendar.active]
    calendars = [directory.calendars[name] for name in names] or [each for each in leading if not each.kinds]
    visits: dict[str, list[Given]] = {calendar.name: [] for calendar in calendars}
    number = 0
    async for appointment in appointments(repository, between, most=MOST_VISITS + 1):
        number += 1
        given = _given(appointment)
        for name in _calendars_of(appointment, directory) if given else ():
            if name in visits and given:
                visits[name].append(given)
    if number > MOST_VISITS:
        raise TooCostly(f"more than {MOST_VISITS:,} visits lie between start and end; ask for less", at="end")
    at = int(now.timestamp())
    told = {}
    for calendar in calendars:
        hours = terms_of(calendar, _wish(calendar, directory), leads=True).open(between)
        third = await _third(repository, calendar, directory, now)
        told[calendar.name] = measured(visits[calendar.name], hours, at, third)
    return told


async def _third(repository: Repository, calendar: Calendar, directory: Directory, now: datetime) -> int | None:
    begin = int(now.timestamp())
    between = begin, begin + LOOK_AHEAD
    async with repository.session() as session:
        found = await find(session, [_wish(calendar, directory)], between, now, most=3)
    return found[2][0].start if len(found) == 3 else None


def _wish(calendar: Calendar, directory: Directory) -> Wish:
    return wish_for(directory.service_of(calendar), [calendar], Seek((0, 0)))


def _given(appointment: dict[str, Any]) -> Given | None:
    times = times_of(appointment)
    booked = edge_of(appointment["created"], last=False) if "T" in appointment.get("created", "") else None
    return Given(*times, booked if isinstance(booked, int) else None, appointment["status"]) if times else None


def _calendars_of(appointment: dict[str, Any], directory: Directory) -> Iterator[str]:
    """Yield the calendars of a visit: as it says, else those of its people."""
    said = [each for each in appointment.get("extension", ()) if each.get("url") == SCHEDULE]
    if said:
        yield from (name for each in said if (name := directory.local(each.get("valueReference", {}))))
        return
    actors = (directory.local(each.get("actor", {})) for each in appointment.get("participant", ()))
    calendars = (directory.calendar_for(actor, None) for actor in actors if actor)
    yield from (calendar.name for calendar in calendars if calendar)
