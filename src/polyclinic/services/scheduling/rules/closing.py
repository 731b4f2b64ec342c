"""Closing time: the Slot that says that somebody is away, or that a Schedule gives no visits.

Source: https://hl7.org/fhir/R4/slot.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from polyclinic.fhir.outcome import TooCostly, Unacceptable
from polyclinic.services.scheduling.model import Calendar, Interval
from polyclinic.services.scheduling.rules.changes import REASON
from polyclinic.services.scheduling.rules.claims import BLOCK, Resource, times_of
from polyclinic.services.scheduling.rules.visits import instant_of

LONGEST = 366 * 86_400
"""Seconds that one block closes, at most."""
TO_COME = frozenset({"pending", "booked", "arrived", "checked-in"})
"""What an Appointment's status says if its visit is still to take place."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What is to be closed: [start, end) of a Schedule (``schedule``, its reference), or of everybody on it."""

    schedule: str
    start: int
    end: int
    scope: Literal["actor", "schedule"] = "actor"
    reason: Mapping[str, Any] | None = None

    def meets(self, times: Interval | None) -> bool:
        """Whether a visit at these times is affected."""
        return times is not None and times[0] < self.end and times[1] > self.start


def check_closing(closing: Closing, now: int) -> None:
    """Check what is to be closed. Refuses: ``Unacceptable``, ``TooCostly``."""
    if closing.end <= closing.start:
        raise Unacceptable("'end' is not after 'start'", at="end")
    if closing.end <= now:
        raise Unacceptable("that time is over", at="end")
    if closing.end - closing.start > LONGEST:
        raise TooCostly(f"one block closes {LONGEST // 86_400} days at most", at="end")


def slot_of(closing: Closing, calendar: Calendar, zone: str | None) -> Resource:
    """Return the Slot that closes the time; it is written on the wall clock of ``zone``."""
    extensions: list[dict[str, Any]] = [{"url": BLOCK, "valueCode": closing.scope}]
    if closing.reason is not None:
        extensions.append({"url": REASON, "valueCodeableConcept": dict(closing.reason)})
    return {
        "resourceType": "Slot",
        "extension": extensions,
        "schedule": {"reference": calendar.name},
        "status": "busy-unavailable",
        "start": instant_of(closing.start, zone),
        "end": instant_of(closing.end, zone),
    }


def is_affected(appointment: Resource, closing: Closing, now: int) -> bool:
    """Whether a visit is still to take place, and in the time that is closed."""
    times = times_of(appointment)
    return appointment["status"] in TO_COME and times is not None and times[1] > now and closing.meets(times)
