"""The calendars of the demonstration: what its clinic offers, who gives it, and when."""

from typing import Any

from polyclinic.platform.demo import clinic, codes

SERVICE = "HealthcareService/demo-check-up"
_PARAMETERS = "urn:polyclinic:extension:scheduling-parameters"
_WEEK = ("mon", "tue", "wed", "thu", "fri")


def resources() -> list[dict[str, Any]]:
    """Return the service that is offered, and a Schedule of each physician."""
    return [_service(), *(_schedule(id) for id in clinic.STAFF)]


def _service() -> dict[str, Any]:
    durations = [("duration", 30), ("alignmentInterval", 30), ("minimumNotice", 60), ("cancellationNotice", 24 * 60)]
    kind = codes.CHECK_UP
    said = [{"url": "timezone", "valueCode": "America/New_York"}]
    return {
        "resourceType": "HealthcareService",
        "id": SERVICE.partition("/")[2],
        "active": True,
        "providedBy": {"reference": clinic.ORGANIZATION},
        "name": "Check-up",
        "type": [{"coding": [{"system": kind.system, "code": kind.code, "display": kind.display}]}],
        "location": [{"reference": clinic.CONSULTING}],
        "extension": [{"url": _PARAMETERS, "extension": [*said, *(_duration(*each) for each in durations)]}],
    }


def _schedule(practitioner: str) -> dict[str, Any]:
    hours = [("08:30:00", "12:00:00"), ("13:00:00", "17:00:00")]
    offered = {"url": "service", "valueReference": {"reference": SERVICE}}
    return {
        "resourceType": "Schedule",
        "id": practitioner,
        "active": True,
        "actor": [{"reference": f"Practitioner/{practitioner}"}],
        "extension": [{"url": _PARAMETERS, "extension": [offered, *(_window(*each) for each in hours)]}],
    }


def _duration(name: str, minutes: int) -> dict[str, Any]:
    value = {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
    return {"url": name, "valueDuration": value}


def _window(begin: str, end: str) -> dict[str, Any]:
    days = [{"url": "daysOfWeek", "valueCode": day} for day in _WEEK]
    times = [{"url": "availableStartTime", "valueTime": begin}, {"url": "availableEndTime", "valueTime": end}]
    return {"url": "availableTime", "extension": [*days, *times]}
