"""Searches that are answered in the background and fetched later."""

import asyncio
import json
from functools import partial
from secrets import token_hex

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.app import Deeds, assemble
from polyclinic.kit.testing import database, running
from polyclinic.kit.tests.conftest import MANIFEST
from polyclinic.repository.later import MOST_AT_ONCE

LATER = {"prefer": "respond-async"}


@pytest.fixture(scope="module")
async def family(service):
    """Keep three patients of one unusual name and return it."""
    name = f"Vv{token_hex(4)}"
    for _ in range(3):
        body = {"resourceType": "Patient", "name": [{"family": name}]}
        assert (await service.post("/fhir/Patient", body)).status == 201
    return name


async def fetched(service, address):
    for _ in range(100):
        heard = await service.get(address)
        if heard.status != 202:
            return heard
        assert heard.headers["retry-after"]
        await asyncio.sleep(0.05)
    raise AssertionError(f"{address} is never answered")


async def begun(service, path):
    heard = await service.get(path, **LATER)
    assert heard.status == 202, heard.body
    return heard.headers["content-location"]


async def test_an_answer_is_fetched_later_and_again(service, family):
    address = await begun(service, f"/fhir/Patient?family={family}&_count=2")
    for _ in range(2):
        heard = await fetched(service, address)
        assert (heard.status, heard.json["type"]) == (200, "batch-response")
        assert validate(heard.json) == []
        (entry,) = heard.json["entry"]
        assert entry["response"]["status"] == "200 OK"
        assert (entry["resource"]["type"], len(entry["resource"]["entry"])) == ("searchset", 2)
        more = next(link["url"] for link in entry["resource"]["link"] if link["relation"] == "next")
        assert len((await service.get(more)).json["entry"]) == 1


async def test_a_search_by_form_and_in_a_compartment_too(service, family):
    form = {"content_type": "application/x-www-form-urlencoded", **LATER}
    heard = await service.post("/fhir/Patient/_search", f"family={family}".encode(), **form)
    assert heard.status == 202
    (entry,) = (await fetched(service, heard.headers["content-location"])).json["entry"]
    assert entry["resource"]["total"] == 3
    address = await begun(service, "/fhir/Patient/none/Observation?status=final")
    (entry,) = (await fetched(service, address)).json["entry"]
    assert entry["resource"]["total"] == 0


async def test_a_search_over_all_types_too(service, family):
    address = await begun(service, f"/fhir?_type=Patient,Practitioner&_id={family}")
    assert address.startswith(f"{service.root}/fhir/$later?id=")
    (entry,) = (await fetched(service, address)).json["entry"]
    assert (entry["response"]["status"], entry["resource"]["total"]) == ("200 OK", 0)
    form = {"content_type": "application/x-www-form-urlencoded", **LATER}
    heard = await service.post("/fhir/_search?_type=Patient,Organization", b"_id=none", **form)
    assert heard.status == 202
    (entry,) = (await fetched(service, heard.headers["content-location"])).json["entry"]
    assert entry["resource"]["total"] == 0
    assert (await service.delete(heard.headers["content-location"])).status == 202


async def test_a_refusal_is_an_answer(service):
    (entry,) = (await fetched(service, await begun(service, "/fhir/Patient?colour=red"))).json["entry"]
    assert entry["response"]["status"] == "400 Bad Request"
    assert entry["response"]["outcome"]["issue"][0]["expression"] == ["colour"]


async def stumble(repository, refusal):
    raise ValueError("Herr Geheim")


async def test_a_bug_is_an_answer_that_names_its_line_in_the_log(capfd):
    create = partial(assemble, MANIFEST, deeds=Deeds(advise=stumble))
    async with database() as dsn, running(create, postgresql=dsn) as service:
        begun = await service.get("/fhir/Patient?colour=red", **LATER, x_request_id="later-1")
        (entry,) = (await fetched(service, begun.headers["content-location"])).json["entry"]
    assert entry["response"]["status"].startswith("500")
    assert "later-1" in entry["response"]["outcome"]["issue"][0]["diagnostics"]
    (line,) = map(json.loads, capfd.readouterr().out.splitlines())
    told = {name: line[name] for name in ("event", "error", "request", "interaction")}
    assert told == {"event": "bug", "error": "ValueError", "request": "later-1", "interaction": "search-type"}


async def test_an_answer_can_be_given_up(service, family):
    address = await begun(service, f"/fhir/Patient?family={family}")
    await fetched(service, address)
    assert (await service.delete(address)).status == 202
    assert (await service.get(address)).status == 404
    assert (await service.delete(address)).status == 404


async def test_an_address_that_was_never_given_out_is_refused(service):
    assert (await service.get("/fhir/Patient/$later?id=guessed")).status == 404
    assert (await service.get("/fhir/Patient/$later")).places == ["id"]
    assert (await service.post("/fhir/Patient/$later?id=guessed", {})).status == 405


async def test_as_many_as_are_allowed_at_once_are_answered(service, family):
    addresses = [await begun(service, f"/fhir/Patient?family={family}") for _ in range(MOST_AT_ONCE // 2)]
    heard = await asyncio.gather(*(fetched(service, address) for address in addresses))
    assert {each.status for each in heard} == {200}


async def test_what_is_no_search_is_answered_at_once(service):
    assert (await service.post("/fhir/Patient", {"resourceType": "Patient"}, **LATER)).status == 201
