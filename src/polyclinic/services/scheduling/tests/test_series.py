"""Series: all or nothing, as far as they fit, looked at before; one visit, those that follow or all are changed."""

import asyncio

import pytest

from polyclinic.services.scheduling.rules.belonging import CHANGED, NUMBER, ORIGIN
from polyclinic.services.scheduling.rules.claims import extension_of
from polyclinic.services.scheduling.rules.recurrence import RECURRENCE_URL
from polyclinic.services.scheduling.tests.practice import parameters
from polyclinic.services.scheduling.tests.test_booking import fresh, starts, the

WEEKLY = {"coding": [{"system": "http://unitsofmeasure.org", "code": "wk"}]}


def weekly(count=4, *more):
    parts = [
        {"name": "recurrenceType", "valueCodeableConcept": WEEKLY},
        {"name": "occurrenceCount", "valuePositiveInt": count},
    ]
    return {"name": "recurrence", "part": [*parts, *more]}


async def ask(practice, recurrence, **given):
    asked = parameters(**given)
    asked["parameter"].append(recurrence)
    return await practice.client.post("/fhir/Appointment/$series", asked)


async def series(practice, proposal, recurrence=None, **given):
    """Ask for a series; return its visits and what is said of those that do not fit."""
    answer = await ask(practice, recurrence or weekly(), appointment_reference=f"Appointment/{proposal['id']}", **given)
    assert answer.status == 200, answer.body
    resources = [entry["resource"] for entry in answer.json["entry"]]
    visits = [each for each in resources if each["resourceType"] == "Appointment"]
    return visits, [each for each in resources if each["resourceType"] == "OperationOutcome"]


def days(visits):
    return [each["start"][5:16] for each in visits]


def value(resource, url):
    found = extension_of(resource, url)
    return next((value for key, value in found.items() if key.startswith("value")), None) if found else None


async def edit(practice, visit, operation, **given):
    answer = await practice.ask(f"{visit['id']}/{operation}", **given)
    assert answer.status == 200, answer.body
    return [entry["resource"] for entry in answer.json["entry"]]


async def standing(practice, visits):
    return [(await practice.client.get(f"/fhir/Appointment/{each['id']}")).json for each in visits]


WEEKS = ["12-07T09:00", "12-14T09:00", "12-21T09:00", "12-28T09:00"]


async def test_a_series_is_booked_in_one_go_and_says_which_visit_is_which(practice):
    found = await fresh(practice, "weeks")
    visits, missed = await series(practice, found[0])
    assert (days(visits), missed) == (WEEKS, [])
    assert {each["status"] for each in visits} == {"booked"}
    assert [value(each, NUMBER) for each in visits] == [1, 2, 3, 4]
    assert {value(each, ORIGIN)["reference"] for each in visits} == {f"Appointment/{visits[0]['id']}"}
    assert [extension_of(each, RECURRENCE_URL) is not None for each in visits] == [True, False, False, False]
    assert {each["participant"][0]["actor"]["reference"] for each in visits} == {"Patient/weeks"}
    assert starts(await practice.find(schedule="Schedule/weeks")) == starts(found)[1:]


async def test_a_series_keeps_its_wall_clock_through_a_change_of_the_clock(practice):
    found = await fresh(practice, "summer")
    zone = {"name": "timezone", "valueCodeableConcept": {"coding": [{"code": "Europe/Berlin"}]}}
    visits, _ = await series(practice, found[0], weekly(17, zone))
    assert {each["start"][11:] for each in visits} == {"09:00:00+01:00", "09:00:00+02:00"}


async def test_the_same_series_asked_for_again_is_the_same(practice):
    found = await fresh(practice, "retry")
    first, second = await asyncio.gather(series(practice, found[0]), series(practice, found[0]))
    assert [each["id"] for each in first[0]] == [each["id"] for each in second[0]]
    again, _ = await series(practice, found[0], mode="fitting")
    assert [each["id"] for each in again] == [each["id"] for each in first[0]]


async def taken(practice, name):
    """Return what is offered where the third of the weeks is taken by somebody else."""
    found = await fresh(practice, name)
    later = await practice.find("2026-12-21T00:00:00+01:00", "2026-12-22T00:00:00+01:00", schedule=f"Schedule/{name}")
    the(await practice.book(later[0], patient_reference=f"Patient/not-{name}"))
    return found


