"""Opening hours and the grid of starts on the days when clocks change, against what tzdata says of those days.

Expected values are written by hand from the changes: America/New_York and America/St_Johns at 02:00 on the second
Sunday of March and the first of November, Europe/Berlin at 01:00 UTC on the last Sundays of March and October,
Australia/Lord_Howe by half an hour at 02:00 on the first Sundays of April and October, Africa/Casablanca at 03:00
before and at 02:00 after Ramadan.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from polyclinic.services.scheduling.model import Hours, Stretch, Window
from polyclinic.services.scheduling.rules.grid import Grid
from polyclinic.services.scheduling.rules.hours import open_between
from polyclinic.services.scheduling.rules.zones import day_of, local_day, moment

EVERY_DAY = frozenset(range(7))
DAY, HOUR, MINUTE = 86400, 3600, 60

NEW_YORK_SPRING = "01:00-05:00 01:30-05:00 03:00-04:00 03:30-04:00"
NEW_YORK_FALL = "01:00-04:00 01:30-04:00 02:00-05:00 02:30-05:00 03:00-05:00 03:30-05:00"
BERLIN_SPRING = "01:00+01:00 01:30+01:00 03:00+02:00 03:30+02:00"
BERLIN_FALL = "01:00+02:00 01:30+02:00 02:00+02:00 02:30+02:00 03:00+01:00 03:30+01:00"
LORD_HOWE_FALL = "01:00+11:00 01:30+11:00 02:00+10:30 02:30+10:30 03:00+10:30 03:30+10:30"
LORD_HOWE_SPRING = "01:00+10:30 01:30+10:30 02:30+11:00 03:00+11:00 03:30+11:00"
CASABLANCA_BEFORE = "01:00+01:00 01:30+01:00 02:00+01:00 02:30+01:00 03:00+00:00 03:30+00:00"
CASABLANCA_AFTER = "01:00+00:00 01:30+00:00 03:00+01:00 03:30+01:00"
ST_JOHNS_SPRING = "01:00-03:30 01:30-03:30 03:00-02:30 03:30-02:30"
ST_JOHNS_FALL = "01:00-02:30 01:30-02:30 02:00-03:30 02:30-03:30 03:00-03:30 03:30-03:30"

CHANGES = [  # zone, day, how long 00:00 to 08:00 takes, starts every half hour from 01:00 to 04:00
    ("America/New_York", "2026-03-08", 7.0, NEW_YORK_SPRING),
    ("America/New_York", "2026-11-01", 9.0, NEW_YORK_FALL),
    ("America/New_York", "2027-03-14", 7.0, NEW_YORK_SPRING),
    ("America/New_York", "2027-11-07", 9.0, NEW_YORK_FALL),
    ("Europe/Berlin", "2026-03-29", 7.0, BERLIN_SPRING),
    ("Europe/Berlin", "2026-10-25", 9.0, BERLIN_FALL),
    ("Europe/Berlin", "2027-03-28", 7.0, BERLIN_SPRING),
    ("Europe/Berlin", "2027-10-31", 9.0, BERLIN_FALL),
    ("Australia/Lord_Howe", "2026-04-05", 8.5, LORD_HOWE_FALL),
    ("Australia/Lord_Howe", "2026-10-04", 7.5, LORD_HOWE_SPRING),
    ("Australia/Lord_Howe", "2027-04-04", 8.5, LORD_HOWE_FALL),
    ("Australia/Lord_Howe", "2027-10-03", 7.5, LORD_HOWE_SPRING),
    ("Africa/Casablanca", "2026-02-15", 9.0, CASABLANCA_BEFORE),
    ("Africa/Casablanca", "2026-03-22", 7.0, CASABLANCA_AFTER),
    ("Africa/Casablanca", "2027-02-07", 9.0, CASABLANCA_BEFORE),
    ("Africa/Casablanca", "2027-03-14", 7.0, CASABLANCA_AFTER),
    ("America/St_Johns", "2026-03-08", 7.0, ST_JOHNS_SPRING),
    ("America/St_Johns", "2026-11-01", 9.0, ST_JOHNS_FALL),
    ("America/St_Johns", "2027-03-14", 7.0, ST_JOHNS_SPRING),
    ("America/St_Johns", "2027-11-07", 9.0, ST_JOHNS_FALL),
]


def at(text):
    return int(datetime.fromisoformat(text).timestamp())


def ordinal(day):
    return date.fromisoformat(day).toordinal()


def whole_day(zone, day):
    return local_day(ZoneInfo(zone), ordinal(day))[:2]


def daily(begin, end):
    return Hours((Window(EVERY_DAY, begin, end),))


@pytest.mark.parametrize(("zone", "day", "lasts", "starts"), CHANGES)
def test_starts_skip_the_gap_and_take_the_fold_once(zone, day, lasts, starts):
    hours = open_between(daily(1 * HOUR, 4 * HOUR), ZoneInfo(zone), whole_day(zone, day))
    grid = Grid(ZoneInfo(zone), 30 * MINUTE)
    expected = [at(f"{day}T{start}") for start in starts.split()]
    assert list(grid.starts(ordinal(day), hours)) == expected
    assert all(grid.has(start) for start in expected)


@pytest.mark.parametrize(("zone", "day", "lasts", "starts"), CHANGES)
def test_window_lasts_as_long_as_its_clock_runs(zone, day, lasts, starts):
    [(begin, end)] = open_between(daily(0, 8 * HOUR), ZoneInfo(zone), whole_day(zone, day))
    assert end - begin == lasts * HOUR


@pytest.mark.parametrize(("zone", "day", "lasts", "starts"), CHANGES)
def test_grid_is_where_it_was_on_the_day_after(zone, day, lasts, starts):
    after = date.fromisoformat(day).toordinal() + 1
    begin, end, is_even = local_day(ZoneInfo(zone), after)
    assert is_even
    assert list(Grid(ZoneInfo(zone), 6 * HOUR, 50 * MINUTE).starts(after, [(begin, end)])) == [
        begin + clock
        for clock in (50 * MINUTE, 6 * HOUR + 50 * MINUTE, 12 * HOUR + 50 * MINUTE, 18 * HOUR + 50 * MINUTE)
    ]


EDGES = [  # zone, day, window, opening
    ("America/New_York", "2026-03-08", ("02:00", "03:00"), None),
    ("America/New_York", "2026-03-08", ("02:15", "02:45"), None),
    ("America/New_York", "2026-03-08", ("01:00", "02:30"), ("01:00-05:00", "03:00-04:00")),
    ("America/New_York", "2026-03-08", ("02:30", "04:00"), ("03:00-04:00", "04:00-04:00")),
    ("America/New_York", "2026-11-01", ("00:00", "01:30"), ("00:00-04:00", "01:30-04:00")),
    ("America/New_York", "2026-11-01", ("01:30", "03:00"), ("01:30-04:00", "03:00-05:00")),
    ("Australia/Lord_Howe", "2026-10-04", ("02:00", "02:30"), None),
    ("Australia/Lord_Howe", "2026-10-04", ("01:45", "02:15"), ("01:45+10:30", "02:30+11:00")),
]


@pytest.mark.parametrize(("zone", "day", "window", "opening"), EDGES)
def test_edge_of_a_window_in_a_gap_is_the_change_itself(zone, day, window, opening):
    begin, end = (at(f"1970-01-01T{clock}:00+00:00") for clock in window)
    expected = [(at(f"{day}T{opening[0]}"), at(f"{day}T{opening[1]}"))] if opening else []
    assert open_between(daily(begin, end), ZoneInfo(zone), whole_day(zone, day)) == expected


def test_second_time_of_a_fold_is_no_start():
    grid = Grid(ZoneInfo("Europe/Berlin"), 30 * MINUTE)
    assert grid.has(at("2026-10-25T02:30+02:00"))
    assert not grid.has(at("2026-10-25T02:30+01:00"))


def test_window_over_midnight_belongs_to_the_day_it_begins():
    friday_night = Hours((Window(frozenset({4}), 22 * HOUR, 30 * HOUR),))
    week = at("2026-11-23T00:00+01:00"), at("2026-11-30T00:00+01:00")
    expected = [(at("2026-11-27T22:00+01:00"), at("2026-11-28T06:00+01:00"))]
    assert open_between(friday_night, ZoneInfo("Europe/Berlin"), week) == expected
    saturday = at("2026-11-28T00:00+01:00"), at("2026-11-29T00:00+01:00")
    assert open_between(friday_night, ZoneInfo("Europe/Berlin"), saturday) == [(saturday[0], expected[0][1])]


def test_whole_days_join_without_a_seam():
    week = at("2026-10-19T00:00+02:00"), at("2026-10-26T00:00+01:00")
    assert open_between(daily(0, DAY), ZoneInfo("Europe/Berlin"), week) == [week]


def test_closures_are_cut_out():
    closures = (
        Stretch(date(2026, 10, 25), date(2026, 10, 25)),
        Stretch(at("2026-10-26T10:00+01:00"), at("2026-10-26T11:00+01:00")),
        Stretch(date(2026, 10, 28), None),
    )
    within = at("2026-10-24T00:00+02:00"), at("2026-11-01T00:00+01:00")
    hours = Hours((Window(EVERY_DAY, 9 * HOUR, 12 * HOUR),), closures)
    assert open_between(hours, ZoneInfo("Europe/Berlin"), within) == [
        (at("2026-10-24T09:00+02:00"), at("2026-10-24T12:00+02:00")),
        (at("2026-10-26T09:00+01:00"), at("2026-10-26T10:00+01:00")),
        (at("2026-10-26T11:00+01:00"), at("2026-10-26T12:00+01:00")),
        (at("2026-10-27T09:00+01:00"), at("2026-10-27T12:00+01:00")),
    ]


def test_stretch_to_the_end_of_time_is_understood():
    hours = Hours(closures=(Stretch(date(1, 1, 1), date(9999, 12, 31)),))
    assert open_between(hours, ZoneInfo("Asia/Tokyo"), (0, DAY)) == []


def test_day_that_a_zone_skips_is_empty():
    begin, end, is_even = local_day(ZoneInfo("Pacific/Apia"), ordinal("2011-12-30"))
    assert (end - begin, is_even) == (0, False)


ZONES = some.sampled_from(sorted({zone for zone, *_ in CHANGES})).map(ZoneInfo)
INSTANTS = some.integers(at("2025-12-01T00:00Z"), at("2028-01-31T00:00Z"))


@given(ZONES, INSTANTS)
def test_every_instant_is_in_its_local_day(zone, instant):
    begin, end, _ = local_day(zone, day_of(zone, instant))
    assert begin <= instant < end


@given(ZONES, INSTANTS, some.sampled_from([5, 10, 15, 20, 45, 50, 60]), some.integers(0, 59))
def test_starts_of_a_day_are_those_the_grid_has(zone, instant, every, offset):
    grid = Grid(zone, every * MINUTE, offset * MINUTE)
    day = day_of(zone, instant)
    begin, end, _ = local_day(zone, day)
    starts = list(grid.starts(day, [(begin, end)]))
    assert starts == [each for each in range(begin, end, MINUTE) if grid.has(each)]


@given(ZONES, INSTANTS, some.integers(0, 2 * DAY - 1))
def test_moment_of_a_clock_shows_that_clock(zone, instant, clock):
    day = day_of(zone, instant)
    found, is_shown = moment(zone, day, clock)
    shown = datetime.fromtimestamp(found, zone)
    reads = shown.hour * HOUR + shown.minute * MINUTE + shown.second + (shown.toordinal() - day) * DAY
    assert is_shown == (reads == clock)
    assert reads >= clock
