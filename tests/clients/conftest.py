"""What the tests of clients share: a ward of people, kept by one transaction, that no other test touches."""

import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from polyclinic.platform.testing import Platform

sys.path.insert(0, str(Path(__file__).parent))  # the tests import what lies beside them in wild/

LOINC = "http://loinc.org"
WARD = "http://ward.example"


@dataclass(frozen=True, slots=True)
class Ward:
    """Twelve patients of one organization, the first with three weights of 70, 71 and 72 kg.

    ``mark`` is the identifier system of the patients, whose values are p0 to p11; their family name is ``name``.
    """

    mark: str
    name: str
    organization: str
    patients: list[str]
    weights: list[str]


@pytest.fixture(scope="session")
def ward(house: Platform) -> Ward:
    """Return a ward that was created by one transaction."""
    name = f"Ward{uuid4().hex[:10]}"
    mark = f"{WARD}/{name}"
    organization = {"resourceType": "Organization", "name": f"House of {name}"}
    entries = [_entry("urn:uuid:house", organization)]
    entries += [_entry(f"urn:uuid:p{number}", _patient(number, mark, name)) for number in range(12)]
    entries += [_entry(f"urn:uuid:w{number}", _weight(70 + number, number)) for number in range(3)]
    status, answer = house.ask("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert status == 200, answer
    ids = [entry["response"]["location"].split("/")[1] for entry in answer["entry"]]
    return Ward(mark, name, ids[0], ids[1:13], ids[13:])


def _entry(address, resource):
    return {"fullUrl": address, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def _patient(number, mark, name):
    return {
        "resourceType": "Patient",
        "identifier": [{"system": mark, "value": f"p{number}"}],
        "name": [{"family": name, "given": [f"Given{number:02}"]}],
        "gender": "female" if number % 2 else "male",
        "birthDate": f"19{50 + number}-06-0{1 + number % 9}",
        "managingOrganization": {"reference": "urn:uuid:house"},
    }


def _weight(kilograms, day):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "29463-7"}]},
        "subject": {"reference": "urn:uuid:p0"},
        "effectiveDateTime": f"2026-03-0{1 + day}T09:00:00Z",
        "valueQuantity": {
            "value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg",
        },
    }  # fmt: skip
