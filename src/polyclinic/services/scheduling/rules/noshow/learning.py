"""Learning: logistic regression over traits, fitted to counts of equal visits, and explained trait by trait.

As all traits have few values, equal visits are counted together and the fit is exact at the cost of the different ones.
A ridge keeps rare values near the average. Source: Hosmer, Lemeshow, Sturdivant, Applied Logistic Regression, 2013.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log

from polyclinic.services.scheduling.rules.noshow.traits import Past, Traits, Visit, traits_of

RIDGE = 1.0
"""Strength of the pull towards the average, in visits."""
ENOUGH = 500
"""Visits below which nothing is learnt but the average."""
USUAL = 0.23
"""Share of visits missed where nothing is known: the mean of 105 studies in Dantas et al. 2018, Health Policy
122(4):412, https://doi.org/10.1016/j.healthpol.2018.02.002."""
_STEPS = 25

Cell = tuple[tuple[str, str], ...]
"""Traits as a sorted tuple."""


@dataclass(frozen=True, slots=True)
class Model:
    """What was learnt of ``visits`` visits: log odds of an average visit, and how much each value adds to them."""

    average: float = log(USUAL / (1 - USUAL))
    weights: Mapping[tuple[str, str], float] = field(default_factory=dict)
    visits: int = 0

    def probability(self, traits: Traits) -> float:
        """Return how likely a visit with these traits is missed."""
        return _logistic(self.average + sum(self.weights.get(each, 0.0) for each in traits.items()))

    def reasons(self, traits: Traits, most: int = 3) -> list[str]:
        """Return what raises or lowers it most, in words, the strongest first."""
        told = [(self.weights.get(each, 0.0), each) for each in traits.items()]
        strong = sorted((each for each in told if abs(each[0]) >= 0.1), key=lambda each: -abs(each[0]))
        return [f"{name}: {value} ({exp(weight):.1f} times the odds)" for weight, (name, value) in strong[:most]]


def with_traits(visits: Iterable[Visit]) -> list[tuple[Traits, bool]]:
    """Return traits and outcome of each finished visit, in order of start; each past is what was known then."""
    pasts: dict[str, Past] = {}
    told = []
    for visit in sorted(visits, key=lambda each: each.start):
        past = pasts.get(visit.patient, Past())
        if visit.missed is not None:
            told.append((traits_of(visit, past), visit.missed))
        pasts[visit.patient] = past.and_then(visit)
    return told


def learnt(examples: Sequence[tuple[Traits, bool]]) -> Model:
    """Return what ``examples`` teach; of fewer than ``ENOUGH`` only the average, starting from the usual one."""
    missed = sum(outcome for _, outcome in examples)
    if len(examples) < ENOUGH:
        share = (missed + 10 * USUAL) / (len(examples) + 10)
        return Model(log(share / (1 - share)), {}, len(examples))
    counts: Counter[Cell] = Counter()
    misses: Counter[Cell] = Counter()
    for traits, outcome in examples:
        cell = tuple(sorted(traits.items()))
        counts[cell] += 1
        misses[cell] += outcome
    names = sorted({each for cell in counts for each in cell})
    share = (missed + 0.5) / (len(examples) + 1)
    fitted = _fitted(counts, misses, names, log(share / (1 - share)))
    return _centred(fitted, names, counts, len(examples))


def _fitted(counts: Counter[Cell], misses: Counter[Cell], names: list[tuple[str, str]], start: float) -> list[float]:
    """Return intercept and weights by Newton's method."""
    place = {name: 1 + index for index, name in enumerate(names)}
    cells = [([0, *(place[each] for each in cell)], counts[cell], misses[cell]) for cell in sorted(counts)]
    weights = [start, *[0.0] * len(names)]
    for _ in range(_STEPS):
        slope = [-RIDGE * weight if index else 0.0 for index, weight in enumerate(weights)]
        bend = [[0.0] * len(weights) for _ in weights]
        for index in range(len(weights)):
            bend[index][index] = RIDGE if index else 1e-9
        for places, number, missed in cells:
            share = _logistic(sum(weights[at] for at in places))
            for row in places:
                slope[row] += missed - number * share
                for column in places:
                    bend[row][column] += number * share * (1 - share)
        step = _solved(bend, slope)
        weights = [weight + change for weight, change in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-6:
            break
    return weights


def _centred(weights: list[float], names: list[tuple[str, str]], counts: Counter[Cell], visits: int) -> Model:
    """Return the model whose weights say how far a value is from the average visit."""
    frequent: Counter[tuple[str, str]] = Counter()
    for cell, number in counts.items():
        for each in cell:
            frequent[each] += number
    average, by_name = weights[0], dict(zip(names, weights[1:], strict=True))
    means: dict[str, float] = {}
    for (trait, value), weight in by_name.items():
        means[trait] = means.get(trait, 0.0) + weight * frequent[trait, value] / visits
    return Model(
        average + sum(means.values()),
        {each: round(weight - means[each[0]], 6) for each, weight in by_name.items()},
        visits,
    )


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Return the solution of a symmetric positive system, by elimination."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for index in range(size):
        pivot = max(range(index, size), key=lambda at: abs(rows[at][index]))
        rows[index], rows[pivot] = rows[pivot], rows[index]
        for below in range(index + 1, size):
            factor = rows[below][index] / rows[index][index]
            if factor:
                rows[below] = [each - factor * lead for each, lead in zip(rows[below], rows[index], strict=True)]
    found = [0.0] * size
    for index in reversed(range(size)):
        known = sum(rows[index][at] * found[at] for at in range(index + 1, size))
        found[index] = (rows[index][size] - known) / rows[index][index]
    return found


def _logistic(log_odds: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, log_odds))))
