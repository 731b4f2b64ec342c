"""$everything over HTTP: contents, pages, parameters, and answers that are sent in pieces."""

import asyncio
from functools import partial
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiohttp import ClientPayloadError

from polyclinic.fhir.json import decode
from polyclinic.fhir.validate import validate
from polyclinic.kit.app import assemble
from polyclinic.kit.http import streaming
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import database, running

TYPES = ("Patient", "Encounter", "Observation", "Practitioner", "Organization", "Bundle", "CapabilityStatement")
MUCH = 30
"""Megabytes of the patient ``much``: more than the buffers of two sockets hold."""


def resource(type, id, **elements):
    return {"resourceType": type, "id": id, **elements}


def to(address):
    return {"reference": address}


def observation(id, patient, **elements):
    code = {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}
    return resource("Observation", id, status="final", code=code, subject=to(f"Patient/{patient}"), **elements)


WHOLE = [
    resource("Patient", "ada", generalPractitioner=[to("Practitioner/house")]),
    resource("Patient", "much"),
    resource("Practitioner", "house"),
    resource("Practitioner", "wilson"),
    resource("Organization", "ward", name="Ward"),
    resource(
        "Encounter",
        "visit",
        status="finished",
        subject=to("Patient/ada"),
        period={"start": "2020-01-01", "end": "2020-01-09"},
        serviceProvider=to("Organization/ward"),
        **{"class": {"code": "AMB"}},
    ),
    observation("old", "ada", effectiveDateTime="2010-05-01"),
    observation("new", "ada", effectiveDateTime="2020-01-05", encounter=to("Encounter/visit")),
    observation("undated", "ada", performer=[to("Practitioner/wilson"), to("Practitioner/house")]),
]
INSIDE = {"Patient/ada", "Encounter/visit", "Observation/old", "Observation/new", "Observation/undated"}
REFERRED = {"Practitioner/house", "Practitioner/wilson", "Organization/ward"}


@pytest.fixture(scope="module")
async def dsn():
    async with database() as dsn:
        yield dsn


@pytest.fixture(scope="module")
async def house(dsn):
    """Return a client of a service that keeps two patients: one with little, one with very much."""
    async with running(partial(assemble, Manifest(name="house", owns=TYPES)), postgresql=dsn) as client:
        for each in [*WHOLE, *(observation(f"m{n}", "much", note=[{"text": "x" * 1_000_000}]) for n in range(MUCH))]:
            heard = await client.put(f"/fhir/{each['resourceType']}/{each['id']}", each)
            assert heard.status == 201, heard.body
        yield client


def listed(bundle, mode=None):
    entries = bundle.get("entry", [])
    assert all(each["fullUrl"].endswith("/{resourceType}/{id}".format(**each["resource"])) for each in entries)
    chosen = [each["resource"] for each in entries if mode in (None, each["search"]["mode"])]
    return ["{resourceType}/{id}".format(**each) for each in chosen]


def link(bundle, relation):
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


async def told(house, path, **headers):
    heard = await house.get(path, **headers)
    assert heard.status == 200, heard.body
    assert validate(heard.json) == []
    return heard.json


async def test_everything_is_the_compartment_and_what_it_refers_to(house):
    bundle = await told(house, "/fhir/Patient/ada/$everything")
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 5)
    assert listed(bundle)[0] == "Patient/ada"
    assert sorted(listed(bundle, "match")) == sorted(INSIDE)
    assert sorted(listed(bundle, "include")) == sorted(REFERRED)
    assert link(bundle, "self") == f"{house.root}/fhir/Patient/ada/$everything"
    assert link(bundle, "next") is None


async def test_everything_of_an_encounter(house):
    bundle = await told(house, "/fhir/Encounter/visit/$everything")
    assert listed(bundle, "match") == ["Encounter/visit", "Observation/new"]
    assert sorted(listed(bundle, "include")) == ["Organization/ward", "Patient/ada"]


