"""A Schedule without rules offers the Slots that are stored for it and free."""

import pytest

from polyclinic.services.scheduling.tests.practice import parameters
from polyclinic.services.scheduling.tests.test_booking import starts, the


def slot(name, schedule, begin, end, status="free"):
    return {
        "resourceType": "Slot",
        "id": name,
        "schedule": {"reference": f"Schedule/{schedule}"},
        "status": status,
        "start": f"2026-12-07T{begin}:00Z",
        "end": f"2026-12-07T{end}:00Z",
    }


async def stored(practice, name, **said):
    """Keep a Schedule without rules, with three free Slots and one that is busy; return what it offers."""
    await practice.keep(
        {"resourceType": "Schedule", "id": name, "actor": [{"reference": f"Practitioner/{name}"}], **said},
        slot(f"{name}-1", name, "08:00", "08:20"),
        slot(f"{name}-2", name, "08:20", "08:40", "busy"),
        slot(f"{name}-3", name, "08:40", "09:00"),
        slot(f"{name}-4", name, "10:00", "11:00"),
    )
    return await practice.find(schedule=f"Schedule/{name}", patient_reference=f"Patient/{name}")


async def test_free_slots_are_offered_each_whole_and_by_name(practice):
    found = await stored(practice, "plain-slots")
    assert [(each["start"][11:16], each["minutesDuration"]) for each in found] == [
        ("08:00", 20),
        ("08:40", 20),
        ("10:00", 60),
    ]
    assert [each["slot"][0]["reference"] for each in found] == [f"Slot/plain-slots-{n}" for n in (1, 3, 4)]


async def test_a_booked_slot_is_offered_no_more_and_its_status_stays_what_its_owner_says(practice):
    found = await stored(practice, "one")
    booked = the(await practice.book(found[0]))
    assert booked["slot"] == [{"reference": "Slot/one-1"}]
    assert starts(await practice.find(schedule="Schedule/one")) == ["08:40", "10:00"]
    assert (await practice.client.get("/fhir/Slot/one-1")).json["status"] == "free"
    lost = await practice.book(found[0], patient_reference="Patient/late")
    assert lost.status == 409 and starts(lost.json["contained"]) == ["08:40"]
    the(await practice.ask(f"{booked['id']}/$cancel"))
    assert starts(await practice.find(schedule="Schedule/one")) == ["08:00", "08:40", "10:00"]


async def test_a_visit_moves_from_slot_to_slot_and_to_no_other_time(practice):
    found = await stored(practice, "mover")
    booked = the(await practice.book(found[0]))
    moved = the(await practice.ask(f"{booked['id']}/$reschedule", start=found[1]["start"]))
    assert moved["slot"] == [{"reference": "Slot/mover-3"}]
    refused = await practice.ask(f"{booked['id']}/$reschedule", start="2026-12-07T09:00:00Z")
    assert refused.status == 422 and "no free Slot" in refused.said


async def test_an_appointment_that_names_a_slot_takes_its_time(practice):
    found = await stored(practice, "named")
    visit = {name: value for name, value in found[1].items() if name not in ("id", "extension", "minutesDuration")}
    visit |= {"status": "booked", "participant": [{"actor": {"reference": "Patient/n"}, "status": "accepted"}]}
    assert (await practice.client.post("/fhir/Appointment", visit)).status == 201
    assert starts(await practice.find(schedule="Schedule/named")) == ["08:00", "10:00"]
    again = {**visit, "participant": [{"actor": {"reference": "Patient/m"}, "status": "accepted"}]}
    assert (await practice.client.post("/fhir/Appointment", again)).status == 409


async def test_slots_are_found_by_who_gives_them_and_what_for(practice):
    kind = {"system": "urn:test:visits", "code": "smear"}
    await stored(practice, "typed", serviceType=[{"coding": [kind]}])
    assert len(await practice.find(practitioner="Practitioner/typed")) == 3
    assert len(await practice.find(visit_type={"coding": [kind]})) == 3
    assert await practice.find(practitioner="Practitioner/typed", visit_type={"coding": [{"code": "other"}]}) == []
    timing = {"repeat": {"duration": 45, "durationUnit": "min"}}
    assert await practice.find(practitioner="Practitioner/typed", timing=timing) == []


GONE = {
    "deleted": None,
    "busy": {"status": "busy"},
    "in error": {"status": "entered-in-error"},
    "of another": {"schedule": {"reference": "Schedule/lane"}},
}


@pytest.mark.parametrize("case", GONE)
async def test_a_slot_that_is_free_no_more_is_neither_offered_nor_booked(practice, case):
    name, said = f"gone-{case.replace(' ', '-')}", GONE[case]
    found = await stored(practice, name)
    if said is None:
        assert (await practice.client.delete(f"/fhir/Slot/{name}-1")).status in (200, 204)
    else:
        await practice.keep({**slot(f"{name}-1", name, "08:00", "08:20"), **said})
    assert starts(await practice.find(schedule=f"Schedule/{name}")) == ["08:40", "10:00"]
    assert (await practice.book(found[0])).status in (409, 422)


async def test_a_block_closes_stored_slots_too(practice):
    await stored(practice, "shut-slots")
    closing = parameters(start="2026-12-07T08:30:00Z", end="2026-12-07T09:30:00Z")
    assert (await practice.client.post("/fhir/Schedule/shut-slots/$block", closing)).status == 200
    assert starts(await practice.find(schedule="Schedule/shut-slots")) == ["08:00", "10:00"]
