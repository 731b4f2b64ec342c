"""A clinic's month, simulated: patients cancel, call, wait and answer; the service under it is the real one.

Three clinicians with 20 visits a day, all booked when the month begins. The clock is simulated; the repository, the
companion, the rules and the actions are those that serve, on a real PostgreSQL. What people do is drawn from a seed,
so that every way of filling gaps meets the same people.
"""

import heapq
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import practice

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Refusal
from polyclinic.repository import Repository
from polyclinic.repository.model import Create, Keeping, Update
from polyclinic.services.scheduling.actions.booking import Asked, Desk
from polyclinic.services.scheduling.actions.finding import find
from polyclinic.services.scheduling.actions.keeping import Keeper
from polyclinic.services.scheduling.actions.offering import Clerk
from polyclinic.services.scheduling.actions.offers import proposed
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.manifest import manifest
from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.ranking import Rank, Ranking, rank_of
from polyclinic.services.scheduling.rules.seeking import wishes_of
from polyclinic.services.scheduling.rules.visits import Inquiry
from polyclinic.services.scheduling.rules.waiting import WAITLIST, suits, waiting_of

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 11, 30, 6, 0, tzinfo=BERLIN)
DAYS, CLINICIANS, VISITS = 20, 3, 20
MINUTES = 30
CANCELS = 0.177
LEAD_DAYS = 5.0
"""Mean of the days before a visit at which it is cancelled, exponential."""
WAIT_AT_FIRST, WANT_EARLIER, CALLS_A_DAY = 60, 0.125, 3.0
ANSWER_MINUTES = 12.0
"""Mean of the minutes after which somebody answers who does, exponential."""
WAKING = range(7, 22)
HORIZON = timedelta(days=14)
_OPEN_OFFERS = "select appointment, entry, expires from offer where outcome is null"


@dataclass(frozen=True)
class Way:
    """A way of filling gaps: by which ranking (None: nobody is asked), and the settings of the service."""

    name: str
    ranking: Ranking | None = rank_of
    settings: dict[str, int] = field(default_factory=dict)


def by_waiting_alone(*, priority: int, since: int, now: int, offers: int) -> Rank:
    """Rank by who has waited longest and nothing else: first come, first served."""
    return Rank((), since)


@dataclass
class Person:
    """Somebody who waits: what they wish, since when, and what became of it."""

    name: str
    priority: int
    wishes: list[dict]
    actors: list[str]
    since: datetime
    keeps: str | None = None
    offers: int = 0
    served: datetime | None = None
    sooner: timedelta | None = None


@dataclass
class Gap:
    """A visit that was given back: when, and when the time was booked again."""

    place: tuple[str, str]
    start: datetime
    given_back: datetime
    cancelled: bool
    refilled: datetime | None = None


