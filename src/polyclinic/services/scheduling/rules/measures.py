"""Measures of a practice: how soon a visit is to be had, how full it is, and how many are missed.

Third next available: the days until the third opening from now, as the first two may be chance cancellations (Institute
for Healthcare Improvement, "Third Next Available Appointment").
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from polyclinic.services.scheduling.model import Interval
from polyclinic.services.scheduling.rules.intervals import Intervals, intersection, union

CAME = frozenset({"arrived", "checked-in", "fulfilled"})
GIVEN = CAME | {"booked", "noshow"}
"""Statuses of visits that were given, whether the patient came or not."""


@dataclass(frozen=True, slots=True)
class Given:
    """One visit as it stands: [start, end), when it was booked (None: not said), and its status."""

    start: int
    end: int
    booked: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Shares are between 0 and 1, None where there is nothing to divide by. ``lead_days`` is a median.

    ``fill_rate``: of the opening hours, the part for which visits were given. ``utilisation``: of the hours that are
    over, the part in which patients were seen. ``no_show_rate``: of visits that are over, the part that was missed.
    """

    visits: int
    fill_rate: float | None
    utilisation: float | None
    no_show_rate: float | None
    lead_days: float | None
    third_next_available_days: float | None = None


def measured(visits: Sequence[Given], hours: Intervals, now: int, third: int | None) -> Measured:
    """Return the measures of ``visits`` in opening ``hours``; ``third`` is when the third next opening starts."""
    given = [visit for visit in visits if visit.status in GIVEN]
    came = [visit for visit in visits if visit.status in CAME]
    missed = sum(visit.status == "noshow" for visit in visits)
    over = intersection(hours, [(min((begin for begin, _ in hours), default=now), now)]) if hours else []
    leads = [(visit.start - visit.booked) / 86_400 for visit in given if visit.booked is not None]
    return Measured(
        visits=len(given),
        fill_rate=_share(_within(given, hours), _length(hours)),
        utilisation=_share(_within(came, over), _length(over)),
        no_show_rate=_share(missed, missed + len(came)),
        lead_days=median(leads) if leads else None,
        third_next_available_days=None if third is None else (third - now) / 86_400,
    )


def _within(visits: Iterable[Given], hours: Intervals) -> int:
    return _length(intersection(union((visit.start, visit.end) for visit in visits), hours))


def _length(intervals: Iterable[Interval]) -> int:
    return sum(end - begin for begin, end in intervals)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
