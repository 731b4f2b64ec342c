"""Find, hold, book, move and cancel: what a front desk does all day, and what happens when two want the same."""

from datetime import timedelta

from polyclinic.services.scheduling.tests.practice import VISIT, parameters, schedule, service


def starts(found):
    return [each["start"][11:16] for each in found]


def the(answer):
    assert answer.status == 200, answer.body
    return answer.json["entry"][0]["resource"]


async def fresh(practice, name, **parts):
    """Make a calendar nobody has booked, and return what it offers on Monday."""
    made = schedule(name, f"Practitioner/{name}", service="HealthcareService/check-up", **parts)
    await practice.keep(made)
    return await practice.find(schedule=f"Schedule/{name}", patient_reference=f"Patient/{name}")


async def test_openings_are_found_from_rules_alone(practice):
    found = await fresh(practice, "rules")
    assert starts(found) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    first = found[0]
    assert (first["status"], first["start"], first["minutesDuration"]) == ("proposed", "2026-12-07T09:00:00+01:00", 30)
    actors = [each["actor"]["reference"] for each in first["participant"]]
    assert actors == ["Patient/rules", "Practitioner/rules", "HealthcareService/check-up"]


async def test_every_opening_is_of_its_own_service(practice):
    nurse = {"system": "urn:test:visits", "code": "nurse"}
    await practice.keep(
        service("nurse") | {"type": [{"coding": [nurse]}]},
        schedule("nurse", "Practitioner/nurse", service="HealthcareService/nurse"),
    )
    names = ["HealthcareService/check-up", "HealthcareService/nurse"]
    found = await practice.find(service_type_reference=names, schedule=["Schedule/lane", "Schedule/nurse"])
    told = {each["participant"][0]["actor"]["reference"]: each["serviceType"][0]["coding"][0] for each in found}
    assert told == {"Practitioner/lane": VISIT, "Practitioner/nurse": nurse}


async def test_what_is_held_is_pending_offered_to_nobody_and_booked_by_its_holder(practice):
    found = await fresh(practice, "held")
    held = the(await practice.hold(found[0]))
    assert held["status"] == "pending"
    assert starts(await practice.find(schedule="Schedule/held")) == starts(found)[1:]
    booked = the(await practice.book(held))
    assert (booked["status"], booked["id"]) == ("booked", held["id"])
    assert [each["status"] for each in booked["participant"]] == ["accepted"] * 3


async def test_the_loser_is_told_the_next_free_times(practice):
    found = await fresh(practice, "loser")
    the(await practice.book(found[0]))
    lost = await practice.book(found[0] | {"id": found[0]["id"]}, patient_reference="Patient/late")
    assert lost.status == 409 and lost.codes == ["conflict"]
    assert starts(lost.json["contained"]) == ["09:30", "10:00", "10:30"]
    references = [each["valueReference"]["reference"] for each in lost.json["extension"]]
    assert references == [f"#{each['id']}" for each in lost.json["contained"]]
    assert the(await practice.book(lost.json["contained"][0]))["start"].startswith("2026-12-07T09:30")


async def test_the_same_request_again_gives_the_same_appointment(practice):
    found = await fresh(practice, "again")
    first, second = the(await practice.hold(found[0])), the(await practice.hold(found[0]))
    assert first["id"] == second["id"]
    booked, again = the(await practice.book(first)), the(await practice.book(first))
    assert booked == again
    assert the(await practice.book(found[1]))["id"] == the(await practice.book(found[1]))["id"]


async def test_a_hold_ends_by_itself_and_can_be_renewed(practice):
    found = await fresh(practice, "expiring")
    held = the(await practice.hold(found[0]))
    assert held["extension"][-1]["valueInstant"].startswith("2026-12-07T06:1")
    practice.clock.forward(minutes=9)
    renewed = the(await practice.hold(held))
    assert renewed["extension"][-1]["valueInstant"] > held["extension"][-1]["valueInstant"]
    practice.clock.forward(minutes=11)
    assert starts(await practice.find(schedule="Schedule/expiring")) == starts(found)
    the(await practice.book(found[0], patient_reference="Patient/quicker"))
    assert (await practice.book(held)).status == 409
    practice.clock.moment -= timedelta(minutes=20)


