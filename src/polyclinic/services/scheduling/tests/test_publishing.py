"""What everybody may know: the manifest $bulk-publish, its files, and the links in them that lead to a booking."""

from dataclasses import replace
from datetime import timedelta

import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.validate import validate
from polyclinic.kit.testing import running
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.tests.conftest import with_records
from polyclinic.services.scheduling.tests.practice import schedule, service

CLINIC = {
    "resourceType": "Location",
    "id": "clinic",
    "name": "Clinic at the market",
    "address": {"line": ["Market 1"], "city": "Springfield", "state": "MA", "postalCode": "01101"},
    "extension": [{"url": "urn:test:internal", "valueString": "key under the mat"}],
}
LINK = "http://hl7.org/fhir/uv/smart-scheduling-links/StructureDefinition/booking-deep-link"
PHONE = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-phone"
CAPACITY = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
THIS_WEEK = "/fhir/Schedule/$published?_type=Slot&week=2026-12-07"


def public(id, **parts):
    more = {
        "name": "Check-up",
        "telecom": [{"system": "phone", "value": "+1-413-555-0100"}],
        "location": [{"reference": "Location/clinic"}],
    }
    return service(id, **{"publish": True, **parts}) | more


@pytest.fixture(scope="module")
async def practice():
    """Return a practice with a public and a private service, whose places another service knows."""
    async with with_records() as (made, records):
        await records.put("/fhir/Location/clinic", CLINIC)
        await made.keep(
            public("open"),
            service("private"),
            schedule("ann", "Practitioner/ann", "Patient/ann", service="HealthcareService/open")
            | {"comment": "secret"},
            schedule("bob", "Practitioner/bob", service="HealthcareService/private"),
        )
        yield made


def lines(answer):
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    found = [decode(line) for line in answer.body.splitlines()]
    assert [validate(each) for each in found] == [[]] * len(found)
    return found


def said(resource, url):
    return [value for each in resource["extension"] if each["url"] == url for value in list(each.values())[1:]]


async def free(practice):
    return lines(await practice.client.get(THIS_WEEK))


