"""A clinic to test the rules with: Berlin, from Monday 2026-11-30 on, visits of half an hour from nine to five."""

from dataclasses import replace
from datetime import datetime

from polyclinic.services.scheduling.model import Calendar, Hours, Parameters, Service, Window

MINUTE, HOUR, DAY = 60, 3600, 86400
WORKDAYS = frozenset(range(5))


def at(text):
    """Return the instant of a local time such as ``2026-11-30T09:00`` in Berlin's winter, or with an offset."""
    return int(datetime.fromisoformat(text if text[16:] else f"{text}+01:00").timestamp())


def daily(begin=9, end=17, weekdays=WORKDAYS):
    return Hours((Window(weekdays, begin * HOUR, end * HOUR),))


def visit(**said):
    return replace(Parameters("Europe/Berlin", duration=30 * MINUTE, alignment_interval=30 * MINUTE), **said)


def calendar(name="a", actors=None, *, hours=None, services=("HealthcareService/h",), parameters=None, **rest):
    return Calendar(
        f"Schedule/{name}",
        actors or (f"Practitioner/{name}",),
        hours=daily() if hours is None else hours,
        services=services,
        parameters=parameters or Parameters(),
        **rest,
    )


def service(parameters=None, **rest):
    return Service("HealthcareService/h", parameters or visit(), **rest)


MONDAY = at("2026-11-30T00:00"), at("2026-12-01T00:00")
WEEK = MONDAY[0], MONDAY[0] + 7 * DAY
NOW = at("2026-11-27T12:00")
