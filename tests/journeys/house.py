"""The gateway with records behind it: what the journeys go through."""

from contextlib import asynccontextmanager

from polyclinic.kit.testing import database, running
from polyclinic.platform import catalog
from polyclinic.services.gateway.main import create as create_gateway
from polyclinic.services.records.main import create as create_records

BASE = "http://polyclinic.test/fhir"


@asynccontextmanager
async def house():
    """Yield a client of the gateway, with records behind it that keep every type."""
    owners = dict.fromkeys(catalog.owners(catalog.manifests()), "records")
    async with (
        database() as dsn,
        running(create_records, postgresql=dsn, base_url=BASE) as records,
        running(create_gateway, services={"records": records.root}, owners=owners, base_url=BASE) as gateway,
    ):
        yield gateway