async def test_the_manifest_names_every_file(practice):
    answer = await practice.client.get("/fhir/$bulk-publish?_since=2026-01-01T00:00:00Z", accept="application/json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    manifest = answer.json
    assert manifest["request"] == f"{practice.client.root}/fhir/$bulk-publish"
    assert manifest["transactionTime"] == "2026-12-07T06:00:00+00:00" and manifest["error"] == []
    assert [each["type"] for each in manifest["output"]] == ["Location", "Schedule", *["Slot"] * 4]
    assert [each["extension"] for each in manifest["output"]] == [{"state": ["MA"]}] * 6
    for each in manifest["output"]:
        lines(await practice.client.get(each["url"], accept="application/fhir+ndjson"))


async def test_slots_are_the_free_times_of_public_services_in_order(practice):
    slots = await free(practice)
    assert [slot["start"] for slot in slots][:2] == ["2026-12-07T09:00:00+01:00", "2026-12-07T09:30:00+01:00"]
    assert [slot["start"] for slot in slots] == sorted(slot["start"] for slot in slots)
    assert len(slots) == 5 * 6 and {slot["schedule"]["reference"] for slot in slots} == {"Schedule/ann"}
    first = slots[0]
    assert (first["status"], first["end"]) == ("free", "2026-12-07T09:30:00+01:00")
    assert said(first, PHONE) == ["+1-413-555-0100"] and said(first, CAPACITY) == []


async def test_schedules_and_places_say_nothing_private(practice):
    (told,) = lines(await practice.client.get("/fhir/Schedule/$published?_type=Schedule"))
    assert [each["reference"] for each in told["actor"]] == ["Practitioner/ann", "Location/clinic"]
    assert told["serviceType"][0]["coding"][0]["code"] == "check-up"
    assert not {"comment", "meta", "extension"} & told.keys()
    (place,) = lines(await practice.client.get("/fhir/Schedule/$published?_type=Location"))
    assert place == {name: CLINIC[name] for name in ("resourceType", "id", "name", "address")}


async def test_the_booking_link_leads_to_what_can_be_booked(practice):
    slots = await free(practice)
    (link,) = said(slots[3], LINK)
    offer = await practice.client.get(f"{link}&source=directory&booking-referral=34d1a803")
    assert (offer.status, offer.json["status"]) == (200, "proposed")
    assert (offer.json["id"], offer.json["start"]) == (slots[3]["id"], slots[3]["start"])
    assert (await practice.book(offer.json, patient_reference="Patient/1")).status == 200
    assert [slot["id"] for slot in await free(practice)] == [slot["id"] for slot in slots if slot != slots[3]]
    late = await practice.client.get(link)
    assert (late.status, set(late.codes)) == (409, {"conflict"})
    assert [each["start"][11:16] for each in late.json["contained"]] == ["11:00", "11:30", "09:00"]


async def test_what_is_not_public_has_no_link(practice):
    (hidden, *_) = await practice.find(schedule="Schedule/bob")
    for slot in (hidden["id"], "nonsense", "proposal.AAAA", "-"):
        answer = await practice.client.get(f"/fhir/Appointment/$bookable?slot={slot}")
        assert (answer.status, answer.places) == (404, ["slot"])
    assert (await practice.client.get("/fhir/Appointment/$bookable")).status == 400


async def test_a_group_tells_how_many_places_are_left(practice):
    group = schedule("group", "Practitioner/group", service="HealthcareService/class", capacity=3)
    await practice.keep(public("class"), group)
    slots = [each for each in await free(practice) if each["schedule"]["reference"] == "Schedule/group"]
    assert said(slots[0], CAPACITY) == [3]
    assert (await practice.book(slots[0], patient_reference="Patient/g")).status == 200
    slots = [each for each in await free(practice) if each["schedule"]["reference"] == "Schedule/group"]
    assert [said(each, CAPACITY) for each in slots[:2]] == [[2], [3]]
    await practice.keep(public("class", publish=False))


async def test_polling_is_cheap_until_something_changes(practice):
    first = await practice.client.get(THIS_WEEK)
    assert first.headers["cache-control"] == "public, max-age=300"
    for known in ({"if_none_match": first.headers["etag"]}, {"if_modified_since": first.headers["last-modified"]}):
        again = await practice.client.get(THIS_WEEK, **known)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    practice.clock.forward(minutes=10)
    assert (await practice.client.get(THIS_WEEK, if_none_match=first.headers["etag"])).status == 304
    held = await practice.hold(decode(first.body.splitlines()[5]), patient_reference="Patient/2")
    assert held.status == 200
    changed = await practice.client.get(THIS_WEEK, if_none_match=first.headers["etag"])
    assert changed.status == 200 and changed.headers["last-modified"] > first.headers["last-modified"]
    practice.clock.forward(minutes=20)
    assert (await practice.client.get(THIS_WEEK, if_none_match=first.headers["etag"])).status == 304
    practice.clock.moment -= timedelta(minutes=30)


async def test_a_file_of_a_week_that_is_not_published_is_not_found(practice):
    for week in ("2026-11-30", "2027-01-04", "2026-12-08", "never"):
        answer = await practice.client.get(f"/fhir/Schedule/$published?_type=Slot&week={week}")
        assert (answer.status, answer.places) == (404, ["week"])


@pytest.mark.parametrize(
    ("query", "place"), [("", "_type"), ("_type=Patient", "_type"), ("_type=Schedule&week=2026-12-07", "week")]
)
async def test_no_other_file_is_published(practice, query, place):
    answer = await practice.client.get(f"/fhir/Schedule/$published?{query}")
    assert (answer.status, answer.places) == (400, [place])


async def test_formats_that_are_not_spoken_are_refused(practice):
    assert (await practice.client.get(THIS_WEEK, accept="text/csv")).status == 406
    assert (await practice.client.get("/fhir/$bulk-publish", accept="application/fhir+ndjson")).status == 406
    assert (await practice.client.get(f"{THIS_WEEK}&_format=application/fhir%2Bndjson&_pretty=true")).status == 200


async def test_places_are_missing_honestly_while_records_is_down(practice):
    alone = {"postgresql": practice.dsn, "services": {"records": "http://127.0.0.1:9"}}
    async with running(lambda settings: create(settings, practice.clock), **alone) as client:
        down = await client.get("/fhir/Schedule/$published?_type=Location")
        assert (down.status, down.codes, "records" in down.said) == (503, ["transient"], True)
        assert len(await free(replace(practice, client=client))) > 0
        assert "extension" not in (await client.get("/fhir/$bulk-publish")).json["output"][0]
