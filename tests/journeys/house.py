"""The gateway with every service behind it: what the journeys go through."""

from contextlib import AsyncExitStack, asynccontextmanager

from polyclinic.kit.testing import database, running
from polyclinic.platform import catalog

BASE = "http://polyclinic.test/fhir"


@asynccontextmanager
async def house():
    """Yield a client of the gateway, with all services that own resource types behind it, each with its database."""
    manifests = catalog.manifests()
    async with AsyncExitStack() as stack:
        services = {}
        for name in (manifest.name for manifest in manifests if manifest.owns):
            dsn = await stack.enter_async_context(database())
            service = running(catalog.creator(name), postgresql=dsn, base_url=BASE)
            services[name] = (await stack.enter_async_context(service)).root
        owners = catalog.owners(manifests)
        gateway = running(catalog.creator("gateway"), services=services, owners=owners, base_url=BASE)
        yield await stack.enter_async_context(gateway)
