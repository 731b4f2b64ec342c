"""Schedule and HealthcareService as calendars and services, every fault of theirs named at its place.

Sources: https://hl7.org/fhir/R4/schedule.html and https://hl7.org/fhir/R4/healthcareservice.html
"""

from collections.abc import Iterable
from typing import Any

from polyclinic.fhir.outcome import Invalid
from polyclinic.services.scheduling.model import Calendar, Code, Hours, Service, Stretch
from polyclinic.services.scheduling.rules.opening_hours import hours_of, native_hours_of
from polyclinic.services.scheduling.rules.parts import Found, Reading, parameters_of, parts_of
from polyclinic.services.scheduling.rules.times import stretch_of


def calendar_of(schedule: dict[str, Any]) -> Calendar:
    """Return the calendar that a valid R4 Schedule says.

    A Schedule without the extension follows the rules of the service.
    Refuses: ``Invalid`` with every issue.
    """
    reading = Reading()
    parts = parts_of(schedule, reading)
    parameters = parameters_of(parts, reading)
    services = tuple(_services(parts.get("service", ()), reading))
    actors = tuple(actor["reference"] for actor in schedule.get("actor", ()) if "reference" in actor)
    if parts and not actors:
        reading.refuse("none of its actors is a reference: nobody could be booked", "Schedule.actor", code="required")
    if parts and "timezone" not in parts and not services:
        sentence = "its scheduling-parameters name no time zone, nor a service that could"
        reading.refuse(sentence, "Schedule.extension", code="required")
    calendar = Calendar(
        name=f"Schedule/{schedule.get('id', '')}",
        actors=actors,
        parameters=parameters,
        hours=hours_of(parts, reading),
        horizon=_horizon(schedule, reading),
        services=services,
        types=codes_of(schedule.get("serviceType", ())),
        specialties=codes_of(schedule.get("specialty", ())),
        jurisdictions=codes_of(found.value for found in parts.get("jurisdiction", ())),
        kinds=codes_of(found.value for found in parts.get("kind", ())),
        active=schedule.get("active", True),
    )
    _refuse_any(reading)
    return calendar


def service_of(healthcare_service: dict[str, Any]) -> Service:
    """Return the service that a valid R4 HealthcareService says.

    Its own availableTime and the extension's are one: windows and closures of both count.
    Refuses: ``Invalid`` with every issue.
    """
    reading = Reading()
    parts = parts_of(healthcare_service, reading)
    native, said = native_hours_of(healthcare_service, reading), hours_of(parts, reading)
    service = Service(
        name=f"HealthcareService/{healthcare_service.get('id', '')}",
        parameters=parameters_of(parts, reading),
        hours=Hours(native.windows + said.windows, native.closures + said.closures),
        types=codes_of(healthcare_service.get("type", ())),
        specialties=codes_of(healthcare_service.get("specialty", ())),
        needs=tuple(codes_of([found.value]) for found in parts.get("needs", ())),
        places=tuple(each["reference"] for each in healthcare_service.get("location", ()) if "reference" in each),
        organization=healthcare_service.get("providedBy", {}).get("reference"),
        active=healthcare_service.get("active", True),
        title=_title(healthcare_service),
        phone=_phone(healthcare_service),
        public=any(found.value for found in parts.get("publish", ())),
    )
    _refuse_any(reading)
    return service


def codes_of(concepts: Iterable[dict[str, Any]]) -> frozenset[Code]:
    """Return all codes of some CodeableConcepts; text alone is none."""
    codings = (coding for concept in concepts for coding in concept.get("coding", ()))
    return frozenset((coding.get("system", ""), coding["code"]) for coding in codings if "code" in coding)


def _title(healthcare_service: dict[str, Any]) -> str | None:
    said = [healthcare_service.get("name"), *(text_of(each) for each in healthcare_service.get("type", ()))]
    return next((each for each in said if each), None)


def text_of(concept: dict[str, Any]) -> str | None:
    """Return what people read of a CodeableConcept, None where it has only codes."""
    displays = (coding.get("display") for coding in concept.get("coding", ()))
    return next((each for each in (concept.get("text"), *displays) if each), None)


def _phone(healthcare_service: dict[str, Any]) -> str | None:
    telecoms = healthcare_service.get("telecom", ())
    return next((each["value"] for each in telecoms if each.get("system") == "phone" and "value" in each), None)


def _services(founds: Iterable[Found], reading: Reading) -> Iterable[str]:
    for found in founds:
        if "reference" in found.value:
            yield found.value["reference"]
        else:
            reading.refuse("service is not a reference to a HealthcareService", f"{found.at}.reference")


def _horizon(schedule: dict[str, Any], reading: Reading) -> Stretch:
    try:
        return stretch_of(schedule.get("planningHorizon", {}))
    except ValueError as error:
        reading.refuse(f"it is no stretch of time: {error}", "Schedule.planningHorizon")
        return Stretch()


def _refuse_any(reading: Reading) -> None:
    if reading.issues:
        raise Invalid(issues=reading.issues)
