"""Estimating: how likely a visit is missed, by what this house's own visits teach."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from polyclinic.kit.clock import Clock
from polyclinic.repository import Repository
from polyclinic.services.scheduling.actions.looking_back import appointments
from polyclinic.services.scheduling.rules.claims import times_of
from polyclinic.services.scheduling.rules.measures import CAME
from polyclinic.services.scheduling.rules.noshow.judging import Judgement, judgement
from polyclinic.services.scheduling.rules.noshow.learning import Model, learnt, with_traits
from polyclinic.services.scheduling.rules.noshow.traits import Past, Visit, traits_of
from polyclinic.services.scheduling.rules.times import moment_of

LOOK_BACK = timedelta(days=730)
MOST_VISITS = 50_000
HELD_BACK = 0.2
"""Share of the visits, the newest ones, that are not learnt from: the estimates are judged by them."""
AGAIN = timedelta(hours=24)
"""After how long it is learnt anew."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What was learnt, when, how good it is on visits it has not seen (None: there are none), who came how often."""

    model: Model
    at: datetime
    judged: Judgement | None
    pasts: dict[str, Past]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How likely a visit is missed, and what raises or lowers it most."""

    probability: float
    reasons: list[str]
    taught: Taught


class Estimator:
    """Learns in the background, as every process for itself can: the same visits teach the same."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._taught: Taught | None = None

    async def keep_learning(self, repository: Repository) -> None:
        """Learn now, and once a day from then on."""
        while True:
            await self.learn(repository)
            await asyncio.sleep(AGAIN.total_seconds())

    async def learn(self, repository: Repository) -> Taught:
        """Learn from the visits of the last two years; judge by the newest, then learn from all."""
        now = self._now()
        between = int((now - LOOK_BACK).timestamp()), int(now.timestamp())
        visits = [
            visit
            async for appointment in appointments(repository, between, most=MOST_VISITS)
            if (visit := visit_of(appointment)) and visit.missed is not None
        ]
        self._taught = await asyncio.to_thread(_taught, visits, now)
        return self._taught

    async def estimate(self, repository: Repository, appointment: dict[str, Any]) -> Estimate | None:
        """Return the estimate of a visit, None for one without a time."""
        visit = visit_of(appointment)
        if visit is None:
            return None
        taught = self._taught or await self.learn(repository)
        traits = traits_of(visit, taught.pasts.get(visit.patient, Past()))
        return Estimate(taught.model.probability(traits), taught.model.reasons(traits), taught)

    async def taught(self, repository: Repository) -> Taught:
        """Return what was learnt."""
        return self._taught or await self.learn(repository)


def visit_of(appointment: dict[str, Any]) -> Visit | None:
    """Return an Appointment as a visit that was kept, missed, or is to come; None for one without a time."""
    times = times_of(appointment)
    if times is None:
        return None
    start = moment_of(appointment["start"])
    booked = moment_of(appointment.get("created", appointment["start"]))
    actors = (each.get("actor", {}).get("reference", "") for each in appointment.get("participant", ()))
    patient = next((actor for actor in actors if actor.startswith("Patient/")), "")
    outcome = {"noshow": True, **dict.fromkeys(CAME, False)}.get(appointment["status"])
    return Visit(patient, start, booked, outcome)


def _taught(visits: list[Visit], now: datetime) -> Taught:
    examples = with_traits(visits)
    seen = len(examples) - int(len(examples) * HELD_BACK)
    earlier = learnt(examples[:seen])
    unseen = [(earlier.probability(traits), outcome) for traits, outcome in examples[seen:]]
    pasts: dict[str, Past] = {}
    for visit in visits:
        pasts[visit.patient] = pasts.get(visit.patient, Past()).and_then(visit)
    pasts.pop("", None)
    return Taught(learnt(examples), now, judgement(unseen) if unseen else None, pasts)
