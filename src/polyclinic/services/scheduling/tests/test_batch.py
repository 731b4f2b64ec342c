"""Many appointments at once: by a list, by a search, or all of a Schedule in a stretch of time."""

import pytest

from polyclinic.services.scheduling.tests.test_booking import fresh, starts, the

MORNING = {"start": "2026-12-07T00:00:00+01:00", "end": "2026-12-07T10:30:00+01:00"}


async def several(practice, operation="$cancel", **given):
    """Ask for many; return what was changed and what was told of the others."""
    answer = await practice.ask(operation, **given)
    assert answer.status == 200, answer.body
    resources = [entry["resource"] for entry in answer.json.get("entry", [])]
    changed = [each for each in resources if each["resourceType"] == "Appointment"]
    return changed, [each["issue"][0] for each in resources if each["resourceType"] == "OperationOutcome"]


async def booked(practice, name, **parts):
    """Book the first four openings of a calendar for somebody each."""
    found = await fresh(practice, name, **parts)
    return [the(await practice.book(each, patient_reference=f"Patient/{name}{n}")) for n, each in enumerate(found[:4])]


async def test_all_of_a_schedule_in_a_stretch_of_time_are_cancelled_with_their_reason(practice):
    visits = await booked(practice, "ill")
    await booked(practice, "well")
    changed, told = await several(practice, schedule="Schedule/ill", **MORNING, reason={"text": "physician is ill"})
    assert ([each["id"] for each in changed], told) == ([each["id"] for each in visits[:3]], [])
    assert {(each["status"], each["cancelationReason"]["text"]) for each in changed} == {
        ("cancelled", "physician is ill")
    }
    assert starts(await practice.find(schedule="Schedule/ill"))[:4] == ["09:00", "09:30", "10:00", "11:00"]


async def test_a_list_is_cancelled_as_far_as_that_can_be_and_the_rest_is_told(practice):
    visits = await booked(practice, "list")
    for step in ("$arrive", "$fulfil"):
        the(await practice.ask(f"{visits[1]['id']}/{step}"))
    names = [f"Appointment/{each['id']}" for each in visits[:3]]
    changed, told = await several(practice, appointment_reference=names)
    assert [each["id"] for each in changed] == [visits[0]["id"], visits[2]["id"]]
    assert [(each["code"], each["expression"]) for each in told] == [("conflict", [names[1]])]


async def test_what_a_search_finds_is_changed(practice):
    visits = await booked(practice, "search")
    the(await practice.ask(f"{visits[0]['id']}/$cancel"))
    changed, _ = await several(practice, "$noshow", search="practitioner=search&status=booked")
    assert sorted(starts(changed)) == ["09:30", "10:00", "10:30"]
    assert {each["status"] for each in changed} == {"noshow"}


async def test_patients_are_too_late_one_by_one(practice):
    visits = await booked(practice, "late", cancellationNotice=170)
    changed, told = await several(practice, schedule="Schedule/late", **MORNING, attributed_to="patient")
    assert [each["id"] for each in changed] == [visits[2]["id"]]
    assert len(told) == 2 and {each["code"] for each in told} == {"business-rule"}


async def test_one_that_is_not_there_stops_all(practice):
    visits = await booked(practice, "stops")
    names = [f"Appointment/{visits[0]['id']}", "Appointment/none"]
    assert (await practice.ask("$cancel", appointment_reference=names)).status == 404
    assert (await practice.client.get(f"/fhir/{names[0]}")).json["status"] == "booked"


BAD = {
    "nothing": ({}, 400),
    "two ways": ({"search": "status=booked", "appointment_reference": "Appointment/1"}, 400),
    "a search for everything": ({"search": "_count=5"}, 400),
    "a search that is none": ({"search": "colour=red"}, 400),
    "no stretch": ({"schedule": "Schedule/lane"}, 400),
    "no schedule": ({"schedule": "Schedule/none", **MORNING}, 404),
    "another type": ({"appointment_reference": "Patient/1"}, 400),
    "scope": ({"search": "status=booked", "scope": "all"}, 400),
}


@pytest.mark.parametrize("case", BAD)
async def test_who_is_meant_is_said_in_one_way(practice, case):
    given, status = BAD[case]
    assert (await practice.ask("$cancel", **given)).status == status
