"""Calendar feeds: made for somebody, read by whoever has the address, and ended again."""

import asyncio
import secrets
from dataclasses import dataclass
from hashlib import blake2b, sha256

from polyclinic.fhir.outcome import NotFound, Refusal
from polyclinic.kit.call import Neighbours
from polyclinic.kit.clock import Clock
from polyclinic.repository import Repository
from polyclinic.services.scheduling.actions.asking import records_of
from polyclinic.services.scheduling.actions.looking_back import appointments
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.model import Feed
from polyclinic.services.scheduling.rules.calendars import Entry, written
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.feeding import (
    LOOK_AHEAD,
    LOOK_BACK,
    Known,
    Shown,
    entry_of,
    is_shown,
    shown_of,
)
from polyclinic.services.scheduling.store import feeds

TOKEN_BYTES = 32
MOST_FEEDS = 20
"""How many feeds one calendar or one patient has at a time."""
MOST_VISITS = 2_000
"""How many visits one feed shows; of more, those that lie furthest back are left out."""


class TooManyFeeds(Refusal):
    """There are as many feeds of one calendar or patient as there may be."""

    code = "business-rule"


@dataclass(frozen=True, slots=True)
class Announcement:
    """The visits of a feed. Writing them costs most, so that what they are is known before by a tag."""

    title: str
    entries: tuple[Entry, ...]
    host: str

    @property
    def tag(self) -> str:
        """The same for the same visits, in every process."""
        return blake2b(repr((self.title, self.entries, self.host)).encode(), digest_size=12).hexdigest()

    async def written(self) -> bytes:
        """Return them as iCalendar."""
        return await asyncio.to_thread(written, self.title, self.entries, self.host)


class Announcer:
    """Shows visits where people keep their calendars. ``host`` makes its events unique in the world."""

    def __init__(self, rules: Rulebook, neighbours: Neighbours, now: Clock, host: str) -> None:
        self._rules, self._neighbours, self._now, self._host = rules, neighbours, now, host

    async def make(self, repository: Repository, subject: str, *, names: bool) -> tuple[Feed, str]:
        """Make a feed and return it with its token, which is told this once and not kept.

        Refuses: ``NotFound`` for a Schedule that is not there, ``TooManyFeeds``.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with repository.session() as session:
            _check(subject, await self._rules.read(session))
            made = await feeds.keep(session, _digest(token), Feed(subject, names, self._now()), most=MOST_FEEDS)
        if made is None:
            raise TooManyFeeds(f"{subject} has {MOST_FEEDS} calendar feeds; revoke one that nobody reads any more")
        return made, token

    async def standing(self, repository: Repository, subject: str) -> list[Feed]:
        """Return the feeds there are. Refuses: ``NotFound`` for a Schedule that is not there."""
        async with repository.session() as session:
            _check(subject, await self._rules.read(session))
            return await feeds.of_subject(session, subject)

    async def end(self, repository: Repository, subject: str, key: int) -> None:
        """End a feed: from now on its address leads nowhere. Refuses: ``NotFound`` where there is none."""
        async with repository.session() as session:
            if not await feeds.end(session, subject, key):
                raise NotFound(f"{subject} has no such calendar feed", at="revoke")

    async def calendar(self, repository: Repository, token: str) -> Announcement:
        """Return the visits of a feed. Refuses: ``NotFound`` for a token that never was or is no more.

        What is looked up is a digest: how long that takes tells nothing about tokens.
        """
        now = self._now()
        async with repository.session() as session:
            feed = await feeds.find(session, _digest(token))
            directory = await self._rules.read(session)
        actors = _actors_of(feed.subject, directory) if feed else None
        if feed is None or actors is None:
            raise NotFound("no calendar is at this address")
        between = int((now - LOOK_BACK).timestamp()), int((now + LOOK_AHEAD).timestamp())
        visits = [
            shown_of(visit, directory)
            async for visit in appointments(repository, between, most=MOST_VISITS, actors=actors)
            if is_shown(visit, feed.subject, directory, now)
        ]
        known = await self._known(visits, names=feed.names)
        entries = tuple(entry_of(visit, known, directory, names=feed.names) for visit in reversed(visits))
        return Announcement(_title(feed), entries, self._host)

    async def _known(self, visits: list[Shown], *, names: bool) -> Known:
        """Return what records knows of places and, where they are named, of patients."""
        places = {visit.place[0] for visit in visits if visit.place}
        patients = {name for visit in visits for name, said in visit.patients.items() if not said} if names else set()
        return Known(
            await records_of(self._neighbours, "Location", places),
            await records_of(self._neighbours, "Patient", patients),
        )


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _check(subject: str, directory: Directory) -> None:
    if _actors_of(subject, directory) is None:
        raise NotFound(f"there is no {subject[:96]} here")


def _actors_of(subject: str, directory: Directory) -> tuple[str, ...] | None:
    """Return whose visits are meant, None where nobody's can be."""
    if subject.startswith("Patient/"):
        return (subject,)
    calendar = directory.calendars.get(subject)
    return calendar.actors or None if calendar else None


def _title(feed: Feed) -> str:
    return "Appointments" if feed.subject.startswith("Patient/") else f"Appointments of {feed.subject}"
