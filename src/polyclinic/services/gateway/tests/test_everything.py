"""$everything of what two services keep: longer than any page, told once, as it was narrowed."""

from math import ceil
from typing import Any

import pytest

ID = "busy"
MANY = 620
WHEN = {"start": "2026-01-01T10:00:00Z", "end": "2026-01-01T10:15:00Z"}


def visit(number: int) -> list[dict[str, Any]]:
    """Return an appointment of the busy patient, in 2027 if its number is odd, and its slot."""
    when = {name: time.replace("2026", f"202{6 + number % 2}") for name, time in WHEN.items()}
    slot = {"resourceType": "Slot", "id": f"s{number}", "schedule": {"reference": "Schedule/1"}, "status": "busy"}
    appointment = {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "status": "booked",
        "comment": "long " * 300,
        "slot": [{"reference": f"Slot/s{number}"}],
        "participant": [
            {"actor": {"reference": each}, "status": "accepted"} for each in (f"Patient/{ID}", "Practitioner/gp")
        ],
    }
    return [{**slot, **when}, {**appointment, **when}]


@pytest.fixture(scope="module")
async def busy(house):
    """Keep a patient with many appointments and a doctor; return a client of the gateway."""
    people: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": ID, "generalPractitioner": [{"reference": "Practitioner/gp"}]},
        {"resourceType": "Practitioner", "id": "gp"},
    ]
    for resources in (people, [each for number in range(MANY) for each in visit(number)]):
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources
        ]
        sent = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert (await house.gateway.post("/fhir", sent)).status == 200
    return house.gateway


async def pages(client, path):
    """Return how many pages there are from ``path`` on, and each address told with its mode."""
    number, found = 0, []
    while path:
        number += 1
        heard = await client.get(path)
        assert heard.status == 200, heard.body
        found += [(each["fullUrl"].split("/fhir/")[1], each["search"]["mode"]) for each in heard.json["entry"]]
        links = {each["relation"]: each["url"] for each in heard.json["link"]}
        path = links.get("next", "").replace("http://the-house", "")
    return number, found


def expected(numbers):
    inside = [f"Patient/{ID}", *(f"Appointment/a{number}" for number in numbers)]
    beside = ["Practitioner/gp", *(f"Slot/s{number}" for number in numbers)]
    return sorted([*((each, "match") for each in inside), *((each, "include") for each in beside)])


async def test_all_of_it_is_sent_at_once_and_each_once(busy):
    heard = await busy.get(f"/fhir/Patient/{ID}/$everything")
    assert (len(heard.body) > 1_000_000, "content-length" in heard.headers) == (True, False)
    _, found = await pages(busy, f"/fhir/Patient/{ID}/$everything")
    assert found[0] == (f"Patient/{ID}", "match")
    assert sorted(found) == expected(range(MANY))


@pytest.mark.parametrize("count", [100, 400, 1000])
async def test_pages_tell_each_once(busy, count):
    number, found = await pages(busy, f"/fhir/Patient/{ID}/$everything?_count={count}")
    assert sorted(found) == expected(range(MANY))
    assert number == 1 + 2 * ceil(MANY / count)


async def test_care_in_a_period_is_told_with_what_it_refers_to(busy):
    _, found = await pages(busy, f"/fhir/Patient/{ID}/$everything?start=2027-01-01&_count=500")
    assert sorted(found) == expected(range(1, MANY, 2))


async def test_types_and_time_narrow_what_is_told(busy):
    _, slots = await pages(busy, f"/fhir/Patient/{ID}/$everything?_type=Slot")
    assert sorted(slots) == sorted((f"Slot/s{number}", "include") for number in range(MANY))
    since = (await busy.get("/fhir/Slot/s1")).json["meta"]["lastUpdated"]
    assert (await busy.put("/fhir/Practitioner/gp", {"resourceType": "Practitioner", "id": "gp", "active": True})).json
    _, changed = await pages(busy, f"/fhir/Patient/{ID}/$everything?_since={since}&_type=Practitioner,Patient")
    assert changed == [("Practitioner/gp", "include")]
