"""What every service has: health, metrics, logs, a start without its database, an answer for bugs."""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from functools import partial

import pytest
from starlette.routing import Route

from polyclinic.fhir.outcome import Conflict
from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.settings import Misconfigured, Settings
from polyclinic.kit.testing import SteppingClock, database, running
from polyclinic.kit.tests.conftest import MANIFEST


async def test_service_is_live_and_ready(service):
    live, ready = await service.get("/health/live"), await service.get("/health/ready")
    assert (live.status, live.json["service"]) == (200, "keeper")
    assert (ready.status, ready.json["ready"], ready.json["misses"]) == (200, True, [])


async def test_metrics_count_requests_by_interaction_type_and_status(service):
    await service.get("/fhir/Practitioner/nobody")
    await service.get("/fhir/Nonsense/x")
    text = (await service.get("/metrics")).body.decode()
    assert 'polyclinic_requests_total{interaction="read",service="keeper",status="404",type="Practitioner"} 1.0' in text
    assert "Nonsense" not in text
    assert 'polyclinic_request_seconds_bucket{interaction="read",le="0.005",service="keeper"}' in text
    assert 'polyclinic_pool_connections{service="keeper"}' in text


async def test_log_lines_are_json_without_patient_data(capfd):
    async with database() as dsn, running(partial(assemble, MANIFEST), postgresql=dsn, log_level="info") as service:
        kept = await service.post("/fhir/Patient", {"resourceType": "Patient", "name": [{"family": "Geheim"}]})
        await service.get(f"/fhir/Patient/{kept.json['id']}", x_request_id="known-1")
        await service.get("/fhir/Patient?family=Geheim")
        await service.get("/fhir/Geheim/Geheim")
    out = capfd.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["interaction"], line["type"], line["status"]) for line in requests] == [
        ("create", "Patient", 201),
        ("read", "Patient", 200),
        ("search-type", "Patient", 200),
        ("unknown", "", 404),
    ]
    assert requests[1]["request"] == "known-1"
    assert all(line["service"] == "keeper" and line["ms"] >= 0 for line in requests)
    assert kept.json["id"] not in out
    assert "geheim" not in out.lower()


async def test_service_starts_without_its_database_and_finds_it_later():
    async with database() as dsn:
        name = f"test_{secrets.token_hex(6)}"
        absent = dsn.replace(dsn.rpartition("/test_")[2].partition("?")[0], name.removeprefix("test_"))
        async with running(partial(assemble, MANIFEST), postgresql=absent, log_level="error") as service:
            ready, read = await service.get("/health/ready"), await service.get("/fhir/Patient/1")
            assert (ready.status, ready.json["ready"], len(ready.json["misses"])) == (503, False, 1)
            assert (read.status, read.codes) == (503, ["transient"])
            assert read.headers["retry-after"]
            assert (await service.get("/fhir/metadata")).status == 200
            assert (await service.get("/health/live")).status == 200
            await _make_database(dsn, name)
            for _ in range(100):
                if (await service.get("/health/ready")).status == 200:
                    break
                await asyncio.sleep(0.1)
            assert (await service.post("/fhir/Patient", {"resourceType": "Patient"})).status == 201
        await _make_database(dsn, name, verb="drop")


async def _make_database(dsn, name, verb="create"):
    import asyncpg

    connection = await asyncpg.connect(dsn)
    await connection.execute(f"{verb} database {name}")
    await connection.close()


async def test_service_says_so_while_its_database_is_gone():
    async with (
        database() as dsn,
        database() as other,
        running(partial(assemble, MANIFEST), postgresql=dsn, log_level="error") as service,
    ):
        assert (await service.post("/fhir/Patient", {"resourceType": "Patient"})).status == 201
        name = dsn.rpartition("/test_")[2].partition("?")[0]
        await _make_database(other, f"test_{name} with (force)", verb="drop")
        for method, path in (("GET", "/fhir/Patient/1"), ("GET", "/fhir/Patient"), ("DELETE", "/fhir/Patient/1")):
            heard = await service.send(method, path)
            assert (heard.status, heard.codes) == (503, ["transient"])
        ready = await service.get("/health/ready")
        assert (ready.status, ready.json["ready"]) == (503, False)
        assert (await service.get("/health/live")).status == 200
        await _make_database(other, f"test_{name}")


async def test_what_is_kept_is_dated_by_the_clock_of_the_service():
    clock = SteppingClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with database() as dsn, running(partial(assemble, MANIFEST, now=clock), postgresql=dsn) as service:
        heard = await service.post("/fhir/Patient", {"resourceType": "Patient"})
        assert heard.headers["last-modified"].startswith("Thu, 01 Jan 2026 00:00:")
        near = await service.get("/fhir/Patient?_lastUpdated=ap2026-01-01")
        assert near.json["total"] == 1


def test_service_that_keeps_resources_needs_a_database():
    with pytest.raises(Misconfigured, match="POLYCLINIC_POSTGRESQL"):
        assemble(MANIFEST, Settings())


async def refuse(request):
    raise Conflict("this slot is taken")


async def stumble(request):
    raise ValueError("Herr Geheim")


ROUTES = [Route("/refuse", refuse), Route("/stumble", stumble, methods=["GET"])]


async def test_routes_of_a_service_refuse_and_stumble_in_fhirs_words(capfd):
    create = partial(assemble, Manifest(name="small"), routes=ROUTES)
    async with running(create) as service:
        refused, broken = await service.get("/refuse"), await service.get("/stumble", x_request_id="bug-1")
        assert (refused.status, refused.codes) == (409, ["conflict"])
        assert (broken.status, broken.codes) == (500, ["exception"])
        assert "bug-1" in broken.said
        assert (await service.post("/stumble", {})).status in (404, 405)
    captured = capfd.readouterr()
    assert "Geheim" not in captured.out + captured.err
    line = json.loads(captured.out.splitlines()[0])
    assert (line["event"], line["error"], line["request"]) == ("bug", "ValueError", "bug-1")


async def test_metadata_tells_what_is_offered_and_each_interaction_works(service):
    heard = await service.get("/fhir/metadata")
    statement = heard.json
    (rest,) = statement["rest"]
    assert {resource["type"] for resource in rest["resource"]} == set(MANIFEST.owns)
    assert {item["code"] for item in rest["interaction"]} == {"batch", "transaction", "history-system", "search-system"}
    assert (await service.get("/fhir/metadata", if_none_match=heard.headers["etag"])).status == 304
    assert (await service.post("/fhir/CapabilityStatement", statement)).status == 201
    for resource in rest["resource"]:
        offered = {item["code"] for item in resource["interaction"]}
        assert offered >= {"read", "vread", "create", "update", "delete", "search-type", "history-type"}
        for parameter in resource["searchParam"]:
            value = {"date": "2020", "number": "1", "quantity": "1", "reference": "x", "composite": "2020$2020"}.get(
                parameter["type"], "x"
            )
            answered = await service.get(f"/fhir/{resource['type']}?{parameter['name']}={value}&_count=1")
            assert answered.status == 200, (parameter, answered.body)
