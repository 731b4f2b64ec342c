"""Waiting: what an entry of the waitlist wishes, and whether a time suits it.

An entry is an Appointment with the status waitlist. Its native elements say for whom (participants that are patients),
by whom (practitioners, places), of which service (HealthcareService participants, else serviceType), how urgent
(priority), when (requestedPeriod), and since when it waits (created); the extension says what R4 has no element for.
Source: https://hl7.org/fhir/R4/appointment.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from polyclinic.fhir.outcome import Invalid
from polyclinic.services.scheduling.model import Interval, Opening, Stretch, Wish
from polyclinic.services.scheduling.rules.claims import Resource
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.intervals import meets, union
from polyclinic.services.scheduling.rules.opening_hours import weekday_of
from polyclinic.services.scheduling.rules.parts import Bounds, Found, Reading, seconds_of, split
from polyclinic.services.scheduling.rules.reading import codes_of
from polyclinic.services.scheduling.rules.seeking import Seek
from polyclinic.services.scheduling.rules.times import DAY, clock_of, closing_clock_of, edge_of, stretch_of
from polyclinic.services.scheduling.rules.zones import clock_at, day_of, midnight, span_of

WAITLIST = "urn:polyclinic:extension:waitlist"
"""Extension of Appointment: what somebody who waits wishes beside what the elements of R4 say."""
EVERY_DAY = frozenset(range(7))
_PARTS: Mapping[str, tuple[str, ...]] = {
    "schedule": ("valueReference",),
    "earliestNotice": ("valueDuration",),
    "weekdays": ("valueCode",),
    "timeFrom": ("valueTime",),
    "timeTo": ("valueTime",),
    "keep": ("valueReference",),
}
_NOTICE = Bounds("notice", 0, 366 * DAY)
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the entry ``name`` wishes.

    ``priority`` is as FHIR says it (1 is the most urgent, 0 says nothing). A visit lies within one of ``periods``
    (none: any time), begins on one of ``weekdays`` (Monday is 0) and lies between the two wall clocks of ``clock``,
    seconds after midnight. ``notice`` is how many seconds before the start the patient must know of it. ``keep`` is
    the patient's Appointment that an earlier one would replace.
    """

    name: str
    since: int
    priority: int
    seek: Seek
    periods: tuple[Stretch, ...] = ()
    weekdays: frozenset[int] = EVERY_DAY
    clock: Interval = (0, DAY)
    notice: int = 0
    keep: str | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()

    @property
    def objection(self) -> str | None:
        """Why nothing can be offered, whatever becomes free; None where something can."""
        if not self.seek.patients:
            return "it names no patient"
        if not (self.seek.services or self.seek.schedules or self.seek.actors or self.seek.types):
            return "it names no service, schedule or practitioner"
        return None


def waiting_of(entry: Resource, directory: Directory, since: int) -> Waiting:
    """Return what an Appointment that waits wishes; it waits ``since`` then, unless its ``created`` is earlier.

    Refuses: ``Invalid`` with every issue.
    """
    reading = Reading()
    parts = _parts(entry, reading)
    waiting = Waiting(
        name=f"Appointment/{entry.get('id', '')}",
        since=min(since, _created(entry, since)),
        priority=entry.get("priority", 0),
        seek=_seek(entry, parts, directory, _seconds(entry, reading)),
        periods=tuple(_periods(entry, reading)),
        weekdays=frozenset(weekday_of(found, reading) for found in parts.get("weekdays", ())) or EVERY_DAY,
        clock=_clock(parts, reading),
        notice=_notice(parts, reading),
        keep=next((directory.local(found.value) for found in parts.get("keep", ())), None),
        reasons=tuple(entry.get("reasonCode", ())),
    )
    if reading.issues:
        raise Invalid(issues=reading.issues)
    return waiting


def suits(waiting: Waiting, visit: Interval, zone: ZoneInfo, *, now: int) -> bool:
    """Whether a visit from start to end, on the clocks of ``zone``, is as wished; who gives it is not looked at."""
    start, end = visit
    if start < now + waiting.notice or (day_of(zone, start) - 1) % 7 not in waiting.weekdays:
        return False
    clock = clock_at(zone, start)[0]
    if clock < waiting.clock[0] or clock + end - start > waiting.clock[1]:
        return False
    spans = [span_of(period, zone) for period in waiting.periods]
    return not spans or any(begin <= start and end <= until for begin, until in spans)


