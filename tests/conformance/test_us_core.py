"""US Core's own examples are found by every search that US Core asks of a server, as the oracle finds them.

The table of what is asked is that of the Inferno suite for US Core 6.1.0.
"""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from asking import ask, complete, difference, put_all
from oracle import Definitions, Oracle
from us_core.package import IS_THERE, combinations, examples, groups, parameters
from us_core.questions import Asker
from us_core.supplement import supplement

from polyclinic.fhir.json import decode
from polyclinic.kit.testing import create_whole, database, running

pytestmark = pytest.mark.skipif(not IS_THERE, reason="the package of US Core is not beside this repository")


@pytest.fixture(scope="module")
async def service():
    """A service that has the examples, and only then learns the search parameters that R4 lacks."""
    async with database() as dsn, running(create_whole, postgresql=dsn, reindex_rate=100_000) as client:
        await put_all(client, [*examples(), *supplement()])
        await put_all(client, parameters())
        await complete(client)
        yield client


@pytest.fixture(scope="module")
def oracle(service):
    """What knows all that the service has."""
    held = [*examples(), *supplement(), *parameters()]
    now = datetime.now(UTC)  # noqa: TID251
    return Oracle(held, f"{service.root}/fhir", now=now, definitions=Definitions(parameters()))


def test_the_table_is_whole():
    assert len(groups()) == 48
    assert len(combinations()) == 222


@pytest.mark.parametrize("combination", combinations(), ids=str)
async def test_a_combination_finds_what_the_oracle_finds(service, oracle, combination):
    type = combination.group["resource"]
    for pairs in Asker(oracle, combination).questions():
        theirs = oracle.search(type, pairs)
        told = f"{type}?{'&'.join(f'{name}={value}' for name, value in pairs)}"
        matches, included = await ask(service, f"/fhir/{type}", pairs)
        assert len(matches) == len(set(matches)), f"{told}: a resource is there twice"
        for ours, expected in ((set(matches), set(theirs.matches)), (included, theirs.included)):
            assert ours == expected, difference(told, ours, expected, [])


@pytest.mark.parametrize("combination", combinations(), ids=str)
async def test_a_combination_has_answers_and_finds_the_same_by_form(service, oracle, combination):
    type = combination.group["resource"]
    asker = Asker(oracle, combination)
    pairs = max(asker.questions(), key=lambda pairs: len(oracle.search(type, pairs).matches))
    form = urlencode([*pairs, ("_count", "1000")]).encode()
    heard = await service.post(f"/fhir/{type}/_search", form, content_type="application/x-www-form-urlencoded")
    assert heard.status == 200, heard.body.decode()
    found = [entry["resource"] for entry in heard.json["entry"] if entry["search"]["mode"] == "match"]
    assert {(one["resourceType"], one["id"]) for one in found} == set(oracle.search(type, pairs).matches)


@pytest.mark.parametrize("example", examples(), ids=lambda one: f"{one['resourceType']}-{one['id']}")
async def test_an_example_is_served_as_it_was_loaded(service, example):
    type, id = example["resourceType"], example["id"]
    read, found = await service.get(f"/fhir/{type}/{id}"), await service.get(f"/fhir/{type}?_id={id}")
    assert (read.status, found.status) == (200, 200)
    assert said(decode(read.body)) == said(example)
    assert [said(entry["resource"]) for entry in decode(found.body)["entry"]] == [said(example)]


def said(resource):
    """Return a resource without what the server says of it."""
    meta = {name: held for name, held in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta}
