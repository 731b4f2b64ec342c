"""The waitlist that works alone: time that becomes free is offered to those who wait, until somebody takes it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.testing import database, running
from polyclinic.services.scheduling.actions import expiring, offering
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.tests.conftest import Practice
from polyclinic.services.scheduling.tests.practice import Clock, entry, parameters, schedule, service

SERVICE = "HealthcareService/check-up"


@pytest.fixture(autouse=True, scope="module")
def briskly():
    """Let chores look more often than anybody would need in earnest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offering, "POLL", 0.02)
        patch.setattr(expiring, "POLL", 0.02)
        yield


@pytest.fixture
async def practice():
    """Return a practice on a database of its own, as those who wait are asked for every time that becomes free."""
    clock = Clock()
    async with database() as dsn, running(lambda settings: create(settings, clock), postgresql=dsn) as client:
        made = Practice(client, clock, dsn)
        await made.keep(service("check-up"), schedule("a", "Practitioner/a", service=SERVICE))
        yield made


def the(answer):
    assert answer.status == 200, answer.body
    return answer.json["entry"][0]["resource"]


def said(parameter):
    """Return the parts of a parameter by name; ranks and offers are lists."""
    found: dict[str, Any] = {}
    for part in parameter["part"]:
        if "part" in part:
            found.setdefault(part["name"], []).append(said(part))
        else:
            value = next(value for name, value in part.items() if name != "name")
            found[part["name"]] = value["reference"] if isinstance(value, dict) else value
    return found


async def line(practice):
    answer = await practice.client.get("/fhir/Appointment/$waitlist")
    assert answer.status == 200 and validate(answer.json) == [], answer.body
    return [said(each) for each in answer.json["parameter"] if each["name"] == "entry"]


async def offers(practice, id):
    answer = await practice.client.get(f"/fhir/Appointment/{id}/$offers")
    assert answer.status == 200 and validate(answer.json) == [], answer.body
    return [said(each) for each in answer.json["parameter"] if each["name"] == "offer"]


async def until(found):
    """Return what ``found`` finds once it finds something."""
    for _ in range(250):
        if result := await found():
            return result
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about in five seconds")


async def offered_to(practice, id):
    """Return the open offer to an entry, once there is one."""

    async def open_offer():
        for each in await offers(practice, id):
            if each["outcome"] == "open":
                return (await practice.client.get(f"/fhir/{each['appointment']}")).json
        return None

    return await until(open_offer)


async def nothing_more(practice):
    """Wait until chores had time to do what they should not."""
    await asyncio.sleep(0.3)
    return [offer for each in await line(practice) for offer in each.get("offer", []) if offer["outcome"] == "open"]


async def booked_full(practice, name="a"):
    """Book all that a schedule has on Monday and return the visits."""
    found = await practice.find(schedule=f"Schedule/{name}")
    visits = []
    for number, each in enumerate(found):
        visits.append(the(await practice.book(each, patient_reference=f"Patient/{name}-{number}")))
    return visits


async def status(practice, id):
    return (await practice.client.get(f"/fhir/Appointment/{id}")).json


async def test_a_cancelled_visit_is_offered_to_who_waits_and_booked_by_confirming(practice):
    visits = await booked_full(practice)
    await practice.keep(entry("w", "Patient/w"))
    the(await practice.ask(f"{visits[4]['id']}/$cancel"))
    offer = await offered_to(practice, "w")
    assert (offer["status"], offer["start"]) == ("pending", visits[4]["start"])
    assert validate(offer) == []
    assert await practice.find(schedule="Schedule/a") == []
    booked = the(await practice.ask(f"{offer['id']}/$confirm"))
    assert booked["status"] == "booked"
    waited = await status(practice, "w")
    assert waited["status"] == "cancelled"
    assert waited["cancelationReason"]["coding"][0]["code"] == "offer-accepted"
    assert waited["supportingInformation"] == [{"reference": f"Appointment/{offer['id']}"}]
    assert [each["outcome"] for each in await offers(practice, "w")] == ["accepted"]
    assert await line(practice) == []


