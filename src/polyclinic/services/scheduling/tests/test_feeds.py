"""Calendar feeds: who has the address sees the visits, the service and the place; nobody else sees anything."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from icalendar import Calendar

from polyclinic.fhir.validate import validate
from polyclinic.kit.testing import running
from polyclinic.repository import Repository
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.tests.conftest import with_records
from polyclinic.services.scheduling.tests.practice import parameters, schedule, service

CLINIC = {
    "resourceType": "Location",
    "id": "clinic",
    "name": "Clinic at the market",
    "address": {"line": ["Market 1"], "city": "Berlin", "postalCode": "10178"},
}


@pytest.fixture(scope="module")
async def practice():
    """Return a practice whose places and patients another service knows; it tells its requests on standard output."""
    async with with_records(log_level="info") as (made, records):
        await records.put("/fhir/Location/clinic", CLINIC)
        for id, given, family in (("ada", "Ada", "Lovelace"), ("bob", "Bob", "Marley")):
            patient = {"resourceType": "Patient", "id": id, "name": [{"given": [given], "family": family}]}
            await records.put(f"/fhir/Patient/{id}", patient)
        more = {"name": "Check-up", "location": [{"reference": "Location/clinic"}]}
        await made.keep(service("check-up") | more)
        yield made


async def visit(practice, calendar, patient, number=0, **given):
    """Book a visit with a calendar, which is made where there is none, and return the Appointment."""
    if (await practice.client.get(f"/fhir/Schedule/{calendar}")).status == 404:
        await practice.keep(schedule(calendar, f"Practitioner/{calendar}", service="HealthcareService/check-up"))
    found = await practice.find(schedule=f"Schedule/{calendar}")
    booked = await practice.book(found[number], patient_reference=f"Patient/{patient}", **given)
    assert booked.status == 200, booked.body
    return booked.json["entry"][0]["resource"]


async def made(practice, address, **given):
    """Make a feed and return its id and its URL."""
    answer = await practice.client.post(f"/fhir/{address}", parameters(**given))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), answer.body
    feed, url = answer.json["parameter"]
    return feed["part"][0]["valueString"], url["valueUrl"]


async def of_patient(practice, patient):
    return await made(practice, "Appointment/$calendar-feed", patient_reference=f"Patient/{patient}")


async def events(practice, url):
    answer = await practice.client.get(url, accept="text/calendar")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8"), answer.body
    calendar = Calendar.from_ical(answer.body)
    assert (calendar["version"], str(calendar["method"])) == ("2.0", "PUBLISH")
    assert not [error for part in calendar.walk() for error in part.errors]
    return calendar.walk("VEVENT")


async def test_a_patient_sees_service_and_place_and_nothing_else(practice):
    booked = await visit(practice, "one", "ada", comment="secret complaint")
    _, url = await of_patient(practice, "ada")
    (event,) = await events(practice, url)
    assert str(event["uid"]) == f"{booked['id']}@{practice.client.root.removeprefix('http://')}"
    assert (str(event["summary"]), str(event["status"]), event["sequence"]) == ("Check-up", "CONFIRMED", 0)
    assert str(event["location"]) == "Clinic at the market, Market 1, Berlin 10178"
    assert event["dtstart"].params["tzid"] == "Europe/Berlin"
    assert event.start.isoformat() == booked["start"] and event.end.isoformat() == booked["end"]
    text = (await practice.client.get(url)).body.decode()
    for word in ("secret", "Lovelace", "Practitioner", "one", "DESCRIPTION", "ATTENDEE"):
        assert word not in text.replace(url, ""), word


async def test_a_moved_visit_is_the_same_event_and_later_in_its_sequence(practice):
    booked = await visit(practice, "moving", "mover")
    _, url = await of_patient(practice, "mover")
    (before,) = await events(practice, url)
    practice.clock.forward(minutes=1)
    moved = await practice.ask(f"{booked['id']}/$reschedule", start="2026-12-07T11:00:00+01:00")
    assert moved.status == 200
    (after,) = await events(practice, url)
    assert after["uid"] == before["uid"] and after["sequence"] > before["sequence"]
    assert after.start.hour == 11 and after["dtstamp"].dt > before["dtstamp"].dt


async def test_a_cancelled_visit_is_shown_as_cancelled_for_a_while(practice):
    booked = await visit(practice, "cancelling", "canceller")
    _, url = await of_patient(practice, "canceller")
    assert (await practice.ask(f"{booked['id']}/$cancel", attributed_to="provider")).status == 200
    (event,) = await events(practice, url)
    assert (str(event["status"]), str(event["transp"])) == ("CANCELLED", "TRANSPARENT")
    practice.clock.forward(days=20)
    assert len(await events(practice, url)) == 1
    practice.clock.forward(days=11)
    assert await events(practice, url) == []
    practice.clock.moment -= timedelta(days=31)


async def test_a_hold_is_tentative_and_gone_when_it_ends(practice):
    await visit(practice, "holding", "somebody")
    (first, *_) = await practice.find(schedule="Schedule/holding")
    assert (await practice.hold(first, patient_reference="Patient/holder")).status == 200
    _, url = await of_patient(practice, "holder")
    assert [str(event["status"]) for event in await events(practice, url)] == ["TENTATIVE"]
    practice.clock.forward(minutes=11)
    assert await events(practice, url) == []
    practice.clock.moment -= timedelta(minutes=11)


async def test_a_calendar_names_patients_only_where_that_is_asked_for(practice):
    await visit(practice, "staff", "ada", 1)
    await visit(practice, "staff", "bob", 1)
    await visit(practice, "other", "ada", 4)
    _, plain = await made(practice, "Schedule/staff/$calendar-feed")
    _, named = await made(practice, "Schedule/staff/$calendar-feed", names=True)
    assert [str(event["summary"]) for event in await events(practice, plain)] == ["Check-up"] * 2
    told = [str(event["summary"]) for event in await events(practice, named)]
    assert told == ["Check-up: Ada Lovelace", "Check-up: Bob Marley"]
    assert b"Ada" not in (await practice.client.get(plain)).body


async def test_two_calendars_of_one_person_show_each_its_own_visits(practice):
    said = {"service": "HealthcareService/check-up", "availableTime": ("tue", "09:00", "10:00")}
    await visit(practice, "mornings", "early")
    await practice.keep(schedule("tuesdays", "Practitioner/mornings", **said))
    _, first = await made(practice, "Schedule/mornings/$calendar-feed")
    _, second = await made(practice, "Schedule/tuesdays/$calendar-feed")
    assert (len(await events(practice, first)), len(await events(practice, second))) == (1, 0)


async def test_a_revoked_address_is_as_one_that_never_was(practice):
    kept, ended = await of_patient(practice, "revoker"), await of_patient(practice, "revoker")
    address = "/fhir/Appointment/$calendar-feed?patient-reference=Patient/revoker"
    listed = await practice.client.get(address)
    assert [feed["part"][0]["valueString"] for feed in listed.json["parameter"]] == [kept[0], ended[0]]
    assert "token" not in listed.body.decode()
    answer = await practice.client.post(f"{address}&revoke={ended[0]}", None)
    assert [feed["part"][0]["valueString"] for feed in answer.json["parameter"]] == [kept[0]]
    gone = await practice.client.get(ended[1])
    never = await practice.client.get(ended[1][:-2] + "xx")
    assert (gone.status, never.status, gone.body) == (404, 404, never.body)
    assert (await practice.client.get(kept[1])).status == 200
    assert (await practice.client.post(f"{address}&revoke={ended[0]}", None)).status == 404
    assert (await practice.client.post(f"{address}&revoke={kept[0]}", None)).json == {"resourceType": "Parameters"}


async def test_nobody_revokes_the_feed_of_somebody_else(practice):
    key, url = await of_patient(practice, "owner")
    address = f"/fhir/Appointment/$calendar-feed?patient-reference=Patient/thief&revoke={key}"
    assert (await practice.client.post(address, None)).status == 404
    assert (await practice.client.get(address.replace("thief", "owner"))).status == 405
    assert (await practice.client.get(url)).status == 200


async def test_the_token_is_long_and_neither_kept_nor_logged(practice, capfd):
    _, url = await of_patient(practice, "private")
    token = url.partition("token=")[2]
    assert len(token) == 43
    for address in (url, f"{url}x", f"{url}&{token}=1", f"{url}&token={token}"):
        await practice.client.get(address)
    told = capfd.readouterr().out
    assert told.count('"interaction":"$calendar"') == 4 and token not in told
    repository = await Repository.open(practice.dsn, clock=practice.clock)
    async with repository.session() as session:
        rows = await session.fetch("select f::text as row, digest from calendar_feed f")
    await repository.close()
    assert sha256(token.encode()).digest() in [row["digest"] for row in rows]
    assert not [row for row in rows if token in row["row"]]


async def test_a_feed_is_asked_for_again_only_when_it_is_due(practice):
    await visit(practice, "polled", "poller")
    _, url = await of_patient(practice, "poller")
    first = await practice.client.get(url)
    assert first.headers["cache-control"] == "private, max-age=900"
    again = await practice.client.get(url, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT15M" in first.body


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_no_bundle_holds_a_calendar(practice, kind):
    _, url = await of_patient(practice, "bundled")
    address = url.removeprefix(f"{practice.client.root}/fhir/")
    asked = [{"request": {"method": "GET", "url": each}} for each in (address, "$bulk-publish")]
    answer = await practice.client.post("/fhir", {"resourceType": "Bundle", "type": kind, "entry": asked})
    assert validate(answer.json) == []
    responses = [each["response"] for each in answer.json["entry"]]
    assert [each["status"][:3] for each in responses] == ["400", "400"]
    assert {each["outcome"]["issue"][0]["code"] for each in responses} == {"not-supported"}


async def test_there_is_an_end_to_feeds(practice):
    for _ in range(20):
        await of_patient(practice, "many")
    asked = "/fhir/Appointment/$calendar-feed?patient-reference=Patient/many"
    refused = await practice.client.post(asked, None)
    assert (refused.status, refused.codes) == (422, ["business-rule"])


@pytest.mark.parametrize(
    ("address", "status", "place"),
    [
        ("Appointment/$calendar-feed", 400, "patient-reference"),
        ("Appointment/$calendar-feed?patient-reference=Practitioner/1", 400, "patient-reference"),
        ("Appointment/$calendar-feed?patient-reference=Patient/1/2", 400, "patient-reference"),
        ("Appointment/$calendar-feed?patient-reference=Patient/1&names=true", 400, "names"),
        ("Appointment/$calendar-feed?patient-reference=Patient/1&revoke=x", 400, "revoke"),
        ("Schedule/nobody/$calendar-feed", 404, None),
        ("Schedule/nobody/$calendar-feed?names=perhaps", 400, "names"),
        ("Appointment/$calendar", 400, "token"),
        ("Appointment/$calendar?token=", 404, None),
        ("Appointment/$calendar?token=%F0%9F%98%80", 404, None),
        (f"Appointment/$calendar?token={'x' * 5000}", 404, None),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(practice, address, status, place):
    answer = await practice.client.post(f"/fhir/{address}", None)
    assert (answer.status, answer.places) == (status, [place] if place else []), answer.body


async def test_a_feed_waits_for_records_rather_than_lose_its_places(practice):
    await visit(practice, "waiting", "waiter")
    _, url = await of_patient(practice, "waiter")
    alone = {"postgresql": practice.dsn, "services": {"records": "http://127.0.0.1:9"}}
    async with running(lambda settings: create(settings, practice.clock), **alone) as client:
        answer = await client.get(url.replace(practice.client.root, client.root))
        assert (answer.status, answer.codes, answer.headers["retry-after"]) == (503, ["transient"], "2")


async def test_a_visit_into_the_hour_that_comes_twice_keeps_its_length(practice):
    night = schedule(
        "night", "Practitioner/night", service="HealthcareService/check-up", availableTime=("sun", "00:00", "06:00")
    )
    await practice.keep(night)
    practice.clock.moment = datetime(2027, 10, 25, 6, 0, tzinfo=UTC)
    found = await practice.find("2027-10-31T02:00:00+02:00", "2027-10-31T04:00:00+01:00", schedule="Schedule/night")
    last = next(each for each in found if each["start"].startswith("2027-10-31T02:30"))
    assert (await practice.book(last, patient_reference="Patient/awake")).status == 200
    _, url = await of_patient(practice, "awake")
    (event,) = await events(practice, url)
    assert (event["dtstart"].to_ical(), event["dtend"].to_ical()) == (b"20271031T023000", b"20271031T010000Z")
    assert event.end.timestamp() - event.start.timestamp() == 30 * 60
    practice.clock.moment = datetime(2026, 12, 7, 6, 0, tzinfo=UTC)
