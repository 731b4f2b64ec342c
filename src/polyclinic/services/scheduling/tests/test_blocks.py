"""Time that is closed: nothing gets in, what is booked stays until it moves, and everybody is told where to."""

import asyncio

import pytest

from polyclinic.services.scheduling.tests.practice import parameters, schedule
from polyclinic.services.scheduling.tests.test_booking import fresh, starts, the

MORNING = {"start": "2026-12-07T09:00:00+01:00", "end": "2026-12-07T10:30:00+01:00"}


async def block(practice, name, operation="$block", **given):
    answer = await practice.client.post(f"/fhir/Schedule/{name}/{operation}", parameters(**given))
    assert answer.status == 200, answer.body
    return [entry["resource"] for entry in answer.json.get("entry", [])]


async def offered(practice, name):
    return starts(await practice.find(schedule=f"Schedule/{name}"))


async def test_a_block_closes_what_is_free_and_tells_who_has_to_move_and_where_to(practice):
    found = await fresh(practice, "away")
    first, second = (
        the(await practice.book(found[0])),
        the(await practice.book(found[2], patient_reference="Patient/2")),
    )
    slot, *told = await block(practice, "away", **MORNING, reason={"text": "ill"})
    assert (slot["resourceType"], slot["status"]) == ("Slot", "busy-unavailable")
    assert [each["id"] for each in told[::2]] == [first["id"], second["id"]]
    places = [[each["start"][8:16] for each in outcome["contained"]] for outcome in told[1::2]]
    assert places == [["07T10:30", "07T11:00", "07T11:30"], ["08T09:00", "08T09:30", "08T10:00"]]
    assert await offered(practice, "away") == ["10:30", "11:00", "11:30"]
    lost = await practice.book(found[1], patient_reference="Patient/3")
    assert lost.status == 409 and starts(lost.json["contained"])[0] == "10:30"


async def test_what_is_given_back_in_a_block_goes_to_the_block(practice):
    found = await fresh(practice, "back")
    booked = the(await practice.book(found[0]))
    await block(practice, "back", **MORNING)
    moved = the(await practice.ask(f"{booked['id']}/$reschedule", start=found[4]["start"]))
    assert moved["start"] == found[4]["start"]
    assert (await practice.book(found[0], patient_reference="Patient/b")).status == 409
    assert await offered(practice, "back") == ["10:30", "11:30"]
    visit = {name: value for name, value in booked.items() if name not in ("id", "meta", "extension")}
    assert (await practice.client.post("/fhir/Appointment", visit)).status == 409


async def test_a_visit_in_a_block_goes_on_as_it_is(practice):
    found = await fresh(practice, "stays")
    booked = the(await practice.book(found[0]))
    await block(practice, "stays", **MORNING)
    with_guest = {
        **booked,
        "participant": [*booked["participant"], {"actor": {"reference": "Patient/guest"}, "status": "accepted"}],
    }
    assert (await practice.client.put(f"/fhir/Appointment/{booked['id']}", with_guest)).status == 200
    assert the(await practice.ask(f"{booked['id']}/$arrive"))["status"] == "arrived"
    longer = {**with_guest, "end": "2026-12-07T10:00:00+01:00"}
    assert (await practice.client.put(f"/fhir/Appointment/{booked['id']}", longer)).status == 409


async def test_a_hold_in_a_block_can_be_booked_while_it_lasts_and_never_after(practice):
    found = await fresh(practice, "holding")
    kept, lost = the(await practice.hold(found[0])), the(await practice.hold(found[1], patient_reference="Patient/l"))
    await block(practice, "holding", **MORNING)
    assert the(await practice.book(kept))["status"] == "booked"
    practice.clock.forward(minutes=11)
    assert (await practice.book(lost)).status == 409
    practice.clock.forward(minutes=-11)


@pytest.mark.parametrize("more", [{}, {"overbook": True}])
async def test_neither_capacity_nor_overbooking_gets_into_a_block(practice, more):
    name = f"wide{len(more)}"
    found = await fresh(practice, name, capacity=2, overbook=1)
    the(await practice.book(found[0]))
    await block(practice, name, **MORNING)
    wider = schedule(name, f"Practitioner/{name}", service="HealthcareService/check-up", capacity=9, overbook=9)
    for made in (None, wider):
        if made:
            await practice.keep(made)
        for opening in found[:2]:
            assert (await practice.book(opening, patient_reference="Patient/w", **more)).status == 409


async def test_only_a_reason_of_weight_gets_into_a_block(practice):
    found = await fresh(practice, "urgent")
    await block(practice, "urgent", **MORNING)
    asked = {"patient_reference": "Patient/u", "override_reason": {"text": "emergency"}}
    assert the(await practice.book(found[0], **asked))["status"] == "booked"


