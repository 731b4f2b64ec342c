"""A service that keeps only some types says at its border what it cannot follow; nothing is quietly incomplete."""

from functools import partial

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import database, running

WHEN = {"start": "2026-01-01T10:00:00Z", "end": "2026-01-01T10:15:00Z"}
SLOT = {"resourceType": "Slot", "id": "s", "status": "free", "schedule": {"reference": "Schedule/1"}, **WHEN}
APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "a",
    "status": "booked",
    **WHEN,
    "slot": [{"reference": "Slot/s"}],
    "participant": [{"actor": {"reference": f"{each}/1"}, "status": "accepted"} for each in ("Patient", "Location")],
}


@pytest.fixture(scope="module")
async def diary():
    """Return a client of a service that keeps appointments and slots, and neither patients nor lists."""
    manifest = Manifest(name="diary", owns=("Appointment", "Slot"))
    async with database() as dsn, running(partial(assemble, manifest), postgresql=dsn) as client:
        for each in (SLOT, APPOINTMENT):
            assert (await client.put(f"/fhir/{each['resourceType']}/{each['id']}", each)).status == 201
        yield client


def found(heard, mode="match"):
    return [each["resource"] for each in heard.json.get("entry", ()) if each["search"]["mode"] == mode]


REFUSED = ("patient.name=x", "_include=Appointment:patient", "_revinclude=Encounter:appointment", "_list=1")


@pytest.mark.parametrize("asked", REFUSED)
async def test_search_that_leads_elsewhere_is_refused_or_left_out_aloud(diary, asked):
    name = asked.partition("=")[0]
    heard = await diary.get(f"/fhir/Appointment?{asked}")
    assert (heard.status, heard.codes, heard.places) == (400, ["not-supported"], [name])
    lenient = await diary.get(f"/fhir/Appointment?{asked}", prefer="handling=lenient")
    assert len(found(lenient)) == 1
    assert name in found(lenient, "outcome")[0]["issue"][0]["diagnostics"]


@pytest.mark.parametrize("asked", ["_include=*", "_include=Appointment:*"])
async def test_include_of_everything_brings_what_is_here_and_tells_the_rest(diary, asked):
    heard = await diary.get(f"/fhir/Appointment?{asked}")
    assert [each["id"] for each in found(heard, "include")] == ["s"]
    ((issue,),) = (each["issue"] for each in found(heard, "outcome"))
    assert (issue["severity"], issue["code"], issue["expression"]) == ("warning", "incomplete", ["_include"])
    assert "Patient" in issue["diagnostics"]
    assert validate(heard.json) == []


async def test_include_of_what_is_all_here_tells_nothing(diary):
    heard = await diary.get("/fhir/Appointment?_include=Appointment:slot")
    assert (len(found(heard, "include")), found(heard, "outcome")) == (1, [])


@pytest.mark.parametrize(
    ("address", "ids"),
    [
        ("Patient/1/Appointment", ["a"]),
        ("Patient/1/Appointment?status=booked", ["a"]),
        ("Patient/2/Appointment", []),
        ("Patient/1/*", ["a"]),
        ("Practitioner/1/*?_type=Appointment", []),
    ],
)
async def test_compartment_of_a_resource_elsewhere_is_searched(diary, address, ids):
    heard = await diary.get(f"/fhir/{address}")
    assert (heard.status, [each["id"] for each in found(heard)]) == (200, ids)
    path, _, query = address.partition("?")
    posted = await diary.send(
        "POST", f"/fhir/{path}/_search", query.encode(), content_type="application/x-www-form-urlencoded"
    )
    assert found(posted) == found(heard)


@pytest.mark.parametrize("address", ["Encounter/1/*", "Patient/1/Observation", "Patient/1/Slot", "Location/1/Slot"])
async def test_compartment_with_nothing_that_is_here_is_not_found(diary, address):
    heard = await diary.get(f"/fhir/{address}")
    assert (heard.status, heard.codes) == (404, ["not-found"])


@pytest.mark.parametrize("condition", ["patient.name=x", "_has:Encounter:appointment:status=planned"])
async def test_condition_that_leads_elsewhere_is_refused(diary, condition):
    for heard in (
        await diary.put(f"/fhir/Appointment?{condition}", APPOINTMENT),
        await diary.delete(f"/fhir/Appointment?{condition}"),
        await diary.post("/fhir/Appointment", APPOINTMENT, if_none_exist=condition),
    ):
        assert (heard.status, heard.codes) == (400, ["not-supported"])


async def test_conditional_reference_to_what_is_elsewhere_is_refused_naming_its_entry(diary):
    sent = {**APPOINTMENT, "participant": [{"actor": {"reference": "Patient?identifier=x|1"}, "status": "accepted"}]}
    entry = {"resource": sent, "request": {"method": "POST", "url": "Appointment"}}
    heard = await diary.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert (heard.status, heard.codes, heard.places) == (400, ["not-supported"], ["Bundle.entry[0]"])


async def test_metadata_promises_no_include_that_is_refused(diary):
    told = {each["type"]: each for each in (await diary.get("/fhir/metadata")).json["rest"][0]["resource"]}
    assert "Appointment:slot" in told["Appointment"]["searchInclude"]
    assert "Appointment:patient" not in told["Appointment"]["searchInclude"]
    assert told["Slot"]["searchRevInclude"] == ["Appointment:slot", "Appointment:supporting-info"]
    for type, each in told.items():
        for value in each["searchInclude"]:
            assert (await diary.get(f"/fhir/{type}?_include={value}")).status == 200
