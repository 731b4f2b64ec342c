"""A recurrenceTemplate is read, or refused with every fault, and stands for visits at one wall clock."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from polyclinic.fhir.outcome import Invalid, TooCostly, Unacceptable
from polyclinic.services.scheduling.model import Busy, Diary, Occurrence, Recurrence, Wish
from polyclinic.services.scheduling.rules.recurrence import RECURRENCE_URL, recurrence_of
from polyclinic.services.scheduling.rules.series import MOST, occurrences, preview
from polyclinic.services.scheduling.tests.clinic import DAY, MINUTE, NOW, at, calendar, daily, service

BERLIN = ZoneInfo("Europe/Berlin")


def part(url, **value):
    return {"url": url, **value}


def parts(url, *inner):
    return {"url": url, "extension": list(inner)}


def every(code):
    return part(
        "recurrenceType", valueCodeableConcept={"coding": [{"system": "http://unitsofmeasure.org", "code": code}]}
    )


def zone(name):
    return part("timezone", valueCodeableConcept={"coding": [{"system": "urn:iana", "code": name}]})


def number(url, value):
    return part(url, valuePositiveInt=value)


def coded(url, code):
    return part(url, valueCoding={"code": code})


COUNT = number("occurrenceCount", 4)


def appointment(*inner):
    return {"resourceType": "Appointment", "extension": [parts(RECURRENCE_URL, *inner)]}


READ = {
    "daily": ([every("d"), COUNT], Recurrence("day", count=4)),
    "weekly on two days": (
        [
            every("wk"),
            zone("Europe/Berlin"),
            COUNT,
            parts(
                "weeklyTemplate",
                part("monday", valueBoolean=True),
                part("thursday", valueBoolean=True),
                part("sunday", valueBoolean=False),
                number("weekInterval", 2),
            ),
        ],
        Recurrence("week", 2, "Europe/Berlin", frozenset({0, 3}), count=4),
    ),
    "monthly on a day": (
        [
            every("mo"),
            part("lastOccurrenceDate", valueDate="2027-06"),
            parts("monthlyTemplate", number("dayOfMonth", 31), number("monthInterval", 1)),
        ],
        Recurrence("month", day_of_month=31, until=date(2027, 6, 30)),
    ),
    "monthly on a weekday": (
        [
            every("mo"),
            COUNT,
            parts(
                "monthlyTemplate",
                coded("nthWeekOfMonth", "last"),
                coded("dayOfWeek", "fri"),
                number("monthInterval", 3),
            ),
        ],
        Recurrence("month", 3, nth=-1, weekday=4, count=4),
    ),
    "yearly": ([every("a"), COUNT, parts("yearlyTemplate", number("yearInterval", 5))], Recurrence("year", 5, count=4)),
    "dates": (
        [every("d"), part("occurrenceDate", valueDate="2027-01-05"), part("occurrenceDate", valueDate="2027-01-02")],
        Recurrence("day", dates=(date(2027, 1, 5), date(2027, 1, 2))),
    ),
    "excluding": (
        [every("wk"), COUNT, part("excludingDate", valueDate="2026-12-28"), number("excludingRecurrenceId", 3)],
        Recurrence("week", count=4, excluded_days=frozenset({date(2026, 12, 28)}), excluded_numbers=frozenset({3})),
    ),
}


@pytest.mark.parametrize("case", READ)
def test_recurrence_is_read(case):
    inner, expected = READ[case]
    assert recurrence_of(appointment(*inner)) == expected


def test_appointment_without_the_extension_is_no_series():
    assert recurrence_of({"resourceType": "Appointment", "extension": [{"url": "urn:x", "valueCode": "y"}]}) is None


E = "Appointment.extension[0]"
WEEKS = parts("weeklyTemplate", part("monday", valueBoolean=True))
FAULTS = {
    "no type": ([COUNT], E, "recurrenceType says"),
    "unknown type": ([every("h"), COUNT, WEEKS], f"{E}.extension[0].value", "one of d, wk, mo, a"),
    "endless": ([every("d")], E, "a series ends"),
    "too many": ([every("d"), number("occurrenceCount", MOST + 1)], f"{E}.extension[1].value", f"goes to {MOST}"),
    "too many dates": (
        [every("d"), *(part("occurrenceDate", valueDate=str(date.fromordinal(800000 + n))) for n in range(MOST))],
        f"{E}.extension[{MOST}].value",
        "visits at most",
    ),
    "template of another kind": ([every("mo"), COUNT, WEEKS], f"{E}.extension[2]", "recurs by month"),
    "dates and template": (
        [every("wk"), part("occurrenceDate", valueDate="2027-01-05"), WEEKS],
        f"{E}.extension[2]",
        "not both",
    ),
    "unknown zone": (
        [every("d"), COUNT, zone("Mars/Olympus")],
        f"{E}.extension[2].value",
        "no code that is a time zone",
    ),
    "unknown part": ([every("d"), COUNT, part("bySetPos", valueInteger=1)], f"{E}.extension[2]", "no part 'bySetPos'"),
    "32nd of a month": (
        [every("mo"), COUNT, parts("monthlyTemplate", number("dayOfMonth", 32))],
        f"{E}.extension[2].extension[0].value",
        "goes to 31",
    ),
    "weekday of no week": (
        [every("mo"), COUNT, parts("monthlyTemplate", coded("dayOfWeek", "fri"))],
        f"{E}.extension[2].extension[0].value",
        "said together",
    ),
    "day and weekday": (
        [
            every("mo"),
            COUNT,
            parts(
                "monthlyTemplate", number("dayOfMonth", 3), coded("nthWeekOfMonth", "last"), coded("dayOfWeek", "fri")
            ),
        ],
        f"{E}.extension[2].extension[1].value",
        "not both",
    ),
    "fifth week": (
        [every("mo"), COUNT, parts("monthlyTemplate", coded("nthWeekOfMonth", "fifth"), coded("dayOfWeek", "fri"))],
        f"{E}.extension[2].extension[0].value",
        "one of first",
    ),
    "date of no calendar": (
        [every("d"), COUNT, part("excludingDate", valueDate="2027-02-30")],
        f"{E}.extension[2].value",
        "no calendar",
    ),
    "date that is a month": (
        [every("d"), COUNT, part("excludingDate", valueDate="2027-02")],
        f"{E}.extension[2].value",
        "a whole date",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_fault_of_a_recurrence_is_named_at_its_place(case):
    inner, place, sentence = FAULTS[case]
    with pytest.raises(Invalid) as refused:
        recurrence_of(appointment(*inner))
    [issue] = refused.value.issues
    assert issue.expression == place
    assert sentence in issue.diagnostics


def test_two_recurrences_are_one_too_many():
    twice = [parts(RECURRENCE_URL, every("d"), COUNT)] * 2
    with pytest.raises(Invalid, match="one recurrenceTemplate"):
        recurrence_of({"resourceType": "Appointment", "extension": twice})


SERIES = {  # recurrence, first day, days
    "daily": (Recurrence("day", count=3), "2026-12-30", "2026-12-30 2026-12-31 2027-01-01"),
    "daily until": (Recurrence("day", until=date(2027, 1, 1)), "2026-12-31", "2026-12-31 2027-01-01"),
    "count before until": (Recurrence("day", count=1, until=date(2027, 1, 1)), "2026-12-31", "2026-12-31"),
    "weekly": (Recurrence("week", count=3), "2026-12-02", "2026-12-02 2026-12-09 2026-12-16"),
    "weekly on two days": (
        Recurrence("week", weekdays=frozenset({0, 2}), count=4),
        "2026-12-02",
        "2026-12-02 2026-12-07 2026-12-09 2026-12-14",
    ),
    "every other week": (
        Recurrence("week", 2, weekdays=frozenset({0, 2}), count=4),
        "2026-12-02",
        "2026-12-02 2026-12-14 2026-12-16 2026-12-28",
    ),
    "monthly": (Recurrence("month", count=3), "2026-12-15", "2026-12-15 2027-01-15 2027-02-15"),
    "monthly on the 31st": (
        Recurrence("month", day_of_month=31, count=4),
        "2026-12-31",
        "2026-12-31 2027-01-31 2027-03-31 2027-05-31",
    ),
    "every third month": (Recurrence("month", 3, count=3), "2026-11-05", "2026-11-05 2027-02-05 2027-05-05"),
    "first Monday": (
        Recurrence("month", nth=1, weekday=0, count=4),
        "2026-12-07",
        "2026-12-07 2027-01-04 2027-02-01 2027-03-01",
    ),
    "fourth Tuesday": (Recurrence("month", nth=4, weekday=1, count=2), "2026-12-22", "2026-12-22 2027-01-26"),
    "last Friday": (
        Recurrence("month", nth=-1, weekday=4, count=3),
        "2026-11-27",
        "2026-11-27 2026-12-25 2027-01-29",
    ),
    "yearly on the 29th of February": (
        Recurrence("year", count=3),
        "2028-02-29",
        "2028-02-29 2032-02-29 2036-02-29",
    ),
    "every other year": (Recurrence("year", 2, count=2), "2026-12-24", "2026-12-24 2028-12-24"),
    "dates": (
        Recurrence("day", dates=(date(2027, 1, 5), date(2027, 1, 2))),
        "2026-12-30",
        "2026-12-30 2027-01-02 2027-01-05",
    ),
    "without a day": (
        Recurrence("day", count=3, excluded_days=frozenset({date(2026, 12, 31)})),
        "2026-12-30",
        "2026-12-30 2027-01-01",
    ),
    "without a number": (
        Recurrence("day", count=3, excluded_numbers=frozenset({3})),
        "2026-12-30",
        "2026-12-30 2026-12-31",
    ),
}


@pytest.mark.parametrize("case", SERIES)
def test_series_stands_for_its_days(case):
    recurrence, first, days = SERIES[case]
    assert [str(visit.day) for visit in occurrences(recurrence, at(f"{first}T09:00"), BERLIN)] == days.split()


def test_those_excluded_are_counted():
    recurrence = Recurrence("day", count=3, excluded_days=frozenset({date(2026, 12, 31)}))
    assert [visit.number for visit in occurrences(recurrence, at("2026-12-30T09:00"), BERLIN)] == [1, 3]


CLOCKS = [  # zone, first, starts of two weeks
    ("America/New_York", "2026-03-01T09:00-05:00", "2026-03-08T09:00-04:00"),
    ("America/New_York", "2026-10-25T09:00-04:00", "2026-11-01T09:00-05:00"),
    ("Europe/Berlin", "2026-03-22T09:00+01:00", "2026-03-29T09:00+02:00"),
    ("Europe/Berlin", "2026-10-18T02:30+02:00", "2026-10-25T02:30+02:00"),
    ("Europe/Berlin", "2026-03-22T02:30+01:00", None),
    ("Australia/Lord_Howe", "2026-09-27T09:00+10:30", "2026-10-04T09:00+11:00"),
    ("Australia/Lord_Howe", "2026-09-27T02:15+10:30", None),
    ("Africa/Casablanca", "2026-02-08T09:00+01:00", "2026-02-15T09:00+00:00"),
    ("Africa/Casablanca", "2026-03-15T02:00+00:00", None),
    ("America/St_Johns", "2026-03-01T09:00-03:30", "2026-03-08T09:00-02:30"),
    ("America/St_Johns", "2026-10-25T01:30-02:30", "2026-11-01T01:30-02:30"),
]


@pytest.mark.parametrize(("zone", "first", "second"), CLOCKS)
def test_series_keeps_its_wall_clock(zone, first, second):
    recurrence = Recurrence("week", timezone=zone, count=2)
    starts = [visit.start for visit in occurrences(recurrence, at(first), BERLIN)]
    assert starts == [at(first), at(second) if second else None]


REFUSED = {
    "first visit on another day": (Recurrence("week", weekdays=frozenset({0}), count=2), Unacceptable),
    "end before the first visit": (Recurrence("day", until=date(2026, 12, 1)), Unacceptable),
    "date before the first visit": (Recurrence("day", dates=(date(2026, 12, 1),)), Unacceptable),
    "no month has the day": (Recurrence("month", 12, day_of_month=30, count=2), Unacceptable),
    "too many visits": (Recurrence("day", until=date(2028, 12, 1)), TooCostly),
}


@pytest.mark.parametrize("case", REFUSED)
def test_series_that_cannot_be_is_refused(case):
    recurrence, refusal = REFUSED[case]
    with pytest.raises(refusal):
        occurrences(recurrence, at("2027-02-02T09:00"), BERLIN)


def test_series_in_no_year_that_is_planned_for_is_refused():
    with pytest.raises(Unacceptable):
        occurrences(Recurrence("day", count=2), at("9999-12-31T09:00"), BERLIN)


@given(
    some.sampled_from(["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
    some.integers(at("2026-01-01T00:00") // 60, at("2027-12-31T00:00") // 60),
    some.integers(1, 40),
)
def test_every_visit_is_at_the_clock_of_the_first(zone, minute, interval):
    local = datetime.fromtimestamp(minute * MINUTE, ZoneInfo(zone))
    for visit in occurrences(Recurrence("week", interval, zone, count=12), minute * MINUTE, BERLIN):
        if visit.start is not None:
            there = datetime.fromtimestamp(visit.start, ZoneInfo(zone))
            assert (there.hour, there.minute, there.weekday()) == (local.hour, local.minute, local.weekday())
            assert there.date() == visit.day


def test_preview_tells_of_each_visit_why_it_does_not_fit():
    wished = Wish(service(), ((calendar(hours=daily(9, 17)),),))
    first = at("2026-12-01T09:00")
    taken = Diary(NOW, {"Practitioner/a": [Busy(first + 7 * DAY, first + 7 * DAY + 30 * MINUTE)]})
    visits = occurrences(Recurrence("week", count=3), first, BERLIN)
    fits, collides, also = preview(visits, wished, taken)
    assert (fits, also) == ([], [])
    assert collides == ["Practitioner/a is taken from 2026-12-08T09:00+01:00 to 2026-12-08T09:30+01:00"]


def test_preview_tells_of_a_visit_in_a_gap():
    wished = Wish(service(), ((calendar(),),))
    assert preview([Occurrence(2, date(2027, 3, 28), None)], wished, Diary(NOW)) == [
        ["the clock skips this time on that day"]
    ]