PARAMETERS = [
    (
        {"_type": "Observation,Practitioner"},
        {*(each for each in INSIDE if "Obs" in each), *REFERRED} - {"Organization/ward"},
    ),
    ({"_type": "Organization"}, {"Organization/ward"}),
    ({"_since": "2099-01-01T00:00:00Z"}, set()),
    ({"_since": "2000-01-01"}, INSIDE | REFERRED),
    ({"start": "2020-01-09", "end": "2021"}, (INSIDE | REFERRED) - {"Observation/old", "Observation/new"}),
    ({"end": "2019"}, (INSIDE | REFERRED) - {"Encounter/visit", "Observation/new", "Organization/ward"}),
]


@pytest.mark.parametrize(("asked", "expected"), PARAMETERS)
async def test_parameters_choose_alike_in_the_url_and_in_a_body(house, asked, expected):
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    bundle = await told(house, f"/fhir/Patient/ada/$everything?{query}")
    assert set(listed(bundle)) == expected
    given = [{"name": name, "valueString": part} for name, value in asked.items() for part in value.split(",")]
    posted = await house.post("/fhir/Patient/ada/$everything", {"resourceType": "Parameters", "parameter": given})
    assert (posted.status, posted.json.get("entry")) == (200, bundle.get("entry"))


async def test_pages_are_linked_until_all_was_told_once(house):
    sizes, found, path = [], [], "/fhir/Patient/ada/$everything?_count=3"
    while path:
        bundle = await told(house, path)
        assert "total" not in bundle
        sizes.append(len(listed(bundle)))
        found += listed(bundle)
        path = link(bundle, "next")
    assert sizes == [3, 3, 2]
    assert sorted(found) == sorted(INSIDE | REFERRED)


async def test_a_page_asked_for_in_a_body_is_linked_to_the_next(house):
    count = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 5}]}
    first = (await house.post("/fhir/Patient/ada/$everything", count)).json
    assert sorted(listed(first)) == sorted(INSIDE)
    assert sorted(listed(await told(house, link(first, "next")))) == sorted(REFERRED)


