"""The oracle's own examples, taken from the R4 search page, so that the yardstick is measured too."""

from datetime import UTC, datetime

import pytest
from oracle import Oracle
from oracle.amounts import half_digit, number
from oracle.definitions import table
from oracle.paths import evaluate, resource_node

BASE = "http://here/fhir"
QUANTITY = {"value": 5400, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
RESOURCES = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "van Tür", "given": ["Peter", "James"]}],
        "gender": "male",
        "birthDate": "1974-12-25",
        "identifier": [
            {"system": "http://acme", "value": "2345", "type": {"coding": [{"system": "http://v2", "code": "MR"}]}}
        ],
        "telecom": [{"system": "email", "value": "p@x.org"}],
    },
    {"resourceType": "Patient", "id": "p2", "active": False, "deceasedBoolean": False},
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1"}], "text": "Weight of it"},
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2013-01-14T10:00:00Z"},
        "valueQuantity": QUANTITY,
        "component": [
            {"code": {"coding": [{"code": "sys"}]}, "valueQuantity": {"value": 107}},
            {"code": {"coding": [{"code": "dia"}]}, "valueQuantity": {"value": 60}},
        ],
    },
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": BASE + "/Patient/p1"},
    },
    {
        "resourceType": "List",
        "id": "l",
        "status": "current",
        "mode": "working",
        "entry": [{"item": {"reference": "Patient/p2"}}],
    },
    {"resourceType": "Location", "id": "boston", "position": {"latitude": 42.256500, "longitude": -83.694710}},
    {"resourceType": "ValueSet", "id": "v", "status": "draft", "url": "http://acme.org/fhir/ValueSet/123"},
]

CASES = [
    ("Patient", "name=tur", ""),
    ("Patient", "name=VAN", "p1"),
    ("Patient", "family:contains=TUR", "p1"),
    ("Patient", "given:exact=Peter", "p1"),
    ("Patient", "given:exact=peter", ""),
    ("Patient", "gender:not=male", "p2"),
    ("Patient", "gender=http://hl7.org/fhir/administrative-gender|male", "p1"),
    ("Patient", "gender=http://elsewhere|male", ""),
    ("Patient", "identifier=http://acme|", "p1"),
    ("Patient", "identifier=|2345", ""),
    ("Patient", "identifier:of-type=http://v2|MR|2345", "p1"),
    ("Patient", "email=p@x.org", "p1"),
    ("Patient", "active=false", "p2"),
    ("Patient", "deceased=false", "p1 p2"),
    ("Patient", "birthdate:missing=true", "p2"),
    ("Patient", "birthdate=1974", "p1"),
    ("Patient", "birthdate=ne1974-12,gt1980", ""),
    ("Patient", "_list=l", "p2"),
    ("Patient", "_id=p1,p2", "p1 p2"),
    ("Patient", "_has:Observation:patient:code=1", "p1"),
    ("Patient", "_has:Observation:patient:code=2", ""),
    ("Observation", "date=ge2013-01-14", "o1"),
    ("Observation", "date=lt2013-01-14T10:00", ""),
    ("Observation", "date=sa2013-01-13", "o1"),
    ("Observation", "date=eb2030", ""),
    ("Observation", "value-quantity=5.4|http://unitsofmeasure.org|g", "o1"),
    ("Observation", "value-quantity=5400||mg", "o1"),
    ("Observation", "value-quantity=5.4||g", ""),
    ("Observation", "value-quantity=ap5000", "o1"),
    ("Observation", "code:text=weight", "o1"),
    ("Observation", "component-code-value-quantity=sys$gt100", "o1"),
    ("Observation", "component-code-value-quantity=dia$gt100", ""),
    ("Observation", "subject=p1", "o1"),
    ("Observation", "subject:Patient=p1", "o1"),
    ("Observation", "subject=http://here/fhir/Patient/p1", "o1"),
    ("Observation", "subject.name=peter", "o1"),
    ("Observation", "subject:Patient.name=paul", ""),
    ("Encounter", "subject=Patient/p1", "e1"),
    ("Encounter", "patient._has:Observation:patient:code=1", "e1"),
    ("Location", "near=42.256500|-83.694710|1|km", "boston"),
    ("Location", "near=42.3|-83.694710|1", ""),
    ("ValueSet", "url:below=http://acme.org/fhir/", "v"),
    ("ValueSet", "url:above=http://acme.org/fhir/ValueSet/123/_history/5", "v"),
    ("ValueSet", "url=http://acme.org/fhir", ""),
]


@pytest.fixture(scope="module")
def oracle():
    return Oracle(RESOURCES, BASE, now=datetime(2026, 1, 1, tzinfo=UTC))


def pairs(query):
    return [tuple(pair.split("=", 1)) for pair in query.split("&")]


@pytest.mark.parametrize("type, query, ids", CASES)
def test_oracle_finds_what_the_search_page_says(oracle, type, query, ids):
    assert [id for _, id in oracle.search(type, pairs(query)).matches] == ids.split()


@pytest.mark.parametrize(
    "query, found",
    [
        ("_include=Observation:subject", {"Patient/p1"}),
        ("_include=Observation:*", {"Patient/p1"}),
        ("_include=Observation:subject:Group", set()),
        ("_include=Observation:subject&_revinclude=Encounter:patient", {"Patient/p1"}),
        ("_include=Observation:subject&_revinclude:iterate=Encounter:patient", {"Patient/p1", "Encounter/e1"}),
    ],
)
def test_oracle_includes_what_the_search_page_says(oracle, query, found):
    assert {"/".join(key) for key in oracle.search("Observation", pairs(query)).included} == found


def test_oracle_looks_into_compartments_and_over_types(oracle):
    assert oracle.search("Observation", [], compartment=("Patient", "p1")).matches == [("Observation", "o1")]
    assert oracle.search("Observation", [], compartment=("Patient", "p2")).matches == []
    assert len(oracle.search(None, [("_type", "Patient,List")]).matches) == 3


@pytest.mark.parametrize("sort, ids", [("birthdate", "p1 p2"), ("-birthdate", "p1 p2"), ("-_id", "p2 p1")])
def test_oracle_sorts_what_has_no_value_last(oracle, sort, ids):
    assert [id for _, id in oracle.search("Patient", [("_sort", sort)]).matches] == ids.split()


@pytest.mark.parametrize("text, half", [("100", "0.5"), ("100.00", "0.005"), ("1e2", "5"), ("5.40e-3", "0.000005")])
def test_precision_is_that_of_the_page(text, half):
    assert half_digit(number(text)) == number(half)


def test_every_expression_of_r4_is_understood():
    for type, parameters in table("search_parameters").items():
        for row in parameters.values():
            for expression in (row.get("expression"), *(part["expression"] for part in row.get("components", ()))):
                if expression:
                    assert evaluate(expression, resource_node({"resourceType": type})) is not None
