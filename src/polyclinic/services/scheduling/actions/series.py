"""Series: visits that recur, booked all or nothing, or as far as they fit, or only looked at.

All in one transaction that holds the locks of everybody in them from the beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository import Repository, Transaction
from polyclinic.repository.ids import new_id
from polyclinic.repository.model import Create, Kept
from polyclinic.services.scheduling.actions.booking import Asked
from polyclinic.services.scheduling.actions.misfits import DoesNotFit, Miss, Visits, at, misses_of
from polyclinic.services.scheduling.actions.offers import proposed
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.visits import Visit, visit_of, visit_written
from polyclinic.services.scheduling.model import Occurrence, Opening, Recurrence
from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.belonging import belonging, membership_of
from polyclinic.services.scheduling.rules.claims import Claim, Resource, claim_of, extension_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.proposals import Proposal
from polyclinic.services.scheduling.rules.recurrence import RECURRENCE_URL
from polyclinic.services.scheduling.rules.seeking import Seek, wish_for
from polyclinic.services.scheduling.rules.series import occurrences
from polyclinic.services.scheduling.rules.times import zone_of
from polyclinic.services.scheduling.rules.visits import Booking, appointment_of, instant_of
from polyclinic.services.scheduling.store import occupations, series

Mode = Literal["preview", "all", "fitting"]
"""Only look; book all or nothing; book what fits."""
_NOWHERE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a series is to be: its ``first`` visit, proposed or written as an Appointment, and how it goes on.

    ``template`` is the extension that says ``recurrence``.
    """

    first: Proposal | Resource
    recurrence: Recurrence
    template: Mapping[str, Any]
    asked: Asked


@dataclass(frozen=True, slots=True)
class Series:
    """The visits of a series, as Appointments in their order, and those that do not fit."""

    visits: tuple[Resource, ...]
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """A series before it is booked: the first visit, what it takes, and all visits that it stands for."""

    first: Resource
    visit: Visit
    claim: Claim
    visits: Visits
    directory: Directory
    wanted: Wanted

    @property
    def inquiry(self) -> int:
        """The key of who asked and why, 0 without one that still holds."""
        first = self.wanted.first
        return first.inquiry if isinstance(first, Proposal) and not self.wanted.asked.patients else 0

    def appointment(self, start: int) -> Resource:
        """Return the Appointment of the visit that starts at ``start``."""
        zone, end = self.visits.zone.key, start + self.claim.end - self.claim.start
        return {**self.first, "start": instant_of(start, zone), "end": instant_of(end, zone)}

    @property
    def starting(self) -> list[tuple[Occurrence, int]]:
        """The visits that have a time, with it."""
        return [(each, each.start) for each in self.visits.occurrences if each.start is not None]


