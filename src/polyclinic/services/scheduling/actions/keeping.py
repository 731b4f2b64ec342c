"""The companion of scheduling: whatever takes somebody's time takes it here, or is not written.

It is called for every Appointment, Slot, Schedule and HealthcareService that is about to be written, whichever way it
came: an operation, PUT, PATCH, a transaction. Under the locks of all actors it judges what is free and gives places;
that no place is given twice is an exclusion constraint of the database beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Refusal
from polyclinic.repository.companion import Turn
from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.model import Busy
from polyclinic.services.scheduling.rules.claims import OVERRIDES, Claim, Resource, Seat, claim_of, slots_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.lanes import recoloured, vacant
from polyclinic.services.scheduling.rules.naming import event_of
from polyclinic.services.scheduling.rules.reading import calendar_of, service_of
from polyclinic.services.scheduling.rules.seating import has_room
from polyclinic.services.scheduling.store import occupations, rulebook
from polyclinic.services.scheduling.store.occupations import Place, Span, Taken

_RULES = frozenset({"HealthcareService", "Schedule"})
_TAKERS = frozenset({"Appointment", "Slot"})


class TimeTaken(Refusal):
    """Somebody else has the time that was asked for. ``claim`` is what was asked, ``actor`` who is taken."""

    code = "conflict"

    def __init__(self, claim: Claim, actor: str) -> None:
        super().__init__(f"{actor} is taken at that time", at=claim.holder)
        self.claim, self.actor = claim, actor


@dataclass(frozen=True, slots=True)
class _Change:
    before: Claim | None
    after: Claim | None

    @property
    def keeps(self) -> bool:
        """Whether the same is taken as before."""
        return self.before is not None and self.after is not None and self.before.is_as(self.after)

    def takes(self, now: datetime) -> Claim | None:
        """Return what is to be taken; of what is over, nobody takes anything any more."""
        after = self.after
        return after if after and after.seats and after.end > now.timestamp() else None


class Keeper:
    """The companion; ``rulebook`` holds the rules by which this process judges."""

    name = "scheduling"
    types = _RULES | _TAKERS
    tables = files("polyclinic.services.scheduling") / "store" / "migrations"

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules

    def event_of(self, turn: Turn) -> str | None:
        """Return what an Appointment's change is called."""
        if turn.after.type != "Appointment" or turn.resource is None:
            return None
        before = decode(turn.before.body) if turn.before and turn.before.body else None
        return event_of(before, turn.resource)

    async def accompany(self, session: Session, turns: Sequence[Turn], now: datetime) -> None:
        """Keep rules, and give and take back time. Refuses: ``Invalid`` for bad rules, ``TimeTaken``."""
        await _keep_rules(session, [turn for turn in turns if turn.after.type in _RULES])
        takers = [turn for turn in turns if turn.after.type in _TAKERS]
        if takers:
            directory = await self._rules.read(session)
            await _keep_slots(session, [turn for turn in takers if turn.after.type == "Slot"], directory)
            await _settle(session, await _changes(session, takers, directory), now)


async def _keep_rules(session: Session, turns: Sequence[Turn]) -> None:
    for turn in turns:
        if turn.resource is not None:
            (calendar_of if turn.after.type == "Schedule" else service_of)(turn.resource)
    if turns:
        await rulebook.keep(session, [(f"{turn.after.type}/{turn.after.id}", turn.after.body) for turn in turns])


async def _keep_slots(session: Session, turns: Sequence[Turn], directory: Directory) -> None:
    if turns:
        schedules = [
            (f"Slot/{turn.after.id}", directory.local(turn.resource["schedule"]) if turn.resource else None)
            for turn in turns
        ]
        await rulebook.keep_slots(session, schedules)


async def _changes(session: Session, turns: Sequence[Turn], directory: Directory) -> list[_Change]:
    """Return what ``turns`` take and give back, Slots last: an Appointment may take over theirs."""
    pairs = [(decode(turn.before.body) if turn.before and turn.before.body else None, turn.resource) for turn in turns]
    slots = {slot for pair in pairs for each in pair if each for slot in slots_of(each, directory)}
    schedules = await rulebook.schedules_of(session, list(slots)) if slots else {}

    def claim(resource: Resource | None) -> Claim | None:
        return claim_of(resource, directory, schedules) if resource else None

    changes = [_Change(claim(before), claim(after)) for before, after in pairs]
    return sorted(changes, key=lambda change: change.after.whole if change.after else False)


