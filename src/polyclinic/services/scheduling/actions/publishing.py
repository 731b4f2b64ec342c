"""Publishing: the free times of public services, worked out from the rules each time somebody asks."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import NotFound, Unavailable
from polyclinic.kit.call import Neighbours
from polyclinic.kit.clock import Clock
from polyclinic.repository import Repository
from polyclinic.services.scheduling.actions.asking import records_of
from polyclinic.services.scheduling.actions.finding import diary_of, find, found_in, objections
from polyclinic.services.scheduling.actions.offers import AgainstRules, proposed
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.model import Diary, Interval, Wish
from polyclinic.services.scheduling.rules import publishing as rules
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.proposals import proposal_of
from polyclinic.services.scheduling.rules.seeking import Seek, wish_for
from polyclinic.services.scheduling.rules.visits import Inquiry, Resource
from polyclinic.services.scheduling.store import rulebook

TOGETHER = 200
"""How many Slots are worked out before others have their turn."""


class NoLongerFree(AgainstRules):
    """What was published has been taken since, or the rules have changed."""

    code = "conflict"


@dataclass(frozen=True, slots=True)
class Week:
    """The free times of one week: what they are worked out from, and a digest of what comes out."""

    within: Interval
    wishes: list[Wish]
    diary: Diary
    directory: Directory
    tag: str

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the Slots in order of time, a line each, some at once."""
        lines: list[bytes] = []
        for opening, service in found_in(self.diary, self.wishes, self.within):
            slot = rules.slot_of(opening, service, self.diary, self.directory)
            lines += [encode(slot), b"\n"] if slot else []
            if len(lines) >= 2 * TOGETHER:
                yield b"".join(lines)
                lines.clear()
                await asyncio.sleep(0)
        yield b"".join(lines)


class Publisher:
    """Tells everybody when public services can be had."""

    def __init__(self, rulebook: Rulebook, neighbours: Neighbours, now: Clock) -> None:
        self._rules, self._neighbours, self._now = rulebook, neighbours, now
        self._tags: dict[Interval, tuple[str, str]] = {}

    def weeks(self) -> list[Interval]:
        """Return the weeks that are published."""
        return rules.weeks(int(self._now().timestamp()))

    async def week(self, repository: Repository, within: Interval) -> Week:
        """Return the free times of a week. Whether they are the same as before is known by their tag."""
        now = self._now()
        async with repository.session() as session:
            directory = await self._rules.read(session)
            wishes = rules.public_wishes(directory, within)
            diary = await diary_of(session, wishes, within, now)
        diary = replace(diary, now=rules.holds_until(diary.now))
        source = _fingerprint(directory, diary)
        week = Week(within, wishes, diary, directory, "")
        known = self._tags.get(within)
        tag = known[1] if known and known[0] == source else await _digest(week)
        kept = {each: self._tags[each] for each in self.weeks() if each in self._tags}
        self._tags = kept | {within: (source, tag)}
        return replace(week, tag=tag)

    async def schedules(self, repository: Repository) -> list[Resource]:
        """Return the Schedules of which free times are published."""
        async with repository.session() as session:
            directory = await self._rules.read(session)
            given = rules.given_by(rules.public_wishes(directory, (0, 0)))
            found = await rulebook.bodies(session, sorted(given))
        return [rules.schedule_of(decode(found[name]), given[name]) for name in sorted(found)]

    async def locations(self, repository: Repository) -> list[Resource]:
        """Return where public services are given. Refuses: ``Unavailable`` while records does not answer."""
        async with repository.session() as session:
            directory = await self._rules.read(session)
        given = rules.given_by(rules.public_wishes(directory, (0, 0)))
        found = await records_of(self._neighbours, "Location", rules.places_of(given, directory))
        return [rules.location_of(location) for _, location in sorted(found.items())]

    async def states(self, repository: Repository) -> list[str]:
        """Return the states in which public services are given; none are known while records does not answer."""
        try:
            places = await self.locations(repository)
        except Unavailable:
            return []
        return sorted({place["address"]["state"] for place in places if "state" in place.get("address", {})})

    async def bookable(self, repository: Repository, id: str) -> Resource:
        """Return a published Slot as the Appointment that $hold and $book take.

        Refuses: ``NotFound`` for what was never published, ``NoLongerFree`` with what could be had instead.
        """
        now, proposal = self._now(), proposal_of(id)
        async with repository.session() as session:
            directory = await self._rules.read(session)
            names = [directory.names.get(key, "") for key in proposal.calendars] if proposal else []
            service = directory.services.get(directory.names.get(proposal.service, "")) if proposal else None
            calendars = [directory.calendars[name] for name in names if name in directory.calendars]
            if proposal is None or service is None or not service.public or len(calendars) < len(names):
                raise NotFound("no such time is published here; look at $bulk-publish for those that are", at="slot")
            wish = wish_for(service, calendars, Seek((0, 0), duration=proposal.duration))
            between = proposal.start, proposal.start + 1
            found = await find(session, [wish], between, now, most=1)
            if not found:
                raise NoLongerFree(await objections(session, wish, proposal.start, now), wish, proposal.start)
        appointment = proposed(found[0], directory, Inquiry(), 0, now)
        assert appointment is not None  # its id has just been read
        return appointment


def _fingerprint(directory: Directory, diary: Diary) -> str:
    """Return what free times depend on, in short: the rules, the time, and all that is taken, in whatever order."""
    said = [(each.name, _in_order(getattr(diary, each.name))) for each in fields(diary)]
    return blake2b(repr((directory.number, said)).encode(), digest_size=16).hexdigest()


def _in_order(value: object) -> object:
    if isinstance(value, Mapping):
        return sorted((repr(key), _in_order(each)) for key, each in value.items())
    return sorted(map(repr, value)) if isinstance(value, Sequence) else value


async def _digest(week: Week) -> str:
    digest = blake2b(digest_size=12)
    async for piece in week.pieces():
        digest.update(piece)
    return digest.hexdigest()
