"""What is offered and why something is not: every judge of a visit, alone and together."""

from datetime import date
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from polyclinic.services.scheduling.model import Busy, Calendar, Diary, Hours, Parameters, Service, Stretch, Wish
from polyclinic.services.scheduling.rules.openings import openings
from polyclinic.services.scheduling.rules.reasons import why_not
from polyclinic.services.scheduling.rules.times import zone_of
from polyclinic.services.scheduling.rules.zones import local_day
from polyclinic.services.scheduling.tests.clinic import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    NOW,
    WEEK,
    at,
    calendar,
    daily,
    service,
    visit,
)

FREE = Diary(NOW)


def wish(*calendars, parameters=None, **rest):
    return Wish(service(parameters), ((calendars or (calendar(),)),), **rest)


def clocks(found, *, day="2026-11-30"):
    midnight = at(f"{day}T00:00")
    return [f"{(each.start - midnight) // HOUR:02}:{(each.start - midnight) % HOUR // MINUTE:02}" for each in found]


def offered(wished, diary=FREE, between=MONDAY):
    return clocks(openings(wished, diary, between))


def busy(actor, *times):
    return Diary(NOW, {actor: [Busy(at(f"2026-11-30T{a}"), at(f"2026-11-30T{b}")) for a, b in times]})


HALF_HOURS = [f"{hour:02}:{minute}" for hour in range(9, 17) for minute in ("00", "30")]


def test_free_day_is_offered_in_order():
    assert offered(wish()) == HALF_HOURS
    assert {opening.end - opening.start for opening in openings(wish(), FREE, MONDAY)} == {30 * MINUTE}


NINE_TO_ELEVEN = daily(9, 11)
QUARTER_HOURS = ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15", "10:30"]
ALL = ["09:00", "09:30", "10:00", "10:30"]
GRIDS = {
    "every quarter": (visit(alignment_interval=15 * MINUTE), QUARTER_HOURS),
    "usually every quarter": (visit(alignment_interval=None), QUARTER_HOURS),
    "ten past": (visit(alignment_offset=10 * MINUTE), ["09:10", "09:40", "10:10"]),
    "every 50 minutes from midnight": (visit(alignment_interval=50 * MINUTE), ["09:10", "10:00"]),
    "a long visit": (visit(duration=HOUR), ["09:00", "09:30", "10:00"]),
    "as long as the hours": (visit(duration=2 * HOUR), ["09:00"]),
    "longer than the hours": (visit(duration=2 * HOUR + MINUTE), []),
}  # fmt: skip


@pytest.mark.parametrize("case", GRIDS)
def test_starts_are_on_the_grid_and_visits_within_the_hours(case):
    parameters, expected = GRIDS[case]
    assert offered(wish(calendar(hours=NINE_TO_ELEVEN), parameters=parameters)) == expected


