"""What somebody who waits wishes, what suits, and who is asked first."""

from zoneinfo import ZoneInfo

import pytest

from polyclinic.fhir.outcome import Invalid
from polyclinic.services.scheduling.model import Busy, Diary
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.matching import Gap, places_of, prospects_of
from polyclinic.services.scheduling.rules.offered import offer_to, offered, outcome_of, reason_of
from polyclinic.services.scheduling.rules.ranking import rank_of
from polyclinic.services.scheduling.rules.waiting import suits, waiting_of
from polyclinic.services.scheduling.tests.clinic import DAY, HOUR, MINUTE, NOW, at, calendar, service, visit
from polyclinic.services.scheduling.tests.practice import entry

BERLIN = ZoneInfo("Europe/Berlin")


def waiting(**said):
    return waiting_of(entry("w", "Patient/w", **{"actors": ["HealthcareService/h"], **said}), Directory(), NOW)


def test_an_entry_says_for_whom_by_whom_when_and_how_urgent():
    found = waiting(
        actors=["HealthcareService/h", "Practitioner/a", "Location/l"],
        priority=3,
        created="2026-11-20",
        minutesDuration=45,
        weekdays=["mon", "wed"],
        timeFrom="08:30",
        timeTo="23:59",
        earliestNotice=90,
        schedule="Schedule/a",
        keep="Appointment/old",
        reasonCode=[{"text": "cough"}],
        serviceType=[{"coding": [{"code": "57"}]}],
    )
    seek = found.seek
    assert (seek.patients, seek.services, seek.schedules) == (("Patient/w",), ("HealthcareService/h",), ("Schedule/a",))
    assert (seek.actors, seek.types, seek.duration) == (("Practitioner/a", "Location/l"), (), 45 * MINUTE)
    assert (found.priority, found.keep, found.notice) == (3, "Appointment/old", 90 * MINUTE)
    assert (found.weekdays, found.clock) == ({0, 2}, (8 * HOUR + 30 * MINUTE, DAY))
    assert found.since == at("2026-11-20T01:00")
    assert found.objection is None


@pytest.mark.parametrize(
    ("said", "objection"),
    [
        ({"actors": []}, "it names no service, schedule or practitioner"),
        ({"schedule": "Schedule/a", "actors": []}, None),
    ],
)
def test_what_cannot_be_offered_anything_says_why(said, objection):
    assert waiting(**said).objection == objection


def test_whoever_claims_to_wait_since_tomorrow_waits_since_it_was_written():
    assert waiting(created="2027-01-01T08:00:00Z").since == NOW


def test_wishes_said_twice_or_unknown_are_refused():
    twice = entry("w", "Patient/w", timeFrom="08:00")
    twice["extension"] += [{"url": twice["extension"][0]["url"], "extension": [{"url": "colour", "valueCode": "red"}]}]
    with pytest.raises(Invalid, match="said twice"):
        waiting_of(twice, Directory(), NOW)


@pytest.mark.parametrize(("minutes", "is_refused"), [(24 * 60, False), (24 * 60 + 1, True), (2**31 - 1, True)])
def test_a_visit_lasts_a_day_at_most(minutes, is_refused):
    if not is_refused:
        assert waiting(minutesDuration=minutes).seek.duration == DAY
        return
    with pytest.raises(Invalid) as refused:
        waiting(minutesDuration=minutes)
    assert [issue.expression for issue in refused.value.issues] == ["Appointment.minutesDuration"]


SUITS = [
    ({}, "2026-12-07T09:00", True),
    ({"weekdays": ["mon"]}, "2026-12-07T09:00", True),
    ({"weekdays": ["tue"]}, "2026-12-07T09:00", False),
    ({"timeFrom": "09:00"}, "2026-12-07T09:00", True),
    ({"timeFrom": "09:01"}, "2026-12-07T09:00", False),
    ({"timeTo": "09:30"}, "2026-12-07T09:00", True),
    ({"timeTo": "09:29"}, "2026-12-07T09:00", False),
    ({"requestedPeriod": [{"start": "2026-12-07", "end": "2026-12-07"}]}, "2026-12-07T23:30", True),
    ({"requestedPeriod": [{"end": "2026-12-06"}, {"start": "2026-12-08"}]}, "2026-12-07T09:00", False),
    ({"requestedPeriod": [{"start": "2026-12-07T09:00:00+01:00"}]}, "2026-12-07T09:00", True),
    ({"requestedPeriod": [{"end": "2026-12-07T09:29:00+01:00"}]}, "2026-12-07T09:00", False),
    ({"earliestNotice": 10 * 24 * 60 - 180}, "2026-12-07T09:00", True),
    ({"earliestNotice": 10 * 24 * 60 - 179}, "2026-12-07T09:00", False),
]


@pytest.mark.parametrize(("said", "start", "expected"), SUITS)
def test_a_visit_of_half_an_hour_suits_or_not(said, start, expected):
    start = at(start)
    assert suits(waiting(**said), (start, start + 30 * MINUTE), BERLIN, now=NOW) is expected


