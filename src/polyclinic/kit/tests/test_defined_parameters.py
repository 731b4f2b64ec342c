"""Search parameters that are posted: usable after a reindex that is watched, paused and restarted over HTTP."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest

from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import database, running

KEPT = ("Patient", "Observation", "Practitioner", "SearchParameter")
EYES = "http://example.org/eyes"


def keeper(dsn, **settings):
    manifest = Manifest(name="keeper", owns=KEPT)
    return running(partial(assemble, manifest), postgresql=dsn, **{"reindex_rate": 100_000, **settings})


@pytest.fixture
async def service():
    async with database() as dsn, keeper(dsn) as client:
        yield client


@asynccontextmanager
async def two_services():
    async with database() as dsn, keeper(dsn) as one, keeper(dsn) as other:
        yield one, other


def parameter(code="eyes", **changed):
    return {
        "resourceType": "SearchParameter",
        "url": f"http://example.org/SearchParameter/{code}",
        "name": code,
        "status": "active",
        "description": "the colour of the eyes",
        "code": code,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension('{EYES}').value",
        **changed,
    }


def patient(id, colour="blue"):
    return {"resourceType": "Patient", "id": id, "extension": [{"url": EYES, "valueCode": colour}]}


async def put(client, *resources):
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    answer = await client.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer.body


async def state(client):
    answer = await client.get("/fhir/SearchParameter/$reindex")
    assert answer.status == 200
    told = {
        each["name"]: next((v for k, v in each.items() if k[:5] == "value"), None) for each in answer.json["parameter"]
    }
    parts = [
        {part["name"]: next(v for k, v in part.items() if k[:5] == "value") for part in each["part"]}
        for each in answer.json["parameter"]
        if each["name"] == "parameter"
    ]
    return told, {part["code"]: part for part in parts}


async def complete(client):
    for _ in range(400):
        if (await state(client))[0]["complete"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the reindex did not end")


async def act(client, action):
    body = {"resourceType": "Parameters", "parameter": [{"name": "action", "valueCode": action}]}
    answer = await client.post("/fhir/SearchParameter/$reindex", body)
    assert answer.status == 200, answer.body


def matches(answer):
    return {e["resource"]["id"] for e in answer.json.get("entry", ()) if e["search"]["mode"] == "match"}


def warnings(answer):
    outcomes = [e["resource"] for e in answer.json.get("entry", ()) if e["search"]["mode"] == "outcome"]
    return [(issue["severity"], issue["code"], issue["expression"]) for each in outcomes for issue in each["issue"]]


async def test_a_posted_parameter_finds_what_was_there_before_it(service):
    await put(service, *(patient(f"p{n}", "blue" if n % 2 else "green") for n in range(20)))
    assert (await service.get("/fhir/Patient?eyes=blue")).status == 400
    assert (await service.post("/fhir/SearchParameter", parameter())).status == 201
    await complete(service)
    answer = await service.get("/fhir/Patient?eyes=blue")
    assert len(matches(answer)) == 10
    assert warnings(answer) == []
    told, parameters = await state(service)
    assert told["state"] == "complete"
    assert {**parameters["eyes"], "definition": None} == {
        "code": "eyes",
        "url": "http://example.org/SearchParameter/eyes",
        "base": "Patient",
        "definition": None,
        "state": "complete",
        "done": 20,
        "total": 20,
    }


@pytest.mark.parametrize(
    "question",
    [
        "Patient?eyes=blue",
        "Patient?eyes=blue&_summary=count",
        "Patient?eyes:missing=false",
        "Patient?_sort=eyes",
        "Observation?subject:Patient.eyes=blue",
        "Practitioner?_has:Patient:general-practitioner:eyes=blue",
    ],
)
async def test_answers_say_that_they_may_not_be_complete(service, question):
    await put(service, patient("a"))
    await act(service, "pause")
    await service.post("/fhir/SearchParameter", parameter())
    answer = await service.get(f"/fhir/{question}")
    assert warnings(answer) == [("warning", "incomplete", ["eyes"])]
    assert warnings(await service.get("/fhir/Patient?name=x")) == []
    await act(service, "resume")
    await complete(service)
    assert warnings(await service.get(f"/fhir/{question}")) == []


async def test_conditions_by_it_are_refused_until_it_is_complete(service):
    await put(service, patient("a"))
    await act(service, "pause")
    await service.post("/fhir/SearchParameter", parameter())
    new = {"resourceType": "Patient"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": new, "request": {"method": "POST", "url": "Patient", "ifNoneExist": "eyes=blue"}}],
    }
    for answer in (
        await service.post("/fhir/Patient", new, if_none_exist="eyes=blue"),
        await service.put("/fhir/Patient?eyes=blue", new),
        await service.delete("/fhir/Patient?eyes=blue"),
        await service.send("PATCH", "/fhir/Patient?eyes=blue", b"[]", content_type="application/json-patch+json"),
        await service.post("/fhir", bundle),
    ):
        assert (answer.status, answer.codes) == (409, ["incomplete"])
    await act(service, "resume")
    await complete(service)
    assert (await service.post("/fhir/Patient", new, if_none_exist="eyes=blue")).status == 200
    assert (await service.post("/fhir", bundle)).status == 200
    assert (await service.delete("/fhir/Patient?eyes=blue")).status == 204


async def test_a_reindex_is_paused_resumed_and_restarted(service):
    await put(service, *(patient(f"p{n}") for n in range(5)))
    await act(service, "pause")
    await service.post("/fhir/SearchParameter", parameter())
    told, parameters = await state(service)
    assert (told["complete"], told["paused"], parameters["eyes"]["state"]) == (False, True, "paused")
    await act(service, "restart")
    await complete(service)
    assert len(matches(await service.get("/fhir/Patient?eyes=blue"))) == 5
    await act(service, "restart")
    await complete(service)
    assert warnings(await service.get("/fhir/Patient?eyes=blue")) == []


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "SearchParameter/$reindex?action=pause", 405),
        ("POST", "SearchParameter/$reindex?action=explode", 400),
        ("POST", "SearchParameter/$reindex?speed=9", 400),
        ("GET", "Patient/$reindex", 400),
    ],
)
async def test_what_reindex_does_not_know_is_refused(service, method, address, status):
    assert (await service.send(method, f"/fhir/{address}")).status == status


async def test_a_reindex_goes_on_when_the_service_comes_back():
    async with database() as dsn:
        async with keeper(dsn) as first:
            await put(first, *(patient(f"p{n:03}") for n in range(400)))
        async with keeper(dsn, reindex_rate=200) as slow:
            await slow.post("/fhir/SearchParameter", parameter())
            while not (await state(slow))[0]["done"]:
                await asyncio.sleep(0.01)
        async with keeper(dsn) as last:
            await complete(last)
            assert len(matches(await last.get("/fhir/Patient?eyes=blue&_count=1000"))) == 400


async def test_a_second_service_learns_it_at_its_first_write_or_soon():
    async with two_services() as (one, other):
        await put(other, patient("before"))
        await one.post("/fhir/SearchParameter", parameter())
        await put(other, patient("after"))
        assert (await other.put("/fhir/Patient/alone", patient("alone"))).status == 201
        await complete(one)
        for client in (one, other):
            assert matches(await client.get("/fhir/Patient?eyes=blue")) == {"before", "after", "alone"}
        saved = (await one.get("/fhir/SearchParameter")).json["entry"][0]["resource"]
        await one.delete(f"/fhir/SearchParameter/{saved['id']}")
        for _ in range(100):
            if (await other.get("/fhir/Patient?eyes=blue")).status == 400:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("the other service did not learn of it")


async def test_metadata_tells_it_with_its_url(service):
    before = await service.get("/fhir/metadata")
    await service.post("/fhir/SearchParameter", parameter())
    after = await service.get("/fhir/metadata", if_none_match=before.headers["etag"])
    assert after.status == 200
    told = {each["type"]: each for each in after.json["rest"][0]["resource"]}["Patient"]["searchParam"]
    assert {each["name"]: each["definition"] for each in told}["eyes"] == "http://example.org/SearchParameter/eyes"
    assert before.headers["etag"] != after.headers["etag"]


@pytest.mark.parametrize(
    ("changed", "status", "place"),
    [
        ({"type": "composite"}, 400, "SearchParameter.type"),
        ({"expression": "Patient.nose"}, 400, "SearchParameter.expression"),
        ({"base": ["Group"]}, 400, "SearchParameter.base[0]"),
        ({"code": "a.b"}, 400, "SearchParameter.code"),
        ({"url": "http://example.org/again"}, 409, "SearchParameter.code"),
    ],
)
async def test_what_cannot_be_followed_is_refused_by_its_element(service, changed, status, place):
    await service.post("/fhir/SearchParameter", parameter())
    answer = await service.post("/fhir/SearchParameter", parameter(**changed))
    assert (answer.status, answer.places) == (status, [place])


async def test_a_bundle_names_the_entry_that_cannot_be_followed(service):
    bad = {"id": "bad", **parameter(expression="Patient.nose")}
    entry = {"resource": bad, "request": {"method": "PUT", "url": "SearchParameter/bad"}}
    answer = await service.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert (answer.status, answer.places) == (400, ["Bundle.entry[0].resource.expression"])


async def test_metrics_tell_how_far_it_is(service):
    assert b'polyclinic_reindex_complete{service="keeper"} 1.0' in (await service.get("/metrics")).body
