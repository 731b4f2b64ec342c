"""A house of two services behind the gateway, all running for real."""

from dataclasses import dataclass
from functools import partial

import pytest

from polyclinic.kit.app import Deeds, assemble
from polyclinic.kit.http.message import Answer
from polyclinic.kit.http.negotiation import CALENDAR
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.rest.operations.model import Operation
from polyclinic.kit.testing import Client, database, running
from polyclinic.services.gateway.main import create

BASE = "http://the-house/fhir"
PEOPLE = Manifest(name="people", owns=("Patient", "Practitioner"))
DIARY = Manifest(name="diary", owns=("Appointment", "Slot"), system_operations=("today",))


async def today(endpoint, call, target):
    headers = {"content-type": CALENDAR, "cache-control": "max-age=60"}
    return Answer(200, b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", headers)


TODAY = Operation("today", "urn:test:today", today, at=("system", "type"), answers=(CALENDAR,))


@dataclass(frozen=True)
class House:
    gateway: Client
    people: Client
    diary: Client


@pytest.fixture(scope="module")
async def house():
    """Return clients of the gateway and of the two services behind it."""
    owners = {type: each.name for each in (PEOPLE, DIARY) for type in each.owns} | {"$today": "diary"}
    async with (
        database() as one,
        database() as two,
        running(partial(assemble, PEOPLE), postgresql=one, base_url=BASE) as people,
        running(partial(assemble, DIARY, deeds=Deeds([TODAY])), postgresql=two, base_url=BASE) as diary,
        running(create, services=services(people, diary), owners=owners, base_url=BASE) as gateway,
    ):
        yield House(gateway, people, diary)


def services(people, diary):
    return {"people": people.root, "diary": diary.root}
