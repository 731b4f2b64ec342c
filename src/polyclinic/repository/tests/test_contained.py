"""What is found inside other resources: in order, page by page, counted, and once."""

import asyncpg
import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.terms import contained_term
from polyclinic.repository import Repository
from polyclinic.repository import contained as judging
from polyclinic.repository.keys import key_of, pack, unpack
from polyclinic.repository.model import Update
from polyclinic.repository.tests.conftest import Clock


def concept(code):
    return {"coding": [{"system": "urn:drugs", "code": code}]}


def medication(id, code):
    return {"resourceType": "Medication", "id": id, "code": concept(code)}


def request(id, authored, *contained):
    first = {"reference": f"#{contained[0]['id']}"} if contained else {"reference": "Medication/alone"}
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/ada"},
        "medicationReference": first,
        "authoredOn": authored,
        "contained": list(contained),
        "supportingInformation": [{"reference": f"#{one['id']}"} for one in contained[1:]],
    }


DOUBLE = {**medication("double", "abc"), "contained": [medication("m", "abc")]}
RESOURCES = [
    medication("alone", "abc"),
    medication("other", "xyz"),
    request("r1", "2024-01-01", medication("m1", "abc")),
    request("r2", "2024-03-01", medication("m1", "xyz"), medication("m2", "abc"), medication("m3", "abc")),
    request("r3", "2024-02-01", {"resourceType": "Organization", "id": "m1", "name": "abc"}),
    request("r4", "2024-04-01", medication("m1", "xyz")),
    {"resourceType": "Patient", "id": "ada", "contained": [{"resourceType": "Patient", "id": "ada"}]},
    DOUBLE,
]


@pytest.fixture(scope="module")
async def filled(repository):
    for resource in RESOURCES:
        await repository.write(Update(resource))
    return repository


def query(text, *, count=None):
    type, _, pairs = text.partition("?")
    listed = [tuple(pair.split("=", 1)) for pair in pairs.split("&") if pair]
    return parse(type.split(","), listed + ([("_count", str(count))] if count else []))


IN_REQUESTS = ["MedicationRequest/r2", "MedicationRequest/r1", "Medication/double"]
INSIDE = ["MedicationRequest/r2#m2", "MedicationRequest/r2#m3", "MedicationRequest/r1#m1", "Medication/double#m"]
CASES = [
    ("Medication?code=abc&_contained=false", ["Medication/double", "Medication/alone"]),
    ("Medication?code=abc&_containedType=contained", ["Medication/double", "Medication/alone"]),
    ("Medication?code=abc&_contained=true", IN_REQUESTS),
    ("Medication?code=abc&_contained=true&_containedType=container", IN_REQUESTS),
    ("Medication?code=abc&_contained=true&_containedType=contained", INSIDE),
    ("Medication?code=abc&_contained=both", [*IN_REQUESTS, "Medication/alone"]),
    (
        "Medication?code=abc&_contained=both&_containedType=contained",
        [*INSIDE[:3], "Medication/double", "Medication/double#m", "Medication/alone"],
    ),
    ("Medication?code:not=abc&_contained=true&_sort=_lastUpdated", ["MedicationRequest/r2", "MedicationRequest/r4"]),
    (
        "Medication?_contained=both&_containedType=contained&_sort=_lastUpdated&_id=alone,m1,m",
        [
            "Medication/alone",
            "MedicationRequest/r1#m1",
            "MedicationRequest/r2#m1",
            "MedicationRequest/r4#m1",
            "Medication/double#m",
        ],
    ),
    ("Medication?_contained=true&_id=double", []),
    ("Medication,Organization?_contained=true&_id=m1", [f"MedicationRequest/r{number}" for number in (4, 2, 3, 1)]),
    ("Organization?_contained=both&name=ab", ["MedicationRequest/r3"]),
    ("Practitioner?_contained=true", []),
]


async def walked(repository, text, count):
    found, cursor = [], None
    while True:
        page = await repository.search(query(text, count=count), cursor=cursor)
        assert len(page.items) <= count
        found += page.items
        if page.next is None:
            return found
        cursor = page.next


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("count", [1, 2, 50])
async def test_what_is_inside_others_is_found_in_order_and_once(filled, text, expected, count):
    assert [f"{kept.type}/{kept.id}" for kept in await walked(filled, text, count)] == expected
    assert await filled.count(query(text)) == len(expected)


async def test_a_contained_resource_is_answered_alone_or_by_its_container(filled):
    (alone,) = (await filled.search(query("Medication?_id=m2&_contained=true&_containedType=contained"))).items
    assert decode(alone.body) == medication("m2", "abc")
    (container,) = (await filled.search(query("Medication?_id=m2&_contained=true"))).items
    assert decode(container.body)["contained"][1] == decode(alone.body)


async def test_many_containers_are_read_some_at_a_time(filled, monkeypatch):
    monkeypatch.setattr(judging, "FIRST", 1)
    monkeypatch.setattr(judging, "MOST", 2)
    assert [f"{kept.type}/{kept.id}" for kept in await walked(filled, CASES[4][0], 3)] == INSIDE


async def make_earlier(dsn, key):
    """Make the database one of the release before containers were found by ``key``."""
    connection = await asyncpg.connect(dsn)
    for row in await connection.fetch("select key, terms from resource"):
        known = pack(each for each in unpack(row["terms"]) if each != key)
        await connection.execute("update resource set indexed = 1, terms = $2 where key = $1", row["key"], known)
    await connection.execute("delete from posting where key = $1", key)
    await connection.execute(
        "delete from migration where part = 'repository' and number = 6;"
        "update vocabulary set number = 1; update reindexing set wanted = 1, complete = 1"
    )
    await connection.close()


async def test_what_was_kept_before_is_found_once_it_is_indexed_anew(dsn, filled):
    await make_earlier(dsn, key_of(contained_term("Medication")))
    earlier = await Repository.open(dsn, clock=Clock())
    asked = query("Medication?_contained=true")
    try:
        assert (await earlier.search(asked)).items == ()
        (lacking,) = await earlier.lacking(asked)
        assert "_contained of Medication is still being indexed" in lacking.issue.diagnostics
        assert await earlier.lacking(query("Medication?code=abc")) == ()
        await earlier.reindexing.walk()
        assert await earlier.lacking(asked) == ()
        assert len((await earlier.search(asked)).items) == 4
    finally:
        await earlier.close()
