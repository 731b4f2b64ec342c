"""Blocking: time is closed, and for everybody who has a visit then it is said where it could go."""

from collections.abc import Sequence
from dataclasses import dataclass

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import NotFound
from polyclinic.repository import Repository, Transaction
from polyclinic.repository.model import Create, Delete
from polyclinic.services.scheduling.actions.finding import Found, find
from polyclinic.services.scheduling.actions.offers import LOOK_AHEAD, PROPOSALS, proposed, wish_of
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.visiting import affected
from polyclinic.services.scheduling.model import Calendar, Opening, Wish
from polyclinic.services.scheduling.rules.claims import BLOCK, Claim, Resource, extension_of
from polyclinic.services.scheduling.rules.closing import Closing, check_closing, slot_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.seeking import Seek, wishes_of
from polyclinic.services.scheduling.rules.visits import Inquiry
from polyclinic.services.scheduling.store import blocks, occupations

MOST_LOOKED_AT = 300
"""Openings that are looked at for one visit that has to move."""


@dataclass(frozen=True, slots=True)
class Moving:
    """A visit that has to move, and where to it could."""

    appointment: Resource
    proposals: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """What was closed, or would be, and who has to move, in order of time."""

    slot: Resource
    moving: tuple[Moving, ...]


class _RehearsalOver(Exception):
    """Takes back what was only tried."""


class Blocker:
    """Closes times and opens them again."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules

    async def block(self, repository: Repository, closing: Closing, *, rehearse: bool) -> Closed:
        """Close a time; the same again changes nothing. To ``rehearse`` is to tell only what would have to move.

        What is booked stays booked, and what is given back of it goes to the block.
        Refuses: ``NotFound``, ``Unacceptable``, ``TooCostly``.
        """
        try:
            async with repository.transaction() as transaction:
                closed = await self._closed(transaction, closing)
                if rehearse:
                    raise _RehearsalOver
        except _RehearsalOver:
            slot = {name: value for name, value in closed.slot.items() if name not in ("id", "meta")}
            return Closed(slot, closed.moving)
        return closed

    async def unblock(self, repository: Repository, schedule: str, within: tuple[int, int], slot: str | None) -> int:
        """Open again what blocks of a Schedule close within [begin, end), or just what ``slot`` does.

        Returns how many blocks that were. Refuses: ``NotFound`` where there is none.
        """
        async with repository.transaction() as transaction:
            found = [name for name, _, _ in await blocks.of_schedule(transaction.session, schedule, *within)]
            named = [name for name in found if slot in (None, name)]
            if not named:
                raise NotFound(f"nothing of {schedule} is blocked then", at="slot-reference" if slot else "start")
            await transaction.write([Delete("Slot", name.removeprefix("Slot/")) for name in named])
        return len(named)

    async def _closed(self, transaction: Transaction, closing: Closing) -> Closed:
        now = int(transaction.now.timestamp())
        check_closing(closing, now)
        directory = await self._rules.read(transaction.session)
        calendar = directory.calendars.get(closing.schedule)
        if calendar is None:
            raise NotFound(f"there is no {closing.schedule} here")
        await occupations.lock(transaction.session, {*calendar.actors, calendar.name})
        slot = await _standing(transaction, closing) or await _made(transaction, closing, calendar, directory)
        return Closed(slot, await _movings(transaction, closing, calendar, directory))


async def _standing(transaction: Transaction, closing: Closing) -> Resource | None:
    """Return the Slot that closes just this already."""
    found = await blocks.of_schedule(transaction.session, closing.schedule, closing.start, closing.end)
    ids = [name.removeprefix("Slot/") for name, begin, end in found if (begin, end) == (closing.start, closing.end)]
    for kept in (await transaction.read([("Slot", id) for id in ids])).values():
        slot = decode(kept.body) if kept.body else {}
        if (extension_of(slot, BLOCK) or {}).get("valueCode") == closing.scope:
            return slot
    return None


async def _made(transaction: Transaction, closing: Closing, calendar: Calendar, directory: Directory) -> Resource:
    zone = directory.parameters_of(calendar).timezone
    written = (await transaction.write([Create(slot_of(closing, calendar, zone))]))[0]
    assert written.kept is not None  # a create without condition always leaves something
    made: Resource = decode(written.kept.body or b"")
    return made


async def _movings(
    transaction: Transaction, closing: Closing, calendar: Calendar, directory: Directory
) -> tuple[Moving, ...]:
    visits = await affected(transaction, closing, calendar, directory)
    given: set[tuple[int, str]] = set()
    return tuple([await _moving(transaction, each, claim, directory, given) for each, claim in visits])


async def _moving(
    transaction: Transaction, appointment: Resource, claim: Claim, directory: Directory, given: set[tuple[int, str]]
) -> Moving:
    """Return where a visit could go: to its own calendars or else to others of its service, and not to times
    ``given`` to another one; those it gets are added to them."""
    wish = wish_of(claim, directory)
    chosen: list[Found] = []
    for wishes in ([wish], _wider(wish, claim, directory)) if wish else ():
        for found in await _openings(transaction, wishes, claim, len(given)):
            if len(chosen) < PROPOSALS and not _keys(found[0]) & given:
                chosen.append(found)
                given |= _keys(found[0])
    inquiry = Inquiry(patients=wish.companions if wish else ())
    offers = (proposed(found, directory, inquiry, 0, transaction.now) for found in chosen)
    return Moving(appointment, tuple(offer for offer in offers if offer))


async def _openings(transaction: Transaction, wishes: Sequence[Wish], claim: Claim, given: int) -> list[Found]:
    now = transaction.now
    begin = max(claim.start, int(now.timestamp()))
    most = min(PROPOSALS + given, MOST_LOOKED_AT)
    between = begin, begin + LOOK_AHEAD
    return await find(transaction.session, wishes, between, now, most=most, but=[claim.holder])


def _wider(wish: Wish, claim: Claim, directory: Directory) -> list[Wish]:
    if not wish.service.name:
        return []
    length = claim.end - claim.start
    seek = Seek((0, 0), services=(wish.service.name,), patients=wish.companions, duration=length)
    return wishes_of(seek, directory)


def _keys(opening: Opening) -> set[tuple[int, str]]:
    return {(opening.start, calendar.name) for calendar in opening.calendars}