async def test_the_same_block_again_is_the_same_and_a_rehearsal_closes_nothing(practice):
    found = await fresh(practice, "twice")
    the(await practice.book(found[0]))
    slot, moving, told = await block(practice, "twice", **MORNING, dry_run=True)
    assert "id" not in slot and starts(told["contained"]) == ["10:30", "11:00", "11:30"]
    assert moving["status"] == "booked" and await offered(practice, "twice") == starts(found)[1:]
    first, second = [(await block(practice, "twice", **MORNING))[0] for _ in range(2)]
    assert first == second


async def test_an_open_time_is_offered_again_but_not_what_another_block_closes(practice):
    found = await fresh(practice, "open")
    slot, *_ = await block(practice, "open", **MORNING)
    await block(practice, "open", start=MORNING["start"], end="2026-12-07T09:30:00+01:00")
    await block(practice, "open", "$unblock", slot_reference=f"Slot/{slot['id']}")
    assert await offered(practice, "open") == starts(found)[1:]
    assert (await practice.book(found[0], patient_reference="Patient/o")).status == 409
    await block(practice, "open", "$unblock", **MORNING)
    assert await offered(practice, "open") == starts(found)
    gone = await practice.client.post("/fhir/Schedule/open/$unblock", parameters(**MORNING))
    assert gone.status == 404


async def test_who_is_away_is_away_everywhere_and_a_closed_schedule_is_closed_alone(practice):
    for name in ("ward", "clinic"):
        await practice.keep(schedule(name, "Practitioner/both", service="HealthcareService/check-up"))
    every = await offered(practice, "ward")
    slot, *_ = await block(practice, "ward", **MORNING, scope="schedule")
    assert (await offered(practice, "ward"), await offered(practice, "clinic")) == (every[3:], every)
    found = await practice.find(schedule="Schedule/clinic")
    the(await practice.book(found[0], patient_reference="Patient/e"))
    await block(practice, "ward", "$unblock", slot_reference=f"Slot/{slot['id']}")
    _, moving, _ = await block(practice, "ward", **MORNING)
    assert moving["start"] == found[0]["start"]
    assert await offered(practice, "clinic") == every[3:]


async def test_what_is_booked_from_a_closed_schedule_is_refused(practice):
    found = await fresh(practice, "shut")
    await block(practice, "shut", **MORNING, scope="schedule")
    assert (await practice.book(found[0])).status == 409
    assert (await practice.hold(found[1])).status == 409
    assert the(await practice.book(found[3]))["status"] == "booked"


async def test_no_booking_gets_in_beside_a_block_that_is_just_being_made(practice):
    found = await fresh(practice, "race")
    answers = await asyncio.gather(
        block(practice, "race", **MORNING),
        *(practice.book(found[n % 3], patient_reference=f"Patient/r{n}") for n in range(12)),
    )
    booked = [the(answer) for answer in answers[1:] if answer.status == 200]
    assert {answer.status for answer in answers[1:]} <= {200, 409}
    _, *told = await block(practice, "race", **MORNING)
    assert sorted(each["id"] for each in told[::2]) == sorted(each["id"] for each in booked)
    assert await offered(practice, "race") == ["10:30", "11:00", "11:30"]


BAD = {
    "no end": ({"start": MORNING["start"]}, 400),
    "reversed": ({"start": MORNING["end"], "end": MORNING["start"]}, 400),
    "over": ({"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}, 400),
    "endless": ({"start": MORNING["start"], "end": "2036-01-01T00:00:00Z"}, 413),
    "no time": ({"start": "2026-12-07", "end": MORNING["end"]}, 400),
    "scope": ({**MORNING, "scope": "all"}, 400),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_block_that_makes_no_sense_is_refused(practice, case):
    given, status = BAD[case]
    assert (await practice.client.post("/fhir/Schedule/lane/$block", parameters(**given))).status == status


async def test_what_is_not_there_cannot_be_closed(practice):
    assert (await practice.client.post("/fhir/Schedule/none/$block", parameters(**MORNING))).status == 404


async def test_a_busy_slot_over_booked_visits_is_refused_unless_it_is_a_block(practice):
    found = await fresh(practice, "plain")
    the(await practice.book(found[0]))
    slot = {
        "resourceType": "Slot",
        "schedule": {"reference": "Schedule/plain"},
        "status": "busy-unavailable",
        **MORNING,
    }
    assert (await practice.client.post("/fhir/Slot", slot)).status == 409
    said = [{"url": "urn:polyclinic:extension:block", "valueCode": "actor"}]
    assert (await practice.client.post("/fhir/Slot", {**slot, "extension": said})).status == 201
    assert await offered(practice, "plain") == ["10:30", "11:00", "11:30"]
