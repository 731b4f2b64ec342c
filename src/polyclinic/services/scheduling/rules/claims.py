"""Claims: whose time an Appointment or a Slot takes, and from when to when.

Sources: https://hl7.org/fhir/R4/appointment.html#statemachine and https://hl7.org/fhir/R4/slot.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.services.scheduling.model import Calendar, Parameters, Service
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.times import edge_of, moment_of

Resource = dict[str, Any]

TAKING = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled"})
"""What an Appointment's status says if the time of its participants is taken."""
BUSY = frozenset({"busy", "busy-unavailable", "busy-tentative"})
"""What a Slot's status says if the time of its Schedule's actors is taken."""
SCHEDULE = "urn:polyclinic:extension:schedule"
"""Extension of Appointment: a Schedule that it was booked from (Reference)."""
EXPIRES = "urn:polyclinic:extension:hold-expires"
"""Extension of Appointment: until when it is held (instant)."""
OVERBOOKED = "urn:polyclinic:extension:overbooked"
"""Extension of Appointment: that it may take a place beyond the capacity (boolean)."""
OVERRIDE = "urn:polyclinic:extension:override"
"""Extension of Appointment: why it was booked against the rules (CodeableConcept)."""
BLOCK = "urn:polyclinic:extension:block"
"""Extension of Slot: that it closes its time to all that is not booked already; for whom (code, of ``SCOPES``)."""
SCOPES = ("actor", "schedule")
"""Whom a block closes: everybody on the Schedule, wherever they give visits, or just the Schedule."""
_ALWAYS = frozenset({"Practitioner", "PractitionerRole", "Patient", "Device", "RelatedPerson"})
"""Whose time is taken with or without a Schedule; of all others, such as a Location, only with one."""
OVERRIDES = 1_000_000
"""The first lane of what was booked against the rules: such lanes are there for everybody."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One actor's part of a claim: [begin, end) with buffers; how many may be given at once, and how many beyond."""

    actor: str
    begin: int
    end: int
    places: int | None = 1
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What ``holder`` takes: ``seats``, for a visit from ``start`` to ``end``, until it ``expires`` (None: for good).

    ``slots`` are taken over from Slots. ``whole``: every place of the actors. ``blocks``: as far as others do not have
    it yet. ``overridden``: beyond all rules. ``schedules`` are what it is booked from, as far as it says, ``calendars``
    are those that it would be kept from if they were closed.
    """

    holder: str
    start: int
    end: int
    seats: tuple[Seat, ...]
    expires: datetime | None = None
    slots: tuple[str, ...] = ()
    whole: bool = False
    blocks: bool = False
    overridden: bool = False
    schedules: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    service: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Who and what is locked while it is judged: its actors, and the calendars that blocks may close."""
        return (*(seat.actor for seat in self.seats), *self.calendars)

    def is_as(self, other: "Claim") -> bool:
        """Whether both take the same, for however long they hold it."""
        return self._what == other._what

    @property
    def _what(self) -> tuple[object, ...]:
        return self.seats, self.slots, self.blocks, self.overridden, self.calendars

    def covers(self, other: "Claim", actor: str) -> bool:
        """Whether all of the time of ``actor`` (or of a calendar) that the other takes is part of what this takes."""
        if actor in self.calendars:
            return actor in other.calendars and self.start <= other.start and other.end <= self.end
        mine, theirs = self.seat_of(actor), other.seat_of(actor)
        return bool(mine and theirs and mine.begin <= theirs.begin and theirs.end <= mine.end)

    def seat_of(self, actor: str) -> Seat | None:
        """Return the part of that actor, None without one."""
        return next((seat for seat in self.seats if seat.actor == actor), None)


def claim_of(resource: Resource, directory: Directory, schedules: Mapping[str, str]) -> Claim | None:
    """Return what an Appointment or a Slot takes, None where it takes nothing.

    ``schedules`` are the Schedules of Slots, both references. Refuses: ``Unacceptable`` for an end before the start.
    """
    if resource["resourceType"] == "Slot":
        return _of_slot(resource, directory)
    return _of_appointment(resource, directory, schedules)


def slots_of(appointment: Resource, directory: Directory) -> tuple[str, ...]:
    """Return the Slots that an Appointment names."""
    return tuple(name for each in appointment.get("slot", ()) if (name := directory.local(each)))


def extension_of(resource: Resource, url: str) -> dict[str, Any] | None:
    """Return the first extension with that ``url``."""
    return next((each for each in resource.get("extension", ()) if each.get("url") == url), None)


def times_of(resource: Resource) -> tuple[int, int] | None:
    """Return start and end of a visit, rounded outwards to seconds; None without them, or where it takes no time.

    Refuses: ``Unacceptable`` for an end before the start.
    """
    if "start" not in resource:
        return None
    start = edge_of(resource["start"], last=False)
    if "end" in resource:
        end = edge_of(resource["end"], last=True)
    else:
        end = int(start) + 60 * int(resource.get("minutesDuration", 0))  # type: ignore[arg-type]
    assert isinstance(start, int) and isinstance(end, int)  # both are instants, as validation has seen to
    if end < start:
        raise Unacceptable("it ends before it starts", at=f"{resource['resourceType']}.end")
    return (start, end) if end > start else None


