"""The terms on which a calendar gives a service: what the Schedule says, over what the HealthcareService says.

Also whether it gives it at all, whenever that would be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from polyclinic.services.scheduling.model import Calendar, Interval, Parameters, Wish
from polyclinic.services.scheduling.rules.grid import Grid
from polyclinic.services.scheduling.rules.hours import closed, windows_between
from polyclinic.services.scheduling.rules.intervals import Intervals, difference, intersection, union
from polyclinic.services.scheduling.rules.times import zone_of
from polyclinic.services.scheduling.rules.zones import FAR, span_of

USUAL_INTERVAL = 15 * 60
"""Seconds between starts where nobody says any."""

_NOWHERE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Terms:
    """One calendar's terms for the visit of ``wish``; the one that ``leads`` decides how long it lasts."""

    calendar: Calendar
    wish: Wish
    leads: bool
    parameters: Parameters
    zone: ZoneInfo
    service_zone: ZoneInfo
    closed: Intervals
    planned: Interval

    @property
    def capacity(self) -> int:
        """How many visits each of its actors takes at a time, overbooked ones included if they are asked for."""
        return (self.parameters.capacity or 1) + self.extra

    @property
    def extra(self) -> int:
        """How many of these are beyond its capacity."""
        return (self.parameters.overbook or 0) if self.wish.overbook else 0

    @property
    def taken_as(self) -> tuple[str, ...]:
        """Whose time a visit takes: its actors', and that of the calendar itself, which can be closed."""
        return (*self.calendar.actors, self.calendar.name)

    @property
    def duration(self) -> int:
        """Seconds a visit lasts, 0 where nobody says it."""
        return self.parameters.duration or self.wish.duration or 0

    @property
    def before(self) -> int:
        """Seconds its actors are taken before the start."""
        return self.parameters.buffer_before or 0

    @property
    def after(self) -> int:
        """Seconds its actors are taken after the end."""
        return self.parameters.buffer_after or 0

    @property
    def grid(self) -> Grid | None:
        """The grid that starts are on. One that does not lead has none but its own."""
        said = self.parameters if self.leads else self.calendar.parameters
        if said.alignment_interval is None and not self.leads:
            return None
        return Grid(self.zone, said.alignment_interval or USUAL_INTERVAL, said.alignment_offset or 0)

    def may_start(self, now: int, duration: int) -> Interval:
        """Return [from, to) of the starts that notice, booking horizon and planning horizon allow."""
        horizon = self.parameters.booking_horizon
        earliest = max(now + (self.parameters.minimum_notice or 0), self.planned[0])
        latest = min(FAR if horizon is None else now + horizon, self.planned[1] - duration)
        return earliest, latest + 1

    def open(self, within: Interval) -> Intervals:
        """Return when calendar and service are both open within [begin, end)."""
        hours = windows_between(self.calendar.hours.windows, self.zone, within)
        if self.wish.service.hours.windows:
            offered = windows_between(self.wish.service.hours.windows, self.service_zone, within)
            hours = intersection(hours, offered)
        return difference(hours, self.closed)


def terms_of(calendar: Calendar, wish: Wish, *, leads: bool) -> Terms:
    """Return the terms of ``calendar``; a calendar without time zone, which never gives a visit, is reckoned in UTC."""
    service = wish.service
    parameters = calendar.parameters.over(service.parameters)
    zone = zone_of(parameters.timezone or "") or _NOWHERE
    service_zone = zone_of(service.parameters.timezone or "") or zone
    closures = [*closed(calendar.hours.closures, zone), *closed(service.hours.closures, service_zone)]
    return Terms(
        calendar, wish, leads, parameters, zone, service_zone, union(closures), span_of(calendar.horizon, zone)
    )


def never(terms: Terms, *, by_slots: bool = False) -> list[str]:
    """Return why the calendar gives no such visit, whenever it would be: a sentence for each reason.

    Where stored Slots say when and how long (``by_slots``), nobody else has to.
    """
    unsaid = () if by_slots else _unsaid(terms)
    return [*_refusals_of_any(terms), *(_refusals_of_leader(terms) if terms.leads else ()), *unsaid]


def _refusals_of_any(terms: Terms) -> Iterator[str]:
    calendar, wish = terms.calendar, terms.wish
    if not calendar.active:
        yield f"{calendar.name} is not active"
    if not wish.service.active:
        yield f"{wish.service.name} is not active"
    if not _offers(terms):
        yield f"{calendar.name} does not offer {wish.service.name}"
    if not calendar.actors:
        yield f"{calendar.name} has nobody who could be booked"
    if wish.jurisdictions and calendar.jurisdictions and not wish.jurisdictions & calendar.jurisdictions:
        yield f"{calendar.name} is not licensed where the patient is"


def _refusals_of_leader(terms: Terms) -> Iterator[str]:
    calendar, wish = terms.calendar, terms.wish
    said = terms.parameters.duration
    if wish.specialties and not wish.specialties & (calendar.specialties or wish.service.specialties):
        yield f"{calendar.name} is of none of the specialties asked for"
    if said and wish.duration and said != wish.duration:
        yield f"a visit of {calendar.name} lasts {said // 60} minutes, not {wish.duration // 60}"


def _unsaid(terms: Terms) -> Iterator[str]:
    if terms.parameters.timezone is None:
        yield f"no time zone is named by {_sayers(terms)}"
    if terms.leads and not terms.calendar.hours.windows and not terms.wish.service.hours.windows:
        yield f"no opening hours are said by {_sayers(terms)}"
    if terms.leads and not terms.duration:
        yield f"how long a visit lasts is not said by {_sayers(terms)}"


def _sayers(terms: Terms) -> str:
    """Return who could have said what is missing."""
    service = terms.wish.service.name
    return f"{terms.calendar.name} or {service}" if service else terms.calendar.name


def _offers(terms: Terms) -> bool:
    """Whether the calendar offers the service: by name, else by type; one that says neither follows who leads.

    A visit of no service in particular is offered by all.
    """
    calendar, service = terms.calendar, terms.wish.service
    if not service.name:
        return True
    if calendar.services:
        return service.name in calendar.services
    if calendar.types:
        return bool(calendar.types & service.types)
    return not terms.leads
