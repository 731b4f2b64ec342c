"""Time that is closed: nothing gets in, what is booked stays until it moves, and everybody is told where to."""

import asyncio
import random

import pytest

from polyclinic.repository.connect import open_pool
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


async def test_who_changes_places_for_somebody_else_is_not_stopped_by_a_block(practice):
    found = await fresh(practice, "places", capacity=2, alignmentInterval=10, duration=20)
    by_start = {each["start"][11:16]: each for each in found}

    async def book(start, patient):
        return the(await practice.book(by_start[start], patient_reference=f"Patient/places-{patient}"))

    first = await book("09:30", 1)
    await book("09:30", 2)  # in the second place
    the(await practice.ask(f"{first['id']}/$cancel"))
    await book("09:10", 3)  # in the first
    await block(practice, "places", start="2026-12-07T09:40:00+01:00", end="2026-12-07T10:10:00+01:00")
    await book("09:20", 4)  # beside both, so that one of them has to change places
    await check_filled(practice)


FILLED = """
select b.slot, at
from block b, generate_series(lower(b.during), upper(b.during) - interval '10 minutes', '10 minutes') at
where b.most > (
    select count(*) from occupation o
    where o.actor = b.actor and o.during @> at and o.lane < b.most and (o.expires is null or o.expires > $1)
)"""


async def check_filled(practice):
    """Check that every place of what is closed is somebody's: the block's, or theirs who had it before."""
    pool = open_pool(practice.dsn, connections=1, password=None)
    assert await pool.fetch(FILLED, practice.clock.moment) == []
    await pool.close(patience=1)


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_at_once_every_place_of_what_is_closed_stays_taken(practice, seed):
    name, chance = f"storm{seed}", random.Random(seed)
    found = await fresh(practice, name, capacity=1 + seed % 3, overbook=seed % 2, alignmentInterval=10)
    booked: list[str] = []
    closed: list[str] = []

    async def book():
        asked = {"patient_reference": f"Patient/{name}{chance.random()}", "overbook": chance.random() < 0.3}
        answer = await practice.book(chance.choice(found), **asked)
        if answer.status == 200:
            booked.append(the(answer)["id"])
        return answer

    async def close():
        begin = chance.randrange(len(found) - 3)
        times = {"start": found[begin]["start"], "end": found[begin + chance.randrange(1, 4)]["start"]}
        answer = await practice.client.post(f"/fhir/Schedule/{name}/$block", parameters(**times))
        closed.extend(entry["resource"]["id"] for entry in answer.json["entry"][:1])
        return answer

    async def change():
        id = chance.choice(booked) if booked else "none"
        if chance.random() < 0.5:
            return await practice.ask(f"{id}/$reschedule", start=chance.choice(found)["start"])
        return await practice.ask(f"{id}/$cancel")

    async def open_again():
        reference = f"Slot/{chance.choice(closed)}" if closed else "Slot/none"
        return await practice.client.post(f"/fhir/Schedule/{name}/$unblock", parameters(slot_reference=reference))

    for _ in range(8):
        deeds = chance.choices([book, change, close, open_again], [6, 4, 2, 1], k=8)
        answers = await asyncio.gather(*(deed() for deed in deeds))
        assert {answer.status for answer in answers} <= {200, 404, 409, 410, 422}, [a.body for a in answers]
        await check_filled(practice)


@pytest.mark.parametrize("scope", ["actor", "schedule"])
async def test_a_booking_sent_again_is_the_same_though_its_time_was_closed_meanwhile(practice, scope):
    found = await fresh(practice, f"again-{scope}")
    booked = the(await practice.book(found[0]))
    await block(practice, f"again-{scope}", **MORNING, scope=scope)
    assert the(await practice.book(found[0]))["id"] == booked["id"]