DIRECTORY = Directory().with_changes(
    1,
    [
        (1, "Schedule/a", calendar("a")),
        (2, "Schedule/b", calendar("b")),
        (3, "HealthcareService/h", service(visit(offer_window=HOUR))),
    ],
)
GAP = Gap(("Practitioner/a",), (at("2026-11-30T10:00"), at("2026-11-30T11:00")))
PLACES = [
    ({}, {}, ["10:00", "10:30"]),
    ({"timeFrom": "10:30"}, {}, ["10:30"]),
    ({"actors": ["HealthcareService/h", "Practitioner/b"]}, {}, []),
    ({"actors": ["HealthcareService/gone"]}, {}, []),
    ({}, {"before": at("2026-11-30T10:30")}, ["10:00"]),
    ({}, {"before": at("2026-11-30T10:29")}, []),
    ({}, {"refused": frozenset({("Schedule/a", at("2026-11-30T10:00"))})}, ["10:30"]),
]


@pytest.mark.parametrize(("said", "more", "expected"), PLACES)
def test_of_a_gap_is_offered_what_suits(said, more, expected):
    more = {"before": None, "refused": frozenset(), **more}
    found = places_of(prospects_of(waiting(**said, requestedPeriod=[]), GAP, DIRECTORY, NOW, **more), Diary(NOW))
    assert [_clock(place.opening.start) for place in found] == expected


def test_what_is_taken_meanwhile_or_ends_before_an_answer_is_not_offered():
    asked = waiting(requestedPeriod=[])
    prospects = list(prospects_of(asked, GAP, DIRECTORY, NOW, before=None, refused=frozenset()))
    taken = {"Practitioner/a": [Busy(at("2026-11-30T10:00"), at("2026-11-30T10:30"))]}
    assert [_clock(each.opening.start) for each in places_of(prospects, Diary(NOW, taken))] == ["10:30"]
    for now, expected in ((at("2026-11-30T09:30"), ["10:30"]), (at("2026-11-30T09:31"), [])):
        assert [_clock(each.opening.start) for each in places_of(prospects, Diary(now))] == expected


def test_a_longer_visit_may_begin_before_the_gap():
    asked = waiting(requestedPeriod=[])
    long = Directory().with_changes(
        1, [(1, "Schedule/a", calendar("a")), (2, "HealthcareService/h", service(visit(duration=90 * MINUTE)))]
    )
    found = places_of(prospects_of(asked, GAP, long, NOW, before=None, refused=frozenset()), Diary(NOW))
    assert [_clock(each.opening.start) for each in found] == ["09:00", "09:30", "10:00", "10:30"]


def _clock(instant):
    minutes = (instant - at("2026-11-30T00:00")) // MINUTE
    return f"{minutes // 60:02}:{minutes % 60:02}"


RANKS = [
    ({"priority": 1}, 80),
    ({"priority": 9}, 0),
    ({"priority": 0}, 40),
    ({"priority": 200}, 0),
    ({"priority": 9, "since": NOW - 12 * DAY}, 12),
    ({"priority": 9, "since": NOW - DAY + 1}, 0),
    ({"priority": 9, "since": NOW + DAY}, 0),
    ({"priority": 9, "offers": 2}, -20),
    ({"priority": 9, "offers": 7}, -30),
]


@pytest.mark.parametrize(("said", "points"), RANKS)
def test_points_are_urgency_and_waiting_less_offers_let_go_by(said, points):
    rank = rank_of(**{"priority": 9, "since": NOW, "offers": 0, "now": NOW, **said})
    assert rank.points == points and all(part.reason for part in rank.parts)


def test_nobody_starves_and_of_equals_who_waits_longest_is_first():
    urgent = rank_of(priority=1, since=NOW, now=NOW, offers=0)
    patient = rank_of(priority=9, since=NOW - 81 * DAY, now=NOW, offers=0)
    assert patient.key < urgent.key
    earlier, later = (rank_of(priority=5, since=NOW - age, now=NOW, offers=0) for age in (60, 30))
    assert earlier.key < later.key


OUTCOMES = [
    ("pending", "booked", None, "accepted"),
    ("proposed", "booked", None, "accepted"),
    ("pending", "cancelled", None, "declined"),
    ("pending", "cancelled", "hold-expired", "expired"),
    ("proposed", "cancelled", "offer-lost", "lost"),
    ("pending", "cancelled", "offer-withdrawn", "withdrawn"),
    ("pending", None, None, "declined"),
    ("proposed", "pending", None, None),
    ("booked", "cancelled", None, None),
]


@pytest.mark.parametrize(("before", "after", "reason", "outcome"), OUTCOMES)
def test_what_comes_of_an_offer(before, after, reason, outcome):
    offer = offered({"resourceType": "Appointment"}, waiting(), holds=True)
    assert offer_to(offer) == "Appointment/w"
    becomes = {**offer, "status": after, **({"cancelationReason": reason_of(reason)} if reason else {})}
    assert outcome_of({**offer, "status": before}, becomes if after else None) == outcome
    assert outcome_of({"status": before}, becomes if after else None) is None