async def _settle(session: Session, changes: Sequence[_Change], now: datetime) -> None:
    changes = [change for change in changes if not (change.keeps and await _extended(session, change, now))]
    taking = [claim for change in changes if (claim := change.takes(now))]
    given_back = [change.before.holder for change in changes if change.before is not None]
    await occupations.lock(session, {seat.actor for claim in taking for seat in claim.seats})
    if given_back:
        await occupations.release(session, given_back)
    for claim in taking:
        await _take(session, claim, now)


async def _extended(session: Session, change: _Change, now: datetime) -> bool:
    """Whether what was taken stays taken, for as long as is said now; False where a hold has expired meanwhile."""
    before, after = change.before, change.after
    if before is None or after is None or before.expires == after.expires:
        return True
    return await occupations.extend(session, after.holder, after.expires, now)


async def _take(session: Session, claim: Claim, now: datetime) -> None:
    """Give ``claim`` its seats. Refuses: ``TimeTaken``."""
    if claim.whole and claim.holder in await occupations.taken_over(session, [claim.holder]):
        return
    if claim.slots:
        await occupations.release(session, claim.slots)
    taken = await judge(session, claim, now)
    places = [place for seat in claim.seats for place in await _places(session, claim, seat, taken)]
    await occupations.take(session, claim.holder, places, starts=claim.start, slots=claim.slots, expires=claim.expires)


async def judge(session: Session, claim: Claim, now: datetime) -> list[Taken]:
    """Return what is taken of what ``claim`` wants; what expired is taken back on the way.

    Only what is judged under the locks of all actors will last. Refuses: ``TimeTaken`` where there is no room left.
    """
    found = await occupations.taken(session, _spans(claim), but=[claim.holder, *claim.slots])
    taken = [each for each in found if each.expires is None or each.expires > now]
    if len(taken) < len(found):
        await occupations.purge(session, _spans(claim), now)
    for seat in claim.seats if not claim.overridden else ():
        busy = [each.busy for each in taken if each.actor == seat.actor]
        if busy if claim.whole else not has_room(busy, seat):
            raise TimeTaken(claim, seat.actor)
    return taken


def _spans(claim: Claim) -> list[Span]:
    return [Span(seat.actor, seat.begin, seat.end) for seat in claim.seats]


async def _places(session: Session, claim: Claim, seat: Seat, taken: Iterable[Taken]) -> list[Place]:
    """Return the places that ``seat`` gets; others change theirs where that makes room."""
    span = Span(seat.actor, seat.begin, seat.end)
    others = [each for each in taken if each.actor == seat.actor]
    busy = [each.busy for each in others]
    if claim.overridden:
        return [Place(span, _beyond(busy), None, None)]
    most = (seat.places or 1) + seat.beyond
    if claim.whole:
        return [Place(span, lane, most, seat.places) for lane in range(most)]
    lane = vacant(busy, (seat.begin, seat.end), most)
    if lane is None:
        lane = await _make_room(session, seat)
    return [Place(span, lane, most, seat.places)]


async def _make_room(session: Session, seat: Seat) -> int:
    """Let those who overlap change their lanes so that ``seat`` has one; return it."""
    begin, end = seat.begin, seat.end
    while True:
        taken = await occupations.taken(session, [Span(seat.actor, begin, end)])
        wider = min([begin, *(each.busy.begin for each in taken)]), max([end, *(each.busy.end for each in taken)])
        if wider == (begin, end):
            break
        begin, end = wider
    regular = [each for each in taken if each.busy.lane < OVERRIDES]
    lanes = recoloured([each.busy for each in regular], (seat.begin, seat.end))
    changed = {each.number: lane for each, lane in zip(regular, lanes, strict=False) if each.busy.lane != lane}
    await occupations.move(session, changed)
    return lanes[-1]


def _beyond(busy: Sequence[Busy]) -> int:
    return max([OVERRIDES - 1, *(each.lane for each in busy)]) + 1
