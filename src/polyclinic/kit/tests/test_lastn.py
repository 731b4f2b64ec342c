"""$lastn of Observations: the newest few of each kind, kinds told by shared codings."""

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.rest.operations import lastn

LOINC, LOCAL = "http://loinc.org", "http://local"
WEIGHT, HEIGHT, PULSE = (LOINC, "29463-7"), (LOINC, "8302-2"), (LOINC, "8867-4")
LOCAL_WEIGHT, SCALE = (LOCAL, "weight"), (LOCAL, "scale")


def observation(id, patient, day, *codings, text=None):
    code = {"coding": [{"system": system, "code": code} for system, code in codings]} if codings else {}
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": code | ({"text": text} if text else {}),
        "subject": {"reference": f"Patient/{patient}"},
        **({"effectiveDateTime": f"2024-01-{day:02}"} if day else {}),
        **({"category": [{"coding": [{"code": "vital"}]}]} if HEIGHT in codings else {}),
    }


KEPT = [
    observation("w1", "ada", 1, WEIGHT),
    observation("w2", "ada", 2, LOCAL_WEIGHT),
    observation("w3", "ada", 5, WEIGHT, LOCAL_WEIGHT),
    observation("w4", "ada", 9, SCALE),
    observation("h1", "ada", 3, HEIGHT),
    observation("h2", "ada", 10, HEIGHT),
    observation("h3", "ada", None, HEIGHT),
    observation("p1", "ada", 4, PULSE),
    observation("t1", "ada", 6, text="Mood of the day"),
    observation("t2", "ada", 7, text="mood of  the DAY"),
    observation("t3", "ada", 8, text="Appetite"),
    # a chain: the oldest makes one group of those that had nothing in common
    observation("c1", "bob", 9, WEIGHT),
    observation("c2", "bob", 8, LOCAL_WEIGHT),
    observation("c3", "bob", 7, SCALE),
    observation("c4", "bob", 6, WEIGHT, LOCAL_WEIGHT, SCALE),
    observation("c5", "bob", 5, HEIGHT),
]


@pytest.fixture(scope="module")
async def house(service):
    for each in KEPT:
        heard = await service.put(f"/fhir/Observation/{each['id']}", each)
        assert heard.status == 201, heard.body
    return service


def ids(heard):
    assert heard.status == 200, heard.body
    assert validate(heard.json) == []
    assert heard.json["type"] == "searchset"
    found = [each["resource"]["id"] for each in heard.json.get("entry", [])]
    assert heard.json["total"] == len(found)
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("patient=ada", ["h2", "w4", "t3", "t2", "w3", "p1"]),
        ("patient=Patient/ada&max=2", ["h2", "h1", "w4", "t3", "t2", "t1", "w3", "w2", "p1"]),
        ("subject=Patient/ada&max=3", ["h2", "h1", "h3", "w4", "t3", "t2", "t1", "w3", "w2", "w1", "p1"]),
        ("subject:Patient=ada&code=8302-2,8867-4", ["h2", "p1"]),
        ("patient=ada&category=vital&max=2", ["h2", "h1"]),
        ("patient=ada&date=lt2024-01-06", ["w3", "p1", "h1"]),
        ("patient=bob", ["c1", "c5"]),
        ("patient=bob&max=3", ["c1", "c2", "c3", "c5"]),
        ("patient=bob&max=99", ["c1", "c2", "c3", "c4", "c5"]),
        ("patient=nobody", []),
    ],
)
async def test_newest_of_each_group_come_group_by_group(house, query, expected):
    assert ids(await house.get(f"/fhir/Observation/$lastn?{query}")) == expected


async def test_parameters_come_in_a_body_too(house):
    given = [
        {"name": "subject", "valueUri": "Patient/ada"},
        {"name": "code", "valueString": f"{LOINC}|8302-2"},
        {"name": "max", "valuePositiveInt": 2},
    ]
    heard = await house.post("/fhir/Observation/$lastn", {"resourceType": "Parameters", "parameter": given})
    assert ids(heard) == ["h2", "h1"]


async def test_only_a_part_is_answered_on_request(house):
    heard = await house.get("/fhir/Observation/$lastn?patient=bob&_elements=status")
    assert ids(heard) == ["c1", "c5"]
    assert heard.json["entry"][0]["resource"].keys() == {"resourceType", "id", "meta", "status", "code"}


@pytest.mark.parametrize(
    ("query", "status", "place"),
    [
        ("", 400, "patient"),
        ("code=8302-2", 400, "patient"),
        ("patient:missing=true", 400, "patient"),
        ("patient:not=ada", 400, "patient"),
        ("patient=ada&max=0", 400, "max"),
        ("patient=ada&max=all", 400, "max"),
        ("patient=ada&max=1&max=2", 400, "max"),
        ("patient=ada&_sort=code", 400, "_sort"),
        ("patient=ada&_count=5", 400, "_count"),
        ("patient=ada&_include=Observation:subject", 400, "_include"),
        ("patient=ada&_revinclude:iterate=Observation:derived-from", 400, "_revinclude:iterate"),
        ("patient=ada&_contained=both", 400, "_contained"),
        ("patient=ada&_summary=count", 400, "_summary"),
        ("patient=ada&color=red", 400, "color"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name(house, query, status, place):
    heard = await house.get(f"/fhir/Observation/$lastn?{query}")
    assert (heard.status, heard.places) == (status, [place]), heard.body


async def test_without_a_subject_it_says_how_to_name_one(house):
    assert "patient=[id]" in (await house.get("/fhir/Observation/$lastn?code=8302-2")).said


async def test_too_many_to_look_at_are_refused_with_their_number(house, monkeypatch):
    monkeypatch.setattr(lastn, "MOST_LOOKED_AT", 10)
    heard = await house.get("/fhir/Observation/$lastn?patient=ada")
    assert (heard.status, heard.codes) == (413, ["too-costly"])
    assert "11 Observations" in heard.said
    assert ids(await house.get("/fhir/Observation/$lastn?patient=ada&code=8302-2")) == ["h2"]


async def test_what_is_found_page_by_page_is_grouped_alike(house, monkeypatch):
    monkeypatch.setattr(lastn, "_AT_ONCE", 2)
    assert ids(await house.get("/fhir/Observation/$lastn?patient=bob&max=3")) == ["c1", "c2", "c3", "c5"]


@pytest.mark.parametrize("path", ["Observation/h1/$lastn", "Patient/$lastn"])
async def test_it_is_offered_for_observations_as_a_type_alone(house, path):
    assert (await house.get(f"/fhir/{path}?patient=ada")).status == 400
