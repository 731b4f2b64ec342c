"""What Schedule and HealthcareService say is read, and every fault of theirs is named at its place."""

from datetime import date
from decimal import Decimal

import pytest

from polyclinic.fhir.outcome import Invalid
from polyclinic.services.scheduling.model import PARAMETERS_URL, Hours, Parameters, Stretch, Window
from polyclinic.services.scheduling.rules.reading import calendar_of, service_of

UCUM = "http://unitsofmeasure.org"
EVERY_DAY = frozenset(range(7))


def said(*parts):
    return {"url": PARAMETERS_URL, "extension": list(parts)}


def part(url, **value):
    return {"url": url, **value}


def lasting(url, value, code="min"):
    return part(url, valueDuration={"value": value, "system": UCUM, "code": code})


def opening(*parts):
    return part("availableTime", extension=list(parts))


BERLIN = part("timezone", valueCode="Europe/Berlin")


def schedule(*parts, **elements):
    extension = {"extension": [said(*parts)]} if parts else {}
    whole = {"resourceType": "Schedule", "id": "s1", "actor": [{"reference": "Practitioner/7"}]}
    return whole | extension | elements


def service(*parts, **elements):
    extension = {"extension": [said(*parts)]} if parts else {}
    return {"resourceType": "HealthcareService", "id": "h1"} | extension | elements


def test_calendar_says_all_of_a_schedule():
    calendar = calendar_of(
        schedule(
            BERLIN,
            lasting("duration", Decimal("0.5"), "h"),
            lasting("bufferAfter", 10),
            part("capacity", valuePositiveInt=3),
            part("service", valueReference={"reference": "HealthcareService/h1"}),
            part("service", valueReference={"reference": "HealthcareService/h2"}),
            part("jurisdiction", valueCodeableConcept={"coding": [{"system": "urn:s", "code": "BE"}]}),
            active=False,
            serviceType=[{"coding": [{"code": "57"}]}, {"text": "only text"}],
            specialty=[{"coding": [{"system": "urn:x", "code": "408443003"}]}],
            planningHorizon={"start": "2026-01", "end": "2026-12-31T18:00:00Z"},
        )
    )
    assert calendar.name == "Schedule/s1"
    assert calendar.actors == ("Practitioner/7",)
    assert calendar.parameters == Parameters("Europe/Berlin", duration=1800, buffer_after=600, capacity=3)
    assert calendar.services == ("HealthcareService/h1", "HealthcareService/h2")
    assert calendar.jurisdictions == {("urn:s", "BE")}
    assert calendar.types == {("", "57")}
    assert calendar.specialties == {("urn:x", "408443003")}
    assert calendar.horizon == Stretch(date(2026, 1, 1), 1798740000)
    assert not calendar.active


def test_schedule_without_the_extension_has_no_rules():
    calendar = calendar_of(schedule())
    assert (calendar.parameters, calendar.hours, calendar.active) == (Parameters(), Hours(), True)


@pytest.mark.parametrize(("said_of_it", "public"), [([], False), ([True], True), ([False], False)])
def test_a_service_is_public_only_if_it_says_so(said_of_it, public):
    parts = [part("publish", valueBoolean=value) for value in said_of_it]
    assert service_of(service(*parts)).public is public


def test_service_is_called_and_phoned_as_people_do():
    telecom = [{"system": "email", "value": "a@b.example"}, {"system": "phone", "value": "+1-413-555-0100"}]
    place = [{"display": "somewhere"}, {"reference": "Location/1"}]
    of_type = {"type": [{"coding": [{"code": "57"}]}, {"coding": [{"code": "1", "display": "Immunization"}]}]}
    told = service_of(service(telecom=telecom, location=place, **of_type))
    assert (told.title, told.phone, told.places) == ("Immunization", "+1-413-555-0100", ("Location/1",))
    assert service_of(service(name="Vaccination", **of_type)).title == "Vaccination"


