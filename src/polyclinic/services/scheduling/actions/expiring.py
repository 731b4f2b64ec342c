"""Expiring: holds whose time is over become cancelled Appointments, so that everybody sees what became of them.

Their time is free from the moment they expire, whether anybody has come by here or not.
"""

import asyncio
from contextlib import suppress

from polyclinic.fhir.outcome import Gone, NotFound, Refusal
from polyclinic.repository import Repository
from polyclinic.services.scheduling.actions.booking import Desk
from polyclinic.services.scheduling.rules.offered import expired
from polyclinic.services.scheduling.store import occupations

POLL = 2.0
"""Seconds after which a process looks for holds that have expired."""
BATCH = 100
"""Holds that are looked at in one go."""


class Sweeper:
    """Who cancels what has expired; one in each process. Two at one hold change it once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, repository: Repository) -> None:
        """Go on until cancelled; while the database is away, try again in a moment."""
        while True:
            with suppress(Refusal):
                await self.sweep(repository)
            await asyncio.sleep(POLL)

    async def sweep(self, repository: Repository) -> None:
        """Cancel what has expired, ``BATCH`` holds of those that still have their time at most."""
        async with repository.transaction() as transaction:
            holders = await occupations.expired(transaction.session, transaction.now, BATCH)
        for holder in holders:
            try:
                await self._desk.change(repository, holder.partition("/")[2], expired)
            except (Gone, NotFound):
                continue
        async with repository.session() as session:
            await occupations.forget_lapsed(session, holders)
