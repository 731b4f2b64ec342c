"""Offers as Appointments: a time held for somebody who waits, and what becomes of it and of the entry it was made to.

An offer is pending, and so takes its time; where several are made of one time at once, only the first takes it and the
others are proposed. Source of the statuses: https://hl7.org/fhir/R4/appointment.html#statemachine
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.claims import Resource, expires_of, extension_of
from polyclinic.services.scheduling.rules.waiting import Waiting

OFFER_OF = changes.OFFER_OF
REASONS = "urn:polyclinic:cancelation-reason"
"""The code system of ``Appointment.cancelationReason`` where the service itself cancels."""
_WORDS = {
    "hold-expired": "it was held and not booked in time",
    "offer-accepted": "an offer was accepted",
    "offer-withdrawn": "whoever it was offered to waits no longer",
    "offer-lost": "somebody else was quicker to accept",
    "replaced": "an earlier visit was offered and accepted",
}
_OUTCOMES = {"hold-expired": "expired", "offer-withdrawn": "withdrawn", "offer-lost": "lost"}
_BOOKED = frozenset({"booked", "arrived", "checked-in", "fulfilled", "noshow"})


def reason_of(code: str) -> dict[str, Any]:
    """Return why the service cancels, as a CodeableConcept."""
    return {"coding": [{"system": REASONS, "code": code, "display": _WORDS[code]}]}


def offer_to(appointment: Resource) -> str | None:
    """Return the entry that an Appointment is an offer to, None where it is no offer."""
    said = extension_of(appointment, OFFER_OF)
    return said.get("valueReference", {}).get("reference") if said else None


def offered(visit: Resource, waiting: Waiting, *, holds: bool) -> Resource:
    """Return ``visit``, which is pending, as an offer to somebody who waits; ``holds``: it takes its time."""
    made = {**visit, "status": "pending" if holds else "proposed"}
    if waiting.priority:
        made["priority"] = waiting.priority
    extension = {"url": OFFER_OF, "valueReference": {"reference": waiting.name}}
    made["extension"] = [*visit.get("extension", ()), extension]
    return made


def outcome_of(before: Resource | None, after: Resource | None) -> str | None:
    """Return what came of an offer by the change from ``before`` to ``after`` (None: deleted); None: it stays open."""
    if before is None or before["status"] not in ("pending", "proposed") or offer_to(before) is None:
        return None
    if after is None:
        return "declined"
    if after["status"] in _BOOKED:
        return "accepted"
    return None if after["status"] in ("pending", "proposed") else _OUTCOMES.get(_code(after), "declined")


def answer_of(response: Resource) -> str | None:
    """Return what a patient's AppointmentResponse answers, accepted or declined; None for any other.

    Source: https://hl7.org/fhir/R4/appointmentresponse.html
    """
    said = response["participantStatus"]
    is_patients = "Patient/" in response.get("actor", {}).get("reference", "")
    return said if is_patients and said in ("accepted", "declined") else None


def expired(found: Resource, now: datetime) -> Resource:
    """Return the Appointment cancelled if it is a hold or an offer that has expired, else as it is."""
    until = expires_of(found)
    if found["status"] not in ("pending", "proposed") or until is None or until > now:
        return found
    return changes.cancelled(found, reason_of("hold-expired"), None)


def withdrawn(found: Resource, code: str) -> Resource:
    """Return an offer cancelled because of ``code`` if it is still open, else as it is."""
    if found["status"] not in ("pending", "proposed"):
        return found
    return changes.cancelled(found, reason_of(code), None)


def promoted(found: Resource) -> Resource:
    """Return an offer that takes its time from now on."""
    return {**found, "status": "pending"} if found["status"] == "proposed" else found


def closed(entry: Resource, visit: str) -> Resource:
    """Return the entry that waits no longer, as an offer was accepted: ``visit`` is a reference to it.

    It is cancelled: R4 lets only proposed, waiting and cancelled Appointments be without a time (app-3).
    """
    made = changes.cancelled(entry, reason_of("offer-accepted"), None)
    made["supportingInformation"] = [*entry.get("supportingInformation", ()), {"reference": visit}]
    return made


def replaced(kept: Resource) -> Resource:
    """Return the visit that an earlier one replaces, cancelled by the patient."""
    return changes.cancelled(kept, reason_of("replaced"), "patient")


def _code(appointment: Mapping[str, Any]) -> str:
    codings = appointment.get("cancelationReason", {}).get("coding", ())
    return next((each.get("code", "") for each in codings if each.get("system") == REASONS), "")