HOURS = {
    "from to": (("09:00:00", "17:30:00"), (9 * 3600, 17 * 3600 + 1800)),
    "to midnight": (("22:00:00", "00:00:00"), (22 * 3600, 86400)),
    "to the last second": (("22:00:00", "23:59:59"), (22 * 3600, 86400)),
    "to the last minute": (("22:00:00", "23:59:00"), (22 * 3600, 86400)),
    "over midnight": (("22:00:00", "06:00:00"), (22 * 3600, 86400 + 6 * 3600)),
    "once around the clock": (("08:00:00", "08:00:00"), (8 * 3600, 86400 + 8 * 3600)),
    "midnight to midnight": (("00:00:00", "00:00:00"), (0, 86400)),
}


@pytest.mark.parametrize("case", HOURS)
def test_opening_hours_are_read_alike_from_extension_and_elements(case):
    (begin, end), seconds = HOURS[case]
    times = {"availableStartTime": begin, "availableEndTime": end}
    extension = opening(
        *(part(url, valueTime=text) for url, text in times.items()), part("daysOfWeek", valueCode="tue")
    )
    expected = (Window(frozenset({1}), *seconds),)
    assert calendar_of(schedule(BERLIN, extension)).hours.windows == expected
    assert service_of(service(availableTime=[{"daysOfWeek": ["tue"], **times}])).hours.windows == expected


@pytest.mark.parametrize("window", [{}, {"allDay": True}, {"allDay": True, "availableStartTime": "09:00:00"}])
def test_window_without_days_and_times_is_always(window):
    assert service_of(service(availableTime=[window])).hours.windows == (Window(EVERY_DAY, 0, 86400),)


def test_closures_are_whole_days_or_stretches():
    parts = [
        part("notAvailable", valueDate="2026-12-25"),
        part("notAvailable", valuePeriod={"start": "2026-12-24T12:00:00+01:00", "end": "2026-12-24T18:00:00+01:00"}),
        part("notAvailable", valuePeriod={"start": "2027-02"}),
    ]
    christmas = date(2026, 12, 25)
    assert calendar_of(schedule(BERLIN, *parts)).hours.closures == (
        Stretch(christmas, christmas),
        Stretch(1798110000, 1798131600),
        Stretch(date(2027, 2, 1), None),
    )


def test_native_closure_is_read_and_a_sentence_alone_is_not():
    during = {"start": "2026-12-25", "end": "2026-12-26"}
    closed = [{"description": "Christmas", "during": during}, {"description": "public holidays"}]
    hours = service_of(service(notAvailable=closed)).hours
    assert hours.closures == (Stretch(date(2026, 12, 25), date(2026, 12, 26)),)


