"""The scheduling service as it runs."""

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.testing import database, running
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.manifest import manifest


@pytest.fixture(scope="module")
async def scheduling():
    """Return a client of the scheduling service."""
    async with database() as dsn, running(create, postgresql=dsn) as client:
        yield client


async def test_metadata_is_valid_and_names_every_type(scheduling):
    statement = (await scheduling.get("/fhir/metadata")).json
    assert validate(statement) == []
    assert {resource["type"] for resource in statement["rest"][0]["resource"]} == set(manifest.owns)
