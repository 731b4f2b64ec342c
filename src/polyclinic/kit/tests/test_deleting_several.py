"""Conditional delete where the operator lets it delete all that a condition finds."""

from functools import partial
from secrets import token_hex

import pytest

from polyclinic.kit.app import assemble
from polyclinic.kit.rest.written import MOST_DELETED
from polyclinic.kit.testing import database, running
from polyclinic.kit.tests.conftest import MANIFEST
from polyclinic.kit.tests.test_bundles import bundle, count, entry, patient, statuses


@pytest.fixture(scope="module")
async def generous():
    """Return a client of a service whose conditional deletes may delete several."""
    async with (
        database() as dsn,
        running(partial(assemble, MANIFEST), postgresql=dsn, conditional_delete="multiple") as client,
    ):
        yield client


async def several(service, number):
    value = token_hex(8)
    heard = await service.post("/fhir", bundle(*(entry("POST", "Patient", patient(value)) for _ in range(number))))
    assert heard.status == 200
    return f"Patient?identifier=http://ids|{value}"


async def test_all_matches_are_deleted(generous):
    query, other = await several(generous, 3), await several(generous, 1)
    heard = await generous.delete(f"/fhir/{query}", prefer="return=OperationOutcome")
    assert (heard.status, heard.said) == (200, "deleted 3 resources")
    assert await count(generous, query) == 0
    assert await count(generous, other) == 1
    assert (await generous.delete(f"/fhir/{query}")).status == 204
    assert (await generous.delete(f"/fhir/{other}")).headers["etag"] == 'W/"2"'


async def test_more_than_the_most_are_refused_and_nothing_happens(generous):
    query = await several(generous, MOST_DELETED + 1)
    heard = await generous.delete(f"/fhir/{query}")
    assert (heard.status, heard.codes) == (413, ["too-costly"])
    assert await count(generous, query) == MOST_DELETED + 1


async def test_a_delete_needs_a_condition_all_the_same(generous):
    assert (await generous.delete("/fhir/Patient")).status == 400
    assert (await generous.delete("/fhir/Patient?_count=1")).status == 400


async def test_a_version_to_match_is_that_of_each(generous):
    query = await several(generous, 2)
    assert (await generous.delete(f"/fhir/{query}", if_match='W/"2"')).status == 412
    assert (await generous.delete(f"/fhir/{query}", if_match='W/"1"')).status == 204


@pytest.mark.parametrize("type", ["batch", "transaction"])
async def test_all_matches_are_deleted_in_bundles_too(generous, type):
    query = await several(generous, 3)
    heard = await generous.post("/fhir", bundle(entry("DELETE", query), entry("POST", "Patient", patient()), type=type))
    assert statuses(heard) == ["204", "201"]
    assert await count(generous, query) == 0


async def test_a_transaction_does_not_change_what_it_deletes(generous):
    query = await several(generous, 3)
    found = (await generous.get(f"/fhir/{query}")).json["entry"]
    one = found[1]["resource"]
    heard = await generous.post(
        "/fhir", bundle(entry("DELETE", query), entry("PUT", f"Patient/{one['id']}", {**one, "active": True}))
    )
    assert heard.status == 400
    assert await count(generous, query) == 3


async def test_metadata_tells_what_a_conditional_delete_does(service, generous):
    for client, told in ((service, "single"), (generous, "multiple")):
        statement = (await client.get("/fhir/metadata")).json
        assert {resource["conditionalDelete"] for resource in statement["rest"][0]["resource"]} == {told}
