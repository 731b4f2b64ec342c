"""The scheduling service on a database of its own, by a clock that the tests move."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import Client, database, running
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.tests.practice import Clock, parameters, schedule, service

RECORDS = Manifest(name="records", owns=("Location", "Patient"))


@dataclass
class Practice:
    """A client of the service, its clock, and how to ask it."""

    client: Client
    clock: Clock
    dsn: str

    async def keep(self, *resources):
        for resource in resources:
            answer = await self.client.put(f"/fhir/{resource['resourceType']}/{resource['id']}", resource)
            assert answer.status in (200, 201), answer.body

    async def find(self, begin="2026-12-07T00:00:00+01:00", end="2026-12-08T00:00:00+01:00", **more):
        answer = await self.client.post("/fhir/Appointment/$find", parameters(start=begin, end=end, **more))
        assert answer.status == 200, answer.body
        return [entry["resource"] for entry in answer.json.get("entry", [])]

    async def ask(self, operation, **given):
        return await self.client.post(f"/fhir/Appointment/{operation}", parameters(**given))

    async def book(self, proposal, **given):
        return await self.ask("$book", appointment_reference=f"Appointment/{proposal['id']}", **given)

    async def hold(self, proposal, **given):
        return await self.ask("$hold", appointment_reference=f"Appointment/{proposal['id']}", **given)


@asynccontextmanager
async def with_records(**settings):
    """Yield an empty practice, and a client of the service that knows its places and patients."""
    clock = Clock()
    async with (
        database() as one,
        database() as two,
        running(partial(assemble, RECORDS), postgresql=one) as records,
        running(
            lambda told: create(told, clock), postgresql=two, services={"records": records.root}, **settings
        ) as client,
    ):
        yield Practice(client, clock, two), records


@pytest.fixture(scope="module")
async def practice():
    """Return a practice where a physician gives check-ups of half an hour, weekdays from 9 to 12."""
    clock = Clock()
    async with database() as dsn, running(lambda settings: create(settings, clock), postgresql=dsn) as client:
        made = Practice(client, clock, dsn)
        await made.keep(
            service("check-up"), schedule("lane", "Practitioner/lane", service="HealthcareService/check-up")
        )
        yield made
