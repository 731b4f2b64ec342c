"""A companion: what a service keeps beside its resources, in tables of its own and in the same transaction.

The repository calls it for every version that is about to be written, whichever interaction brought it about, so that
a rule of the service holds on every path or the write does not happen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources.abc import Traversable
from typing import Protocol

from polyclinic.repository.connect import Session
from polyclinic.repository.model import Kept, Resource


@dataclass(frozen=True, slots=True)
class Turn:
    """One version that is about to be written: what stands (None: nothing), what comes, and its content.

    ``resource`` is None where it is deleted.
    """

    before: Kept | None
    after: Kept
    resource: Resource | None


class Companion(Protocol):
    """What a service adds to the writing of ``types``.

    ``tables`` is a folder of migrations like the repository's own, ``name`` what the ledger of migrations calls it.
    """

    name: str
    types: frozenset[str]
    tables: Traversable

    def event_of(self, turn: Turn) -> str | None:
        """Return what the change feed calls this change, such as ``booked``; None for created, updated or deleted."""
        ...

    async def accompany(self, session: Session, turns: Sequence[Turn], now: datetime) -> None:
        """Keep what belongs to ``turns``, in the open transaction of ``session``. Refuses: whatever must not happen."""
        ...
