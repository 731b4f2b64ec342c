"""Visits as an iCalendar: one event each, on the wall clock of where it is given, with the time zones it needs.

Sources: RFC 5545 (iCalendar), RFC 7986 (NAME, REFRESH-INTERVAL)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard

from polyclinic.services.scheduling.rules.times import zone_of
from polyclinic.services.scheduling.rules.zones import changes_between

REFRESH = timedelta(minutes=15)
"""After how long a calendar should look again."""
STATUS: Mapping[str, str] = {
    "pending": "TENTATIVE",
    "booked": "CONFIRMED",
    "arrived": "CONFIRMED",
    "checked-in": "CONFIRMED",
    "fulfilled": "CONFIRMED",
    "noshow": "CONFIRMED",
    "cancelled": "CANCELLED",
}
"""What a calendar says of an Appointment's status; others are not shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One visit as a calendar shows it, from ``start`` until before ``end`` (instants) on the clock of ``zone``.

    ``version`` counts from 1, ``changed`` is when it became that. ``status`` is the Appointment's.
    """

    id: str
    version: int
    changed: datetime
    start: int
    end: int
    status: str
    summary: str
    place: str | None = None
    zone: str | None = None


def written(name: str, entries: Iterable[Entry], host: str) -> bytes:
    """Return a calendar of that ``name``; ``host`` makes the ids of its events unique in the world."""
    entries = list(entries)
    calendar = Calendar()
    calendar.add("prodid", "-//Polyclinic//Scheduling//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    for zone in sorted({entry.zone for entry in entries if entry.zone}):
        times = [moment for entry in entries if entry.zone == zone for moment in (entry.start, entry.end)]
        calendar.add_component(_timezone(zone, _year(min(times)), _year(max(times)) + 1))
    for entry in entries:
        calendar.add_component(_event(entry, host))
    return bytes(calendar.to_ical())


def _event(entry: Entry, host: str) -> Event:
    event = Event()
    event.add("uid", f"{entry.id}@{host}")
    event.add("dtstamp", entry.changed)
    event.add("last-modified", entry.changed)
    event.add("sequence", entry.version - 1)
    event.add("dtstart", _shown(entry.start, entry.zone))
    event.add("dtend", _shown(entry.end, entry.zone))
    event.add("summary", entry.summary)
    if entry.place:
        event.add("location", entry.place)
    event.add("status", STATUS[entry.status])
    event.add("transp", "TRANSPARENT" if entry.status == "cancelled" else "OPAQUE")
    event.add("class", "PRIVATE")
    return event


def _shown(instant: int, name: str | None) -> datetime:
    """Return an instant on the wall clock, in UTC where the clock shows that time once more.

    Of a local time that comes twice the first is meant (RFC 5545, section 3.3.5), so that the second has to be said
    otherwise.
    """
    zone = zone_of(name or "")
    local = datetime.fromtimestamp(instant, zone) if zone else None
    return datetime.fromtimestamp(instant, UTC) if local is None or local.fold else local


def _year(instant: int) -> int:
    return datetime.fromtimestamp(instant, UTC).year


@lru_cache(maxsize=256)
def _timezone(name: str, first: int, last: int) -> Timezone:
    """Return the VTIMEZONE of an IANA zone from the beginning of one year to the beginning of another.

    Every change is written with the wall clock before it (RFC 5545, section 3.6.5).
    """
    zone = ZoneInfo(name)
    begin, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) - 86_400 for year in (first, last + 1))
    timezone = Timezone()
    timezone.add("tzid", name)
    timezone.add_component(_observance(zone, begin, begin))
    for change in changes_between(zone, begin, end):
        timezone.add_component(_observance(zone, change - 1, change))
    return timezone


def _observance(zone: ZoneInfo, before: int, change: int) -> TimezoneStandard | TimezoneDaylight:
    """Return what holds from ``change`` on, where another offset may hold at ``before``."""
    offset, since = (datetime.fromtimestamp(moment, zone) for moment in (before, change))
    part = TimezoneDaylight() if since.dst() else TimezoneStandard()
    earlier = offset.utcoffset() or timedelta()
    part.add("dtstart", datetime.fromtimestamp(change, UTC).replace(tzinfo=None) + earlier)
    part.add("tzoffsetfrom", earlier)
    part.add("tzoffsetto", since.utcoffset())
    part.add("tzname", since.tzname())
    return part
