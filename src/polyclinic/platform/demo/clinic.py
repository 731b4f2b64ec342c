"""The clinic of the demonstration: its organization, its rooms and its staff."""

from typing import Any

ORGANIZATION = "Organization/demo-clinic"
CONSULTING = "Location/demo-consulting"
VACCINATION = "Location/demo-vaccination"
STAFF = ("demo-alvarez", "demo-lindqvist", "demo-osei", "demo-tanaka")

_NAMES = (("Alvarez", "Inés"), ("Lindqvist", "Karin"), ("Osei", "Kofi"), ("Tanaka", "Haruko"))
_STAFF_NUMBERS = "https://polyclinic.example/staff"


def resources() -> list[dict[str, Any]]:
    """Return what the patients' records refer to."""
    return [_organization(), *_locations(), *_practitioners()]


def _organization() -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": "demo-clinic",
        "active": True,
        "name": "Riverton Polyclinic",
        "telecom": [{"system": "phone", "value": "+1-207-555-0100", "use": "work"}],
        "address": [{"line": ["1 Harbour Street"], "city": "Riverton", "state": "ME", "country": "US"}],
    }


def _locations() -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Location",
            "id": reference.removeprefix("Location/"),
            "status": "active",
            "name": name,
            "mode": "instance",
            "managingOrganization": {"reference": ORGANIZATION},
        }
        for reference, name in ((CONSULTING, "Consulting rooms"), (VACCINATION, "Vaccination room"))
    ]


def _practitioners() -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Practitioner",
            "id": id,
            "identifier": [{"system": _STAFF_NUMBERS, "value": id.removeprefix("demo-")}],
            "active": True,
            "name": [{"family": family, "given": [given], "prefix": ["Dr."]}],
            "telecom": [{"system": "email", "value": f"{id.removeprefix('demo-')}@polyclinic.example", "use": "work"}],
        }
        for id, (family, given) in zip(STAFF, _NAMES, strict=True)
    ]
