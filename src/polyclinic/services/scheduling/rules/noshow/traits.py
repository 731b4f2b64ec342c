"""Traits of a visit that say something about whether it is missed; each is one of a few values.

Only what is known when the visit is booked, and nothing about who the patient is but how they came before. Lead time
and earlier absences are what reviews of such models find most often to matter (Carreras-Garcia et al. 2020, Entropy
22(6):675, https://doi.org/10.3390/e22060675).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Traits = Mapping[str, str]
"""Value by the name of the trait."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LEADS = ((1, "the same day"), (3, "1 to 2 days"), (7, "3 to 6 days"), (14, "1 to 2 weeks"), (30, "2 to 4 weeks"))
_LONGEST_LEAD = "more than 4 weeks"
_TIMES = ((10, "before 10"), (13, "10 to 13"), (16, "13 to 16"))
_LATEST = "after 16"


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit that was kept or missed, or is to come (``missed`` None). ``start`` is on the local clock."""

    patient: str
    start: datetime
    booked: datetime
    missed: bool | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """How often a patient came and did not come before."""

    kept: int = 0
    missed: int = 0

    def and_then(self, visit: Visit) -> "Past":
        """Return the past after ``visit``."""
        if visit.missed is None:
            return self
        return Past(self.kept + (not visit.missed), self.missed + visit.missed)


def traits_of(visit: Visit, past: Past) -> Traits:
    """Return the traits of ``visit`` by a patient with that ``past``."""
    lead = (visit.start - visit.booked).total_seconds() / 86_400
    return {
        "booked ahead": next((text for limit, text in _LEADS if lead < limit), _LONGEST_LEAD),
        "earlier visits": _history(past),
        "day": _DAYS[visit.start.weekday()],
        "time": next((text for limit, text in _TIMES if visit.start.hour < limit), _LATEST),
    }


def _history(past: Past) -> str:
    if past.kept + past.missed == 0:
        return "none"
    if past.missed == 0:
        return "all kept"
    share = past.missed / (past.kept + past.missed)
    return "most missed" if share >= 0.5 else "several missed" if past.missed > 1 else "one missed"
