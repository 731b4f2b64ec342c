"""The practice that the benchmarks of scheduling book at: a service, physicians, a group, and their opening hours."""

from datetime import timedelta

from polyclinic.kit import clock

PARAMETERS = "urn:polyclinic:extension:scheduling-parameters"
SERVICE = "HealthcareService/bench-visit"
TIMEZONE = "Europe/Berlin"
UCUM = "http://unitsofmeasure.org"


def resources(schedules: int, *, duration: int = 30, groups: int = 0, places: int = 5) -> list[dict]:
    """Return a service, ``schedules`` of a physician each and ``groups`` of ``places`` at a time; weekdays 8 to 18."""
    said = [
        {"url": "timezone", "valueCode": TIMEZONE},
        *({"url": name, "valueDuration": minutes(duration)} for name in ("duration", "alignmentInterval")),
    ]
    service = {
        "resourceType": "HealthcareService",
        "id": SERVICE.partition("/")[2],
        "active": True,
        "extension": [{"url": PARAMETERS, "extension": said}],
    }
    lone = [schedule(f"bench-{number}", f"Practitioner/bench-{number}") for number in range(schedules)]
    shared = [
        schedule(
            f"bench-group-{number}", f"Location/bench-group-{number}", {"url": "capacity", "valuePositiveInt": places}
        )
        for number in range(groups)
    ]
    return [service, *lone, *shared]


def schedule(id: str, actor: str, *more: dict) -> dict:
    hours = {
        "url": "availableTime",
        "extension": [
            *({"url": "daysOfWeek", "valueCode": day} for day in ("mon", "tue", "wed", "thu", "fri")),
            {"url": "availableStartTime", "valueTime": "08:00:00"},
            {"url": "availableEndTime", "valueTime": "18:00:00"},
        ],
    }
    said = [{"url": "service", "valueReference": {"reference": SERVICE}}, hours, *more]
    return {
        "resourceType": "Schedule",
        "id": id,
        "active": True,
        "actor": [{"reference": actor}],
        "extension": [{"url": PARAMETERS, "extension": said}],
    }


def minutes(number: int) -> dict:
    return {"value": number, "unit": "min", "system": UCUM, "code": "min"}


def asked(**given: object) -> dict:
    """Return a Parameters resource; underscores are hyphens, texts with a slash references, with a colon times."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name if name[0] == "_" else name.replace("_", "-"), **_value(value)}
            for name, value in given.items()
        ],
    }


def _value(value: object) -> dict:
    if isinstance(value, dict):
        return {"resource": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    text = str(value)
    if "/" in text:
        return {"valueReference": {"reference": text}}
    return {"valueDateTime" if ":" in text else "valueString": text}


def days(number: int) -> tuple[str, str]:
    """Return the first moment of tomorrow and that of ``number`` days later, as FHIR writes them."""
    first = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return first.isoformat(), (first + timedelta(days=number)).isoformat()
