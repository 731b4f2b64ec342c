"""Judging estimates by what happened: how well they tell visits apart, how far off they are, and whether they hold.

Never by accuracy: most visits are kept, so that "everybody comes" is accurate and useless.
Sources: AUC as Mann and Whitney's U; Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

Judged = Sequence[tuple[float, bool]]
"""Estimated probability, and whether the visit was missed."""


class Band(NamedTuple):
    """Visits whose estimates lie together: how many, what was estimated on average, what share was missed."""

    visits: int
    estimated: float
    missed: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """``auc``: 0.5 tells nothing apart, 1 everything; None where all were kept or all missed. ``brier``: mean squared
    error; ``brier_of_average``: that of the average alone. ``bands``: a tenth of the visits each.
    """

    visits: int
    missed: float
    auc: float | None
    brier: float
    brier_of_average: float
    bands: tuple[Band, ...]

    @property
    def calibration_error(self) -> float:
        """How far estimates are from what happened, on average over the bands by their visits."""
        return sum(band.visits * abs(band.estimated - band.missed) for band in self.bands) / self.visits


def judgement(judged: Judged) -> Judgement:
    """Return how good estimates were; of one at least."""
    visits = len(judged)
    share = sum(missed for _, missed in judged) / visits
    return Judgement(
        visits,
        share,
        _auc(judged),
        sum((estimate - missed) ** 2 for estimate, missed in judged) / visits,
        sum((share - missed) ** 2 for _, missed in judged) / visits,
        _bands(judged),
    )


def _auc(judged: Judged) -> float | None:
    """Return how likely a missed visit has the higher estimate than a kept one; equal ones count half."""
    missed = sum(outcome for _, outcome in judged)
    kept = len(judged) - missed
    if not missed or not kept:
        return None
    below = wins = 0.0
    for _, equal in groupby(sorted(judged), key=lambda each: each[0]):
        outcomes = [outcome for _, outcome in equal]
        misses = sum(outcomes)
        wins += misses * (below + (len(outcomes) - misses) / 2)
        below += len(outcomes) - misses
    return wins / (missed * kept)


def _bands(judged: Judged) -> tuple[Band, ...]:
    ordered = sorted(judged)
    size = max(1, -(-len(ordered) // 10))
    parts = (ordered[at : at + size] for at in range(0, len(ordered), size))
    return tuple(
        Band(
            len(part), sum(estimate for estimate, _ in part) / len(part), sum(missed for _, missed in part) / len(part)
        )
        for part in parts
    )