@pytest.mark.parametrize(
    ("path", "status", "code", "place"),
    [
        ("Patient/nobody/$everything", 404, "not-found", None),
        ("Patient/$everything", 400, "not-supported", None),
        ("Observation/old/$everything", 400, "not-supported", None),
        ("Patient/ada/$everything?color=red", 400, "value", "color"),
        ("Encounter/visit/$everything?start=2020", 400, "value", "start"),
        ("Patient/ada/$everything?_since=soon", 400, "value", "_since"),
        ("Patient/ada/$everything?_since=2020&_since=2021", 400, "value", "_since"),
        ("Patient/ada/$everything?start=2020&end=2019", 400, "value", "end"),
        ("Patient/ada/$everything?_type=Nonsense", 404, "not-found", "_type"),
        ("Patient/ada/$everything?_type=Appointment", 404, "not-found", "_type"),
        ("Patient/ada/$everything?_count=0", 400, "value", "_count"),
        ("Patient/ada/$everything?_count=few", 400, "value", "_count"),
        ("Patient/ada/$everything?_cursor=x", 400, "value", "_cursor"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name(house, path, status, code, place):
    heard = await house.get(f"/fhir/{path}")
    assert (heard.status, heard.codes, heard.places) == (status, [code], [place] if place else []), heard.body


async def test_deleted_patient_is_gone(house):
    await house.put("/fhir/Patient/left", resource("Patient", "left"))
    await house.delete("/fhir/Patient/left")
    heard = await house.get("/fhir/Patient/left/$everything")
    assert (heard.status, heard.codes) == (410, ["deleted"])


@pytest.mark.parametrize("patient", ["ada", "much"])
async def test_indented_answer_says_the_same(house, patient):
    plain = await house.get(f"/fhir/Patient/{patient}/$everything")
    indented = await house.get(f"/fhir/Patient/{patient}/$everything?_pretty=true")
    assert indented.body.startswith(b'{\n  "resourceType"')
    assert decode(indented.body) == decode(plain.body)
    assert len(indented.body.splitlines()) > 20


async def test_long_answer_comes_in_pieces_and_whole(house):
    heard = await house.get("/fhir/Patient/much/$everything")
    assert "content-length" not in heard.headers
    assert heard.headers["content-type"].startswith("application/fhir+json")
    assert len(heard.body) > MUCH * 1_000_000
    assert len(listed(heard.json)) == heard.json["total"] == MUCH + 1
    short = await house.get("/fhir/Patient/ada/$everything")
    assert int(short.headers["content-length"]) == len(short.body)


async def test_long_answer_is_packed_on_its_way(house):
    heard = await house.get("/fhir/Patient/much/$everything", accept_encoding="gzip")
    assert heard.headers["content-encoding"] == "gzip"
    assert len(listed(heard.json)) == MUCH + 1


@pytest.mark.parametrize("patient", ["ada", "much"])
async def test_head_tells_the_headers_alone(house, patient):
    heard = await house.send("HEAD", f"/fhir/Patient/{patient}/$everything")
    assert (heard.status, heard.body) == (200, b"")
    assert heard.headers["content-type"].startswith("application/fhir+json")
    assert (await house.send("HEAD", "/fhir/Patient/nobody/$everything")).status == 404


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_entry_of_a_bundle_is_whole_or_refused(house, kind):
    entries = [{"request": {"method": "GET", "url": f"Patient/{id}/$everything"}} for id in ("ada", "much")]
    heard = await house.post("/fhir", {"resourceType": "Bundle", "type": kind, "entry": entries})
    small, large = heard.json["entry"]
    assert sorted(listed(small["resource"])) == sorted(INSIDE | REFERRED)
    assert large["response"]["status"].startswith("413")
    assert "on its own" in large["response"]["outcome"]["issue"][0]["diagnostics"]


async def answered(house):
    """Return how many calls of $everything were counted."""
    text = (await house.get("/metrics")).body.decode()
    lines = [line for line in text.splitlines() if 'interaction="$everything"' in line and "_requests_total" in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def until(condition):
    for _ in range(200):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def begin(house):
    """Ask for much, read its first bytes and return the connection."""
    address = urlsplit(house.root)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
    writer.write(b"GET /fhir/Patient/much/$everything HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await reader.read(200)).startswith(b"HTTP/1.1 200")
    return reader, writer


async def test_client_that_goes_away_stops_the_work(house):
    before = await answered(house)
    _, writer = await begin(house)
    await asyncio.sleep(0.3)
    assert await answered(house) == before
    writer.close()
    await until(lambda: _is(house, before + 1))


async def _is(house, number):
    return await answered(house) == number


async def test_client_that_stops_reading_is_left(house, monkeypatch):
    monkeypatch.setattr(streaming, "STALLED_SECONDS", 0.2)
    before = await answered(house)
    reader, writer = await begin(house)
    await until(lambda: _is(house, before + 1))
    rest = await reader.read(100_000_000)
    while more := await reader.read(1_000_000):
        rest = more
    assert not rest.endswith(b"0\r\n\r\n")
    writer.close()


async def test_fault_in_the_middle_breaks_the_connection_off(house, dsn):
    connection = await asyncpg.connect(dsn)
    try:
        async with house.session.get(f"{house.root}/fhir/Patient/much/$everything") as response:
            assert response.status == 200
            await connection.execute("alter table resource rename to elsewhere")
            with pytest.raises(ClientPayloadError):
                await response.read()
    finally:
        await connection.execute("alter table elsewhere rename to resource")
        await connection.close()
    assert (await house.get("/fhir/Patient/much/$everything")).status == 200
