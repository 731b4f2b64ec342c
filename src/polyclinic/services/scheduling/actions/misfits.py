"""What does not fit: which visits of several cannot be given, why, and what could be had instead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from polyclinic.fhir.outcome import Issue, Refusal
from polyclinic.repository import Transaction
from polyclinic.services.scheduling.actions.finding import diary_of, find
from polyclinic.services.scheduling.actions.offers import PROPOSALS, proposed
from polyclinic.services.scheduling.model import Occurrence, Wish
from polyclinic.services.scheduling.rules.claims import Claim, Resource, Seat
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.seating import has_room
from polyclinic.services.scheduling.rules.series import preview
from polyclinic.services.scheduling.rules.visits import Inquiry
from polyclinic.services.scheduling.rules.zones import midnight
from polyclinic.services.scheduling.store import occupations
from polyclinic.services.scheduling.store.occupations import Span, Taken

_WEEK = 7 * 86_400
"""Seconds from its day on in which other times are looked for in place of a visit."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A visit that does not fit, why, and what could be had instead."""

    visit: Occurrence
    reasons: tuple[str, ...]
    proposals: tuple[Resource, ...] = ()

    def issues(self) -> list[Issue]:
        """Return every reason as an issue."""
        name = f"visit {self.visit.number} on {self.visit.day}"
        return [Issue("conflict", f"{name}: {reason}", "recurrence") for reason in self.reasons]


class DoesNotFit(Refusal):
    """Some of several visits do not fit; every reason of each is an issue."""

    code = "conflict"

    def __init__(self, misses: Sequence[Miss]) -> None:
        super().__init__(issues=[issue for miss in misses for issue in miss.issues()])
        each = {proposal["id"]: proposal for miss in misses for proposal in miss.proposals}
        self.proposals = tuple(each.values())


@dataclass(frozen=True, slots=True)
class Visits:
    """Several visits of the same kind: ``claims`` are what they take, None for one that has no time.

    ``wish`` is by what rules they are given, None where there are no rules for them. ``but`` are holders whose time
    counts as free.
    """

    occurrences: tuple[Occurrence, ...]
    claims: tuple[Claim | None, ...]
    wish: Wish | None
    zone: ZoneInfo
    but: tuple[str, ...] = ()


def at(claim: Claim, start: int) -> Claim:
    """Return what a visit takes when it starts at ``start``."""
    by = start - claim.start
    seats = tuple(replace(seat, begin=seat.begin + by, end=seat.end + by) for seat in claim.seats)
    return replace(claim, start=start, end=claim.end + by, seats=seats)


async def misses_of(transaction: Transaction, visits: Visits, directory: Directory, inquiry: Inquiry) -> list[Miss]:
    """Return which of ``visits`` do not fit, by the rules or because somebody is taken, each with other times."""
    against = [
        by_rules or taken
        for by_rules, taken in zip(await _by_rules(transaction, visits), await _taken(transaction, visits), strict=True)
    ]
    found = []
    for visit, reasons in zip(visits.occurrences, against, strict=True):
        if reasons:
            others = await _others(transaction, visits, visit, directory, inquiry)
            found.append(Miss(visit, tuple(reasons), others))
    return found


async def _by_rules(transaction: Transaction, visits: Visits) -> list[list[str]]:
    starts = [visit.start for visit in visits.occurrences if visit.start is not None]
    if visits.wish is None or not starts:
        skipped = ["the clock skips this time on that day"]
        return [skipped if visit.start is None else [] for visit in visits.occurrences]
    between = min(starts), max(starts) + 1
    diary = await diary_of(transaction.session, [visits.wish], between, transaction.now, but=visits.but)
    return preview(visits.occurrences, visits.wish, diary)


async def _taken(transaction: Transaction, visits: Visits) -> list[list[str]]:
    seats = [seat for claim in visits.claims if claim for seat in claim.seats]
    spans = [Span(seat.actor, seat.begin, seat.end) for seat in seats]
    taken = await occupations.taken(transaction.session, spans, but=visits.but)
    by_actor: dict[str, list[Taken]] = {}
    for each in (each for each in taken if each.lasts(transaction.now)):
        by_actor.setdefault(each.actor, []).append(each)
    return [
        [
            f"{seat.actor} is taken at that time"
            for seat in (claim.seats if claim else ())
            if not _has_room(by_actor.get(seat.actor, ()), seat)
        ]
        for claim in visits.claims
    ]


def _has_room(taken: Sequence[Taken], seat: Seat) -> bool:
    around = {each.number: each.busy for each in taken if each.busy.begin < seat.end and each.busy.end > seat.begin}
    return has_room(list(around.values()), seat)


async def _others(
    transaction: Transaction, visits: Visits, visit: Occurrence, directory: Directory, inquiry: Inquiry
) -> tuple[Resource, ...]:
    if visits.wish is None:
        return ()
    now = transaction.now
    begin = max(midnight(visits.zone, visit.day.toordinal()), int(now.timestamp()))
    between = begin, begin + _WEEK
    found = await find(transaction.session, [visits.wish], between, now, most=PROPOSALS, but=visits.but)
    offers = (proposed(each, directory, inquiry, 0, now) for each in found)
    return tuple(offer for offer in offers if offer)