async def test_the_most_urgent_is_asked_first_and_a_declined_offer_passes_on(practice):
    visits = await booked_full(practice)
    await practice.keep(
        entry("routine", "Patient/r", priority=9), entry("urgent", "Patient/u", priority=2), entry("usual", "Patient/n")
    )
    assert [each["appointment"] for each in await line(practice)] == [
        "Appointment/urgent",
        "Appointment/usual",
        "Appointment/routine",
    ]
    the(await practice.ask(f"{visits[3]['id']}/$cancel"))
    for id in ("urgent", "usual", "routine"):
        offer = await offered_to(practice, id)
        assert offer["start"] == visits[3]["start"]
        the(await practice.ask(f"{offer['id']}/$cancel", attributed_to="patient"))
    assert await nothing_more(practice) == []
    told = await offers(practice, visits[3]["id"])
    assert [(each["to"], each["turn"], each["outcome"]) for each in told] == [
        ("Appointment/urgent", 1, "declined"),
        ("Appointment/usual", 2, "declined"),
        ("Appointment/routine", 3, "declined"),
    ]
    assert [part["points"] for part in told[0]["rank"]] == [70, 0, 0]
    assert len(await practice.find(schedule="Schedule/a")) == 1


async def test_an_offer_that_nobody_answers_expires_and_passes_on(practice):
    visits = await booked_full(practice)
    await practice.keep(entry("first", "Patient/f", priority=1), entry("second", "Patient/s"))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    first = await offered_to(practice, "first")
    practice.clock.forward(minutes=31)
    second = await offered_to(practice, "second")
    assert second["start"] == first["start"]
    late = await practice.ask(f"{first['id']}/$confirm")
    assert late.status == 409
    assert (await status(practice, first["id"]))["cancelationReason"]["coding"][0]["code"] == "hold-expired"
    assert [each["outcome"] for each in await offers(practice, "first")] == ["expired"]
    the(await practice.ask(f"{second['id']}/$confirm"))


async def test_a_time_is_offered_as_often_as_the_rules_say(practice):
    await practice.keep(service("check-up", offerTries=1, offerWindow=10))
    visits = await booked_full(practice)
    await practice.keep(entry("a", "Patient/a"), entry("b", "Patient/b"))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    offer = await offered_to(practice, "a")
    the(await practice.ask(f"{offer['id']}/$cancel"))
    assert await nothing_more(practice) == []
    assert len(await practice.find(schedule="Schedule/a")) == 1


