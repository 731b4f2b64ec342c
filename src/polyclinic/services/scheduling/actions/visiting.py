"""Visiting: whose visits take place in a stretch of time."""

from polyclinic.fhir.json import decode
from polyclinic.repository import Transaction
from polyclinic.services.scheduling.model import Calendar
from polyclinic.services.scheduling.rules.claims import Claim, Resource, claim_of
from polyclinic.services.scheduling.rules.closing import Closing, is_affected
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.store import occupations
from polyclinic.services.scheduling.store.occupations import Span


async def affected(
    transaction: Transaction, closing: Closing, calendar: Calendar, directory: Directory
) -> list[tuple[Resource, Claim]]:
    """Return the visits still to take place within ``closing``, in order, with what they take.

    They are those of everybody on the calendar, or only those that are booked from it, as its scope says.
    """
    spans = [Span(actor, closing.start, closing.end) for actor in calendar.actors]
    taken = [each for each in await occupations.taken(transaction.session, spans) if each.lasts(transaction.now)]
    holders = {each.holder.removeprefix("Appointment/") for each in taken if each.holder.startswith("Appointment/")}
    kept = await transaction.read([("Appointment", id) for id in sorted(holders)])
    found = []
    for appointment in (decode(each.body) for each in kept.values() if each.body):
        claim = claim_of(appointment, directory, {})
        here = claim is not None and (closing.scope == "actor" or calendar.name in claim.calendars)
        if claim and here and is_affected(appointment, closing, int(transaction.now.timestamp())):
            found.append((appointment, claim))
    return sorted(found, key=lambda pair: (pair[1].start, pair[1].holder))
