"""What $find can be asked: where the patient is, when and where a visit is wished, and who provides it."""

import asyncio
from typing import Any

import pytest

from polyclinic.kit.testing import create_whole, database, running
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.tests.conftest import Practice
from polyclinic.services.scheduling.tests.practice import Clock, parameters, schedule, service
from polyclinic.services.scheduling.tests.test_booking import starts

NEW_YORK = {"coding": [{"system": "urn:iso:std:iso:3166:-2", "code": "US-NY"}]}


def patient(id=None, **address):
    return {"resourceType": "Patient", **({"id": id} if id else {}), **({"address": [address]} if address else {})}


@pytest.fixture(scope="module")
async def records():
    """Return a client of another server, which keeps patients and places."""
    async with database() as dsn, running(create_whole, postgresql=dsn) as client:
        for each in (
            patient("ny", state="NY", country="US"),
            patient("nj", state="NJ", country="US"),
            patient("unknown"),
            {"resourceType": "Location", "id": "north", "name": "North wing, floor 2"},
            {"resourceType": "Location", "id": "annex", "name": "Annex", "address": {"text": "1 Northern Road"}},
        ):
            assert (await client.put(f"/fhir/{each['resourceType']}/{each['id']}", each)).status == 201
        yield client


CHECK = "HealthcareService/check"


@pytest.fixture(scope="module")
async def house(records):
    """Return a practice that knows the other server: a licensed physician, one for all, and one with a room."""
    clock = Clock()
    beside = {"records": records.root}
    async with (
        database() as dsn,
        running(lambda settings: create(settings, clock), postgresql=dsn, services=beside) as client,
    ):
        made = Practice(client, clock, dsn)
        owned = {
            **service("owned"),
            "providedBy": {"reference": "Organization/east"},
            "location": [{"reference": "Location/annex"}],
        }
        await made.keep(
            service("check"),
            owned,
            schedule("licensed", "Practitioner/l", service=CHECK, jurisdiction=NEW_YORK),
            schedule("anywhere", "Practitioner/a", service=CHECK, availableTime=("mon", "13:00", "14:00")),
            schedule(
                "north", "Practitioner/n", "Location/north", service=CHECK, availableTime=("tue", "09:00", "10:00")
            ),
            schedule(
                "owned", "Practitioner/o", service="HealthcareService/owned", availableTime=("mon", "15:00", "16:00")
            ),
        )
        yield made


async def seek(practice, begin="2026-12-07T00:00:00+01:00", end="2026-12-08T00:00:00+01:00", **given):
    return await practice.client.post("/fhir/Appointment/$find", parameters(start=begin, end=end, **given))


async def who(practice, **given):
    """Return whose calendars are offered, and what is told beside."""
    answer = await seek(practice, **given)
    assert answer.status == 200, answer.body
    resources = [entry["resource"] for entry in answer.json.get("entry", [])]
    found = {
        extension["valueReference"]["reference"].removeprefix("Schedule/")
        for each in resources
        for extension in each.get("extension", ())
    }
    return found, [each["issue"][0]["code"] for each in resources if each["resourceType"] == "OperationOutcome"]


