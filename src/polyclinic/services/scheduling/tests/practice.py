"""A small practice to book at: its services and calendars, and the clock by which it goes."""

from datetime import UTC, datetime, timedelta

from polyclinic.services.scheduling.model import PARAMETERS_URL
from polyclinic.services.scheduling.rules.waiting import WAITLIST

MONDAY = datetime(2026, 12, 7, 6, 0, tzinfo=UTC)
"""Monday, 7 o'clock in Berlin."""
VISIT = {"system": "urn:test:visits", "code": "check-up"}
ROOM = {"coding": [{"system": "urn:test:kinds", "code": "room"}]}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment=MONDAY):
        self.moment = moment

    def __call__(self):
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def forward(self, **by):
        self.moment += timedelta(**by)


def minutes(number):
    return {"value": number, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}


def rules(**parts):
    """Return the extension that says ``parts``: minutes for durations, lists for what is said several times."""
    said = []
    for name, value in parts.items():
        for each in value if isinstance(value, list) else [value]:
            said.append({"url": name, **_value(name, each)})
    return {"url": PARAMETERS_URL, "extension": said}


def _value(name, value):
    if name == "availableTime":
        days, begin, end = value
        return {
            "extension": [
                *({"url": "daysOfWeek", "valueCode": day} for day in days.split()),
                {"url": "availableStartTime", "valueTime": f"{begin}:00"},
                {"url": "availableEndTime", "valueTime": f"{end}:00"},
            ]
        }
    if name == "publish":
        return {"valueBoolean": value}
    if name == "timezone":
        return {"valueCode": value}
    if name in ("capacity", "mostPerDay", "offersAtOnce", "offerTries"):
        return {"valuePositiveInt": value}
    if name == "overbook":
        return {"valueUnsignedInt": value}
    if name == "service":
        return {"valueReference": {"reference": value}}
    if name in ("kind", "needs", "jurisdiction"):
        return {"valueCodeableConcept": value}
    if name == "notAvailable":
        return {"valueDate": value}
    return {"valueDuration": minutes(value)}


def service(id, **parts):
    said = {"timezone": "Europe/Berlin", "duration": 30, "alignmentInterval": 30, **parts}
    return {
        "resourceType": "HealthcareService",
        "id": id,
        "active": True,
        "type": [{"coding": [VISIT]}],
        "extension": [rules(**said)],
    }


def schedule(id, *actors, **parts):
    said = {"availableTime": ("mon tue wed thu fri", "09:00", "12:00"), **parts}
    return {
        "resourceType": "Schedule",
        "id": id,
        "active": True,
        "actor": [{"reference": actor} for actor in actors],
        "extension": [rules(**said)],
    }


def entry(id, patient, **said):
    """Return an entry of the waitlist for check-ups in December; ``said`` are elements of it or parts of its wishes."""
    named = ("schedule", "earliestNotice", "weekdays", "timeFrom", "timeTo", "keep")
    wishes = [
        {"url": name, **_wish(name, each)}
        for name in named
        for value in [said.pop(name, [])]
        for each in (value if isinstance(value, list) else [value])
    ]
    actors = [patient, *said.pop("actors", ["HealthcareService/check-up"])]
    made = {
        "resourceType": "Appointment",
        "id": id,
        "status": "waitlist",
        "requestedPeriod": [{"start": "2026-12-01", "end": "2026-12-31"}],
        "participant": [{"actor": {"reference": actor}, "status": "needs-action"} for actor in actors if actor],
        **said,
    }
    return made | {"extension": [{"url": WAITLIST, "extension": wishes}]} if wishes else made


def _wish(name, value):
    if name in ("schedule", "keep"):
        return {"valueReference": {"reference": value}}
    if name == "earliestNotice":
        return {"valueDuration": minutes(value)}
    return {"valueCode": value} if name == "weekdays" else {"valueTime": f"{value}:00"}


def parameters(**given):
    """Return a Parameters resource: texts with a slash are references, with a T and a colon times."""
    listed = [
        {"name": name.replace("_", "-") if name != "_count" else name, **_parameter(value)}
        for name, values in given.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return {"resourceType": "Parameters", "parameter": listed}


def _parameter(value):
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, dict) and value.keys() & {"event", "repeat"}:
        return {"valueTiming": value}
    if isinstance(value, dict):
        return {"resource": value} if "resourceType" in value else {"valueCodeableConcept": value}
    if "/" in value:
        return {"valueReference": {"reference": value}}
    if "T" in value and ":" in value:
        return {"valueDateTime": value}
    return {"valueString": value}
