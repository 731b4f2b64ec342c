import pytest_asyncio

from polyclinic.platform.load.tests.keeper import Keeper, serving


@pytest_asyncio.fixture
async def keeper():
    async with serving(Keeper()) as keeper:
        yield keeper