class Month:
    """One month, one way of filling gaps."""

    def __init__(self, seed: int, way: Way, acceptance: float) -> None:
        self.seed, self.way, self.acceptance = seed, way, acceptance
        self.now = BEGIN
        self.rules = Rulebook("http://clinic.test/fhir/")
        self.desk = Desk(self.rules, self.clock)
        self.clerk = Clerk(self.rules, self.desk, way.ranking or rank_of)
        self.people: dict[str, Person] = {}
        self.gaps: list[Gap] = []
        self.booked: set[tuple[str, str]] = set()
        self.offered: set[str] = set()
        self._events: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self._number = 0

    def clock(self) -> datetime:
        return self.now.astimezone(UTC)

    def chance(self, *what: object) -> random.Random:
        """Return what decides about ``what``, the same in every way of filling gaps."""
        return random.Random(f"{self.seed} {what}")

    async def run(self, dsn: str) -> None:
        """Live through the month."""
        keeping = Keeping(frozenset(manifest.owns), base="http://clinic.test/fhir/")
        self.repository = await Repository.open(
            dsn, clock=self.clock, connections=2, keeping=keeping, companion=Keeper(self.rules)
        )
        try:
            await self._open()
            await self._look()
            end = BEGIN + timedelta(weeks=DAYS // 5)
            while self._events and self._events[0][0] < end:
                self.now, _, happen = heapq.heappop(self._events)
                await happen()
                await self._look()
        finally:
            await self.repository.close()

    def later(self, when: datetime, happen: Callable[[], Awaitable[None]]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, happen))

    async def _open(self) -> None:
        rules = practice.resources(CLINICIANS)
        said = {"offerWindow": "valueDuration", "offersAtOnce": "valuePositiveInt", "offerTries": "valuePositiveInt"}
        for name, value in self.way.settings.items():
            number = practice.minutes(value) if name == "offerWindow" else value
            rules[0]["extension"][0]["extension"].append({"url": name, said[name]: number})
        async with self.repository.transaction() as transaction:
            await transaction.write([Update(each) for each in rules])
        for day in range(DAYS):
            await self._fill(BEGIN.replace(hour=8) + timedelta(days=day // 5 * 7 + day % 5))
        for number in range(WAIT_AT_FIRST):
            chance = self.chance("first", number)
            person = self._person(f"first-{number}", chance, BEGIN - timedelta(days=chance.uniform(0, 60)))
            await self._wait(person)
        for day in range(DAYS):
            self._calls(BEGIN + timedelta(days=day // 5 * 7 + day % 5))

    async def _fill(self, opens: datetime) -> None:
        """Book a day full; draw who will cancel and who would rather come earlier."""
        visits = []
        for clinician in range(CLINICIANS):
            for number in range(VISITS):
                start = opens + timedelta(minutes=MINUTES * number)
                patient = f"p-{clinician}-{start:%d-%H%M}"
                visits.append((_visit(clinician, start, patient), clinician, start, patient))
        async with self.repository.transaction() as transaction:
            written = await transaction.write([Create(visit, visit["id"]) for visit, *_ in visits])
        for (_, clinician, start, patient), done in zip(visits, written, strict=True):
            assert done.kept is not None
            self._book((f"Practitioner/bench-{clinician}", start.isoformat()), done.kept.id, start, patient)
            chance = self.chance("earlier", patient)
            if start - BEGIN > timedelta(days=7) and chance.random() < WANT_EARLIER:
                since = BEGIN - timedelta(days=chance.uniform(0, 30))
                person = self._person(f"earlier-{patient}", chance, since, keeps=f"Appointment/{done.kept.id}")
                self.later(BEGIN, lambda person=person, patient=patient: self._wait(person, patient))

    def _book(self, place: tuple[str, str], id: str, start: datetime, patient: str) -> None:
        """Note a booking and draw when it will be cancelled, if it will."""
        self.booked.add(place)
        for gap in self.gaps:
            if gap.place == place and gap.refilled is None:
                gap.refilled = self.now
        chance = self.chance("cancels", patient)
        if chance.random() < CANCELS:
            when = start - timedelta(days=chance.expovariate(1 / LEAD_DAYS))
            if when <= self.now:
                when = self.now + (start - self.now) * chance.random()
            when = when.replace(hour=min(max(when.hour, WAKING.start), WAKING.stop - 1))
            if self.now < when < start:
                self.later(when, lambda: self._cancel(place, id, start))

    async def _cancel(self, place: tuple[str, str], id: str, start: datetime) -> None:
        kept = await self.repository.read("Appointment", id)
        assert kept is not None and kept.body is not None
        if decode(kept.body)["status"] == "booked":
            await self.desk.cancel(self.repository, id, None, "patient")
            self._gave_back(place, start, cancelled=True)

    def _gave_back(self, place: tuple[str, str], start: datetime, *, cancelled: bool) -> None:
        self.booked.discard(place)
        self.gaps.append(Gap(place, start, self.now, cancelled))

    def _person(self, name: str, chance: random.Random, since: datetime, keeps: str | None = None) -> Person:
        wishes: list[dict] = []
        if chance.random() < 0.3:
            early = chance.random() < 0.5
            wishes.append({"url": "timeTo" if early else "timeFrom", "valueTime": "12:30:00"})
        if chance.random() < 0.3:
            days = chance.sample(("mon", "tue", "wed", "thu", "fri"), 3)
            wishes += [{"url": "weekdays", "valueCode": day} for day in days]
        notice = chance.choices((60, 240, 1440), (25, 50, 25))[0]
        wishes.append({"url": "earliestNotice", "valueDuration": practice.minutes(notice)})
        if keeps:
            wishes.append({"url": "keep", "valueReference": {"reference": keeps}})
        actors = [practice.SERVICE]
        if chance.random() < 0.3:
            actors.append(f"Practitioner/bench-{chance.randrange(CLINICIANS)}")
        return Person(name, chance.choices((2, 5, 8), (10, 60, 30))[0], wishes, actors, since, keeps)

    async def _wait(self, person: Person, patient: str | None = None) -> None:
        self.people[f"Appointment/{person.name}"] = person
        if self.way.ranking is not None:
            async with self.repository.transaction() as transaction:
                await transaction.write([Create(_entry(person, patient), person.name)])

    def _calls(self, day: datetime) -> None:
        chance = self.chance("calls", day.date())
        when = 0.0
        number = 0
        while (when := when + chance.expovariate(CALLS_A_DAY / 10)) < 10:
            self.later(
                day.replace(hour=8) + timedelta(hours=when),
                lambda number=number: self._called(f"caller-{day:%d}-{number}"),
            )
            number += 1

    async def _called(self, name: str) -> None:
        """Somebody calls: books the first time that suits, else waits."""
        person = self._person(name, self.chance(name), self.now)
        now, zone = self.clock(), BERLIN
        async with self.repository.session() as session:
            directory = await self.rules.read(session)
            waiting = waiting_of(_entry(person, None) | {"id": name}, directory, int(now.timestamp()))
            between = int(now.timestamp()), int((now + HORIZON).timestamp())
            found = await find(session, wishes_of(waiting.seek, directory), between, now, most=200)
        for each in found:
            opening = each[0]
            if suits(waiting, (opening.start, opening.end), zone, now=int(now.timestamp())):
                proposal = proposed(each, directory, Inquiry(), 0, now)
                assert proposal is not None
                kept = await self.desk.book(self.repository, proposal["id"], Asked((f"Patient/{name}",)))
                start = datetime.fromtimestamp(opening.start, BERLIN)
                self._book((opening.calendars[0].actors[0], start.isoformat()), kept.id, start, name)
                return
        await self._wait(person)

    async def _look(self) -> None:
        """Let the clerk do all there is to do, and let those who were offered something answer."""
        if self.way.ranking is None:
            return
        while await self.clerk.work(self.repository):
            pass
        async with self.repository.session() as session:
            rows = await session.fetch(_OPEN_OFFERS)
        for row in rows:
            if row["appointment"] not in self.offered:
                self.offered.add(row["appointment"])
                self._offered(row["appointment"].partition("/")[2], row["entry"], row["expires"].astimezone(BERLIN))

    def _offered(self, id: str, entry: str, expires: datetime) -> None:
        person = self.people[entry]
        person.offers += 1
        self.later(expires + timedelta(seconds=1), _nothing)
        chance = self.chance("answer", person.name, person.offers)
        accepts, says_no = chance.random() < self.acceptance, chance.random() < 0.5
        awake = self.now if self.now.hour in WAKING else (self.now + timedelta(hours=9)).replace(hour=7, minute=0)
        when = awake + timedelta(minutes=chance.expovariate(1 / ANSWER_MINUTES))
        if when < expires and (accepts or says_no):
            self.later(when, lambda: self._accept(id, person) if accepts else self._decline(id))

    async def _accept(self, id: str, person: Person) -> None:
        try:
            kept = await self.desk.change(self.repository, id, lambda found, now: changes.booked(found))
        except Refusal:
            return  # somebody asked at the same time was quicker
        visit = decode(kept.body or b"")
        start = datetime.fromisoformat(visit["start"])
        person.served = self.now
        if person.keeps:
            replaced = await self.repository.read("Appointment", person.keeps.partition("/")[2])
            assert replaced is not None and replaced.body is not None
            old = decode(replaced.body)
            before = datetime.fromisoformat(old["start"])
            place = _place(old)
            if old["status"] == "cancelled" and place in self.booked:
                person.sooner = before - start
                self._gave_back(place, before, cancelled=False)
        self._book(_place(visit), id, start, f"{person.name} again")

    async def _decline(self, id: str) -> None:
        await self.desk.cancel(self.repository, id, None, "patient")


async def _nothing() -> None:
    """Time passes."""


def _place(visit: dict) -> tuple[str, str]:
    actors = (each["actor"]["reference"] for each in visit["participant"])
    return next(actor for actor in actors if actor.startswith("Practitioner/")), visit["start"]


def _visit(clinician: int, start: datetime, patient: str) -> dict:
    actors = (f"Patient/{patient}", f"Practitioner/bench-{clinician}", practice.SERVICE)
    return {
        "resourceType": "Appointment",
        "id": f"v-{patient}",
        "status": "booked",
        "extension": [
            {
                "url": "urn:polyclinic:extension:schedule",
                "valueReference": {"reference": f"Schedule/bench-{clinician}"},
            }
        ],
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=MINUTES)).isoformat(),
        "minutesDuration": MINUTES,
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }


def _entry(person: Person, patient: str | None) -> dict:
    actors = [f"Patient/{patient or person.name}", *person.actors]
    return {
        "resourceType": "Appointment",
        "status": "waitlist",
        "extension": [{"url": WAITLIST, "extension": person.wishes}],
        "priority": person.priority,
        "created": person.since.isoformat(),
        "participant": [{"actor": {"reference": actor}, "status": "needs-action"} for actor in actors],
    }
