"""The ranking of those who wait: who is offered a time first, by points whose parts can be shown.

The rule, in the words of README.md: urgency, waiting and fairness are added up; whoever has most goes first, of equals
who has waited longest.
"""

from dataclasses import dataclass
from typing import Protocol

from polyclinic.services.scheduling.rules.times import DAY

LEAST_URGENT, USUAL_PRIORITY = 9, 5
"""The lowest priority, and what is meant where none is said."""
PER_PRIORITY = 10
"""Points for each step of priority above the lowest."""
PER_DAY = 1
"""Points for each whole day of waiting, without an end: so everybody comes first at some time."""
PER_OFFER = -10
"""Points for each offer that was made and not accepted, but no more than for ``MOST_OFFERS`` of them."""
MOST_OFFERS = 3
RULE = (
    f"Points: {PER_PRIORITY} for each step of priority above {LEAST_URGENT}, {PER_DAY} for each whole day of waiting,"
    f" {PER_OFFER} for each offer let go by, of {MOST_OFFERS} at most. Most points first; of equals, who waits longest."
)
"""The rule in words, as it is shown."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rank: its points, and why in words."""

    name: str
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rank:
    """How far in front somebody is; ``since`` decides among equals: the earlier, the further."""

    parts: tuple[Part, ...]
    since: int

    @property
    def points(self) -> int:
        """The sum of the parts."""
        return sum(part.points for part in self.parts)

    @property
    def key(self) -> tuple[int, int]:
        """What ranks are sorted by, the first in front."""
        return -self.points, self.since


class Ranking(Protocol):
    """A rule that ranks those who wait, such as ``rank_of``."""

    def __call__(self, *, priority: int, since: int, now: int, offers: int) -> Rank:
        """Return the rank of somebody."""
        ...


def rank_of(*, priority: int, since: int, now: int, offers: int) -> Rank:
    """Return the rank of somebody who has waited ``since`` an instant and let ``offers`` go by.

    ``priority`` goes from 1, the most urgent, to 9; 0 says nothing
    (https://hl7.org/fhir/R4/appointment-definitions.html#Appointment.priority, RFC 5545 section 3.8.1.9).
    """
    return Rank((_urgency(priority), _waiting(max(now - since, 0) // DAY), _fairness(offers)), since)


def _urgency(priority: int) -> Part:
    said = min(priority, LEAST_URGENT) or USUAL_PRIORITY
    words = f"priority {said} of 1 (most urgent) to {LEAST_URGENT}" if priority else f"no priority, taken as {said}"
    return Part("urgency", (LEAST_URGENT - said) * PER_PRIORITY, words)


def _waiting(days: int) -> Part:
    return Part("waiting", days * PER_DAY, f"waits for {days} {'day' if days == 1 else 'days'}")


def _fairness(offers: int) -> Part:
    words = f"let {offers} {'offer' if offers == 1 else 'offers'} go by" if offers else "was offered nothing yet"
    return Part("fairness", min(offers, MOST_OFFERS) * PER_OFFER, words)