async def test_all_or_nothing_tells_what_does_not_fit_and_books_nothing(practice):
    found = await taken(practice, "nothing")
    lost = await ask(practice, weekly(), appointment_reference=f"Appointment/{found[0]['id']}")
    assert lost.status == 409 and lost.said.startswith("visit 3 on 2026-12-21: Practitioner/nothing is taken")
    assert days(lost.json["contained"]) == ["12-21T09:30", "12-21T10:00", "12-21T10:30"]
    assert starts(await practice.find(schedule="Schedule/nothing")) == starts(found)


async def test_what_fits_can_be_booked_and_what_does_not_is_told(practice):
    found = await taken(practice, "some")
    for _ in range(2):
        visits, missed = await series(practice, found[0], mode="fitting")
        assert (days(visits), [value(each, NUMBER) for each in visits]) == (WEEKS[:2] + WEEKS[3:], [1, 2, 4])
        assert missed[0]["issue"][0]["diagnostics"].startswith("visit 3 on 2026-12-21")


async def test_a_preview_books_nothing_and_offers_what_fits(practice):
    found = await taken(practice, "look")
    visits, missed = await series(practice, found[0], mode="preview")
    assert days(visits) == WEEKS[:2] + WEEKS[3:] and {each["status"] for each in visits} == {"proposed"}
    assert days(missed[0]["contained"])[0] == "12-21T09:30"
    assert starts(await practice.find(schedule="Schedule/look")) == starts(found)
    booked = the(await practice.book(visits[1]))
    assert booked["start"] == visits[1]["start"]
    assert booked["participant"][0]["actor"]["reference"] == "Patient/look"


async def test_a_written_appointment_starts_a_series_too(practice):
    await fresh(practice, "written")
    extension = {"url": RECURRENCE_URL, "extension": [
        {"url": "recurrenceType", "valueCodeableConcept": WEEKLY}, {"url": "occurrenceCount", "valuePositiveInt": 2},
    ]}  # fmt: skip
    people = "Practitioner/written", "Patient/w"
    visit = {
        "resourceType": "Appointment", "status": "pending", "extension": [extension],
        "start": "2026-12-07T10:00:00+01:00", "end": "2026-12-07T10:30:00+01:00",
        "participant": [{"actor": {"reference": each}, "status": "accepted"} for each in people],
    }  # fmt: skip
    asked = parameters(appointment_resource=visit)
    answer = await practice.client.post("/fhir/Appointment/$series", asked)
    assert days([entry["resource"] for entry in answer.json["entry"]]) == ["12-07T10:00", "12-14T10:00"]
    late = {**visit, "start": "2026-12-07T20:00:00+01:00", "end": "2026-12-07T20:30:00+01:00"}
    refused = await practice.client.post("/fhir/Appointment/$series", parameters(appointment_resource=late))
    assert refused.status == 409 and "is not open" in refused.said


CANCELLED = {"this": [1], "following": [1, 2, 3], "all": [0, 1, 2, 3]}


@pytest.mark.parametrize("scope", CANCELLED)
async def test_cancelling_takes_the_visits_that_are_meant(practice, scope):
    found = await fresh(practice, f"cancel-{scope}")
    visits, _ = await series(practice, found[0])
    cancelled = await edit(practice, visits[1], "$cancel", scope=scope, reason={"text": "moved away"})
    assert [each["id"] for each in cancelled] == [visits[n]["id"] for n in CANCELLED[scope]]
    now = await standing(practice, visits)
    assert [n for n, each in enumerate(now) if each["status"] == "cancelled"] == CANCELLED[scope]


async def test_moving_all_keeps_the_distance_of_days_and_what_is_an_exception(practice):
    found = await fresh(practice, "shift")
    visits, _ = await series(practice, found[0])
    alone = the(await practice.ask(f"{visits[2]['id']}/$reschedule", start="2026-12-23T11:00:00+01:00"))
    assert value(alone, CHANGED) is True
    moved = await edit(practice, visits[1], "$reschedule", start="2026-12-15T10:30:00+01:00", scope="all")
    assert days(moved) == ["12-08T10:30", "12-15T10:30", "12-29T10:30"]
    assert days(await standing(practice, visits)) == ["12-08T10:30", "12-15T10:30", "12-23T11:00", "12-29T10:30"]
    assert starts(await practice.find(schedule="Schedule/shift")) == starts(found)