TAKEN = {  # parameters, occupations, offered from nine to eleven
    "one taken": (visit(), [("09:30", "10:00")], ["09:00", "10:00", "10:30"]),
    "taken across the grid": (visit(), [("09:45", "10:10")], ["09:00", "10:30"]),
    "own buffer before": (visit(buffer_before=10 * MINUTE), [("09:00", "09:30")], ["10:00", "10:30"]),
    "own buffer after": (visit(buffer_after=10 * MINUTE), [("10:00", "10:30")], ["09:00", "10:30"]),
    "buffers may stick out of the hours": (visit(buffer_before=HOUR, buffer_after=HOUR), [], ALL),
    "neighbour out of hours": (visit(buffer_before=10 * MINUTE), [("08:30", "08:51")], ["09:30", "10:00", "10:30"]),
    "two lanes, one taken": (visit(capacity=2), [("09:00", "11:00")], ALL),
    "two lanes, both taken": (visit(capacity=2), [("09:00", "11:00"), ("09:30", "10:00")], ["09:00", "10:00", "10:30"]),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_occupations_and_buffers_are_kept_clear_of(case):
    parameters, taken, expected = TAKEN[case]
    diary = busy("Practitioner/a", *taken)
    assert offered(wish(calendar(hours=NINE_TO_ELEVEN), parameters=parameters), diary) == expected


def test_schedule_goes_before_service_and_both_must_be_open():
    own = calendar(hours=daily(9, 13), parameters=Parameters(duration=HOUR))
    wished = Wish(service(hours=daily(11, 17)), ((own,),))
    assert offered(wished) == ["11:00", "11:30", "12:00"]


def test_every_actor_of_a_calendar_is_needed():
    both = calendar(actors=("Practitioner/a", "Device/d"), hours=NINE_TO_ELEVEN)
    assert offered(wish(both), busy("Device/d", ("09:00", "10:00"))) == ["10:00", "10:30"]


def test_an_actor_without_any_time_leaves_none_to_the_others():
    both = calendar(actors=("Practitioner/a", "Device/d"), hours=NINE_TO_ELEVEN)
    assert offered(wish(both), busy("Practitioner/a", ("08:00", "12:00"))) == []


def test_overbooked_places_are_there_for_who_asks():
    own = calendar(hours=NINE_TO_ELEVEN, parameters=Parameters(overbook=1))
    taken = Diary(NOW, {"Practitioner/a": [Busy(at("2026-11-30T09:00"), at("2026-11-30T10:00"), limit=1)]})
    assert offered(wish(own), taken) == ["10:00", "10:30"]
    assert offered(wish(own, overbook=True), taken) == ["09:00", "09:30", "10:00", "10:30"]


def test_lower_limit_of_an_occupation_is_kept():
    alone = Busy(at("2026-11-30T09:00"), at("2026-11-30T10:00"), limit=1)
    group = Busy(at("2026-11-30T10:00"), at("2026-11-30T10:30"), limit=8)
    wished = wish(calendar(hours=NINE_TO_ELEVEN), parameters=visit(capacity=8))
    assert offered(wished, Diary(NOW, {"Practitioner/a": [alone, group]})) == ["10:00", "10:30"]


def test_day_that_has_its_most_visits_is_full():
    wished = wish(calendar(hours=daily(9, 10)), parameters=visit(most_per_day=2))
    counts = {("Schedule/a", date(2026, 11, 30)): 2, ("Schedule/a", date(2026, 12, 1)): 1}
    days = {each.start // DAY for each in openings(wished, Diary(NOW, counts=counts), WEEK)}
    assert days == {at(f"2026-12-0{day}T12:00") // DAY for day in (1, 2, 3, 4)}


LIMITS = {
    "now": (Diary(at("2026-11-30T16:01")), visit(), ["16:30"]),
    "now is a start": (Diary(at("2026-11-30T16:00")), visit(), ["16:00", "16:30"]),
    "lead time": (Diary(at("2026-11-30T12:00")), visit(minimum_notice=4 * HOUR), ["16:00", "16:30"]),
    "horizon": (FREE, visit(booking_horizon=2 * DAY + 21 * HOUR + 30 * MINUTE), ["09:00", "09:30"]),
}


@pytest.mark.parametrize("case", LIMITS)
def test_notice_and_horizon_limit_the_starts(case):
    diary, parameters, expected = LIMITS[case]
    assert offered(wish(parameters=parameters), diary) == expected


def test_planning_horizon_limits_the_visit():
    planned = calendar(horizon=Stretch(at("2026-11-30T15:30"), at("2026-11-30T16:45")))
    assert offered(wish(planned)) == ["15:30", "16:00"]
    assert offered(wish(calendar(horizon=Stretch(None, date(2026, 11, 29))))) == []


@pytest.mark.parametrize(
    "between", [(MONDAY[1], MONDAY[0]), (MONDAY[0], MONDAY[0]), (at("9999-12-30T00:00"), at("9999-12-31T00:00"))]
)
def test_empty_range_offers_nothing(between):
    assert offered(wish(), between=between) == []


def test_alternatives_are_merged_by_time_then_preference():
    first, second = calendar("a", hours=daily(9, 10)), calendar("b", hours=daily(9, 10))
    found = [
        (clock, each.calendars[0].name)
        for each in openings(wish(first, second), FREE, MONDAY)
        for clock in clocks([each])
    ]
    assert found == [(clock, name) for clock in ("09:00", "09:30") for name in ("Schedule/a", "Schedule/b")]


def room(name, **rest):
    return Calendar(f"Schedule/{name}", (f"Location/{name}",), **rest)


def test_every_role_is_filled_with_the_first_that_is_free():
    wished = Wish(service(), ((calendar(hours=NINE_TO_ELEVEN),), (room("r1"), room("r2"))))
    taken = Diary(NOW, busy("Location/r1", ("09:00", "10:00")).busy | busy("Location/r2", ("09:30", "11:00")).busy)
    found = {clock: each.calendars[1].name for each in openings(wished, taken, MONDAY) for clock in clocks([each])}
    assert found == {"09:00": "Schedule/r2", "10:00": "Schedule/r1", "10:30": "Schedule/r1"}


def test_nobody_is_needed_twice():
    nurse, other = calendar("n", hours=NINE_TO_ELEVEN), calendar("o", hours=daily(10, 11))
    wished = Wish(service(), ((calendar(hours=NINE_TO_ELEVEN),), (nurse, other), (nurse,)))
    found = list(openings(wished, FREE, MONDAY))
    assert clocks(found) == ["10:00", "10:30"]
    assert [each.name for each in found[0].calendars] == ["Schedule/a", "Schedule/o", "Schedule/n"]
    assert why_not(wished, FREE, at("2026-11-30T09:00")) == ["the same person, room or device would be needed twice"]


def test_room_with_a_grid_of_its_own_keeps_it():
    hourly = room("r", parameters=Parameters(alignment_interval=HOUR))
    assert offered(Wish(service(), ((calendar(hours=NINE_TO_ELEVEN),), (hourly,)))) == ["09:00", "10:00"]


def test_companion_must_be_free():
    wished = wish(calendar(hours=NINE_TO_ELEVEN), companions=("Patient/p",))
    diary = busy("Patient/p", ("09:40", "10:00"))
    assert offered(wished, diary) == ["09:00", "10:00", "10:30"]
    assert why_not(wished, diary, at("2026-11-30T09:30")) == ["the patient has another visit then"]


SURGERY, HERE, THERE = ("urn:s", "surgery"), ("urn:j", "BE"), ("urn:j", "BY")
NEVER = {
    "schedule not active": (wish(calendar(active=False)), "Schedule/a is not active"),
    "service not active": (Wish(service(active=False), ((calendar(),),)), "HealthcareService/h is not active"),
    "service not offered": (wish(calendar(services=("HealthcareService/x",))), "does not offer"),
    "type not offered": (wish(calendar(services=(), types=frozenset({("", "57")}))), "does not offer"),
    "nothing offered": (wish(calendar(services=())), "does not offer"),
    "no time zone": (
        wish(parameters=visit(timezone=None)),
        "no time zone is named by Schedule/a or HealthcareService/h",
    ),
    "no duration": (wish(parameters=visit(duration=None)), "how long a visit lasts is not said"),
    "other duration": (wish(duration=HOUR), "lasts 30 minutes, not 60"),
    "no hours": (wish(calendar(hours=Hours())), "no opening hours are said by"),
    "specialty": (wish(specialties=frozenset({SURGERY})), "none of the specialties"),
    "jurisdiction": (wish(calendar(jurisdictions=frozenset({HERE})), jurisdictions=frozenset({THERE})), "not licensed"),
    "no room": (Wish(service(), ((calendar(),), ())), "nobody is there for one of the roles"),
    "nobody": (Wish(service(), ((),)), "nobody gives such a visit"),
}


@pytest.mark.parametrize("case", NEVER)
def test_what_never_fits_is_not_offered_and_says_why(case):
    wished, sentence = NEVER[case]
    assert offered(wished) == []
    [reason] = why_not(wished, FREE, at("2026-11-30T09:00"))
    assert sentence in reason


FITS = {
    "type": Wish(service(types=frozenset({("", "57")})), ((calendar(services=(), types=frozenset({("", "57")})),),)),
    "specialty of the schedule": wish(calendar(specialties=frozenset({SURGERY})), specialties=frozenset({SURGERY})),
    "specialty of the service": Wish(
        service(specialties=frozenset({SURGERY})), ((calendar(),),), specialties=frozenset({SURGERY})
    ),
    "licensed": wish(calendar(jurisdictions=frozenset({HERE})), jurisdictions=frozenset({HERE, THERE})),
    "licence does not matter": wish(jurisdictions=frozenset({THERE})),
    "no service in particular": Wish(Service(""), ((calendar(services=(), parameters=visit()),),)),
    "duration is asked": wish(parameters=visit(duration=None), duration=30 * MINUTE),
}


@pytest.mark.parametrize("case", FITS)
def test_what_fits_is_offered(case):
    assert offered(FITS[case]) == HALF_HOURS


AGAINST = {
    "past": (visit(), "2026-11-27T11:30", "2026-11-27T11:30+01:00 is in the past"),
    "notice": (visit(minimum_notice=DAY), "2026-11-27T16:00", "1 day before, so not before 2026-11-28T12:00+01:00"),
    "horizon": (visit(booking_horizon=DAY), "2026-11-30T09:00", "1 day ahead at most, until 2026-11-28T12:00+01:00"),
    "closed by the clock": (visit(), "2026-11-30T17:00", "is not open from 2026-11-30T17:00+01:00"),
    "closed by the week": (visit(), "2026-11-29T09:00", "is not open from 2026-11-29T09:00+01:00"),
    "holiday": (visit(), "2026-12-01T09:00", "is closed, exceptionally, from 2026-12-01T09:00+01:00"),
    "grid": (visit(), "2026-11-30T09:07", "start every 30 minutes from midnight in Europe/Berlin"),
    "taken": (visit(), "2026-11-30T10:00", "Practitioner/a is taken from 2026-11-30T10:00+01:00"),
    "buffer": (visit(buffer_after=5 * MINUTE), "2026-11-30T09:30", "to 2026-11-30T10:05+01:00, buffers included"),
    "full day": (visit(most_per_day=3), "2026-12-02T09:00", "takes 3 visits a day, and has them"),
    "planned": (visit(), "2026-12-07T09:00", "is planned until 2026-12-07T00:00+01:00"),
    "far": (visit(), "9999-12-30T09:00", "not a time anybody plans for"),
}


@pytest.mark.parametrize("case", AGAINST)
def test_reason_says_what_is_in_the_way(case):
    parameters, start, sentence = AGAINST[case]
    hours = Hours(daily().windows, (Stretch(date(2026, 12, 1), date(2026, 12, 1)),))
    own = calendar(hours=hours, horizon=Stretch(None, date(2026, 12, 6)))
    diary = Diary(NOW, busy("Practitioner/a", ("10:00", "10:30")).busy, {("Schedule/a", date(2026, 12, 2)): 3})
    [reason] = why_not(wish(own, parameters=parameters), diary, at(start))
    assert sentence in reason


def test_every_reason_is_told():
    own = calendar(active=False, parameters=Parameters(booking_horizon=DAY))
    assert len(why_not(wish(own), busy("Practitioner/a", ("16:00", "18:00")), at("2026-11-30T17:07"))) == 5


def test_reasons_of_all_who_could_are_told_where_none_can():
    wished = wish(calendar("a", hours=daily(9, 10)), calendar("b", hours=daily(9, 11)))
    assert why_not(wished, FREE, at("2026-11-30T10:00")) == []
    assert len(why_not(wished, FREE, at("2026-11-30T11:00"))) == 2


def test_visit_over_a_change_of_the_clock_keeps_its_length():
    night = calendar(hours=daily(0, 5, frozenset(range(7))), parameters=Parameters(duration=2 * HOUR))
    spring = local_day(zone_of("Europe/Berlin"), date(2027, 3, 28).toordinal())[:2]
    found = list(openings(wish(night), FREE, spring))
    assert {each.end - each.start for each in found} == {2 * HOUR}
    expected = ["00:00+01:00", "00:30+01:00", "01:00+01:00", "01:30+01:00", "03:00+02:00"]
    assert [each.start for each in found] == [at(f"2027-03-28T{clock}") for clock in expected]


def test_second_time_of_a_fold_is_told_as_the_reason():
    night = calendar(hours=daily(0, 5, frozenset(range(7))))
    diary = Diary(at("2026-10-24T12:00"))
    [reason] = why_not(wish(night), diary, at("2026-10-25T02:30+01:00"))
    assert "second time" in reason
    assert why_not(wish(night), diary, at("2026-10-25T02:30+02:00")) == []


def test_openings_are_worked_out_as_far_as_they_are_read():
    wished = wish(*(calendar(str(number)) for number in range(50)))
    assert len(list(islice(openings(wished, FREE, (MONDAY[0], MONDAY[0] + 10**7 * DAY)), 20))) == 20


BEGINS = some.integers(0, 4 * 30).map(lambda quarter: MONDAY[0] + quarter * 15 * MINUTE)
SECONDS = some.sampled_from([0, 5 * MINUTE, 15 * MINUTE, 20 * MINUTE])
ACTORS = ["Practitioner/a", "Practitioner/b", "Location/r1", "Location/r2", "Patient/p"]
OCCUPATIONS = some.builds(
    lambda begin, length, limit: Busy(begin, begin + length, limit=limit),
    BEGINS,
    some.sampled_from([15 * MINUTE, 50 * MINUTE, 2 * HOUR]),
    some.sampled_from([None, 1, 2]),
)
SAID = some.builds(
    visit,
    duration=some.sampled_from([15 * MINUTE, 30 * MINUTE, 75 * MINUTE]),
    buffer_before=SECONDS,
    buffer_after=SECONDS,
    alignment_interval=some.sampled_from([None, 15 * MINUTE, 25 * MINUTE]),
    capacity=some.sampled_from([None, 2, 3]),
    overbook=some.sampled_from([None, 1]),
    most_per_day=some.sampled_from([None, 2]),
    minimum_notice=some.sampled_from([None, 3 * DAY]),
    booking_horizon=some.sampled_from([None, 3 * DAY]),
)
OPEN = some.sampled_from([daily(9, 17), daily(20, 28), daily(0, 24), Hours()])
WISHES = some.builds(
    lambda said, hours, own, rooms, overbook: Wish(
        service(said, hours=hours[0]),
        ((calendar("a", hours=hours[1]), calendar("b", hours=hours[2], parameters=own)), rooms),
        companions=("Patient/p",),
        overbook=overbook,
    ),
    SAID,
    some.tuples(OPEN, OPEN, OPEN),
    some.one_of(some.just(Parameters()), SAID),
    some.sampled_from([(room("r1"), room("r2")), (room("r1", hours=daily(8, 12)), calendar("a"))]),
    some.booleans(),
)
DIARIES = some.builds(
    lambda now, taken, count: Diary(NOW + now, taken, {("Schedule/a", date(2026, 11, 30)): count}),
    some.integers(0, 3 * DAY),
    some.dictionaries(some.sampled_from(ACTORS), some.lists(OCCUPATIONS, max_size=6)),
    some.integers(0, 3),
)


@settings(max_examples=60, deadline=None)
@given(WISHES, DIARIES)
def test_what_is_offered_is_exactly_what_nothing_speaks_against(wished, diary):
    between = MONDAY[0], MONDAY[0] + 30 * HOUR
    found = [each.start for each in openings(wished, diary, between)]
    assert found == sorted(found)
    assert set(found) == {start for start in range(*between, 5 * MINUTE) if not why_not(wished, diary, start)}


def is_free(actor, diary, taken, capacity, extra):
    """Whether one more fits, second by second: the simplest judge there is."""
    for instant in taken:
        there = [each for each in diary.busy.get(actor, ()) if each.begin <= instant < each.end]
        limits = [each.limit + extra for each in there if each.limit is not None and capacity > 1]
        if len(there) >= min([capacity, *limits]):
            return False
    return True


@settings(max_examples=60, deadline=None)
@given(SAID, DIARIES, some.booleans())
def test_no_opening_takes_more_than_there_is_and_none_is_missed(said, diary, overbook):
    wished = wish(calendar(hours=daily(9, 13)), parameters=said, overbook=overbook)
    extra = (said.overbook or 0) if overbook else 0
    capacity = (said.capacity or 1) + extra
    expected = set()
    step = said.alignment_interval or 15 * MINUTE
    for start in range(MONDAY[0], MONDAY[0] + DAY, step):
        hours = at("2026-11-30T09:00") <= start and start + said.duration <= at("2026-11-30T13:00")
        early = start < diary.now + (said.minimum_notice or 0)
        late = said.booking_horizon is not None and start > diary.now + said.booking_horizon
        full = said.most_per_day is not None and diary.counts["Schedule/a", date(2026, 11, 30)] >= said.most_per_day
        if not hours or early or late or full:
            continue
        taken = range(start - said.buffer_before, start + said.duration + said.buffer_after, 5 * MINUTE)
        if is_free("Practitioner/a", diary, taken, capacity, extra):
            expected.add(start)
    assert {each.start for each in openings(wished, diary, MONDAY)} == expected
