"""Offering: time that became free is offered to whoever is first in line and whom it suits, as a hold with an end.

All state is in the database, and each step is one transaction: whatever process ends, another goes on. An offer takes
its time as any hold does, so no path leads to two visits at one time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Refusal
from polyclinic.repository import Repository, Transaction
from polyclinic.repository.model import Update
from polyclinic.services.scheduling.actions.accepting import closing
from polyclinic.services.scheduling.actions.booking import Desk, create_visit
from polyclinic.services.scheduling.actions.finding import diary_of
from polyclinic.services.scheduling.actions.keeping import TimeTaken
from polyclinic.services.scheduling.actions.lining_up import Candidate, line_up, read
from polyclinic.services.scheduling.actions.offers import AgainstRules
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.visits import Visit
from polyclinic.services.scheduling.model import Diary
from polyclinic.services.scheduling.rules import changes, offered
from polyclinic.services.scheduling.rules.claims import Resource
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.matching import Gap, Place, Prospect, places_of, prospects_of
from polyclinic.services.scheduling.rules.ranking import Rank, Ranking, rank_of
from polyclinic.services.scheduling.rules.visits import Booking, Inquiry, appointment_of
from polyclinic.services.scheduling.store import waitlist
from polyclinic.services.scheduling.store.waitlist import Freed, Offer

POLL = 1.0
"""Seconds after which a process looks whether there is anything to offer."""
BATCH = 50
"""Offers that are ended at one go."""


class Clerk:
    """Who offers what became free, first in line by ``ranking``; one in each process, and they may all work at once."""

    def __init__(self, rules: Rulebook, desk: Desk, ranking: Ranking = rank_of) -> None:
        self._rules, self._desk, self._ranking = rules, desk, ranking

    async def run(self, repository: Repository) -> None:
        """Go on until cancelled; while the database is away or somebody is quicker, try again in a moment."""
        while True:
            try:
                while await self.work(repository):
                    pass
            except Refusal:
                pass
            await asyncio.sleep(POLL)

    async def work(self, repository: Repository) -> bool:
        """End what is over, close what was accepted, and look at one thing that is to be looked at.

        Return whether there was anything to look at.
        """
        async with repository.transaction() as transaction:
            useless = await waitlist.useless(transaction.session, transaction.now, BATCH)
            accepted = await waitlist.accepted(transaction.session, BATCH)
            answered = await waitlist.answered(transaction.session, BATCH)
        for name, answer in answered:
            await self._heed(repository, name, answer)
        for name in useless:
            await self._desk.change(repository, name.partition("/")[2], _ended)
        for visit, entry in accepted:
            async with repository.transaction() as transaction:
                directory = await self._rules.read(transaction.session)
                await transaction.write(await closing(transaction, entry, visit, directory))
        return await self._look(repository)

    async def _heed(self, repository: Repository, offer: str, answer: str) -> None:
        """Do what somebody answered to an offer; what cannot be done is forgotten."""
        id = offer.partition("/")[2]
        try:
            if answer == "accepted":
                await self._desk.change(repository, id, lambda found, now: changes.booked(found))
            else:
                await self._desk.cancel(repository, id, None, "patient")
        except (TimeTaken, changes.WrongStatus):
            async with repository.session() as session:
                await waitlist.answer(session, offer, None)

    async def _look(self, repository: Repository) -> bool:
        async with repository.transaction() as transaction:
            look = await waitlist.take_look(transaction.session)
            if look is None:
                await waitlist.forget_past(transaction.session, transaction.now)
                return False
            round = _Round(transaction, await self._rules.read(transaction.session))
            line = await line_up(transaction, round.directory, look.entry, ranking=self._ranking)
            if look.freed is None:
                await round.seek(line)
            else:
                await round.offer(look.freed, line)
        return True


@dataclass(frozen=True, slots=True)
class _Round:
    """One look at what could be offered, in one transaction; it makes the offers of one time at most."""

    transaction: Transaction
    directory: Directory

    async def offer(self, number: int, line: Sequence[Candidate]) -> None:
        """Offer the first place of a stretch that suits the first in line whom any suits; then look again."""
        stretch = await waitlist.stretch(self.transaction.session, self.transaction.now, number)
        if stretch is not None:
            made = await waitlist.offers_of(self.transaction.session, number)
            if await self._promoted(made) or await self._offered(stretch, line, made):
                await waitlist.look_again(self.transaction.session, number)

    async def seek(self, line: Sequence[Candidate]) -> None:
        """Have the first stretch looked at, for everybody, that suits whoever is in line, and then them again."""
        stretches = await waitlist.stretches(self.transaction.session, self.transaction.now)
        prospects = [(stretch, each) for stretch in stretches for each in self._prospects(stretch, line)]
        diary = await self._diary([each for _, each in prospects])
        for stretch, (candidate, theirs) in prospects:
            places = places_of(theirs, diary)
            turns = _turns(await waitlist.offers_of(self.transaction.session, stretch.number)) if places else {}
            if any(turns.get(place.key, 0) < place.tries for place in places):
                await waitlist.look_again(self.transaction.session, stretch.number, then=candidate.waiting.name)
                return

    async def _offered(self, stretch: Freed, line: Sequence[Candidate], made: Sequence[Offer]) -> bool:
        turns = _turns(made)
        prospects = self._prospects(stretch, line)
        diary = await self._diary(prospects)
        for number, (candidate, theirs) in enumerate(prospects, 1):
            for place in places_of(theirs, diary):
                turn = turns.get(place.key, 0) + 1
                if turn > place.tries:
                    continue
                others = (other for other, asked in prospects[number:] if _has(places_of(asked, diary), place))
                takers = [candidate, *islice(others, place.at_once - 1)]
                if await self._made(stretch, place, takers, turn):
                    return True
        return False

    def _prospects(self, stretch: Freed, line: Sequence[Candidate]) -> Sequence[tuple[Candidate, list[Prospect]]]:
        """Return those of ``line`` whom some of ``stretch`` might suit, and what."""
        gap, now = Gap(stretch.actors, (stretch.begin, stretch.end)), int(self.transaction.now.timestamp())
        found = (
            (each, list(prospects_of(each.waiting, gap, self.directory, now, before=each.before, refused=each.refused)))
            for each in line
            if each.objection is None
        )
        return [(each, prospects) for each, prospects in found if prospects]

    async def _diary(self, prospects: Sequence[tuple[Candidate, list[Prospect]]]) -> Diary:
        """Return what is taken at one moment, by which all are judged, so that nobody slips in before another."""
        every = [prospect for _, theirs in prospects for prospect in theirs]
        if not every:
            return Diary(int(self.transaction.now.timestamp()))
        spans = [prospect.gap.span for prospect in every]
        between = min(begin for begin, _ in spans), max(end for _, end in spans)
        wishes = [prospect.wish for prospect in every]
        return await diary_of(self.transaction.session, wishes, between, self.transaction.now)

    async def _made(self, stretch: Freed, place: Place, takers: Sequence[Candidate], turn: int) -> bool:
        """Make the offers of ``place``; False where somebody has just taken it."""
        now = self.transaction.now
        expires = now + timedelta(seconds=place.window)
        opening = place.opening
        visit = Visit(place.wish.service, opening.calendars, opening.start, opening.end, Inquiry())
        try:
            async with self.transaction.session.transaction():
                for number, taker in enumerate(takers):
                    resource = _offer(place, taker, now, expires, holds=number == 0)
                    kept = await create_visit(self.transaction, resource, visit)
                    offer = Offer(
                        appointment=f"Appointment/{kept.id}",
                        entry=taker.waiting.name,
                        freed=stretch.number,
                        source=stretch.source,
                        schedule=place.key[0],
                        start=place.opening.start,
                        made=now,
                        expires=expires,
                        turn=turn,
                        rank=encode(parts_of(taker.rank)),
                    )
                    await waitlist.keep_offer(self.transaction.session, offer)
        except (TimeTaken, AgainstRules):
            return False
        return True

    async def _promoted(self, made: Sequence[Offer]) -> bool:
        """Whether an open offer takes its time now, as the one that took it is over."""
        standing = await read(self.transaction, {offer.appointment: 0 for offer in made if offer.outcome is None})
        held = {offer.place for offer in made if standing.get(offer.appointment, {}).get("status") == "pending"}
        for offer in made:
            resource = standing.get(offer.appointment)
            if resource is not None and offer.place not in held and await self._held(resource):
                return True
        return False

    async def _held(self, offer: Resource) -> bool:
        try:
            async with self.transaction.session.transaction():
                await self.transaction.write([Update(offered.promoted(offer))])
        except TimeTaken:
            return False
        return True


def parts_of(rank: Rank) -> list[dict[str, object]]:
    """Return the parts of a rank as JSON."""
    return [{"name": part.name, "points": part.points, "reason": part.reason} for part in rank.parts]


def _offer(place: Place, taker: Candidate, now: datetime, expires: datetime, *, holds: bool) -> Resource:
    inquiry = Inquiry(patients=taker.waiting.seek.patients, reasons=taker.waiting.reasons)
    visit = appointment_of(place.opening, place.wish.service, Booking("pending", now, expires=expires, inquiry=inquiry))
    return offered.offered(visit, taker.waiting, holds=holds)


def _ended(found: Resource, now: datetime) -> Resource:
    """Return an open offer that is over: expired, or of somebody who waits no longer."""
    made = offered.expired(found, now)
    return made if made is not found else offered.withdrawn(found, "offer-withdrawn")


def _turns(made: Sequence[Offer]) -> dict[tuple[str, int], int]:
    """Return how often each place was offered, one after another."""
    return {offer.place: offer.turn for offer in made}


def _has(places: Sequence[Place], place: Place) -> bool:
    return any(each.opening == place.opening for each in places)