async def test_a_series_can_move_by_a_week_onto_its_own_times(practice):
    found = await fresh(practice, "week-on")
    visits, _ = await series(practice, found[0])
    moved = await edit(practice, visits[1], "$reschedule", start="2026-12-21T09:00:00+01:00", scope="following")
    assert days(moved) == ["12-21T09:00", "12-28T09:00", "01-04T09:00"]


async def test_a_move_of_which_one_visit_does_not_fit_changes_nothing(practice):
    found = await fresh(practice, "stuck")
    visits, _ = await series(practice, found[0])
    later = await practice.find("2026-12-22T00:00:00+01:00", "2026-12-23T00:00:00+01:00", schedule="Schedule/stuck")
    the(await practice.book(later[0], patient_reference="Patient/other"))
    lost = await practice.ask(f"{visits[0]['id']}/$reschedule", start="2026-12-08T09:00:00+01:00", scope="all")
    assert lost.status == 409 and lost.said.startswith("visit 3 on 2026-12-22")
    assert days(lost.json["contained"])[0] == "12-22T09:30"
    assert days(await standing(practice, visits)) == WEEKS


async def test_what_has_taken_place_is_not_changed_with_the_rest(practice):
    found = await fresh(practice, "past")
    visits, _ = await series(practice, found[0])
    practice.clock.forward(days=8)
    try:
        cancelled = await edit(practice, visits[2], "$cancel", scope="all")
        assert [each["id"] for each in cancelled] == [each["id"] for each in visits[2:]]
    finally:
        practice.clock.forward(days=-8)


async def test_an_early_notice_is_asked_of_patients_for_every_visit_or_none_is_cancelled(practice):
    found = await fresh(practice, "notice", cancellationNotice=60 * 24 * 8)
    visits, _ = await series(practice, found[0])
    late = await practice.ask(f"{visits[3]['id']}/$cancel", scope="all", attributed_to="patient")
    assert late.status == 422
    assert {each["status"] for each in await standing(practice, visits)} == {"booked"}


def with_part(name, **said):
    return {"name": "recurrence", "part": [*weekly()["part"], {"name": name, **said}]}


BAD = {
    "no end": ({"name": "recurrence", "part": weekly()["part"][:1]}, {}, 400, "recurrence"),
    "unknown part": (with_part("colour", valueString="red"), {}, 400, "recurrence.part[2]"),
    "too many": (weekly(105), {}, 400, "recurrence.part[1].value"),
    "mode": (weekly(), {"mode": "some"}, 400, "mode"),
    "another day": (
        with_part("weeklyTemplate", part=[{"name": "friday", "valueBoolean": True}]), {}, 400, "Appointment.start",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_a_series_that_makes_no_sense_is_refused_where_it_does_not(practice, case):
    recurrence, given, status, place = BAD[case]
    found = await practice.find(schedule="Schedule/lane")
    asked = {"appointment_reference": f"Appointment/{found[0]['id']}", **given}
    refused = await ask(practice, recurrence, **asked)
    assert (refused.status, refused.places) == (status, [place])


async def test_a_series_needs_a_first_visit_and_says_once_how_it_goes_on(practice):
    assert (await ask(practice, weekly())).status == 400
    assert (await ask(practice, weekly(), appointment_reference="Appointment/1")).status == 400
    found = await practice.find(schedule="Schedule/lane")
    reference = f"Appointment/{found[0]['id']}"
    assert (await practice.ask("$series", appointment_reference=reference)).places == ["recurrence"]


async def test_scope_is_of_a_series_or_means_the_visit_alone(practice):
    found = await fresh(practice, "single")
    booked = the(await practice.book(found[0]))
    assert (await practice.ask(f"{booked['id']}/$cancel", scope="some")).places == ["scope"]
    assert len(await edit(practice, booked, "$reschedule", scope="all", start=found[2]["start"])) == 1
    assert len(await edit(practice, booked, "$cancel", scope="following")) == 1
    assert (await practice.ask("none/$cancel", scope="all")).status == 404
