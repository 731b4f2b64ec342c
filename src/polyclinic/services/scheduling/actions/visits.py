"""Visits before they are booked: what a proposal, a written Appointment or a move asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Conflict, NotFound
from polyclinic.repository import Transaction
from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.actions.finding import slots_of
from polyclinic.services.scheduling.model import Calendar, Service
from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.claims import Resource, claim_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.proposals import Proposal
from polyclinic.services.scheduling.rules.seeking import NO_SERVICE
from polyclinic.services.scheduling.rules.stored import offers_slots
from polyclinic.services.scheduling.rules.visits import Inquiry, instant_of
from polyclinic.services.scheduling.store import inquiries


@dataclass(frozen=True, slots=True)
class Visit:
    """What is about to be booked, and by which rules it is judged; ``slots`` are as a ``Diary`` has them."""

    service: Service
    calendars: tuple[Calendar, ...]
    start: int
    end: int
    inquiry: Inquiry
    slots: Mapping[str, Sequence[tuple[int, int, str]]] = field(default_factory=dict)

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The stored Slots that are just this visit."""
        visit = self.start, self.end
        return tuple(slot for slots in self.slots.values() for begin, end, slot in slots if (begin, end) == visit)[:1]

    def timezone(self, directory: Directory) -> str | None:
        """Return the time zone of the calendar that leads, None where nobody says one."""
        return directory.parameters_of(self.calendars[0], self.service).timezone if self.calendars else None

    async def with_slots(self, session: Session) -> "Visit":
        """Return the visit with the stored Slots that its calendars offer then, if that is what they offer."""
        bare = [each.name for each in self.calendars if offers_slots(each, self.service)]
        return replace(self, slots=await slots_of(session, bare, (self.start, self.start + 1))) if bare else self


async def visit_of(session: Session, proposal: Proposal, directory: Directory, patients: tuple[str, ...] = ()) -> Visit:
    """Return what ``proposal`` proposes, for ``patients`` or else for those who asked.

    Refuses: ``NotFound`` where its calendars or service are gone.
    """
    names = [directory.names.get(key, "") for key in proposal.calendars]
    calendars = tuple(directory.calendars[name] for name in names if name in directory.calendars)
    service = directory.services.get(directory.names.get(proposal.service, ""), NO_SERVICE)
    if len(calendars) < len(names) or (proposal.service and service is NO_SERVICE):
        raise NotFound("what was proposed is no longer offered; search anew", at="appointment-reference")
    content = await inquiries.read(session, proposal.inquiry) if proposal.inquiry else None
    inquiry = Inquiry.of(decode(content)) if content else Inquiry()
    asked_for = Inquiry(patients or inquiry.patients, inquiry.reasons, inquiry.referral, inquiry.insurance)
    visit = Visit(service, calendars, proposal.start, proposal.start + proposal.duration, asked_for)
    return await visit.with_slots(session)


def visit_written(made: Resource, directory: Directory) -> Visit | None:
    """Return the visit that a booked Appointment says, with the calendars it is judged by; None without times."""
    claim = claim_of({**made, "id": ""}, directory, {})
    if claim is None:
        return None
    calendars = tuple(directory.calendars[name] for name in claim.schedules if name in directory.calendars)
    service = directory.services.get(claim.service or "")
    if not calendars:
        found = (directory.calendar_for(seat.actor, service) for seat in claim.seats)
        calendars = tuple({calendar.name: calendar for calendar in found if calendar}.values())
    if calendars:
        service = service or directory.service_of(calendars[0])
    return Visit(service or NO_SERVICE, calendars, claim.start, claim.end, Inquiry())


async def visit_moved(
    transaction: Transaction, found: Resource, to: Proposal | int, schedules: Sequence[str], directory: Directory
) -> Visit:
    """Return the visit that an Appointment becomes at another time. Refuses: ``Conflict`` for one without time."""
    claim = claim_of({**found, "status": "booked"}, directory, {})
    if claim is None:
        raise Conflict(f"Appointment/{found['id']} has no time that could be moved")
    if isinstance(to, Proposal):
        return await visit_of(transaction.session, to, directory)
    names = tuple(schedules) or claim.schedules
    calendars = tuple(directory.calendars[name] for name in names if name in directory.calendars)
    service = directory.services.get(claim.service or "", NO_SERVICE)
    visit = Visit(service, calendars, to, to + claim.end - claim.start, Inquiry())
    return await visit.with_slots(transaction.session)


def moved_to(found: Resource, visit: Visit, start: int, directory: Directory) -> Resource:
    """Return an Appointment as it is when it becomes ``visit`` at ``start``."""
    zone = visit.timezone(directory)
    length = visit.end - visit.start
    times = instant_of(start, zone), instant_of(start + length, zone)
    made = changes.moved(found, times, length // 60, visit.calendars, directory)
    slots = [{"reference": slot} for slot in visit.slot_names] if start == visit.start else []
    return {**made, "slot": slots} if slots else made
