"""Edits of series: one visit, it and those that follow, or all that are to come, are cancelled or moved together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository import Repository, Transaction
from polyclinic.repository.model import Kept, Update
from polyclinic.services.scheduling.actions.booking import Desk, standing, tried
from polyclinic.services.scheduling.actions.misfits import DoesNotFit, Visits, misses_of
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.visits import Visit, moved_to, visit_moved
from polyclinic.services.scheduling.model import Occurrence
from polyclinic.services.scheduling.rules.belonging import is_exception
from polyclinic.services.scheduling.rules.changes import CANCELLABLE
from polyclinic.services.scheduling.rules.claims import Resource, claim_of, times_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.proposals import Proposal
from polyclinic.services.scheduling.rules.seeking import Seek, wish_for
from polyclinic.services.scheduling.rules.times import zone_of
from polyclinic.services.scheduling.rules.visits import Inquiry
from polyclinic.services.scheduling.rules.zones import REACH, clock_at, day_of, moment
from polyclinic.services.scheduling.store import occupations, series

Scope = Literal["this", "following", "all"]
"""Of a series: just the visit that is named, it and those after it, or all; only what is still to come."""
SCOPES: tuple[Scope, ...] = ("this", "following", "all")
_MOVABLE = frozenset({"pending", "booked"})
_NOWHERE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class _Member:
    """One visit of a series as it stands."""

    number: int
    kept: Kept
    resource: Resource

    @property
    def start(self) -> int | None:
        """When it starts, None without a time."""
        times = times_of(self.resource)
        return times[0] if times else None


class Editor:
    """Where series are changed."""

    def __init__(self, desk: Desk, rules: Rulebook) -> None:
        self._desk, self._rules = desk, rules

    async def cancel(
        self, repository: Repository, id: str, scope: Scope, reason: Mapping[str, Any] | None, party: str | None
    ) -> list[Kept]:
        """Cancel a visit and others of its series, all or nothing. Refuses: ``TooLate``, ``WrongStatus``."""

        async def cancelled(transaction: Transaction) -> list[Kept]:
            members = await _chosen(transaction, id, scope, CANCELLABLE)
            made = [await self._desk.cancelled(transaction, each.resource, reason, party) for each in members]
            return await _written(transaction, members, made)

        return await tried(repository, cancelled)

    async def move(
        self, repository: Repository, id: str, scope: Scope, to: Proposal | int, schedules: Sequence[str]
    ) -> list[Kept]:
        """Move a visit, and others of its series by as many days and to the same time of day, all or nothing.

        Exceptions stay where they are. Refuses: ``DoesNotFit``, ``TimeTaken``, ``WrongStatus``.
        """

        async def moved(transaction: Transaction) -> list[Kept]:
            directory = await self._rules.read(transaction.session)
            members = await _chosen(transaction, id, scope, _MOVABLE)
            members = [each for each in members if each.kept.id == id or not is_exception(each.resource)]
            named = next(each for each in members if each.kept.id == id)
            visit = await visit_moved(transaction, named.resource, to, schedules, directory)
            zone = _zone(visit, directory)
            goals = _goals(members, named, visit.start, zone)
            made = [
                moved_to(each.resource, visit, goal.start, directory) if goal.start is not None else each.resource
                for each, goal in zip(members, goals, strict=True)
            ]
            await _check(transaction, _visits(made, goals, visit, zone, directory), directory)
            return await _written(transaction, members, made)

        return await tried(repository, moved)


async def _chosen(transaction: Transaction, id: str, scope: Scope, statuses: frozenset[str]) -> list[_Member]:
    """Return the visit that is named, and those of its series that ``scope`` means, are to come and in ``statuses``.

    Refuses: ``NotFound``, ``Gone``.
    """
    named = await standing(transaction, id)
    numbers = dict(await series.series_of(transaction.session, id))
    own = numbers.setdefault(id, 1)
    wanted = [each for each, number in numbers.items() if scope == "all" or number >= own] if scope != "this" else []
    kept = {**await transaction.read([("Appointment", each) for each in wanted]), ("Appointment", id): named}
    members = [_Member(numbers[each.id], each, decode(each.body)) for each in kept.values() if each.body]
    now = transaction.now.timestamp()
    chosen = [each for each in members if each.kept.id == id or _is_to_come(each, statuses, now)]
    return sorted(chosen, key=lambda each: (each.number, each.kept.id))


def _is_to_come(member: _Member, statuses: frozenset[str], now: float) -> bool:
    return member.resource["status"] in statuses and (member.start is None or member.start > now)


async def _written(transaction: Transaction, members: Sequence[_Member], made: Sequence[Resource]) -> list[Kept]:
    updates = [Update(each, if_match=member.kept.version) for member, each in zip(members, made, strict=True)]
    return [written.kept for written in await transaction.write(updates) if written.kept is not None]


def _goals(members: Sequence[_Member], named: _Member, start: int, zone: ZoneInfo) -> list[Occurrence]:
    """Return where ``members`` move when ``named`` moves to ``start``: as many local days, and to the same wall clock.

    Refuses: ``Unacceptable`` for a time beyond all calendars.
    """
    if start not in REACH:
        raise Unacceptable("that is not a time anybody plans for", at="start")
    days = day_of(zone, start) - day_of(zone, named.start if named.start is not None else start)
    clock, _ = clock_at(zone, start)
    goals = []
    for member in members:
        if member is named or member.start is None:
            goals.append(Occurrence(member.number, date.fromordinal(day_of(zone, start)), start))
            continue
        day = day_of(zone, member.start) + days
        goal = moment(zone, day, clock)
        goals.append(Occurrence(member.number, date.fromordinal(day), goal.instant if goal.is_shown else None))
    return goals


def _visits(
    made: Sequence[Resource], goals: Sequence[Occurrence], visit: Visit, zone: ZoneInfo, directory: Directory
) -> Visits:
    seek = Seek((0, 0), duration=visit.end - visit.start)
    wish = wish_for(visit.service, visit.calendars, seek) if visit.calendars else None
    claims = [
        claim_of(each, directory, {}) if goal.start is not None else None
        for each, goal in zip(made, goals, strict=True)
    ]
    holders = tuple(f"Appointment/{each['id']}" for each in made)
    return Visits(tuple(goals), tuple(claims), wish, zone, holders)


async def _check(transaction: Transaction, visits: Visits, directory: Directory) -> None:
    """Check, with the locks of everybody, that all ``visits`` fit. Refuses: ``DoesNotFit``."""
    await occupations.lock(transaction.session, {name for claim in visits.claims if claim for name in claim.names})
    if misses := await misses_of(transaction, visits, directory, Inquiry()):
        raise DoesNotFit(misses)


def _zone(visit: Visit, directory: Directory) -> ZoneInfo:
    return zone_of(visit.timezone(directory) or "") or _NOWHERE
