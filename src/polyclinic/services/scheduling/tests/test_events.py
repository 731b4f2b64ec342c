"""Who dies, is merged or deleted: what becomes of their visits, and who else hears of it."""

import asyncio

import pytest

from polyclinic.fhir.validate.bindings import codes_of
from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import bus, database, running
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.manifest import manifest
from polyclinic.services.scheduling.tests.practice import Clock, parameters, schedule, service

RECORDS = Manifest(
    name="records", owns=("Location", "Patient"), tells=("Patient.created", "Patient.updated", "Patient.deleted")
)
DEAD = {"deceasedDateTime": "2026-12-01"}


async def until(holds):
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.02)


class House:
    """Records and scheduling, with a bus between them."""

    def __init__(self, records, scheduling):
        self.records, self.scheduling = records, scheduling

    async def patient(self, id, **more):
        answer = await self.records.put(f"/fhir/Patient/{id}", {"resourceType": "Patient", "id": id, **more})
        assert answer.status in (200, 201), answer.body

    async def booked(self, patient, at="09:00"):
        asked = parameters(
            start="2026-12-07T00:00:00+01:00",
            end="2026-12-12T00:00:00+01:00",
            patient_reference=f"Patient/{patient}",
            schedule="Schedule/events",
        )
        found = [e["resource"] for e in (await self.scheduling.post("/fhir/Appointment/$find", asked)).json["entry"]]
        hit = next(each for each in found if each["start"][11:16] == at)
        body = parameters(appointment_reference=f"Appointment/{hit['id']}")
        return (await self.scheduling.post("/fhir/Appointment/$book", body)).json["entry"][0]["resource"]["id"]

    async def visit(self, id):
        return (await self.scheduling.get(f"/fhir/Appointment/{id}")).json


@pytest.fixture(scope="module")
async def house():
    clock = Clock()
    async with bus() as nats, database() as one, database() as other:
        owners = {**dict.fromkeys(RECORDS.owns, "records"), **dict.fromkeys(manifest.owns, "scheduling")}
        told = {"nats": nats, "owners": owners, "hearers": {"scheduling": manifest.hears}}
        async with running(lambda settings: assemble(RECORDS, settings), postgresql=one, **told) as records:
            hears = {"nats": nats, "owners": owners, "services": {"records": records.root}}
            async with running(lambda settings: create(settings, clock), postgresql=other, **hears) as scheduling:
                for resource in (
                    service("check-up"),
                    schedule("events", "Practitioner/events", service="HealthcareService/check-up"),
                ):
                    await scheduling.put(f"/fhir/{resource['resourceType']}/{resource['id']}", resource)
                yield House(records, scheduling)


async def test_who_died_keeps_no_visit_ahead(house):
    await house.patient("mortal")
    id = await house.booked("mortal", "09:00")
    await house.patient("mortal", **DEAD)

    async def cancelled():
        return (await house.visit(id))["status"] == "cancelled"

    await until(cancelled)
    assert (await house.visit(id))["cancelationReason"]["coding"][0]["code"] == "pat-dec"


async def test_who_was_merged_takes_visits_along(house):
    await house.patient("twice")
    await house.patient("once")
    id = await house.booked("twice", "10:00")
    await house.patient("twice", active=False, link=[{"other": {"reference": "Patient/once"}, "type": "replaced-by"}])

    async def moved():
        return "Patient/once" in str((await house.visit(id))["participant"])

    await until(moved)
    visit = await house.visit(id)
    assert visit["status"] == "booked" and "Patient/twice" not in str(visit["participant"])


async def test_a_visit_that_its_new_patient_cannot_come_to_says_so(house):
    for name in ("double", "single"):
        await house.patient(name)
    mine = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-12-08T10:00:00Z",
        "end": "2026-12-08T10:30:00Z",
    }
    ids = []
    for name in ("double", "single"):
        people = [
            {"actor": {"reference": each}, "status": "accepted"} for each in (f"Patient/{name}", f"Practitioner/{name}")
        ]
        ids.append((await house.scheduling.post("/fhir/Appointment", {**mine, "participant": people})).json["id"])
    await house.patient("double", link=[{"other": {"reference": "Patient/single"}, "type": "replaced-by"}])

    async def moved():
        return "Patient/single" in str((await house.visit(ids[0]))["participant"])

    await until(moved)
    assert "urn:polyclinic:extension:override" in str((await house.visit(ids[0]))["extension"])


async def test_whose_record_was_deleted_keeps_no_visit_ahead(house):
    await house.patient("gone")
    id = await house.booked("gone", "11:00")
    assert (await house.records.delete("/fhir/Patient/gone")).status == 204

    async def cancelled():
        return (await house.visit(id))["status"] == "cancelled"

    await until(cancelled)


def test_what_is_told_are_names_of_changes():
    statuses = {code.split(".")[1] for code in manifest.tells} - {"moved", "updated", "deleted"}
    assert statuses == set(codes_of("http://hl7.org/fhir/ValueSet/appointmentstatus"))
