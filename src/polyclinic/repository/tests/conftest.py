"""A repository on a database of its own, on the PostgreSQL that POLYCLINIC_TEST_POSTGRESQL names."""

import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from polyclinic.repository import Repository


class Clock:
    """A clock that goes one second further each time it is read."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(scope="module")
async def dsn():
    server = os.environ["POLYCLINIC_TEST_POSTGRESQL"]
    name = f"repository_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(server)
    await admin.execute(f"create database {name}")
    before, _, options = server.partition("?")
    yield f"{before.rsplit('/', 1)[0]}/{name}?{options}"
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture(scope="module")
async def repository(dsn):
    opened = await Repository.open(dsn, clock=Clock())
    yield opened
    await opened.close()
