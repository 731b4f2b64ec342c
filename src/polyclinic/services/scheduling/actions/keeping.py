"""The companion of scheduling: whatever takes somebody's time takes it here, or is not written.

It is called for every Appointment, Slot, Schedule and HealthcareService that is about to be written, whichever way it
came: an operation, PUT, PATCH, a transaction. Under the locks of all actors it judges what is free and gives places;
that no place is given twice is an exclusion constraint of the database beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Refusal
from polyclinic.repository.companion import Turn
from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.actions import freeing
from polyclinic.services.scheduling.actions.filling import block, refill, yield_to
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.model import Busy
from polyclinic.services.scheduling.rules.belonging import ORIGIN, membership_of
from polyclinic.services.scheduling.rules.claims import OVERRIDES, Claim, Resource, Seat, claim_of, slots_of, times_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.lanes import recoloured, vacant
from polyclinic.services.scheduling.rules.naming import event_of
from polyclinic.services.scheduling.rules.reading import calendar_of, service_of
from polyclinic.services.scheduling.rules.seating import has_room
from polyclinic.services.scheduling.store import blocks, occupations, rulebook, series, slots
from polyclinic.services.scheduling.store.occupations import Place, Span, Taken
from polyclinic.services.scheduling.store.slots import Stored

_RULES = frozenset({"HealthcareService", "Schedule"})
_ORIGIN = ORIGIN.encode()
_TAKERS = frozenset({"Appointment", "Slot"})
_ANSWERS = frozenset({"AppointmentResponse"})


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
    was: Resource | None
    becomes: Resource | None

    @property
    def keeps(self) -> bool:
        """Whether the same is taken as before."""
        return self.before is not None and self.after is not None and self.before.is_as(self.after)

    def had(self, now: datetime) -> Claim | None:
        """Return what was taken before, unless it was a hold that has expired."""
        before = self.before
        return before if before and (before.expires is None or before.expires > now) else None

    def takes(self, now: datetime) -> Claim | None:
        """Return what is to be taken; of what is over, nobody takes anything any more."""
        after = self.after
        return after if after and after.seats and after.end > now.timestamp() else None


class Keeper:
    """The companion; ``rulebook`` holds the rules by which this process judges."""

    name = "scheduling"
    types = _RULES | _TAKERS | _ANSWERS
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
        for turn in turns:
            if turn.after.type == "Schedule" and turn.before is not None:
                await freeing.note_hours(session, turn, await self._rules.read(session), now)
        await _keep_rules(session, [turn for turn in turns if turn.after.type in _RULES])
        takers = [turn for turn in turns if turn.after.type in _TAKERS]
        if takers:
            directory = await self._rules.read(session)
            await _keep_slots(session, [turn for turn in takers if turn.after.type == "Slot"], directory)
            await _keep_series(session, [turn for turn in takers if turn.after.type == "Appointment"], directory)
            changes = await _changes(session, takers, directory)
            await _settle(session, changes, now)
            noted = [freeing.Change(each.was, each.becomes, each.before, each.after) for each in changes]
            await freeing.note(session, noted, directory, now)
        responses = [turn.resource for turn in turns if turn.after.type in _ANSWERS and turn.resource]
        if responses:
            await freeing.note_responses(session, responses, await self._rules.read(session))


async def _keep_rules(session: Session, turns: Sequence[Turn]) -> None:
    for turn in turns:
        if turn.resource is not None:
            (calendar_of if turn.after.type == "Schedule" else service_of)(turn.resource)
    if turns:
        await rulebook.keep(session, [(f"{turn.after.type}/{turn.after.id}", turn.after.body) for turn in turns])


async def _keep_slots(session: Session, turns: Sequence[Turn], directory: Directory) -> None:
    """Keep of each Slot its Schedule and its times, and whether it is free."""
    found = [(f"Slot/{turn.after.id}", turn.resource) for turn in turns]
    stored = [slot for name, resource in found if resource and (slot := _stored(name, resource, directory))]
    kept = {slot.slot for slot in stored}
    await slots.keep(session, stored, leaving=[name for name, _ in found if name not in kept])


def _stored(name: str, resource: Resource, directory: Directory) -> Stored | None:
    schedule, times = directory.local(resource["schedule"]), times_of(resource)
    return Stored(name, schedule, *times, resource["status"] == "free") if schedule and times else None


async def _keep_series(session: Session, turns: Sequence[Turn], directory: Directory) -> None:
    """Keep which visits belong to which series, as far as that changes."""
    joining, leaving = [], []
    for turn in turns:
        body = turn.before.body if turn.before else None
        before = membership_of(decode(body), directory) if body and _ORIGIN in body else None
        after = membership_of(turn.resource, directory) if turn.resource else None
        if after and after != before:
            joining.append(series.Member(turn.after.id, *after))
        if before and not after:
            leaving.append(turn.after.id)
    await series.keep(session, joining, leaving=leaving)


async def _changes(session: Session, turns: Sequence[Turn], directory: Directory) -> list[_Change]:
    """Return what ``turns`` take and give back, Slots last: an Appointment may take over theirs."""
    pairs = [(decode(turn.before.body) if turn.before and turn.before.body else None, turn.resource) for turn in turns]
    named = {slot for pair in pairs for each in pair if each for slot in slots_of(each, directory)}
    schedules = await slots.schedules_of(session, list(named)) if named else {}
    closed = await blocks.among(session, list(named)) if named else set()

    def claim(resource: Resource | None) -> Claim | None:
        found = claim_of(resource, directory, schedules) if resource else None
        return replace(found, slots=tuple(slot for slot in found.slots if slot not in closed)) if found else None

    changes = [_Change(claim(before), claim(after), before, after) for before, after in pairs]
    return sorted(changes, key=lambda change: change.after.whole if change.after else False)


async def _settle(session: Session, changes: Sequence[_Change], now: datetime) -> None:
    changes = [change for change in changes if not (change.keeps and await _extended(session, change, now))]
    taking = [claim for change in changes if (claim := change.takes(now))]
    giving = [change.before for change in changes if change.before is not None]
    await occupations.lock(session, {name for claim in (*giving, *taking) for name in claim.names})
    stirred = await _give_back(session, giving)
    for change in changes:
        if claim := change.takes(now):
            stirred += await _take(session, claim, now, change.had(now))
    if stirred:
        await refill(session, stirred)


async def _give_back(session: Session, claims: Sequence[Claim]) -> list[Span]:
    """Take back all at once what changes, so that visits can change places with one another; return what that was."""
    if closed := [claim.holder for claim in claims if claim.blocks]:
        await blocks.forget(session, closed)
    return await occupations.release(session, [claim.holder for claim in claims]) if claims else []


async def _extended(session: Session, change: _Change, now: datetime) -> bool:
    """Whether what was taken stays taken, for as long as is said now; False where a hold has expired meanwhile."""
    before, after = change.before, change.after
    if before is None or after is None or before.expires == after.expires:
        return True
    return await occupations.extend(session, after.holder, after.expires, now)


async def _take(session: Session, claim: Claim, now: datetime, had: Claim | None) -> list[Span]:
    """Give ``claim`` its seats; of a block, who ``had`` some of it before may keep that.

    Returns where blocks may have to be filled again. Refuses: ``TimeTaken``.
    """
    if claim.blocks:
        await block(session, claim)
        return []
    if claim.whole and claim.holder in await occupations.taken_over(session, [claim.holder]):
        return []
    stirred = await occupations.release(session, claim.slots) if claim.slots else []
    taken = await _judge(session, claim, now, had)
    places = [place for seat in claim.seats for place in await _places(session, claim, seat, taken, stirred)]
    await occupations.take(session, claim.holder, places, starts=claim.start, slots=claim.slots, expires=claim.expires)
    return stirred


async def foresee(session: Session, claim: Claim, now: datetime) -> None:
    """Judge before anybody waits for the locks: who loses is sure to. Refuses: ``TimeTaken``."""
    found = await occupations.given(session, _spans(claim), but=[claim.holder, *claim.slots])
    _check(claim, [each for each in found if each.lasts(now)])


async def _judge(session: Session, claim: Claim, now: datetime, had: Claim | None) -> list[Taken]:
    """Return what is taken of what ``claim`` wants; what expired is taken back on the way.

    The locks of all actors are held. Refuses: ``TimeTaken`` where there is no room left.
    """
    calendars = [Span(name, claim.start, claim.end) for name in claim.calendars]
    found = await occupations.taken(session, _spans(claim), calendars=calendars, but=[claim.holder, *claim.slots])
    taken = [each for each in found if each.lasts(now)]
    if len(taken) < len(found):
        await occupations.purge(session, _spans(claim), now)
    _check(claim, [each for each in taken if not (each.is_block and had and had.covers(claim, each.actor))])
    return taken


def _check(claim: Claim, taken: Sequence[Taken]) -> None:
    if claim.overridden:
        return
    for name in claim.calendars:
        if any(each.is_block for each in taken if each.actor == name):
            raise TimeTaken(claim, name)
    for seat in claim.seats:
        busy = [each.busy for each in taken if each.actor == seat.actor]
        if busy if claim.whole else not has_room(busy, seat):
            raise TimeTaken(claim, seat.actor)


def _spans(claim: Claim) -> list[Span]:
    return [Span(seat.actor, seat.begin, seat.end) for seat in claim.seats]


async def _places(
    session: Session, claim: Claim, seat: Seat, taken: Iterable[Taken], stirred: list[Span]
) -> list[Place]:
    """Return the places that ``seat`` gets; where others change theirs for it is added to ``stirred``."""
    span = Span(seat.actor, seat.begin, seat.end)
    others = [each for each in taken if each.actor == seat.actor]
    busy = [each.busy for each in others]
    if claim.overridden:
        return [Place(span, _beyond(busy), None, None)]
    most = (seat.places or 1) + seat.beyond
    if claim.whole:
        return [Place(span, lane, most, 0) for lane in range(most)]
    lane = vacant(busy, (seat.begin, seat.end), most)
    if lane is None:
        lane = await _make_room(session, seat, stirred)
    return [Place(span, lane, most, seat.places)]


async def _make_room(session: Session, seat: Seat, stirred: list[Span]) -> int:
    """Let those who overlap change their lanes so that ``seat`` has one; return it.

    Blocks have no lanes of their own: they get what is left, where it is ``stirred``.
    """
    begin, end = seat.begin, seat.end
    while True:
        await yield_to(session, Span(seat.actor, begin, end))
        taken = await occupations.given(session, [Span(seat.actor, begin, end)])
        wider = min([begin, *(each.busy.begin for each in taken)]), max([end, *(each.busy.end for each in taken)])
        if wider == (begin, end):
            break
        begin, end = wider
    stirred.append(Span(seat.actor, begin, end))
    regular = [each for each in taken if each.busy.lane < OVERRIDES]
    lanes = recoloured([each.busy for each in regular], (seat.begin, seat.end))
    changed = {each.number: lane for each, lane in zip(regular, lanes, strict=False) if each.busy.lane != lane}
    await occupations.move(session, changed)
    return lanes[-1]


def _beyond(busy: Sequence[Busy]) -> int:
    return max([OVERRIDES - 1, *(each.lane for each in busy)]) + 1