async def test_moving_gives_the_old_time_back_and_takes_the_new_one_or_changes_nothing(practice):
    found = await fresh(practice, "moving")
    booked, other = (
        the(await practice.book(found[0])),
        the(await practice.book(found[1], patient_reference="Patient/b")),
    )
    lost = await practice.ask(f"{booked['id']}/$reschedule", start=other["start"])
    assert lost.status == 409
    assert the(await practice.book(found[0]))["id"] == booked["id"]
    moved = the(await practice.ask(f"{booked['id']}/$reschedule", start=found[3]["start"]))
    assert (moved["id"], moved["start"], moved["status"]) == (booked["id"], found[3]["start"], "booked")
    assert starts(await practice.find(schedule="Schedule/moving")) == ["09:00", "10:00", "11:00", "11:30"]


async def test_a_cancelled_visit_frees_its_time_and_says_why_and_whose_doing_it_was(practice):
    found = await fresh(practice, "cancel")
    booked = the(await practice.book(found[0]))
    reason = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "pat"}]
    }
    given = {"reason": reason, "attributed_to": "patient"}
    cancelled = the(await practice.ask(f"{booked['id']}/$cancel", **given))
    assert (cancelled["status"], cancelled["cancelationReason"]) == ("cancelled", reason)
    assert the(await practice.ask(f"{booked['id']}/$cancel", **given)) == cancelled
    assert starts(await practice.find(schedule="Schedule/cancel")) == starts(found)


async def test_a_visit_goes_from_booked_to_arrived_to_fulfilled_and_never_back(practice):
    found = await fresh(practice, "steps")
    booked = the(await practice.book(found[0]))
    for step, status in (("arrive", "arrived"), ("check-in", "checked-in"), ("fulfil", "fulfilled")):
        assert the(await practice.ask(f"{booked['id']}/${step}"))["status"] == status
    for step in ("$arrive", "$noshow", "$cancel", "$confirm"):
        assert (await practice.ask(f"{booked['id']}/{step}")).status == 409


async def test_rest_cannot_book_twice_either(practice):
    found = await fresh(practice, "rest")
    booked = the(await practice.book(found[0]))
    twice = {name: value for name, value in booked.items() if name not in ("id", "meta")}
    twice["participant"] = [each for each in twice["participant"] if "Patient" not in each["actor"]["reference"]]
    posted = await practice.client.post("/fhir/Appointment", twice)
    assert posted.status == 409 and starts(posted.json["contained"]) == ["09:30", "10:00", "10:30"]
    assert (await practice.client.put("/fhir/Appointment/mine", twice | {"id": "mine"})).status == 409
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": twice, "request": {"method": "POST", "url": "Appointment"}}],
    }
    assert (await practice.client.post("/fhir", bundle)).status == 409
    waiting = await practice.client.post("/fhir/Appointment", twice | {"status": "proposed"})
    assert waiting.status == 201
    patch = b'[{"op": "replace", "path": "/status", "value": "booked"}]'
    refused = await practice.client.send(
        "PATCH", f"/fhir/Appointment/{waiting.json['id']}", patch, content_type="application/json-patch+json"
    )
    assert refused.status == 409
    assert (await practice.client.get(f"/fhir/Appointment/{waiting.json['id']}")).json["status"] == "proposed"


async def test_who_has_no_calendar_cannot_be_in_two_places_either(practice):
    visit = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-12-09T10:00:00Z",
        "end": "2026-12-09T10:30:00Z",
        "participant": [{"actor": {"reference": "Practitioner/nobody"}, "status": "accepted"}],
    }
    assert (await practice.client.post("/fhir/Appointment", visit)).status == 201
    lost = await practice.client.post("/fhir/Appointment", visit)
    assert lost.status == 409 and "contained" not in lost.json
    later = visit | {"start": visit["end"], "end": "2026-12-09T11:00:00Z"}
    assert (await practice.client.post("/fhir/Appointment", later)).status == 201


