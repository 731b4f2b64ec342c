"""Holding, booking, moving and cancelling: judged by the rules, kept in one transaction with the time they take."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Conflict, Gone, NotFound, PreconditionFailed
from polyclinic.kit.clock import Clock
from polyclinic.repository import Repository, Transaction
from polyclinic.repository.model import Create, Kept, Update
from polyclinic.services.scheduling.actions.accepting import consequences
from polyclinic.services.scheduling.actions.keeping import TimeTaken, foresee
from polyclinic.services.scheduling.actions.offers import AgainstRules
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.visits import Visit, moved_to, visit_moved, visit_of, visit_written
from polyclinic.services.scheduling.model import Diary, Opening
from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.belonging import excepted
from polyclinic.services.scheduling.rules.claims import Resource, claim_of, times_of
from polyclinic.services.scheduling.rules.proposals import Proposal, proposal_of
from polyclinic.services.scheduling.rules.reasons import why_not
from polyclinic.services.scheduling.rules.seeking import Seek, wish_for
from polyclinic.services.scheduling.rules.terms import terms_of
from polyclinic.services.scheduling.rules.visits import Booking, appointment_of
from polyclinic.services.scheduling.rules.zones import day_of, local_day
from polyclinic.services.scheduling.store import occupations

HOLD = timedelta(minutes=10)
"""How long a hold lasts before it has to be renewed."""
Make = Callable[[Transaction, Resource], Awaitable[Resource]]
"""Makes the next version of an Appointment, in the transaction that keeps it."""
Check = Callable[[Transaction, Resource], Awaitable[None]]
"""Checks what was written, while the locks of its actors are held; what it refuses is not kept."""
Made = TypeVar("Made")
MOST_TRIES = 5
"""How often a change is tried against quicker ones of the same Appointment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes with a hold or a booking: for whom, what is said, and whether it may go beyond capacity or rules."""

    patients: tuple[str, ...] = ()
    comment: str | None = None
    overbook: bool = False
    override: Mapping[str, Any] | None = None


class Desk:
    """Where visits are booked."""

    def __init__(self, rules: Rulebook, now: Clock) -> None:
        self._rules, self._now = rules, now

    async def hold(self, repository: Repository, id: str, asked: Asked) -> Kept:
        """Hold what is proposed, or longer what is held already. Refuses: ``TimeTaken``, ``AgainstRules``."""
        proposal = proposal_of(id)
        if proposal is None:
            return await self.change(repository, id, lambda found, now: changes.held(found, now + HOLD))
        return await self._take(repository, proposal, asked, "pending")

    async def book(self, repository: Repository, id: str, asked: Asked) -> Kept:
        """Book what is proposed or held. Refuses: ``TimeTaken``, ``AgainstRules``."""
        proposal = proposal_of(id)
        if proposal is None:
            patients, comment = asked.patients, asked.comment
            return await self.change(repository, id, lambda found, now: changes.booked(found, patients, comment))
        return await self._take(repository, proposal, asked, "booked")

    async def book_resource(self, repository: Repository, resource: Resource, asked: Asked) -> Kept:
        """Book an Appointment that somebody wrote. Refuses: ``TimeTaken``, ``AgainstRules``."""
        made = changes.booked({**resource, "status": "pending"}, asked.patients, asked.comment)
        made = changes.marked(made, overbooked=asked.overbook, override=asked.override)
        try:
            async with repository.transaction() as transaction:
                await self._judge_written(transaction, made, asked)
                kept = await _created(transaction, made)
                await self._check_written(transaction, made, asked)
                return kept
        except TimeTaken as refusal:
            return await self._same(repository, refusal, made)

    async def move(self, repository: Repository, id: str, to: Proposal | int, schedules: Sequence[str]) -> Kept:
        """Give an Appointment another time, and other calendars where ``schedules`` or a proposal name them.

        What it had is given back and the new time taken at once, or nothing changes.
        Refuses: ``TimeTaken``, ``AgainstRules``.
        """

        async def made(transaction: Transaction, found: Resource) -> Resource:
            return await self._moved(transaction, found, to, schedules)

        async def check(transaction: Transaction, moved: Resource) -> None:
            await self._check_written(transaction, moved, Asked())

        return await self._changed(repository, id, made, check)

    async def cancel(
        self, repository: Repository, id: str, reason: Mapping[str, Any] | None, party: str | None
    ) -> Kept:
        """Cancel an Appointment, in time as far as a patient does it. Refuses: ``TooLate``, ``WrongStatus``."""

        async def made(transaction: Transaction, found: Resource) -> Resource:
            return await self.cancelled(transaction, found, reason, party)

        return await self._changed(repository, id, made)

    async def cancelled(
        self, transaction: Transaction, found: Resource, reason: Mapping[str, Any] | None, party: str | None
    ) -> Resource:
        """Return an Appointment as cancelled, if that is in time. Refuses: ``TooLate``, ``WrongStatus``."""
        directory = await self._rules.read(transaction.session)
        claim = claim_of({**found, "status": "booked"}, directory, {})
        calendars = (
            [directory.calendars[name] for name in claim.schedules if name in directory.calendars] if claim else []
        )
        service = directory.services.get(claim.service or "") if claim else None
        notices = [directory.parameters_of(each, service).cancellation_notice or 0 for each in calendars]
        changes.check_notice(found, max(notices, default=0), transaction.now, party)
        return changes.cancelled(found, reason, party)

    async def change(self, repository: Repository, id: str, change: changes.Change) -> Kept:
        """Write what ``change`` makes of an Appointment."""

        async def made(transaction: Transaction, found: Resource) -> Resource:
            return change(found, transaction.now)

        return await self._changed(repository, id, made)

    async def _changed(self, repository: Repository, id: str, make: Make, check: Check | None = None) -> Kept:
        async def changed(transaction: Transaction) -> Kept:
            kept = await standing(transaction, id)
            found = decode(kept.body or b"")
            made = await make(transaction, found)
            also = await consequences(transaction, found, made, self._rules.directory)
            written = (await transaction.write([Update(made, if_match=kept.version), *also]))[0]
            assert written.kept is not None  # an update always leaves something
            if check is not None:
                await check(transaction, made)
            return written.kept

        return await tried(repository, changed)

    async def _take(self, repository: Repository, proposal: Proposal, asked: Asked, status: str) -> Kept:
        now = self._now()
        try:
            async with repository.session() as session:
                directory = await self._rules.read(session)
                visit = await visit_of(session, proposal, directory, asked.patients)
                _judge(visit, asked, now)
                opening = Opening(visit.start, visit.end, visit.calendars, visit.slot_names)
                made = appointment_of(opening, visit.service, _booking(visit, asked, status, now))
                if claim := claim_of({**made, "id": ""}, directory, {}):
                    await foresee(session, claim, now)  # who is sure to lose need not wait for the locks
            async with repository.transaction() as transaction:
                kept = await _created(transaction, made)
                await _check_day(transaction, visit, asked)
                return kept
        except TimeTaken as refusal:
            return await self._same(repository, refusal, made)

    async def _same(self, repository: Repository, refusal: TimeTaken, made: Resource) -> Kept:
        """Return the Appointment that took the time, if it is the very one asked for: the request came twice.

        Raises: ``refusal`` otherwise.
        """
        async with repository.session() as session:
            claim = refusal.claim
            actor = refusal.actor if claim.seat_of(refusal.actor) else claim.seats[0].actor
            holders = await occupations.holders_at(session, actor, claim.start)
        for holder in holders:
            type, _, id = holder.partition("/")
            kept = await repository.read(type, id)
            if type == "Appointment" and kept and kept.body and changes.is_same_visit(decode(kept.body), made):
                return kept
        raise refusal

    async def _judge_written(self, transaction: Transaction, made: Resource, asked: Asked) -> None:
        visit = visit_written(made, await self._rules.read(transaction.session))
        if visit is not None and visit.calendars:
            _judge(await visit.with_slots(transaction.session), asked, transaction.now)

    async def _check_written(self, transaction: Transaction, made: Resource, asked: Asked) -> None:
        visit = visit_written(made, await self._rules.read(transaction.session))
        if visit is not None:
            await _check_day(transaction, visit, asked)

    async def _moved(
        self, transaction: Transaction, found: Resource, to: Proposal | int, schedules: Sequence[str]
    ) -> Resource:
        directory = await self._rules.read(transaction.session)
        visit = await visit_moved(transaction, found, to, schedules, directory)
        if visit.calendars:
            _judge(visit, Asked(), transaction.now)
        made = moved_to(found, visit, visit.start, directory)
        return made if times_of(made) == times_of(found) else excepted(made)


async def tried(repository: Repository, deed: Callable[[Transaction], Awaitable[Made]]) -> Made:
    """Do ``deed`` in a transaction, and again where others were quicker. Refuses: what the last try does."""
    for tries_left in reversed(range(MOST_TRIES)):
        try:
            async with repository.transaction() as transaction:
                return await deed(transaction)
        except (Conflict, PreconditionFailed):
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


async def standing(transaction: Transaction, id: str) -> Kept:
    """Return an Appointment as it stands. Refuses: ``NotFound``, ``Gone``."""
    kept = (await transaction.read([("Appointment", id)])).get(("Appointment", id))
    if kept is None:
        raise NotFound(f"there is no Appointment/{id[:64]} here", at="appointment-reference")
    if kept.body is None:
        raise Gone(f"Appointment/{id} was deleted", at="appointment-reference")
    return kept


async def create_visit(transaction: Transaction, made: Resource, visit: Visit) -> Kept:
    """Keep the Appointment of a ``visit`` that was found in this transaction, limits of the day observed.

    Refuses: ``TimeTaken``, ``AgainstRules``.
    """
    kept = await _created(transaction, made)
    await _check_day(transaction, visit, Asked())
    return kept


async def _created(transaction: Transaction, made: Resource) -> Kept:
    written = (await transaction.write([Create(made)]))[0]
    assert written.kept is not None  # a create without condition always leaves something
    return written.kept


def _booking(visit: Visit, asked: Asked, status: str, now: datetime) -> Booking:
    return Booking(
        status,
        now,
        comment=asked.comment,
        expires=now + HOLD if status == "pending" else None,
        overbooked=asked.overbook,
        override=asked.override,
        inquiry=visit.inquiry,
    )


def _judge(visit: Visit, asked: Asked, now: datetime) -> None:
    """Judge by the rules alone; who is taken is judged where time is taken. Refuses: ``AgainstRules``."""
    if asked.override is not None:
        return
    seek = Seek((0, 0), patients=visit.inquiry.patients, duration=visit.end - visit.start, overbook=asked.overbook)
    wish = wish_for(visit.service, visit.calendars, seek)
    reasons = why_not(wish, Diary(int(now.timestamp()), slots=visit.slots), visit.start)
    if reasons:
        raise AgainstRules(reasons, wish, visit.start)


async def _check_day(transaction: Transaction, visit: Visit, asked: Asked) -> None:
    """Check the limits of the day, the visit itself counted; the locks of its actors are held since it was written.

    Refuses: ``AgainstRules``.
    """
    if asked.override is not None:
        return
    wish = wish_for(visit.service, visit.calendars, Seek((0, 0), duration=visit.end - visit.start))
    for number, calendar in enumerate(visit.calendars):
        terms = terms_of(calendar, wish, leads=number == 0)
        most = terms.parameters.most_per_day
        if most is None or not calendar.actors:
            continue
        begin, end, _ = local_day(terms.zone, day_of(terms.zone, visit.start))
        count = await occupations.count_starts(transaction.session, calendar.actors[0], begin, end, transaction.now)
        if count > most:
            raise AgainstRules([f"{calendar.name} takes {most} visits a day, and has them"], wish, visit.start)
