"""Belonging to a series: what a visit says of the series it is part of, in R5's elements as extensions of R4.

Source: https://hl7.org/fhir/uv/xver-r5.r4/0.1.0/StructureDefinition-ext-R5-Appointment.originatingAppointment.html and
its neighbours recurrenceId and occurrenceChanged
"""

from typing import Any

from polyclinic.services.scheduling.rules.claims import Resource, extension_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.recurrence import RECURRENCE_URL

_ELEMENTS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment"
ORIGIN = f"{_ELEMENTS}.originatingAppointment"
"""Extension of Appointment: the first visit of its series (Reference)."""
NUMBER = f"{_ELEMENTS}.recurrenceId"
"""Extension of Appointment: which visit of its series it is, from 1 (positiveInt)."""
CHANGED = f"{_ELEMENTS}.occurrenceChanged"
"""Extension of Appointment: that it is an exception in its series (boolean)."""


def membership_of(appointment: Resource, directory: Directory) -> tuple[str, int] | None:
    """Return the id of the first visit of its series and its number, None where it belongs to none."""
    said, number = extension_of(appointment, ORIGIN), extension_of(appointment, NUMBER)
    origin = directory.local((said or {}).get("valueReference", {}))
    if origin is None or number is None or not origin.startswith("Appointment/"):
        return None
    return origin.removeprefix("Appointment/"), int(number.get("valuePositiveInt", 1))


def belonging(visit: Resource, origin: str, number: int, template: dict[str, Any]) -> Resource:
    """Return ``visit`` as the one with that ``number`` in the series of ``origin`` (an id).

    The first one carries the ``template`` (the extension recurrenceTemplate).
    """
    kept = [each for each in visit.get("extension", ()) if each["url"] not in (ORIGIN, NUMBER, RECURRENCE_URL)]
    said = [
        {"url": ORIGIN, "valueReference": {"reference": f"Appointment/{origin}"}},
        {"url": NUMBER, "valuePositiveInt": number},
    ]
    return {**visit, "extension": [*kept, *said, *([template] if visit.get("id") == origin else [])]}


def is_exception(visit: Resource) -> bool:
    """Whether a visit of a series goes its own way."""
    return bool((extension_of(visit, CHANGED) or {}).get("valueBoolean"))


def excepted(visit: Resource) -> Resource:
    """Return a visit of a series as an exception in it; any other as it is."""
    if extension_of(visit, ORIGIN) is None or is_exception(visit):
        return visit
    return {**visit, "extension": [*visit["extension"], {"url": CHANGED, "valueBoolean": True}]}
