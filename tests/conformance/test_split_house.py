"""A house of several services answers what concerns them all as one server would that keeps everything.

The same random resources go into one server and into a gateway with two services behind it, the types split between
them so that references cross the border both ways; then both are asked the same.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

import pytest
from drawn import HERE, IDS
from drawn.questions import COMPARTMENTS, FAMILIES
from drawn.resources import drawn_resources
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.ranks import ranking
from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import KEPT, Client, create_whole, database, running
from polyclinic.services.gateway.main import create as create_gateway

SETS = os.environ.get("DIFFERENTIAL_EXAMPLES")
BASE = "http://house.example/fhir"
SECOND = {"Observation", "Device", "Encounter", "Provenance", "Location", "List"}
FIRST = KEPT - SECOND
BATCHES = 3
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Servers:
    whole: Client
    split: Client


@pytest.fixture(scope="module")
async def servers():
    """Return clients of one server that keeps every type, and of a house of two services that keep some each."""
    first, second = Manifest(name="first", owns=tuple(FIRST)), Manifest(name="second", owns=tuple(SECOND))
    owners = {type: each.name for each in (first, second) for type in each.owns}
    async with (
        database() as dsn,
        database() as one,
        database() as two,
        running(create_whole, postgresql=dsn, base_url=BASE) as whole,
        running(partial(assemble, first), postgresql=one, base_url=BASE) as a,
        running(partial(assemble, second), postgresql=two, base_url=BASE) as b,
        running(create_gateway, services={"first": a.root, "second": b.root}, owners=owners, base_url=BASE) as gateway,
    ):
        yield Servers(whole, gateway)


async def load(servers, resources):
    """Put the resources into both, in batches; then change some and delete some."""
    changed = [{**one, "language": "de"} for one in resources[::4]]
    for batch in (*(resources[number::BATCHES] for number in range(BATCHES)), changed):
        await both(servers, [("PUT", one) for one in batch])
    await both(servers, [("DELETE", one) for one in resources[1::7]])


async def both(servers, writes):
    """Do the same in both, in one transaction, or in one of each service."""
    sides = [[each for each in writes if (each[1]["resourceType"] in SECOND) is second] for second in (False, True)]
    for client, listed in ((servers.whole, writes), *((servers.split, side) for side in sides)):
        entries = [
            {"request": {"method": method, "url": address(one)}, **({"resource": one} if method == "PUT" else {})}
            for method, one in listed
        ]
        if entries:
            heard = await client.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert heard.status == 200, heard.body


def address(resource):
    return f"{resource['resourceType']}/{resource['id']}"


async def walk(client, path, pairs=(), *, form=False):
    """Return the entries of all pages, or the status of a refusal."""
    entries, url = [], f"{client.root}/fhir/{path}?{urlencode(pairs)}"
    heard = await (
        client.send("POST", f"/fhir/{path}/_search", urlencode(pairs).encode(), content_type=FORM)
        if form
        else client.get(url)
    )
    while True:
        if heard.status != 200:
            return heard.status
        entries += heard.json.get("entry", [])
        following = next((link["url"] for link in heard.json["link"] if link["relation"] == "next"), None)
        if following is None:
            return entries
        heard = await client.get(following.replace(BASE, f"{client.root}/fhir"))


def modes(entries):
    """Return the addresses told, by their modes; each is told once."""
    told = [(entry["search"]["mode"], entry["fullUrl"]) for entry in entries if entry["search"]["mode"] != "outcome"]
    assert len(told) == len(set(told))
    return {mode: {url for each, url in told if each == mode} for mode in ("match", "include")}


def spread(family, examples=6):
    return settings(
        max_examples=int(SETS or examples),
        derandomize=SETS is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if SETS else (Phase.generate,),
    )(given(resources=drawn_resources(), chance=st.data())(family))


async def prepared(servers, resources):
    known = decode(encode(resources).decode().replace(HERE, BASE).encode())
    await load(servers, known)
    return known


async def cleared(servers, resources):
    await both(servers, [("DELETE", one) for one in resources])


@st.composite
def orders(draw):
    """Draw searches of types on both sides, sorted by what all of them have."""
    types, codes = draw(
        st.sampled_from(
            [
                (("Patient", "Observation", "List"), ()),
                (("Condition", "Encounter", "Device"), ()),
                (("DocumentReference", "Observation", "Encounter", "DiagnosticReport"), ("date",)),
                (("Organization", "Location"), ("name",)),
                (("Patient", "Location"), ("address-city",)),
            ]
        )
    )
    codes = draw(st.lists(st.sampled_from((*codes, "_id", "_lastUpdated")), max_size=2, unique=True))
    signed = ",".join(draw(st.sampled_from(("", "-"))) + code for code in codes)
    return (("_type", ",".join(types)), *((("_sort", signed),) if signed else ()))


@spread
async def test_search_of_all_types_is_sorted_and_paged_as_one(servers, resources, chance):
    known = await prepared(servers, resources)
    try:
        for pairs in chance.draw(st.lists(orders(), min_size=3, max_size=5)):
            asked = (*pairs, ("_count", chance.draw(st.sampled_from(("1", "3", "7", "50")))))
            rank = ranking(pairs[0][1].split(","), parse(None, pairs[1:]).sort)
            found = [await walk(client, "", asked) for client in (servers.whole, servers.split)]
            one, several = ([entry["resource"] for entry in entries] for entries in found)
            assert sorted(map(address, one)) == sorted(map(address, several)), asked
            assert modes(found[0]) == modes(found[1])
            if "_lastUpdated" not in str(pairs):
                assert [*map(rank, one)] == [*map(rank, several)] == sorted(map(rank, one)), asked
            else:
                assert [*map(rank, several)] == sorted(map(rank, several)), asked
            totals = [
                (await client.get(f"/fhir/?{urlencode(asked)}&_total=accurate")).json["total"]
                for client in (servers.whole, servers.split)
            ]
            assert totals == [len(one)] * 2
    finally:
        await cleared(servers, known)


@spread
async def test_search_of_all_types_finds_what_one_server_finds(servers, resources, chance):
    known = await prepared(servers, resources)
    try:
        for question in chance.draw(st.lists(FAMILIES["types"], min_size=4, max_size=8)):
            pairs = [(name, value.replace(HERE, BASE)) for name, value in question.pairs if "LAST" not in value]
            found = [await walk(client, "", pairs) for client in (servers.whole, servers.split)]
            if isinstance(found[0], int):
                assert found[0] == found[1], pairs
                continue
            assert modes(found[0]) == modes(found[1]), pairs
            posted = await walk(servers.split, "", pairs, form=True)
            assert modes(posted) == modes(found[0]), pairs
            counts = [
                (await client.get(f"/fhir/?{urlencode([*pairs, ('_summary', 'count')])}")).json["total"]
                for client in (servers.whole, servers.split)
            ]
            assert counts == [len(found[0])] * 2
    finally:
        await cleared(servers, known)


@spread
async def test_compartment_is_that_of_one_server(servers, resources, chance):
    known = await prepared(servers, resources)
    try:
        for compartment in COMPARTMENTS:
            path = f"{compartment}/{chance.draw(st.sampled_from(IDS))}/*"
            pairs = chance.draw(
                st.sampled_from(([], [("_type", "Encounter,Condition")], [("_sort", "-_id"), ("_count", "2")]))
            )
            found = [await walk(client, path, pairs) for client in (servers.whole, servers.split)]
            assert found[0] == found[1] if isinstance(found[0], int) else modes(found[0]) == modes(found[1]), path
        question = chance.draw(FAMILIES["compartment"])
        pairs = [(name, value.replace(HERE, BASE)) for name, value in question.pairs]
        path = question.path.removeprefix("/fhir/")
        found = [await walk(client, path, pairs) for client in (servers.whole, servers.split)]
        assert modes(found[0]) == modes(found[1]), path
    finally:
        await cleared(servers, known)


@spread
async def test_history_of_the_house_is_that_of_one_server(servers, resources, chance):
    before = datetime.now(UTC).isoformat()  # noqa: TID251
    known = await prepared(servers, resources)
    try:
        count, told = chance.draw(st.sampled_from(("7", "20", "1000"))), []
        for client in (servers.whole, servers.split):
            entries = await walk(client, "_history", [("_since", before), ("_count", count)])
            times = [entry["response"]["lastModified"] for entry in entries]
            assert times == sorted(times, reverse=True)
            told.append([(entry["fullUrl"], entry["response"]["etag"], entry["request"]) for entry in entries])
        assert len(told[0]) >= len(known)
        assert sorted(map(str, told[0])) == sorted(map(str, told[1]))
    finally:
        await cleared(servers, known)


@st.composite
def narrowed(draw):
    """Draw parameters of $everything."""
    found = []
    if draw(st.booleans()):
        found.append(("_type", draw(st.sampled_from(("Patient,Observation", "Practitioner", "Location,Organization")))))
    if draw(st.integers(0, 2)) == 0:
        found.append(("start", "2013-01-10"))
    if draw(st.integers(0, 2)) == 0:
        found.append(("end", "2013-02-01"))
    return found


@spread
async def test_everything_is_what_one_server_tells(servers, resources, chance):
    known = await prepared(servers, resources)
    try:
        for type in ("Patient", "Encounter", "Patient"):
            path = f"{type}/{chance.draw(st.sampled_from(IDS))}/$everything"
            pairs = [pair for pair in chance.draw(narrowed()) if type == "Patient" or pair[0] == "_type"]
            one, several, paged = (
                await walk(servers.whole, path, pairs),
                await walk(servers.split, path, pairs),
                await walk(servers.split, path, [*pairs, ("_count", "3")]),
            )
            if isinstance(one, int):
                assert one == several == paged, path
                continue
            assert modes(one) == modes(several) == modes(paged), (path, pairs)
            whole = {entry["fullUrl"]: plain(entry["resource"]) for entry in one}
            assert {entry["fullUrl"]: plain(entry["resource"]) for entry in several} == whole
    finally:
        await cleared(servers, known)


def plain(resource):
    """Return the resource without when it was kept: the servers have their own clocks."""
    return {**resource, "meta": {**resource["meta"], "lastUpdated": None}}


async def test_batch_tells_what_concerns_several_services(servers):
    patient = {"resourceType": "Patient", "id": "batched"}
    seen = {"resourceType": "Observation", "id": "batched", "status": "final", "code": {"text": "x"}}
    await both(servers, [("PUT", patient), ("PUT", {**seen, "subject": {"reference": "Patient/batched"}})])
    urls = ["Patient/batched/$everything", "Patient/batched/*", "?_type=Patient,Observation&_id=batched", "_history"]
    entries = [{"request": {"method": "GET", "url": url}} for url in (*urls, "Patient/batched")]
    heard = await servers.split.post("/fhir", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [each["response"]["status"][:3] for each in heard.json["entry"]] == ["200"] * 5
    told = [each["resource"] for each in heard.json["entry"]]
    assert [len(each["entry"]) for each in told[:3]] == [2, 2, 2]
    assert (told[3]["type"], told[4]["id"]) == ("history", "batched")
