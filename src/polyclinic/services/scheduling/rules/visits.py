"""Visits as Appointments: what a proposal, a hold and a booking say.

Source: https://hl7.org/fhir/R4/appointment.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from polyclinic.services.scheduling.model import Calendar, Opening, Service
from polyclinic.services.scheduling.rules.claims import EXPIRES, OVERBOOKED, OVERRIDE, SCHEDULE
from polyclinic.services.scheduling.rules.times import zone_of

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Who is to be visited and why, as elements of FHIR: patients and referrals as References, reasons as concepts."""

    patients: tuple[str, ...] = ()
    reasons: tuple[Mapping[str, Any], ...] = ()
    referral: Mapping[str, Any] | None = None
    insurance: tuple[Mapping[str, Any], ...] = ()

    def json(self) -> dict[str, Any]:
        """Return it as JSON, the same for the same inquiry."""
        said = {
            "patients": list(self.patients),
            "reasons": list(self.reasons),
            "referral": self.referral,
            "insurance": list(self.insurance),
        }
        return {name: value for name, value in said.items() if value}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Inquiry":
        """Return the inquiry that ``json`` wrote."""
        return cls(
            tuple(said.get("patients", ())),
            tuple(said.get("reasons", ())),
            said.get("referral"),
            tuple(said.get("insurance", ())),
        )


@dataclass(frozen=True, slots=True)
class Booking:
    """What is said when a visit is held or booked: its status, and what goes with it."""

    status: str
    created: datetime
    comment: str | None = None
    expires: datetime | None = None
    overbooked: bool = False
    override: Mapping[str, Any] | None = None
    inquiry: Inquiry = field(default_factory=Inquiry)


def appointment_of(opening: Opening, service: Service, booking: Booking) -> Resource:
    """Return the Appointment of a visit; times are written in the time zone of the leading calendar."""
    zone = (opening.calendars[0].parameters.timezone or service.parameters.timezone) if opening.calendars else None
    inquiry = booking.inquiry
    resource: Resource = {"resourceType": "Appointment"}
    if extensions := _extensions(opening.calendars, booking):
        resource["extension"] = extensions
    resource["status"] = booking.status
    if types := concepts_of(service.types):
        resource["serviceType"] = types
    if specialties := concepts_of(opening.calendars[0].specialties if opening.calendars else frozenset()):
        resource["specialty"] = specialties
    if inquiry.reasons:
        resource["reasonCode"] = [dict(each) for each in inquiry.reasons]
    if inquiry.insurance:
        resource["supportingInformation"] = [dict(each) for each in inquiry.insurance]
    resource["start"], resource["end"] = instant_of(opening.start, zone), instant_of(opening.end, zone)
    resource["minutesDuration"] = (opening.end - opening.start) // 60
    if opening.slots:
        resource["slot"] = [{"reference": slot} for slot in opening.slots]
    if booking.status != "proposed":
        resource["created"] = booking.created.astimezone(UTC).isoformat(timespec="seconds")
    if booking.comment:
        resource["comment"] = booking.comment
    if inquiry.referral:
        resource["basedOn"] = [dict(inquiry.referral)]
    resource["participant"] = _participants(opening.calendars, service, booking)
    return resource


def instant_of(seconds: int, zone: str | None) -> str:
    """Return an instant as FHIR writes it, on the wall clock of ``zone`` (UTC without one)."""
    return datetime.fromtimestamp(seconds, zone_of(zone or "") or UTC).isoformat()


def _extensions(calendars: Sequence[Calendar], booking: Booking) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"url": SCHEDULE, "valueReference": {"reference": calendar.name}} for calendar in calendars
    ]
    if booking.expires is not None:
        found.append({"url": EXPIRES, "valueInstant": booking.expires.astimezone(UTC).isoformat(timespec="seconds")})
    if booking.overbooked:
        found.append({"url": OVERBOOKED, "valueBoolean": True})
    if booking.override is not None:
        found.append({"url": OVERRIDE, "valueCodeableConcept": dict(booking.override)})
    return found


def _participants(calendars: Sequence[Calendar], service: Service, booking: Booking) -> list[dict[str, Any]]:
    status = "needs-action" if booking.status == "proposed" else "accepted"
    actors = dict.fromkeys([*booking.inquiry.patients, *(actor for each in calendars for actor in each.actors)])
    if service.name:
        actors[service.name] = None
    return [{"actor": {"reference": actor}, "required": "required", "status": status} for actor in actors]


def concepts_of(codes: frozenset[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return a CodeableConcept for each code, in order."""
    return [
        {"coding": [{"system": system, "code": code} if system else {"code": code}]} for system, code in sorted(codes)
    ]
