"""Changes: what becomes of an Appointment when it is held, booked, moved, cancelled, or the patient comes.

Source: https://hl7.org/fhir/R4/appointment.html#statemachine
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from polyclinic.fhir.outcome import Refusal
from polyclinic.services.scheduling.model import Calendar
from polyclinic.services.scheduling.rules.claims import (
    EXPIRES,
    OVERBOOKED,
    OVERRIDE,
    SCHEDULE,
    extension_of,
    times_of,
)
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.visits import Resource

Change = Callable[[Resource, datetime], Resource]
"""Makes the next version of an Appointment at a moment."""

ATTRIBUTED = "urn:polyclinic:extension:attributed-to"
"""Extension of Appointment: whose doing it is that a visit does not take place (code)."""
REASON = "urn:polyclinic:extension:status-reason"
"""Extension of Appointment: why it has its status (CodeableConcept)."""
OFFER_OF = "urn:polyclinic:extension:offer-of"
"""Extension of Appointment: the entry of the waitlist that it is an offer to (Reference)."""
CANCELLABLE = frozenset({"proposed", "pending", "booked", "waitlist", "arrived", "checked-in"})
PARTIES = ("patient", "provider", "organization")
NEXT: Mapping[str, frozenset[str]] = {
    "arrived": frozenset({"booked"}),
    "checked-in": frozenset({"booked", "arrived"}),
    "fulfilled": frozenset({"booked", "arrived", "checked-in"}),
    "noshow": frozenset({"booked"}),
}
"""From which statuses a visit may come to each; the same again changes nothing."""


class WrongStatus(Refusal):
    """The Appointment is in a status from which it cannot come where it was asked to."""

    code = "conflict"


class TooLate(Refusal):
    """The time until which it could be cancelled is over."""

    code = "business-rule"


def held(found: Resource, until: datetime) -> Resource:
    """Return a held Appointment that is held until a moment. Refuses: ``WrongStatus`` for what is not held."""
    _require(found, frozenset({"pending"}), "held longer")
    if extension_of(found, OFFER_OF):
        raise WrongStatus("an offer to somebody who waits cannot be held longer, only confirmed in time", at="status")
    said = {"url": EXPIRES, "valueInstant": until.astimezone(UTC).isoformat(timespec="seconds")}
    return {**found, "extension": [*_without(found, EXPIRES), said]}


def booked(found: Resource, patients: Sequence[str] = (), comment: str | None = None) -> Resource:
    """Return the booked Appointment that a held one becomes. Refuses: ``WrongStatus`` for one that is neither."""
    may_be = {"pending", "booked", "proposed"} if extension_of(found, OFFER_OF) else {"pending", "booked"}
    _require(found, frozenset(may_be), "booked")
    made = {**found, "status": "booked"}
    if extensions := _without(found, EXPIRES):
        made["extension"] = extensions
    else:
        made.pop("extension", None)
    if comment:
        made["comment"] = comment
    known = {each.get("actor", {}).get("reference") for each in found.get("participant", ())}
    more = [participant(patient) for patient in patients if patient not in known]
    made["participant"] = [*more, *found.get("participant", ())]
    return made


def marked(found: Resource, *, overbooked: bool, override: Mapping[str, Any] | None) -> Resource:
    """Return the Appointment with the marks that it may go beyond the capacity, or why it goes against the rules."""
    marks: list[dict[str, Any]] = []
    if overbooked:
        marks.append({"url": OVERBOOKED, "valueBoolean": True})
    if override is not None:
        marks.append({"url": OVERRIDE, "valueCodeableConcept": dict(override)})
    return {**found, "extension": [*found.get("extension", ()), *marks]} if marks else found


def participant(actor: str) -> dict[str, Any]:
    """Return somebody who takes part and has said so."""
    return {"actor": {"reference": actor}, "required": "required", "status": "accepted"}


def cancelled(found: Resource, reason: Mapping[str, Any] | None, party: str | None) -> Resource:
    """Return the cancelled Appointment, with why and by whom; one that is cancelled stays as it is.

    Refuses: ``WrongStatus`` for a visit that took place or was missed.
    """
    if found["status"] == "cancelled":
        return found
    _require(found, CANCELLABLE, "cancelled")
    made = {**found, "status": "cancelled"}
    extensions = _without(found, EXPIRES)
    if party is not None:
        extensions = [*extensions, {"url": ATTRIBUTED, "valueCode": party}]
    made.pop("extension", None)
    if extensions:
        made["extension"] = extensions
    if reason is not None:
        made["cancelationReason"] = dict(reason)
    return made


def advanced(found: Resource, status: str, reason: Mapping[str, Any] | None) -> Resource:
    """Return the Appointment in its next status. Refuses: ``WrongStatus`` where it cannot come there."""
    if found["status"] == status:
        return found
    _require(found, NEXT[status], status)
    made = {**found, "status": status}
    if reason is not None:
        made["extension"] = [*_without(found, REASON), {"url": REASON, "valueCodeableConcept": dict(reason)}]
    return made


def moved(
    found: Resource, times: tuple[str, str], length: int, calendars: Sequence[Calendar], directory: Directory
) -> Resource:
    """Return the Appointment at other times (instants), ``length`` minutes long, with the actors of ``calendars`` in
    place of those it was booked with.

    Refuses: ``WrongStatus`` for one that is neither held nor booked.
    """
    _require(found, frozenset({"pending", "booked"}), "moved")
    made = {**found, "start": times[0], "end": times[1], "minutesDuration": length}
    made.pop("slot", None)
    if not calendars:
        return made
    before = [directory.calendars[name] for name in _schedules(found, directory) if name in directory.calendars]
    leaving = {actor for calendar in before for actor in calendar.actors}
    coming = dict.fromkeys(actor for calendar in calendars for actor in calendar.actors)
    staying = [each for each in found.get("participant", ()) if directory.local(each.get("actor", {})) not in leaving]
    known = {directory.local(each.get("actor", {})) for each in staying}
    made["participant"] = [*staying, *(participant(actor) for actor in coming if actor not in known)]
    named = [{"url": SCHEDULE, "valueReference": {"reference": calendar.name}} for calendar in calendars]
    made["extension"] = [*named, *_without(found, SCHEDULE)]
    return made


def check_notice(found: Resource, notice: int | None, now: datetime, party: str | None) -> None:
    """Check that a patient cancels early enough: ``notice`` seconds before the start; what is not booked, any time.

    Refuses: ``TooLate``.
    """
    times = times_of(found)
    if (
        party == "patient"
        and found["status"] not in ("pending", "proposed")
        and notice
        and times
        and times[0] - notice < now.timestamp()
    ):
        raise TooLate(f"patients can cancel until {notice // 60} minutes before the visit; please call", at="start")


def is_same_visit(one: Resource, other: Resource) -> bool:
    """Whether two Appointments say the same visit: when, with whom, for whom; of at least one patient."""
    people = _people(one)
    alive = {"pending", "booked", "arrived", "checked-in"}
    return (
        one["status"] in alive
        and times_of(one) == times_of(other)
        and people == _people(other)
        and any(actor.startswith("Patient/") for actor in people)
    )


def _people(appointment: Resource) -> frozenset[str]:
    return frozenset(
        each["actor"]["reference"]
        for each in appointment.get("participant", ())
        if "reference" in each.get("actor", {})
    )


def _schedules(found: Resource, directory: Directory) -> list[str]:
    named = (each.get("valueReference", {}) for each in found.get("extension", ()) if each.get("url") == SCHEDULE)
    return [name for each in named if (name := directory.local(each))]


def _without(found: Resource, url: str) -> list[dict[str, Any]]:
    return [each for each in found.get("extension", ()) if each.get("url") != url]


def _require(found: Resource, statuses: frozenset[str], what: str) -> None:
    if found["status"] not in statuses:
        raise WrongStatus(f"Appointment/{found.get('id', '')} is {found['status']} and cannot be {what}", at="status")
