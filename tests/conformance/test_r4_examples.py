"""HL7's own examples for R4: each is kept as it was sent and is found by each of the values that it has itself.

The values are derived by the oracle, and the answers must be those of the oracle over all examples together; where a
unit of UCUM is asked for there may be more, because the oracle converts between few of them.
"""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asking import ask, difference
from oracle import Definitions, Oracle
from oracle.definitions import table
from oracle.units import UCUM
from own_values import own_values
from told.asking import AT_ONCE, all_of

from polyclinic.fhir.json import decode
from polyclinic.fhir.tests.test_validate_outside import WRONG_EXAMPLES
from polyclinic.kit.testing import create_whole, database, running

EXAMPLES = Path(__file__).parents[3] / "shared/data/r4-examples"
NOT_KEPT = ("Parameters", "OperationOutcome")
VALUES = 3
"""How many values of one parameter of one resource are asked for at most."""
NOT_ASKED = {
    "_content": "R4 gives it no expression: it is said of the whole text",
    "_query": "R4 gives it no expression: it names a search of the server's own",
    "_text": "R4 gives it no expression: it is said of the narrative",
}
"""Parameters that the oracle cannot extract, with the reason."""
REFUSED = {
    ("Bundle", "composition"): "finds the first entry itself, which is no reference",
    ("Bundle", "message"): "finds the first entry itself, which is no reference",
}
"""Parameters that the service does not offer, and says so, with the reason."""

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="HL7's examples for R4 are not beside this repository")


def examples():
    """Return the examples that are right and are kept, each once; one whose id is taken has its number behind it."""
    found = defaultdict(list)
    for path in sorted(EXAMPLES.rglob("*.json")):
        resource = decode(path.read_bytes())
        if path.name not in WRONG_EXAMPLES and resource["resourceType"] not in NOT_KEPT:
            same = found[resource["resourceType"], resource["id"]]
            same.extend([resource] if resource not in same else [])
    for same in found.values():
        for number, resource in enumerate(same[1:], 2):
            resource["id"] += f"-{number}"
    return [resource for same in found.values() for resource in same]


@pytest.fixture(scope="module")
async def service():
    """Return a client of the records service."""
    async with database() as dsn, running(create_whole, postgresql=dsn) as client:
        yield client


@pytest.fixture(scope="module")
async def kept(service):
    """PUT every example; return each with what is read of it."""
    found = []
    free = asyncio.Semaphore(AT_ONCE)

    async def put(example):
        path = f"/fhir/{example['resourceType']}/{example['id']}"
        async with free:
            heard = await service.put(path, example)
            assert heard.status == 201, f"PUT {path}: {heard.status} {heard.body.decode()[:500]}"
            found.append((example, (await service.get(path, accept="application/fhir+json")).json))

    await all_of(put(example) for example in examples())
    return found


async def test_every_example_is_read_as_it_was_sent(kept):
    assert len(kept) > 500
    differing = [example["id"] for example, read in kept if without_version(read) != without_version(example)]
    assert differing == []


def without_version(resource):
    """Return a resource without what the server itself says of it."""
    meta = {key: value for key, value in resource.get("meta", {}).items() if key not in ("versionId", "lastUpdated")}
    return {**{key: value for key, value in resource.items() if key != "meta"}, **({"meta": meta} if meta else {})}


async def test_every_example_is_found_by_its_own_values(service, kept):
    oracle = Oracle([read for _, read in kept], f"{service.root}/fhir", now=datetime.now(UTC))  # noqa: TID251
    free = asyncio.Semaphore(AT_ONCE)

    async def found(type, name, value):
        told = f"{type}?{name}={value}"
        expected = set(oracle.search(type, [(name, value)]).matches)
        async with free:
            matches, _ = await ask(service, f"/fhir/{type}", ((name, value), ("_elements", "id")))
        assert expected <= set(matches), difference(told, set(matches), expected, [])
        if f"|{UCUM}|" not in value:
            assert set(matches) <= expected, difference(told, set(matches), expected, [])

    asked = questions(oracle.store)
    assert len(asked) > 9000
    assert len({(type, name.partition(":")[0]) for type, name, _ in asked}) > 900
    await all_of(found(*each) for each in asked)


@pytest.mark.parametrize("type, code", REFUSED)
async def test_parameter_that_is_not_offered_is_refused_by_name(service, type, code):
    heard = await service.get(f"/fhir/{type}?{code}=1$2$3")
    assert (heard.status, heard.places) == (400, [code])


def questions(store):
    """Return what is asked, each question once: type, parameter with its modifier, value."""
    return list(
        {
            (type, f"{parameter.code}:{modifier}".removesuffix(":"), value): None
            for type, resource, parameter in extracted(store)
            for modifier, value in own_values(store, resource, parameter, VALUES)
        }
    )


def extracted(store):
    """Yield type, resource and parameter for all that the oracle can extract."""
    for resource in store.resources.values():
        type = resource["resourceType"]
        for parameter in Definitions().all(type):
            if parameter.code not in NOT_ASKED and (type, parameter.code) not in REFUSED:
                yield type, resource, parameter


def test_every_parameter_with_an_expression_is_asked_for():
    parameters = {parameter for type in table("structures") for parameter in Definitions().all(type)}
    assert {parameter.code for parameter in parameters if not parameter.expression} == NOT_ASKED.keys()
