"""iCalendars are read back as they were meant, by who knows the time zones and by who reads them from the calendar."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from polyclinic.services.scheduling.rules.calendars import Entry, written

QUARTER = 900
CHANGED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CHANGES = {  # time zone: days on which its clocks change
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],
    "America/St_Johns": ["2026-03-08", "2026-11-01"],
    "Asia/Kolkata": ["2026-06-01"],
}
DAYS = [(zone, day) for zone, days in CHANGES.items() for day in days]


def entry(start, zone, **said):
    told = {"status": "booked", "summary": "Check-up", **said}
    return Entry(str(start), 1, CHANGED, start, start + QUARTER, zone=zone, **told)


def read(entries) -> Any:
    """Return the calendar of ``entries`` as a client reads it."""
    return Calendar.from_ical(written("Visits", entries, "here"))


def around(zone, day):
    """Return every quarter of an hour of a day and the night before and after it."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    begin = int(noon.timestamp()) - 86_400
    return range(begin, begin + 2 * 86_400, QUARTER)


@pytest.mark.parametrize(("zone", "day"), DAYS)
def test_every_instant_is_read_back(zone, day):
    calendar = read([entry(start, zone) for start in around(zone, day)])
    told = [(int(event.start.timestamp()), int(event.end.timestamp())) for event in calendar.walk("VEVENT")]
    assert told == [(start, start + QUARTER) for start in around(zone, day)]


@pytest.mark.parametrize(("zone", "day"), DAYS)
def test_the_time_zone_says_itself_what_the_clocks_do(zone, day):
    (timezone,) = read([entry(start, zone) for start in around(zone, day)]).walk("VTIMEZONE")
    onsets = sorted(
        (part["dtstart"].dt - part["tzoffsetfrom"].td, part["tzoffsetto"].td) for part in timezone.subcomponents
    )
    for start in around(zone, day):
        moment = datetime.fromtimestamp(start, UTC)
        held = [offset for onset, offset in onsets if onset <= moment.replace(tzinfo=None)]
        assert held[-1] == moment.astimezone(ZoneInfo(zone)).utcoffset(), moment


def test_texts_are_no_structure():
    said = "Check-up; with, all\\\r\nEND:VEVENT"
    (event,) = read([entry(0, None, summary=said)]).walk("VEVENT")
    assert str(event["summary"]) == said.replace("\r\n", "\n") and event["dtstart"].to_ical() == b"19700101T000000Z"


def test_lines_are_folded_and_the_calendar_is_the_same_each_time():
    entries = [entry(number, "Europe/Berlin", summary="ü" * 200) for number in range(3)]
    text = written("Visits", entries, "here")
    assert text == written("Visits", entries, "here")
    assert max(len(line) for line in text.split(b"\r\n")) <= 75


def test_an_empty_calendar_is_one():
    calendar = read([])
    assert (str(calendar["name"]), calendar.walk("VEVENT")) == ("Visits", [])
