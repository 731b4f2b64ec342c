"""Offers: openings as proposed Appointments, and what else could be had by somebody who lost a time."""

from collections.abc import Sequence
from datetime import datetime

from polyclinic.fhir.outcome import Issue, Refusal
from polyclinic.kit.clock import Clock
from polyclinic.repository import Repository
from polyclinic.services.scheduling.actions.finding import Found, find
from polyclinic.services.scheduling.actions.keeping import TimeTaken
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.model import Calendar, Wish
from polyclinic.services.scheduling.rules.claims import Claim
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.proposals import Proposal, id_of
from polyclinic.services.scheduling.rules.seeking import Seek, wish_for
from polyclinic.services.scheduling.rules.visits import Booking, Inquiry, Resource, appointment_of

PROPOSALS = 3
"""How many other times are proposed to somebody who lost one."""
LOOK_AHEAD = 14 * 86_400
"""Seconds after the wished start in which other times are looked for."""


class AgainstRules(Refusal):
    """The rules do not allow the visit at that time; every reason is an issue. ``wish`` is what was asked for."""

    code = "business-rule"

    def __init__(self, reasons: Sequence[str], wish: Wish, start: int) -> None:
        super().__init__(issues=[Issue(self.code, reason, "Appointment.start") for reason in reasons])
        self.wish, self.start = wish, start


def proposed(found: Found, directory: Directory, inquiry: Inquiry, inquiry_key: int, now: datetime) -> Resource | None:
    """Return an opening as an Appointment that can be held or booked by its id; None where no id can name it."""
    opening, service = found
    keys = tuple(directory.keys[calendar.name] for calendar in opening.calendars)
    service_key = directory.keys.get(service.name, 0)
    id = id_of(Proposal(opening.start, opening.end - opening.start, keys, service_key, inquiry_key))
    if id is None:
        return None
    resource = appointment_of(opening, service, Booking("proposed", now, inquiry=inquiry))
    return {"resourceType": "Appointment", "id": id, **resource}


class Adviser:
    """Adds to refusals what could be had instead."""

    def __init__(self, rules: Rulebook, now: Clock) -> None:
        self._rules, self._now = rules, now

    async def advise(self, repository: Repository, refusal: Refusal) -> None:
        """Add the next free times to ``refusal`` if it is about a time."""
        if not isinstance(refusal, TimeTaken | AgainstRules):
            return
        async with repository.session() as session:
            directory = await self._rules.read(session)
            if isinstance(refusal, TimeTaken):
                wish, start = wish_of(refusal.claim, directory), refusal.claim.start
            else:
                wish, start = refusal.wish, refusal.start
            if wish is None:
                return
            now = self._now()
            between = max(start, int(now.timestamp())), max(start, int(now.timestamp())) + LOOK_AHEAD
            found = await find(session, [wish], between, now, most=PROPOSALS)
        offers = (proposed(each, directory, Inquiry(patients=wish.companions), 0, now) for each in found)
        refusal.proposals = tuple(offer for offer in offers if offer)


def wish_of(claim: Claim, directory: Directory) -> Wish | None:
    """Return what ``claim`` wished for, as far as there are calendars for it."""
    service = directory.services.get(claim.service or "")
    calendars: dict[str, Calendar] = {}
    for name in claim.schedules:
        if name in directory.calendars:
            calendars[name] = directory.calendars[name]
    if not calendars:
        for seat in claim.seats:
            if calendar := directory.calendar_for(seat.actor, service):
                calendars[calendar.name] = calendar
    if not calendars:
        return None
    leading = sorted(calendars.values(), key=lambda calendar: bool(calendar.kinds))
    service = service or directory.service_of(leading[0])
    patients = tuple(seat.actor for seat in claim.seats if seat.actor.startswith("Patient/"))
    seek = Seek((0, 0), patients=patients, duration=claim.end - claim.start)
    return wish_for(service, leading, seek)
