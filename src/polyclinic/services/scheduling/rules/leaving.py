"""Leaving: what becomes of the visits of a patient who died, was deleted, or turned out to be somebody else."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from polyclinic.services.scheduling.rules.claims import EXPIRES, OVERRIDE, Resource, times_of

AHEAD = ("proposed", "pending", "booked", "waitlist")
"""Statuses of visits that can still be given up."""
_REASONS = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
DECEASED = {"coding": [{"system": _REASONS, "code": "pat-dec", "display": "Patient: Deceased"}]}
DELETED = {"coding": [{"system": _REASONS, "code": "other", "display": "Other"}], "text": "the patient was deleted"}
MERGED = {"text": "the patient was merged into one who has another visit at that time"}


def heir_of(patient: Mapping[str, Any]) -> str | None:
    """Return the reference of the patient by whom ``patient`` was replaced, None without one."""
    links = (link for link in patient.get("link", ()) if link.get("type") == "replaced-by")
    return next((reference for link in links if (reference := link.get("other", {}).get("reference"))), None)


def is_dead(patient: Mapping[str, Any]) -> bool:
    """Whether ``patient`` is said to have died."""
    return patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient


def is_ahead(visit: Resource, now: datetime) -> bool:
    """Whether a visit has not begun, or has no time yet."""
    times = times_of(visit)
    return times is None or times[0] > now.timestamp()


def given_up(visit: Resource, reason: Mapping[str, Any]) -> Resource:
    """Return the cancelled visit."""
    made = {**visit, "status": "cancelled", "cancelationReason": dict(reason)}
    extensions = [each for each in visit.get("extension", ()) if each.get("url") != EXPIRES]
    made.pop("extension", None)
    return {**made, "extension": extensions} if extensions else made


def handed_over(visit: Resource, patient: str, heir: str) -> Resource:
    """Return the visit with ``heir`` in place of ``patient``, both references."""
    return {**visit, "participant": [_instead(each, patient, heir) for each in visit.get("participant", ())]}


def double(visit: Resource) -> Resource:
    """Return a visit that is kept although its patient has another one at that time, with why."""
    return {**visit, "extension": [*visit.get("extension", ()), {"url": OVERRIDE, "valueCodeableConcept": MERGED}]}


def _instead(participant: Resource, patient: str, heir: str) -> Resource:
    said = participant.get("actor", {}).get("reference", "")
    if said != patient and not said.endswith(f"/{patient}"):
        return participant
    return {**participant, "actor": {**participant["actor"], "reference": heir}}