def could_suit(waiting: Waiting, stretch: Interval, zone: ZoneInfo, *, now: int) -> bool:
    """Whether some visit that touches ``stretch`` might suit: what is cheap to know before openings are looked for."""
    if stretch[1] <= now + waiting.notice:
        return False
    days = range(day_of(zone, stretch[0]) - 1, day_of(zone, stretch[1] - 1) + 1)
    if not any((day - 1) % 7 in waiting.weekdays for day in days):
        return False
    spans = union(span_of(period, zone) for period in waiting.periods)
    return not waiting.periods or meets(spans, stretch)


def narrowed(wish: Wish, actors: Sequence[str]) -> Wish | None:
    """Return the part of ``wish`` that takes time of one of ``actors``, None where none does."""
    for number, role in enumerate(wish.roles):
        theirs = tuple(calendar for calendar in role if any(actor in calendar.actors for actor in actors))
        if theirs:
            return Wish(
                wish.service,
                (*wish.roles[:number], theirs, *wish.roles[number + 1 :]),
                wish.companions,
                wish.specialties,
                wish.jurisdictions,
                wish.duration,
            )
    return None


def takes(opening: Opening, actors: Sequence[str], stretch: Interval) -> bool:
    """Whether ``opening`` takes some of ``stretch`` of one of ``actors``."""
    overlaps = opening.start < stretch[1] and stretch[0] < opening.end
    return overlaps and any(actor in calendar.actors for calendar in opening.calendars for actor in actors)


def _parts(entry: Resource, reading: Reading) -> dict[str, list[Found]]:
    extensions = [(i, e) for i, e in enumerate(entry.get("extension", ())) if e.get("url") == WAITLIST]
    for index, _ in extensions[1:]:
        reading.refuse("waitlist is said twice", f"Appointment.extension[{index}]", code="structure")
    if not extensions:
        return {}
    index, extension = extensions[0]
    whole = Found(extension, f"Appointment.extension[{index}]")
    return split(whole, _PARTS, frozenset({"schedule", "weekdays"}), reading)


def _seek(entry: Resource, parts: Mapping[str, Sequence[Found]], directory: Directory, duration: int | None) -> Seek:
    taking_part = [each for each in entry.get("participant", ()) if each.get("status") != "declined"]
    actors = [name for each in taking_part if (name := directory.local(each.get("actor", {})))]

    def of(*types: str) -> tuple[str, ...]:
        return tuple(actor for actor in actors if actor.partition("/")[0] in types)

    schedules = (directory.local(found.value) for found in parts.get("schedule", ()))
    services = of("HealthcareService")
    return Seek(
        (0, 0),
        services=services,
        schedules=tuple(name for name in schedules if name),
        actors=of("Practitioner", "PractitionerRole", "Location", "Device"),
        types=() if services else tuple(sorted(codes_of(entry.get("serviceType", ())))),
        specialties=tuple(sorted(codes_of(entry.get("specialty", ())))),
        patients=of("Patient"),
        duration=duration,
    )


def _seconds(entry: Resource, reading: Reading) -> int | None:
    minutes = entry.get("minutesDuration")
    if minutes and 60 * minutes > DAY:
        reading.refuse("a visit lasts a day at most", "Appointment.minutesDuration")
    return 60 * int(minutes) if minutes else None


def _periods(entry: Resource, reading: Reading) -> Iterator[Stretch]:
    for index, period in enumerate(entry.get("requestedPeriod", ())):
        try:
            yield stretch_of(period)
        except ValueError as error:
            reading.refuse(f"it is no stretch of time: {error}", f"Appointment.requestedPeriod[{index}]")


def _clock(parts: Mapping[str, Sequence[Found]], reading: Reading) -> Interval:
    begin, end = 0, DAY
    for found in parts.get("timeFrom", ()):
        begin = clock_of(found.value)
    for found in parts.get("timeTo", ()):
        end = closing_clock_of(found.value)
        if end <= begin:
            reading.refuse("timeTo is not after timeFrom", found.at)
    return begin, end


def _notice(parts: Mapping[str, Sequence[Found]], reading: Reading) -> int:
    for found in parts.get("earliestNotice", ()):
        return seconds_of("earliestNotice", found, _NOTICE, reading) or 0
    return 0


def _created(entry: Resource, otherwise: int) -> int:
    if "created" not in entry:
        return otherwise
    said = edge_of(entry["created"], last=False)
    return midnight(_UTC, said.toordinal()) if isinstance(said, date) else said