class Seriesmaker:
    """Where series are booked."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules

    async def book(self, repository: Repository, wanted: Wanted, mode: Mode) -> Series:
        """Book a series, or what ``mode`` says; the same request again gives the same series.

        Refuses: ``DoesNotFit``; ``Unacceptable`` for a first visit without a time; ``TooCostly``.
        """
        async with repository.transaction() as transaction:
            plan = await self._planned(transaction, wanted)
            if mode != "preview":
                await occupations.lock(transaction.session, set(plan.claim.names))
                if found := await _standing(transaction, plan):
                    return found
            misses = await misses_of(transaction, plan.visits, plan.directory, plan.visit.inquiry)
            if mode == "preview":
                return Series(_previewed(transaction, plan, misses), tuple(misses))
            missed = {miss.visit.number for miss in misses}
            fitting = [(visit, start) for visit, start in plan.starting if visit.number not in missed]
            if (misses and mode == "all") or not fitting:
                raise DoesNotFit(misses)
            return Series(await _booked(transaction, plan, fitting), tuple(misses))

    async def _planned(self, transaction: Transaction, wanted: Wanted) -> _Plan:
        directory = await self._rules.read(transaction.session)
        first, visit = await _first(transaction, wanted, directory)
        claim = claim_of({**first, "id": ""}, directory, {})
        assert claim is not None  # it has times and is booked
        zone = zone_of(wanted.recurrence.timezone or visit.timezone(directory) or "") or _NOWHERE
        every = tuple(occurrences(wanted.recurrence, visit.start, zone))
        claims = tuple(at(claim, each.start) if each.start is not None else None for each in every)
        seek = Seek((0, 0), patients=visit.inquiry.patients, duration=visit.end - visit.start)
        wish = wish_for(visit.service, visit.calendars, seek) if visit.calendars else None
        return _Plan(first, visit, claim, Visits(every, claims, wish, zone), directory, wanted)


async def _first(transaction: Transaction, wanted: Wanted, directory: Directory) -> tuple[Resource, Visit]:
    """Return the first visit as a booked Appointment. Refuses: ``Unacceptable`` without a time."""
    asked = wanted.asked
    if isinstance(wanted.first, Proposal):
        visit = await visit_of(transaction.session, wanted.first, directory, asked.patients)
        booking = Booking("booked", transaction.now, comment=asked.comment, inquiry=visit.inquiry)
        return appointment_of(Opening(visit.start, visit.end, visit.calendars), visit.service, booking), visit
    sent = {name: value for name, value in wanted.first.items() if name not in ("id", "meta", "slot")}
    made = changes.booked({**sent, "status": "pending"}, asked.patients, asked.comment)
    written = visit_written(made, directory)
    if written is None:
        raise Unacceptable("the first visit of a series has a start", at="Appointment.start")
    return made, written


async def _booked(
    transaction: Transaction, plan: _Plan, fitting: Sequence[tuple[Occurrence, int]]
) -> tuple[Resource, ...]:
    ids = [new_id(transaction.now) for _ in fitting]
    creates = []
    for id, (visit, start) in zip(ids, fitting, strict=True):
        made = belonging({**plan.appointment(start), "id": id}, ids[0], visit.number, dict(plan.wanted.template))
        creates.append(Create(made, id=id))
    return tuple(_resource(written.kept) for written in await transaction.write(creates))


def _previewed(transaction: Transaction, plan: _Plan, misses: Sequence[Miss]) -> tuple[Resource, ...]:
    """Return the visits that fit as proposals, each of which can be booked on its own where there are rules for it."""
    missed = {miss.visit.number for miss in misses}
    return tuple(_proposal(transaction, plan, start) for each, start in plan.starting if each.number not in missed)


def _proposal(transaction: Transaction, plan: _Plan, start: int) -> Resource:
    visit, length = plan.visit, plan.claim.end - plan.claim.start
    if visit.calendars:
        opening = Opening(start, start + length, visit.calendars)
        offer = proposed((opening, visit.service), plan.directory, visit.inquiry, plan.inquiry, transaction.now)
        if offer:
            return offer
    return {**plan.appointment(start), "status": "proposed"}


async def _standing(transaction: Transaction, plan: _Plan) -> Series | None:
    """Return the very series that is asked for, if it was booked already: the request came twice."""
    starts = {start: visit for visit, start in plan.starting}
    people = sorted((seat.actor for seat in plan.claim.seats), key=lambda actor: not actor.startswith("Patient/"))
    names = await series.starting(transaction.session, people[0], list(starts)) if people else []
    expected = [plan.appointment(start) for start in starts]
    for found in await _read(transaction, [name.removeprefix("Appointment/") for name in names]):
        belongs = membership_of(found, plan.directory)
        if belongs and any(changes.is_same_visit(found, each) for each in expected):
            return await _series(transaction, plan, belongs[0])
    return None


async def _series(transaction: Transaction, plan: _Plan, origin: str) -> Series | None:
    """Return the series of ``origin`` if it recurs as planned."""
    members = await series.series_of(transaction.session, origin)
    visits = await _read(transaction, [id for id, _ in members])
    template = next((extension_of(each, RECURRENCE_URL) for each in visits if each["id"] == origin), None)
    if template != plan.wanted.template:
        return None
    booked = {number for _, number in members}
    missed = (each for each in plan.visits.occurrences if each.number not in booked)
    return Series(tuple(visits), tuple(Miss(each, ("it did not fit when the others were booked",)) for each in missed))


async def _read(transaction: Transaction, ids: Sequence[str]) -> list[Resource]:
    """Return Appointments by their ids, in that order, without those that are gone."""
    kept = await transaction.read([("Appointment", id) for id in ids])
    found = (kept.get(("Appointment", id)) for id in ids)
    return [_resource(each) for each in found if each and each.body]


def _resource(kept: Kept | None) -> Resource:
    assert kept is not None and kept.body is not None
    resource: Resource = decode(kept.body)
    return resource
