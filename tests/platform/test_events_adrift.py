"""Telling and hearing where the bus comes late, ends, or comes back empty, and where clocks are wrong."""

import asyncio
import json
import shutil
import socket
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from polyclinic.kit.app import Deeds, assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import database, running
from polyclinic.platform import nats
from polyclinic.platform.folder import Folder
from polyclinic.platform.testing import temporary_folder
from polyclinic.repository.model import Create

TELLS = ("Patient.created", "Patient.updated")
TELLER = Manifest(name="teller", owns=("Patient",), tells=TELLS)
HEARER = Manifest(name="hearer", owns=("Basic",), hears=TELLS)


class Bus:
    """A NATS of our own, started and killed at will."""

    def __init__(self, folder):
        self.folder = Folder(folder)
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self.port = chosen.getsockname()[1]
        self.up = ExitStack()
        self.folder.prepare()
        secret = nats.password(self.folder, "operator").read_text()
        self.address = f"nats://operator:{secret}@127.0.0.1:{self.port}"

    def start(self):
        self.up.enter_context(nats.running(self.folder, self.port))

    def stop(self):
        self.up.close()

    def forget(self):
        shutil.rmtree(self.folder.nats)


@pytest.fixture
def bus():
    with temporary_folder() as folder:
        made = Bus(folder)
        yield made
        made.stop()


class Watch:
    """A clock that somebody sets."""

    def __init__(self):
        self.wrong = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.wrong  # noqa: TID251 - this is a clock


@pytest.fixture
async def adrift(bus):
    """Both services, not having found their bus yet."""

    async def note(event, transaction, neighbours):
        text = f"{event.reference} {event.version}"
        await transaction.write([Create({"resourceType": "Basic", "code": {"text": text}})])

    async with AsyncExitStack() as stack:
        adrift = Adrift(bus, Watch())
        for manifest in (TELLER, HEARER):
            dsn = await stack.enter_async_context(database())
            deeds = Deeds(handlers=dict.fromkeys(manifest.hears, note))
            client = await stack.enter_async_context(
                running(
                    partial(assemble, manifest, deeds=deeds, now=adrift.watch),
                    postgresql=dsn,
                    nats=bus.address,
                    owners={"Patient": "teller", "Basic": "hearer"},
                    hearers={"hearer": TELLS} if manifest is TELLER else {},
                    log_level="error",
                )
            )
            adrift.services[manifest.name], adrift.databases[manifest.name] = client, dsn
        yield adrift


class Adrift:
    def __init__(self, bus, watch):
        self.bus, self.watch, self.services, self.databases = bus, watch, {}, {}

    async def write(self, *numbers):
        for number in numbers:
            body = {"resourceType": "Patient", "id": "p", "multipleBirthInteger": number}
            answer = await self.services["teller"].put("/fhir/Patient/p", body)
            assert answer.status in (200, 201), answer.body

    async def effects(self, count):
        """The effects, as soon as there are that many, and for a moment more."""
        connection = await asyncpg.connect(self.databases["hearer"])
        async with asyncio.timeout(30):
            while await connection.fetchval("select count(*) from resource where type = 'Basic'") < count:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        rows = await connection.fetch("select body from resource where type = 'Basic' order by key")
        await connection.close()
        return [int(json.loads(row["body"])["code"]["text"].split()[1]) for row in rows]

    async def misses(self, name):
        answer = await self.services[name].get("/health/ready")
        assert answer.status == 200
        return " ".join(answer.json["misses"])


async def test_a_service_starts_and_writes_without_the_bus_says_so_and_tells_when_it_comes(adrift):
    await adrift.write(1, 2)
    assert "events are not told" in await adrift.misses("teller")
    assert "events are not heard" in await adrift.misses("hearer")
    adrift.bus.start()
    assert await adrift.effects(2) == [1, 2]
    assert await adrift.misses("teller") == ""
    assert await adrift.misses("hearer") == ""


async def test_what_is_written_while_the_bus_is_away_is_told_when_it_is_back(adrift):
    adrift.bus.start()
    await adrift.write(1)
    assert await adrift.effects(1) == [1]
    adrift.bus.stop()
    await adrift.write(2, 3)
    figures = adrift.services["teller"]

    async def untold():
        text = (await figures.get("/metrics")).body.decode()
        return next(line for line in text.splitlines() if line.startswith("polyclinic_events_untold{")).split()[1]

    async with asyncio.timeout(20):
        while await untold() != "2.0":
            await asyncio.sleep(0.05)
    adrift.bus.start()
    assert await adrift.effects(3) == [1, 2, 3]


async def test_a_bus_that_comes_back_empty_is_told_again_what_nobody_has_heard(adrift):
    adrift.bus.start()
    await adrift.write(1, 2)
    assert await adrift.effects(2) == [1, 2]
    adrift.bus.stop()
    await adrift.write(3)
    adrift.bus.forget()
    adrift.bus.start()
    await adrift.write(4)
    assert await adrift.effects(4) == [1, 2, 3, 4]


async def test_clocks_that_jump_neither_lose_nor_double_nor_reorder(adrift):
    adrift.bus.start()
    await adrift.write(1)
    for number, jump in [(2, timedelta(days=400)), (3, timedelta(days=-400)), (4, timedelta(seconds=-30))]:
        adrift.watch.wrong = jump
        await adrift.write(number)
        adrift.bus.stop()
        adrift.bus.start()
    assert await adrift.effects(4) == [1, 2, 3, 4]
