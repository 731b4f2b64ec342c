"""Many at once: the Appointments of a list, of a search, or of a Schedule in a stretch of time change their status."""

from collections.abc import Sequence
from dataclasses import dataclass

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import NotFound, Refusal, TooCostly
from polyclinic.fhir.search.query import Query
from polyclinic.repository import Repository, Transaction
from polyclinic.repository.model import Kept, Update
from polyclinic.services.scheduling.actions.booking import Make, tried
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.visiting import affected
from polyclinic.services.scheduling.rules.closing import Closing

MOST = 500
"""How many Appointments change at once."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The Appointments as they are now, and why others, by their ids, are not changed."""

    kept: tuple[Kept, ...]
    refused: tuple[tuple[str, Refusal], ...]


Which = Sequence[str] | Query | Closing
"""Appointments: by their ids, by a search, or those of a Schedule in a stretch of time."""


class Batch:
    """Changes many."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules

    async def change(self, repository: Repository, which: Which, make: Make) -> Changed:
        """Write what ``make`` makes of each of them, in one transaction; whichever it refuses stays as it is.

        Refuses: ``NotFound`` for one that is listed and not there, ``TooCostly`` for too many.
        """

        async def changed(transaction: Transaction) -> Changed:
            found = await self._found(transaction, which)
            if len(found) > MOST:
                raise TooCostly(f"that are more than {MOST} appointments; ask for less at once")
            updates, refused = [], []
            for kept in found:
                try:
                    made = await make(transaction, decode(kept.body or b""))
                    updates.append(Update(made, if_match=kept.version))
                except Refusal as refusal:
                    refused.append((kept.id, refusal))
            written = await transaction.write(updates) if updates else []
            return Changed(tuple(each.kept for each in written if each.kept), tuple(refused))

        return await tried(repository, changed)

    async def _found(self, transaction: Transaction, which: Which) -> list[Kept]:
        if isinstance(which, Query):
            return await transaction.match(which, limit=MOST + 1)
        ids = await self._ids(transaction, which) if isinstance(which, Closing) else list(dict.fromkeys(which))
        kept = await transaction.read([("Appointment", id) for id in ids[: MOST + 1]])
        missing = [id for id in ids[: MOST + 1] if (each := kept.get(("Appointment", id))) is None or each.deleted]
        if missing:
            raise NotFound(f"there is no Appointment/{missing[0][:64]} here", at="appointment-reference")
        return [kept["Appointment", id] for id in ids[: MOST + 1]]

    async def _ids(self, transaction: Transaction, closing: Closing) -> list[str]:
        directory = await self._rules.read(transaction.session)
        calendar = directory.calendars.get(closing.schedule)
        if calendar is None:
            raise NotFound(f"there is no {closing.schedule[:96]} here", at="schedule")
        return [visit["id"] for visit, _ in await affected(transaction, closing, calendar, directory)]
