"""What one resource by itself is judged by: the same as an index would say, but nothing about other resources."""

from decimal import Decimal

import pytest

from polyclinic.fhir.search.compartments import membership
from polyclinic.fhir.search.matching import candidate, distant, holds, inside
from polyclinic.fhir.search.query import parse

UCUM = "http://unitsofmeasure.org"
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"lastUpdated": "2026-01-01T00:00:00.123Z"},
    "text": {"status": "generated", "div": "<div><b>High</b> fever</div>"},
    "status": "final",
    "code": {"coding": [{"system": "urn:c", "code": "temp", "display": "Body temperature"}]},
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2025-06-01",
    "valueQuantity": {"value": Decimal("1.5"), "unit": "kg", "system": UCUM, "code": "kg"},
}
PLACE = {
    "resourceType": "Location",
    "name": "Straße",
    "position": {"latitude": Decimal("47.0"), "longitude": Decimal("8.0")},
}
CASES = [
    (OBSERVATION, "code=urn:c|temp&subject=p&status=final", True),
    (OBSERVATION, "code=temp&status:not=final", False),
    (OBSERVATION, "code:text=body", True),
    (OBSERVATION, "code:text=temperature", False),
    (OBSERVATION, "date=ge2025-06&date=lt2025-07", True),
    (OBSERVATION, f"value-quantity=1500|{UCUM}|g", True),
    (OBSERVATION, f"value-quantity=gt1500|{UCUM}|g", False),
    (OBSERVATION, f"value-quantity=1.5|{UCUM}|m", False),
    (OBSERVATION, "value-quantity=1.5||kg", True),
    (OBSERVATION, "code-value-quantity=temp$gt1", True),
    (OBSERVATION, "code-value-quantity=temp$gt2", False),
    (OBSERVATION, "category:missing=true&code:missing=false", True),
    (OBSERVATION, "_id=o&_id:not=x&_id:missing=false", True),
    (OBSERVATION, "_lastUpdated=2026-01-01T00:00:00.123Z", True),
    (OBSERVATION, "_lastUpdated=gt2026", False),
    (OBSERVATION, "_text=feve high", True),
    (OBSERVATION, "_text=ever", False),
    (OBSERVATION, "_content=TEMP", True),
    (PLACE, "name=strasse", True),
    (PLACE, "name:exact=strasse", False),
    (PLACE, "name:contains=ass", True),
    (PLACE, "near=47.01|8|2|km", True),
    (PLACE, "near=47.01|8|1|km", False),
    (PLACE, "_id=x", False),
]


def clauses(type, text):
    return parse(type, [tuple(pair.split("=", 1)) for pair in text.split("&")]).clauses


@pytest.mark.parametrize(("resource", "text", "expected"), CASES)
def test_a_resource_is_judged_by_what_it_says(resource, text, expected):
    assert holds(clauses(resource["resourceType"], text), candidate(resource)) is expected


@pytest.mark.parametrize(
    ("text", "many"),
    [
        ("code=x&date=2025", 0),
        ("component-code-value-quantity=x$5", 0),
        ("patient.name=x", 1),
        ("subject.name=x&code=y", 2),
        ("_has:Provenance:target:agent=x", 1),
        ("_list=x", 1),
    ],
)
def test_what_is_asked_about_other_resources_is_told(text, many):
    assert len(distant(clauses("Observation", text))) == many


def test_a_contained_resource_has_an_id_but_no_compartment_of_its_own():
    patient = {"resourceType": "Patient", "id": "p"}
    own = [membership("Patient", "p", ("Patient",))]
    assert holds(own, candidate(patient))
    assert not holds(own, inside(patient))
    assert holds(clauses("Patient", "_id=p"), inside(patient))
