"""Lining up those who wait: what each wishes, what was offered so far, and in which order they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Invalid
from polyclinic.repository import Transaction
from polyclinic.services.scheduling.rules.claims import Resource, times_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.ranking import Rank, Ranking, rank_of
from polyclinic.services.scheduling.rules.waiting import Waiting, waiting_of
from polyclinic.services.scheduling.store import waitlist
from polyclinic.services.scheduling.store.waitlist import Offer

_LET_GO = frozenset({"declined", "expired"})
_TO_COME = frozenset({"pending", "booked"})
_TAKEN_PLACE = frozenset({"arrived", "checked-in", "fulfilled"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who waits. ``before`` is the start of the visit that an earlier one would replace, None without one.

    ``objection`` is why nothing is offered at this moment, None where something could be.
    """

    waiting: Waiting
    rank: Rank
    offers: tuple[Offer, ...] = ()
    before: int | None = None
    objection: str | None = None

    @property
    def refused(self) -> frozenset[tuple[str, int]]:
        """The places that were offered already and not accepted: they are not offered again."""
        return frozenset(offer.place for offer in self.offers if offer.outcome in _LET_GO)


async def line_up(
    transaction: Transaction, directory: Directory, entry: str | None = None, *, ranking: Ranking = rank_of
) -> list[Candidate]:
    """Return all who wait, or just ``entry`` if it does, whoever is asked first by ``ranking`` in front."""
    since = await waitlist.waiting(transaction.session, entry)
    entries = await read(transaction, since)
    offers: dict[str, list[Offer]] = {}
    for offer in await waitlist.offers_to(transaction.session, list(entries)):
        offers.setdefault(offer.entry, []).append(offer)
    waiting = {}
    for name, resource in entries.items():
        try:
            waiting[name] = waiting_of(resource, directory, since[name])
        except Invalid:  # an older release let it in; nobody can be offered what nobody can read
            continue
    kept = await read(transaction, {each.keep: 0 for each in waiting.values() if each.keep})
    now = int(transaction.now.timestamp())
    line = [_candidate(each, tuple(offers.get(name, ())), kept, now, ranking) for name, each in waiting.items()]
    return sorted(line, key=lambda each: (each.rank.key, each.waiting.name))


async def read(transaction: Transaction, names: Mapping[str, int]) -> dict[str, Resource]:
    """Return the Appointments of these ``names`` (references) as far as they stand."""
    pairs = [("Appointment", name.partition("/")[2]) for name in names]
    found = await transaction.read(pairs)
    return {f"Appointment/{id}": decode(kept.body) for (_, id), kept in found.items() if kept.body is not None}


def replaceable(waiting: Waiting, kept: Resource | None) -> bool:
    """Whether ``kept`` is a visit to come of the one patient who waits, and so may give way to an earlier one."""
    return kept is not None and kept["status"] in _TO_COME and _is_of(waiting, kept)


def _candidate(
    waiting: Waiting, offers: tuple[Offer, ...], kept: Mapping[str, Resource], now: int, ranking: Ranking
) -> Candidate:
    let_go = sum(1 for offer in offers if offer.outcome in _LET_GO)
    rank = ranking(priority=waiting.priority, since=waiting.since, now=now, offers=let_go)
    visit = kept.get(waiting.keep or "")
    times = times_of(visit) if visit is not None and replaceable(waiting, visit) else None
    objection = waiting.objection
    if any(offer.outcome is None for offer in offers):
        objection = "it has an open offer"
    elif visit is not None and visit["status"] in _TAKEN_PLACE and _is_of(waiting, visit):
        objection = "the visit that an earlier one would replace has taken place"
    return Candidate(waiting, rank, offers, times[0] if times else None, objection)


def _is_of(waiting: Waiting, visit: Resource) -> bool:
    actors = (each.get("actor", {}).get("reference", "") for each in visit.get("participant", ()))
    patients = {actor[actor.find("Patient/") :] for actor in actors if "Patient/" in actor}
    return bool(patients) and patients == set(waiting.seek.patients)