def _of_slot(slot: Resource, directory: Directory) -> Claim | None:
    if slot["status"] not in BUSY:
        return None
    times = times_of(slot)
    calendar = directory.calendars.get(directory.local(slot["schedule"]) or "")
    if times is None or calendar is None:
        return None
    block = (extension_of(slot, BLOCK) or {}).get("valueCode")
    if block == "schedule":
        seats: tuple[Seat, ...] = (Seat(calendar.name, *times),)
    else:
        seats = tuple(Seat(actor, *times, *_places(directory, actor)) for actor in calendar.actors)
    return Claim(f"Slot/{slot['id']}", *times, seats, whole=True, blocks=block in SCOPES, schedules=(calendar.name,))


def _of_appointment(appointment: Resource, directory: Directory, schedules: Mapping[str, str]) -> Claim | None:
    if appointment["status"] not in TAKING:
        return None
    times = times_of(appointment)
    if times is None:
        return None
    slots = slots_of(appointment, directory)
    said = [*_named_schedules(appointment, directory), *(schedules[slot] for slot in slots if slot in schedules)]
    booked_from = tuple(dict.fromkeys(said))
    service = _service(appointment, directory)
    named = [directory.calendars[name] for name in booked_from if name in directory.calendars]
    overbooked = bool((extension_of(appointment, OVERBOOKED) or {}).get("valueBoolean"))
    found = {actor: _calendar(actor, named, service, directory) for actor in _actors(appointment, named, directory)}
    seats = {actor: _seat(actor, times, each, service, directory, overbooked) for actor, each in found.items()}
    calendars = named or [each for each in found.values() if each]
    return Claim(
        holder=f"Appointment/{appointment['id']}",
        start=times[0],
        end=times[1],
        seats=tuple(seats[actor] for actor in sorted(seats)),
        expires=expires_of(appointment) if appointment["status"] == "pending" else None,
        slots=slots,
        overridden=extension_of(appointment, OVERRIDE) is not None,
        schedules=booked_from,
        calendars=tuple(sorted({calendar.name for calendar in calendars})),
        service=service.name if service else None,
    )


def _actors(appointment: Resource, named: Iterable[Calendar], directory: Directory) -> Iterator[str]:
    """Yield whose time is taken: participants, everybody on the Schedules it is booked from, and their other names."""
    for calendar in named:
        yield from calendar.actors
    for participant in appointment.get("participant", ()):
        actor = directory.local(participant.get("actor", {}))
        if actor is None or participant.get("status") == "declined":
            continue
        if actor.partition("/")[0] in _ALWAYS or actor in directory.by_actor:
            yield actor
        yield from _other_names(actor, directory)


def _other_names(actor: str, directory: Directory) -> Iterator[str]:
    """Yield the person behind a role, as a Schedule names both."""
    if actor.startswith("PractitionerRole/"):
        for calendar in directory.by_actor.get(actor, ()):
            yield from (each for each in calendar.actors if each.startswith("Practitioner/"))


def _seat(
    actor: str,
    times: tuple[int, int],
    calendar: Calendar | None,
    service: Service | None,
    directory: Directory,
    overbooked: bool,
) -> Seat:
    said = directory.parameters_of(calendar, service) if calendar else Parameters()
    begin, end = times[0] - (said.buffer_before or 0), times[1] + (said.buffer_after or 0)
    return Seat(actor, begin, end, said.capacity or 1, (said.overbook or 0) if overbooked else 0)


def _calendar(actor: str, named: Iterable[Calendar], service: Service | None, directory: Directory) -> Calendar | None:
    on_it = next((calendar for calendar in named if actor in calendar.actors), None)
    return on_it or directory.calendar_for(actor, service)


def _places(directory: Directory, actor: str) -> tuple[int, int]:
    """Return how many visits an actor takes at a time by any calendar, and how many more may be overbooked."""
    said = [directory.parameters_of(each) for each in directory.by_actor.get(actor, ())]
    capacity, overbook = (each.capacity or 1 for each in said), (each.overbook or 0 for each in said)
    return max(capacity, default=1), max(overbook, default=0)


def _service(appointment: Resource, directory: Directory) -> Service | None:
    for participant in appointment.get("participant", ()):
        found = directory.services.get(directory.local(participant.get("actor", {})) or "")
        if found is not None:
            return found
    return None


def expires_of(appointment: Resource) -> datetime | None:
    """Return until when an Appointment is held or offered, None where it does not say so."""
    said = extension_of(appointment, EXPIRES)
    return moment_of(said["valueInstant"]) if said and "valueInstant" in said else None


def _named_schedules(appointment: Resource, directory: Directory) -> Iterator[str]:
    for each in appointment.get("extension", ()):
        if each.get("url") == SCHEDULE and (name := directory.local(each.get("valueReference", {}))):
            yield name
