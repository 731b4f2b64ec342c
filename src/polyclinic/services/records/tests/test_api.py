"""The records service as it runs: every type it owns, from its manifest."""

import pytest

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.validate import validate
from polyclinic.kit.testing import database, running
from polyclinic.services.records.main import create
from polyclinic.services.records.manifest import manifest


@pytest.fixture(scope="module")
async def records():
    """Return a client of the records service."""
    async with database() as dsn, running(create, postgresql=dsn) as client:
        yield client


def test_what_is_owned_are_resource_types_that_can_be_kept():
    assert set(manifest.owns) <= RESOURCE_TYPES
    assert not {"Parameters", "OperationOutcome"} & set(manifest.owns)
    assert len(set(manifest.owns)) == len(manifest.owns)


async def test_metadata_is_valid_and_names_every_type(records):
    statement = (await records.get("/fhir/metadata")).json
    assert validate(statement) == []
    assert {resource["type"] for resource in statement["rest"][0]["resource"]} == set(manifest.owns)


async def test_every_type_answers_searches_and_histories(records):
    for type in manifest.owns:
        assert (await records.get(f"/fhir/{type}?_id=nobody")).json["total"] == 0
        assert (await records.get(f"/fhir/{type}/_history?_count=1")).json["type"] == "history"


async def test_any_type_is_kept(records):
    flag = {"resourceType": "Basic", "code": {"text": "referral"}}
    kept = await records.post("/fhir/Basic", flag)
    assert kept.status == 201
    assert (await records.get(f"/fhir/Basic/{kept.json['id']}")).json["code"] == flag["code"]