EVERY = {"licensed", "anywhere", "owned"}
OTHERS = EVERY - {"licensed"}
LICENSED: dict[str, tuple[dict[str, Any], set[str], list[str]]] = {
    "nobody in particular": ({}, EVERY, []),
    "a patient where it is licensed": ({"patient_reference": "Patient/ny"}, EVERY, []),
    "a patient elsewhere": ({"patient_reference": "Patient/nj"}, OTHERS, []),
    "a patient without address": ({"patient_reference": "Patient/unknown"}, OTHERS, ["incomplete"]),
    "a patient nobody knows": ({"patient_reference": "Patient/nobody"}, OTHERS, ["incomplete"]),
    "a patient of another server": ({"patient_reference": "https://a.test/Patient/ny"}, OTHERS, ["incomplete"]),
    "one here and one there": ({"patient_reference": ["Patient/ny", "Patient/nj"]}, OTHERS, []),
    "a new patient": ({"patient_resource": patient(state="ny", country="USA")}, EVERY, []),
    "a new patient elsewhere": ({"patient_resource": patient(state="NJ", country="US")}, OTHERS, []),
    "a new patient who has moved": ({"patient_resource": patient(state="NY", use="old")}, OTHERS, ["incomplete"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LICENSED)
async def test_who_is_licensed_somewhere_is_offered_to_who_lives_there(house, case):
    given, expected, told = LICENSED[case]
    assert await who(house, _count=1000, **given) == (expected, told)


async def test_without_an_answer_of_records_only_who_needs_no_license_is_offered(practice):
    licensed = schedule("abroad", "Practitioner/abroad", service="HealthcareService/check-up", jurisdiction=NEW_YORK)
    await practice.keep(licensed)
    asked = {"schedule": ["Schedule/abroad", "Schedule/lane"]}
    assert await who(practice, **asked) == ({"abroad", "lane"}, [])
    assert await who(practice, **asked, patient_reference="Patient/1") == ({"lane"}, ["incomplete"])
    refused = await seek(practice, location_string="North")
    assert refused.status == 503


TIMES = {
    "time of day": ({"repeat": {"timeOfDay": ["09:30:00", "11:00:00"]}}, ["09:30", "11:00"] * 2),
    "day of week": ({"repeat": {"dayOfWeek": ["tue"], "timeOfDay": ["10:00:00"]}}, ["10:00"]),
    "period": (
        {"repeat": {"boundsPeriod": {"start": "2026-12-07T10:45:00+01:00", "end": "2026-12-08T10:00:00+01:00"}}},
        ["11:00", "11:30", "09:00", "09:30"],
    ),
    "days of a period": ({"repeat": {"boundsPeriod": {"end": "2026-12-07"}, "timeOfDay": ["09:00:00"]}}, ["09:00"]),
    "event": ({"event": ["2026-12-08T09:00:00Z"]}, ["10:00"]),
    "day": ({"event": ["2026-12-08"], "repeat": {"timeOfDay": ["09:00:00"]}}, ["09:00"]),
    "another length": ({"repeat": {"duration": 45, "durationUnit": "min"}}, []),
    "its length": ({"repeat": {"duration": 0.5, "durationUnit": "h", "timeOfDay": ["09:00:00"]}}, ["09:00"] * 2),
}


@pytest.mark.parametrize("case", TIMES)
async def test_a_visit_is_found_at_the_times_that_are_wished(house, case):
    timing, expected = TIMES[case]
    answer = await seek(house, end="2026-12-09T00:00:00+01:00", schedule="Schedule/licensed", timing=timing)
    assert answer.status == 200, answer.body
    assert starts([entry["resource"] for entry in answer.json.get("entry", [])]) == expected


NOT_WISHES = {
    "frequency": ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}, "timing.frequency"),
    "when": ({"repeat": {"when": ["MORN"]}}, "timing.when"),
    "too long": ({"repeat": {"duration": 2, "durationUnit": "wk"}}, "timing.duration"),
    "no day": ({"event": ["2026-02-30"]}, "Parameters.parameter[2].value.event[0]"),
}


@pytest.mark.parametrize("case", NOT_WISHES)
async def test_a_timing_that_is_no_wish_for_one_visit_is_refused_by_name(house, case):
    timing, place = NOT_WISHES[case]
    refused = await seek(house, timing=timing)
    assert (refused.status, refused.places) == (400, [place])


WEEK = {"end": "2026-12-12T00:00:00+01:00"}
PLACES = {
    "a place": ({"location_reference": "Location/north"}, {"north"}),
    "where the service is": ({"location_reference": "Location/annex"}, {"owned"}),
    "a name": ({"location_string": "north w"}, {"north"}),
    "a name and an address": ({"location_string": "Annex"}, {"owned"}),
    "nothing of that name": ({"location_string": "South"}, set()),
    "both": ({"location_string": "North", "location_reference": "Location/annex"}, set()),
    "a physician who is not there": ({"location_reference": "Location/north", "practitioner": "Practitioner/l"}, set()),
    "a physician who is": ({"location_reference": "Location/north", "practitioner": "Practitioner/n"}, {"north"}),
    "an organization": ({"organization": "Organization/east"}, {"owned"}),
    "another organization": ({"organization": "Organization/west"}, set()),
}


@pytest.mark.parametrize("case", PLACES)
async def test_a_visit_is_found_where_it_is_wished(house, case):
    given, expected = PLACES[case]
    assert await who(house, **WEEK, **given) == (expected, [])


async def test_many_ask_at_once(house):
    asked = {"patient_reference": "Patient/ny", "location_string": "North"}
    assert set(map(str, await asyncio.gather(*(who(house, **WEEK, **asked) for _ in range(20))))) == {"({'north'}, [])"}