async def test_an_earlier_time_replaces_a_visit_whose_own_time_is_offered_next(practice):
    visits = await booked_full(practice)
    mine = visits[5]
    await practice.keep(
        entry("earlier", "Patient/a-5", keep=f"Appointment/{mine['id']}", priority=1), entry("other", "Patient/o")
    )
    the(await practice.ask(f"{visits[2]['id']}/$cancel"))
    offer = await offered_to(practice, "earlier")
    assert (await status(practice, mine["id"]))["status"] == "booked"
    the(await practice.ask(f"{offer['id']}/$confirm"))
    given_up = await status(practice, mine["id"])
    assert (given_up["status"], given_up["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "replaced")
    assert (await offered_to(practice, "other"))["start"] == mine["start"]


async def test_a_later_time_is_no_gain_and_somebody_elses_visit_is_not_touched(practice):
    visits = await booked_full(practice)
    await practice.keep(
        entry("later", "Patient/a-1", keep=f"Appointment/{visits[1]['id']}", priority=1),
        entry("thief", "Patient/thief", keep=f"Appointment/{visits[0]['id']}"),
    )
    the(await practice.ask(f"{visits[4]['id']}/$cancel"))
    offer = await offered_to(practice, "thief")
    the(await practice.ask(f"{offer['id']}/$confirm"))
    assert (await status(practice, visits[0]["id"]))["status"] == "booked"
    assert await offers(practice, "later") == []


async def test_what_does_not_suit_is_offered_to_somebody_else(practice):
    await practice.keep(schedule("b", "Practitioner/b", service=SERVICE))
    visits = await booked_full(practice)
    await practice.keep(
        entry("later", "Patient/1", priority=1, timeFrom="11:00"),
        entry("by-b", "Patient/2", priority=1, actors=[SERVICE, "Practitioner/b"]),
        entry("on-b", "Patient/3", priority=1, schedule="Schedule/b"),
        entry("anything", "Patient/4", priority=1, actors=[]),
        entry("gone", "Patient/5", priority=1, actors=["HealthcareService/gone"]),
        entry("suits", "Patient/6", priority=9),
    )
    the(await practice.ask(f"{visits[3]['id']}/$cancel"))
    assert (await offered_to(practice, "suits"))["start"] == visits[3]["start"]
    assert [each["to"] for each in await offers(practice, visits[3]["id"])] == ["Appointment/suits"]


async def test_who_comes_to_wait_is_offered_what_became_free_before(practice):
    visits = await booked_full(practice)
    the(await practice.ask(f"{visits[4]['id']}/$cancel"))
    await nothing_more(practice)
    await practice.keep(entry("late", "Patient/late"))
    assert (await offered_to(practice, "late"))["start"] == visits[4]["start"]


async def test_what_is_too_near_to_be_answered_in_time_is_not_offered(practice):
    visits = await booked_full(practice)
    await practice.keep(entry("w", "Patient/w"))
    practice.clock.forward(hours=1, minutes=45)
    the(await practice.ask(f"{visits[0]['id']}/$cancel"))
    assert await nothing_more(practice) == []


async def test_a_moved_visit_an_expired_hold_and_a_lifted_block_make_time_free(practice):
    await practice.keep(schedule("b", "Practitioner/b", service=SERVICE))
    visits = await booked_full(practice)
    await practice.keep(entry("w1", "Patient/w1", schedule="Schedule/a"))
    the(await practice.ask(f"{visits[5]['id']}/$reschedule", start="2026-12-08T10:00:00+01:00"))
    assert (await offered_to(practice, "w1"))["start"] == visits[5]["start"]
    block = {
        "resourceType": "Slot",
        "id": "block",
        "status": "busy-unavailable",
        "schedule": {"reference": "Schedule/b"},
        "start": "2026-12-07T09:00:00+01:00",
        "end": "2026-12-07T12:00:00+01:00",
    }
    await practice.keep(block, entry("w2", "Patient/w2", schedule="Schedule/b"))
    assert await nothing_more(practice) != [] and await offers(practice, "w2") == []
    await practice.keep(block | {"status": "free"})
    assert (await offered_to(practice, "w2"))["start"] == "2026-12-07T09:00:00+01:00"
    await practice.keep(entry("w3", "Patient/w3", schedule="Schedule/b"))
    assert (await offered_to(practice, "w3"))["start"] == "2026-12-07T09:30:00+01:00"


async def test_an_absence_that_is_lifted_and_hours_that_are_added_are_offered(practice):
    away = schedule("b", "Practitioner/b", service=SERVICE, notAvailable="2026-12-07")
    await practice.keep(away, entry("w1", "Patient/w1", schedule="Schedule/b", requestedPeriod=[{"end": "2026-12-07"}]))
    assert await nothing_more(practice) == []
    back = schedule("b", "Practitioner/b", service=SERVICE)
    await practice.keep(back)
    assert (await offered_to(practice, "w1"))["start"] == "2026-12-07T09:00:00+01:00"
    await practice.keep(entry("w2", "Patient/w2", schedule="Schedule/b", timeFrom="13:00"))
    longer = schedule("b", "Practitioner/b", service=SERVICE, availableTime=("mon tue wed thu fri", "09:00", "14:00"))
    await practice.keep(longer)
    assert (await offered_to(practice, "w2"))["start"] == "2026-12-07T13:00:00+01:00"


async def test_a_block_that_is_lifted_is_offered(practice):
    closing = {"start": "2026-12-07T09:00:00+01:00", "end": "2026-12-07T12:00:00+01:00"}
    blocked = await practice.client.post("/fhir/Schedule/a/$block", parameters(**closing))
    assert blocked.status == 200, blocked.body
    any_monday = [{"end": "2026-12-07"}]
    await practice.keep(entry("w", "Patient/w", requestedPeriod=any_monday))
    assert await nothing_more(practice) == []
    lifted = await practice.client.post("/fhir/Schedule/a/$unblock", parameters(**closing))
    assert lifted.status == 200, lifted.body
    assert (await offered_to(practice, "w"))["start"] == closing["start"]


async def test_an_expired_hold_is_cancelled_and_its_time_offered(practice):
    visits = await booked_full(practice)
    await practice.keep(entry("w", "Patient/w"))
    the(await practice.ask(f"{visits[5]['id']}/$reschedule", start="2026-12-08T09:00:00+01:00"))
    first = await offered_to(practice, "w")
    the(await practice.ask(f"{first['id']}/$cancel"))
    found = await practice.find(schedule="Schedule/a")
    held = the(await practice.hold(found[0], patient_reference="Patient/h"))
    await practice.keep(entry("x", "Patient/x"))
    assert [each["outcome"] for each in await offers(practice, "x")] == []
    practice.clock.forward(minutes=11)
    assert (await offered_to(practice, "x"))["start"] == held["start"]
    swept = await status(practice, held["id"])
    assert (swept["status"], swept["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "hold-expired")


async def test_several_are_asked_at_once_where_the_rules_say_so_and_the_quickest_gets_it(practice):
    await practice.keep(service("check-up", offersAtOnce=2))
    visits = await booked_full(practice)
    await practice.keep(*(entry(f"w{number}", f"Patient/w{number}", priority=number) for number in (1, 2, 3)))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    first, second = await offered_to(practice, "w1"), await offered_to(practice, "w2")
    assert (first["status"], second["status"], second["start"]) == ("pending", "proposed", first["start"])
    assert await practice.find(schedule="Schedule/a") == []
    the(await practice.ask(f"{second['id']}/$confirm"))
    assert (await practice.ask(f"{first['id']}/$confirm")).status == 409
    assert [each["outcome"] for each in await offers(practice, "w1")] == ["lost"]
    assert (await status(practice, "w1"))["status"] == "waitlist"
    assert await offers(practice, "w3") == []


async def test_where_the_first_of_several_declines_another_takes_the_time_over(practice):
    await practice.keep(service("check-up", offersAtOnce=2))
    visits = await booked_full(practice)
    await practice.keep(*(entry(f"w{number}", f"Patient/w{number}", priority=number) for number in (1, 2)))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    first, second = await offered_to(practice, "w1"), await offered_to(practice, "w2")
    the(await practice.ask(f"{first['id']}/$cancel"))

    async def held():
        return (await status(practice, second["id"]))["status"] == "pending"

    await until(held)
    assert await practice.find(schedule="Schedule/a") == []


async def test_rest_accepts_declines_and_withdraws_as_well(practice):
    visits = await booked_full(practice)
    await practice.keep(entry("a", "Patient/wa", priority=1), entry("b", "Patient/wb"), entry("c", "Patient/wc"))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    first = await offered_to(practice, "a")
    await practice.keep(first | {"status": "cancelled"})
    second = await offered_to(practice, "b")
    the(await practice.ask("b/$cancel", attributed_to="patient"))
    third = await offered_to(practice, "c")
    assert [each["outcome"] for each in await offers(practice, "b")] == ["withdrawn"]
    assert (await status(practice, second["id"]))["status"] == "cancelled"
    await practice.keep(third | {"status": "booked"})

    async def closed():
        return (await status(practice, "c"))["status"] == "cancelled"

    await until(closed)


def response(offer, patient, answer):
    return {
        "resourceType": "AppointmentResponse",
        "appointment": {"reference": f"Appointment/{offer['id']}"},
        "actor": {"reference": patient},
        "participantStatus": answer,
    }


async def test_an_appointment_response_of_the_patient_answers_an_offer(practice):
    visits = await booked_full(practice)
    await practice.keep(entry("a", "Patient/wa", priority=1), entry("b", "Patient/wb"))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    first = await offered_to(practice, "a")
    for actor, answer in (("Practitioner/a", "declined"), ("Patient/wa", "tentative")):
        assert (await practice.client.post("/fhir/AppointmentResponse", response(first, actor, answer))).status == 201
    assert len(await nothing_more(practice)) == 1
    declined = await practice.client.post("/fhir/AppointmentResponse", response(first, "Patient/wa", "declined"))
    assert declined.status == 201
    second = await offered_to(practice, "b")
    await practice.client.post("/fhir/AppointmentResponse", response(second, "Patient/wb", "accepted"))

    async def booked():
        return (await status(practice, second["id"]))["status"] == "booked"

    await until(booked)
    assert (await status(practice, "b"))["status"] == "cancelled"


async def test_offers_are_declined_whenever_and_never_prolonged(practice):
    await practice.keep(service("check-up", cancellationNotice=48 * 60))
    visits = await booked_full(practice)
    await practice.keep(entry("w", "Patient/w"))
    the(await practice.ask(f"{visits[5]['id']}/$cancel"))
    offer = await offered_to(practice, "w")
    assert (await practice.hold(offer)).status == 409
    the(await practice.ask(f"{offer['id']}/$cancel", attributed_to="patient"))


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"weekdays": "someday"}, "weekdays", "no day of the week"),
    ({"timeFrom": "12:00", "timeTo": "10:00"}, "timeTo", "not after"),
    ({"earliestNotice": -5}, "earliestNotice", "goes from 0"),
]


async def test_wishes_that_nobody_can_read_are_refused_at_their_place(practice):
    for wish, name, words in FAULTS:
        refused = await practice.client.put("/fhir/Appointment/bad", entry("bad", "Patient/bad", **wish))
        assert refused.status == 400 and words in refused.said, name
        assert refused.places == [f"Appointment.extension[0].extension[{len(wish) - 1}].value"]


async def test_the_line_says_why_it_is_in_that_order_and_why_nothing_is_offered(practice):
    await practice.keep(entry("old", "Patient/old", created="2026-11-20T08:00:00+01:00", priority=7))
    await practice.keep(entry("new", "Patient/new", priority=6), entry("nobody", None, actors=["Practitioner/a"]))
    nobody, first, second = await line(practice)
    assert (nobody["appointment"], nobody["objection"]) == ("Appointment/nobody", "it names no patient")
    assert (first["appointment"], first["points"], first["place"]) == ("Appointment/old", 36, 2)
    assert (second["appointment"], second["points"], second["place"]) == ("Appointment/new", 30, 3)
    assert [part["reason"] for part in first["rank"]] == [
        "priority 7 of 1 (most urgent) to 9",
        "waits for 16 days",
        "was offered nothing yet",
    ]
    asked = await practice.client.get("/fhir/Appointment/$waitlist?patient-reference=Patient/new&_count=5")
    assert [each["valueUnsignedInt"] for each in asked.json["parameter"] if each["name"] == "total"] == [1]


async def test_nonsense_about_the_line_is_refused(practice):
    for query in ("_count=0", "nonsense=1", "service-type-reference=x"):
        assert (await practice.client.get(f"/fhir/Appointment/$waitlist?{query}")).status == 400
    assert (await practice.client.get("/fhir/Appointment/nobody/$offers")).status == 404


async def test_who_is_in_front_is_asked_first_however_late_it_is_noticed_who_waits(practice):
    visits = await booked_full(practice)
    usual, urgent = entry("usual", "Patient/n"), entry("urgent", "Patient/u", priority=1)
    cancelled = practice.ask(f"{visits[4]['id']}/$cancel")
    bundle = [
        {"resource": each, "request": {"method": "PUT", "url": f"Appointment/{each['id']}"}} for each in (usual, urgent)
    ]
    waiting = practice.client.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": bundle})
    await asyncio.gather(waiting, cancelled)
    assert (await offered_to(practice, "urgent"))["start"] == visits[4]["start"]


async def test_two_processes_at_once_make_each_offer_once(practice):
    def second(settings):
        return create(settings, practice.clock)

    visits = await booked_full(practice)
    async with running(second, postgresql=practice.dsn, base_url=f"{practice.client.root}/fhir"):
        await practice.keep(*(entry(f"w{number}", f"Patient/w{number}") for number in range(8)))
        await asyncio.gather(*(practice.ask(f"{visit['id']}/$cancel") for visit in visits))
        await until(lambda: _all_offered(practice, 6))
        told = [offer for each in await line(practice) for offer in each.get("offer", [])]
        assert len({offer["start"] for offer in told}) == len(told) == 6
        assert {offer["outcome"] for offer in told} == {"open"}


async def _all_offered(practice, number):
    return len(await nothing_more(practice)) >= number


async def test_a_patient_who_lost_a_hold_to_somebody_else_sees_it_cancelled_too(practice):
    found = await practice.find(schedule="Schedule/a")
    held = the(await practice.hold(found[0]))
    practice.clock.forward(minutes=11)
    the(await practice.book(found[0], patient_reference="Patient/quicker"))

    async def swept():
        return (await status(practice, held["id"]))["status"] == "cancelled"

    await until(swept)
    practice.clock.moment -= timedelta(minutes=11)
