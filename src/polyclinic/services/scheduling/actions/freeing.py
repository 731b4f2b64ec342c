"""Freeing: what the companion notes for those who wait, in the transaction in which it happens.

Who begins or ceases to wait, which time is given back by whatever brought that about, and what comes of offers.
Nothing that is noted is ever waited for: there are only inserts, and updates of offers by those who change them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Invalid
from polyclinic.repository.companion import Turn
from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.rules.claims import Claim, Resource, expires_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.hours import open_between
from polyclinic.services.scheduling.rules.intervals import difference
from polyclinic.services.scheduling.rules.offered import answer_of, offer_to, outcome_of
from polyclinic.services.scheduling.rules.reading import calendar_of
from polyclinic.services.scheduling.rules.times import DAY, zone_of
from polyclinic.services.scheduling.rules.waiting import waiting_of
from polyclinic.services.scheduling.store import waitlist

AHEAD = 62 * DAY
"""Seconds ahead within which hours that are added are offered."""


class Change(NamedTuple):
    """What an Appointment or Slot was and becomes, and the time it took and takes."""

    was: Resource | None
    becomes: Resource | None
    before: Claim | None
    after: Claim | None


async def note(session: Session, changes: Sequence[Change], directory: Directory, now: datetime) -> None:
    """Note what ``changes`` mean to those who wait. Refuses: ``Invalid`` for wishes that nobody can read."""
    for change in changes:
        subject = change.becomes or change.was or {}
        if subject["resourceType"] == "Appointment":
            await _note_entry(session, change, directory, now)
            if await _note_offer(session, change, now):
                continue  # the stretch that was offered is noted already
        await _note_time(session, change, directory, now)


async def note_hours(session: Session, turn: Turn, directory: Directory, now: datetime) -> None:
    """Note when a Schedule is open that was not: an absence that is lifted, hours that are added. Not a new one's."""
    if turn.before is None or turn.before.body is None or turn.resource is None:
        return
    try:
        before, after = calendar_of(decode(turn.before.body)), calendar_of(turn.resource)
    except Invalid:  # an older release let it in
        return
    zone = zone_of(directory.parameters_of(after).timezone or "")
    within = int(now.timestamp()), int(now.timestamp()) + AHEAD
    if zone is None or not after.active:
        return
    opened = difference(open_between(after.hours, zone, within), open_between(before.hours, zone, within))
    actors = directory.locals(after.actors)
    for begin, end in opened:
        await waitlist.free(session, after.name, actors, begin, end)


async def note_responses(session: Session, responses: Sequence[Resource], directory: Directory) -> None:
    """Note what AppointmentResponses answer to offers."""
    for response in responses:
        answer, appointment = answer_of(response), directory.local(response["appointment"])
        if answer and appointment:
            await waitlist.answer(session, appointment, answer)


async def _note_entry(session: Session, change: Change, directory: Directory, now: datetime) -> None:
    if change.becomes is not None and change.becomes["status"] == "waitlist":
        entry = waiting_of(change.becomes, directory, int(now.timestamp()))
        await waitlist.enter(session, entry.name, now)
    elif change.was is not None and change.was["status"] == "waitlist":
        await waitlist.leave(session, f"Appointment/{change.was['id']}")


async def _note_time(session: Session, change: Change, directory: Directory, now: datetime) -> None:
    before, after = change.before, change.after
    if before is None or before.end <= now.timestamp() or (after is not None and before.is_as(after)):
        return
    named = [seat.actor for seat in before.seats if seat.actor in directory.by_actor]
    closed = [directory.calendars[seat.actor] for seat in before.seats if seat.actor in directory.calendars]
    actors = list(dict.fromkeys([*named, *(actor for calendar in closed for actor in calendar.actors)]))
    if actors:
        await waitlist.free(session, before.holder, actors, before.start, before.end)


async def _note_offer(session: Session, change: Change, now: datetime) -> bool:
    """Note what comes of an offer; whether one has ended."""
    was, becomes = change.was, change.becomes
    if was is None or offer_to(was) is None:
        return False
    outcome = outcome_of(was, becomes)
    if outcome is not None:
        return await waitlist.end_offer(session, f"Appointment/{was['id']}", outcome, now)
    expires = becomes and expires_of(becomes)
    if expires and expires != expires_of(was):
        await waitlist.prolong(session, f"Appointment/{was['id']}", expires)
    return False