async def test_what_the_rules_do_not_allow_is_refused_with_every_reason(practice):
    await fresh(practice, "strict", minimumNotice=60)
    asked = parameters(
        appointment_resource={
            "resourceType": "Appointment",
            "status": "pending",
            "start": "2026-12-07T12:10:00+01:00",
            "end": "2026-12-07T12:40:00+01:00",
            "participant": [{"actor": {"reference": "Practitioner/strict"}, "status": "accepted"}],
        }
    )
    refused = await practice.client.post("/fhir/Appointment/$book", asked)
    assert refused.status == 422 and set(refused.codes) == {"business-rule"}
    assert "not open" in refused.said and "start every 30 minutes" in refused.said
    asked["parameter"].append({"name": "override-reason", "valueCodeableConcept": {"text": "walk-in"}})
    assert (await practice.client.post("/fhir/Appointment/$book", asked)).status == 200


async def test_a_group_takes_as_many_as_it_has_places(practice):
    found = await fresh(practice, "group", capacity=3)
    for number in range(3):
        the(await practice.book(found[0], patient_reference=f"Patient/g{number}"))
    assert (await practice.book(found[0], patient_reference="Patient/g4")).status == 409


async def test_limits_of_a_day_hold(practice):
    found = await fresh(practice, "limited", mostPerDay=2)
    for number in range(2):
        the(await practice.book(found[number]))
    refused = await practice.book(found[2])
    assert refused.status == 422 and "2 visits a day" in refused.said
    assert await practice.find(schedule="Schedule/limited") == []


async def test_rules_of_a_transaction_that_was_refused_are_forgotten(practice):
    found = await fresh(practice, "refused")
    booked = the(await practice.book(found[0]))
    until_ten, until_eleven = (
        schedule(
            "refused",
            "Practitioner/refused",
            service="HealthcareService/check-up",
            availableTime=("mon tue wed thu fri", "09:00", end),
        )
        for end in ("10:00", "11:00")
    )
    again = {name: value for name, value in booked.items() if name not in ("id", "meta")}
    writes = [
        {"resource": until_ten, "request": {"method": "PUT", "url": "Schedule/refused"}},
        {"resource": again, "request": {"method": "POST", "url": "Appointment"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": writes}
    assert (await practice.client.post("/fhir", bundle)).status == 409
    await practice.keep(until_eleven)
    assert starts(await practice.find(schedule="Schedule/refused")) == ["09:30", "10:00", "10:30"]


async def test_limits_of_a_day_hold_for_who_moves_and_for_what_clients_write(practice):
    found = await fresh(practice, "daily", mostPerDay=1)
    the(await practice.book(found[0]))
    tuesday = await practice.find(
        "2026-12-08T00:00:00+01:00",
        "2026-12-09T00:00:00+01:00",
        schedule="Schedule/daily",
        patient_reference="Patient/d",
    )
    other = the(await practice.book(tuesday[0]))
    refused = await practice.ask(f"{other['id']}/$reschedule", start=found[2]["start"])
    assert refused.status == 422 and "1 visits a day" in refused.said
    written = {name: value for name, value in found[3].items() if name != "id"} | {"status": "pending"}
    asked = parameters(appointment_resource=written, patient_reference="Patient/e")
    assert (await practice.client.post("/fhir/Appointment/$book", asked)).status == 422
    asked["parameter"].append({"name": "override-reason", "valueCodeableConcept": {"text": "urgent"}})
    booked = the(await practice.client.post("/fhir/Appointment/$book", asked))
    assert booked["extension"][-1]["valueCodeableConcept"] == {"text": "urgent"}


async def test_a_hold_may_end_in_a_leap_second(practice):
    held = {
        "resourceType": "Appointment",
        "status": "pending",
        "start": "2026-12-10T10:00:00Z",
        "end": "2026-12-10T10:30:00Z",
        "extension": [{"url": "urn:polyclinic:extension:hold-expires", "valueInstant": "2026-12-31T23:59:60Z"}],
        "participant": [{"actor": {"reference": "Practitioner/leap"}, "status": "accepted"}],
    }
    assert (await practice.client.post("/fhir/Appointment", held)).status == 201