E = "Schedule.extension[0]"
FAULTS = {
    "unknown zone": ([part("timezone", valueCode="Mars/Olympus")], f"{E}.extension[0].value", "no time zone"),
    "folder of zones": ([part("timezone", valueCode="America")], f"{E}.extension[0].value", "no time zone"),
    "path as zone": ([part("timezone", valueCode="../etc/passwd")], f"{E}.extension[0].value", "no time zone"),
    "no zone": ([lasting("duration", 20)], "Schedule.extension", "no time zone"),
    "zone twice": ([BERLIN, BERLIN], f"{E}.extension[1]", "twice"),
    "public schedule": ([BERLIN, part("publish", valueBoolean=True)], f"{E}.extension[1].value", "HealthcareService"),
    "unknown part": ([BERLIN, part("colour", valueCode="red")], f"{E}.extension[1]", "no part 'colour'"),
    "wrong value": ([BERLIN, part("duration", valueInteger=20)], f"{E}.extension[1]", "valueDuration"),
    "negative duration": ([BERLIN, lasting("duration", -20)], f"{E}.extension[1].value", "from 60"),
    "duration of nothing": ([BERLIN, lasting("duration", 0)], f"{E}.extension[1].value", "from 60"),
    "interval of nothing": ([BERLIN, lasting("alignmentInterval", 0)], f"{E}.extension[1].value", "from 60"),
    "duration in months": ([BERLIN, lasting("duration", 1, "mo")], f"{E}.extension[1].value", "a value in"),
    "half a second": ([BERLIN, lasting("bufferAfter", Decimal("0.5"), "s")], f"{E}.extension[1].value", "whole"),
    "endless": ([BERLIN, lasting("duration", Decimal("1E+900"))], f"{E}.extension[1].value", "out of reach"),
    "duration without value": (
        [BERLIN, part("duration", valueDuration={"system": UCUM, "code": "min"})],
        f"{E}.extension[1].value",
        "a value in",
    ),
    "offset as long as the interval": (
        [BERLIN, lasting("alignmentInterval", 15), lasting("alignmentOffset", 15)],
        f"{E}.extension[2].value",
        "short",
    ),
    "unknown day": (
        [BERLIN, opening(part("daysOfWeek", valueCode="monday"))],
        f"{E}.extension[1].extension[0].value",
        "no day",
    ),
    "unknown part of opening hours": (
        [BERLIN, opening(part("closed", valueBoolean=True))],
        f"{E}.extension[1].extension[0]",
        "no part 'closed'",
    ),
    "leap second": (
        [BERLIN, opening(part("availableEndTime", valueTime="18:59:60"))],
        f"{E}.extension[1].extension[0].value",
        "clock",
    ),
    "closure that ends before it starts": (
        [BERLIN, part("notAvailable", valuePeriod={"start": "2026-12-26", "end": "2026-12-24"})],
        f"{E}.extension[1].value",
        "ends before",
    ),
    "closure without start and end": (
        [BERLIN, part("notAvailable", valuePeriod={"id": "x"})],
        f"{E}.extension[1].value",
        "neither starts nor ends",
    ),
    "service that is no reference": (
        [BERLIN, part("service", valueReference={"display": "x"})],
        f"{E}.extension[1].value.reference",
        "not a reference",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_fault_of_a_schedule_is_named_at_its_place(case):
    parts, place, sentence = FAULTS[case]
    with pytest.raises(Invalid) as refused:
        calendar_of(schedule(*parts))
    assert [sentence in issue.diagnostics for issue in refused.value.issues if issue.expression == place] == [True]


def test_every_fault_is_told_at_once():
    faulty = schedule(
        part("timezone", valueCode="Nowhere"),
        lasting("duration", -1),
        part("capacity", valuePositiveInt=99999),
        actor=[{"display": "somebody"}],
        planningHorizon={"start": "2026-02-01", "end": "2026-01-01"},
    )
    with pytest.raises(Invalid) as refused:
        calendar_of(faulty)
    places = [f"{E}.extension[{i}].value" for i in range(3)]
    assert {issue.expression for issue in refused.value.issues} == {
        *places,
        "Schedule.actor",
        "Schedule.planningHorizon",
    }


def test_time_zone_may_be_left_to_a_service():
    offered = part("service", valueReference={"reference": "HealthcareService/h1"})
    assert calendar_of(schedule(lasting("duration", 20), offered)).parameters.timezone is None


def test_extension_said_twice_is_refused():
    with pytest.raises(Invalid) as refused:
        calendar_of(schedule(extension=[said(BERLIN), said(BERLIN)]))
    assert refused.value.issues[0].expression == "Schedule.extension[1]"


@pytest.mark.parametrize("name", ["service", "jurisdiction"])
def test_what_is_of_schedules_alone_is_refused_of_a_service(name):
    value = {"valueReference": {"reference": "HealthcareService/2"}, "valueCodeableConcept": {"text": "BE"}}
    with pytest.raises(Invalid, match="only be said of a Schedule"):
        service_of(service({"url": name} | value))


def test_schedule_goes_before_the_service_part_by_part():
    own = Parameters(duration=900, buffer_after=0)
    defaults = Parameters(timezone="Europe/Berlin", duration=1800, buffer_after=300, capacity=2)
    assert own.over(defaults) == Parameters("Europe/Berlin", duration=900, buffer_after=0, capacity=2)
