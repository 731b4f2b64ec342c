"""One service of a few types, running for real, for each test module."""

from functools import partial

import pytest

from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import database, running

MANIFEST = Manifest(
    name="keeper", owns=("Patient", "Observation", "Practitioner", "Organization", "Bundle", "CapabilityStatement")
)


@pytest.fixture(scope="module")
async def service():
    """Return a client of a service that keeps a few types in a database of its own."""
    async with database() as dsn, running(partial(assemble, MANIFEST), postgresql=dsn, body_limit=2_000_000) as client:
        yield client
