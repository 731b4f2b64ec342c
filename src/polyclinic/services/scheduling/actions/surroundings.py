"""Surroundings: what records knows and scheduling asks for, such as where a patient lives."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Issue, Unavailable
from polyclinic.fhir.search.meaning.asked import escaped
from polyclinic.kit.call import Neighbours
from polyclinic.services.scheduling.model import Code
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.licensing import NOWHERE, jurisdictions_of, of_all

PATIENCE = 2.0
"""Seconds in which records answers, or is taken for silent."""
MOST_PLACES = 100
"""How many places of one name are looked at."""
_HEADERS = {"Accept": "application/fhir+json"}


class Surroundings:
    """Asks ``neighbours``; it asks nothing that no rule needs."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def jurisdictions(
        self, names: Sequence[str], patients: Sequence[dict[str, Any]], directory: Directory, today: date
    ) -> tuple[frozenset[Code], list[Issue]]:
        """Return where patients are, named (references) or written, and what to tell of those whose place is unknown.

        Nobody is asked where no calendar says where it is licensed: that does not matter then.
        """
        if not (names or patients) or not any(each.jurisdictions for each in directory.calendars.values()):
            return frozenset(), []
        read = await asyncio.gather(*(self._patient(name) for name in names))
        found = [jurisdictions_of(each, today) if each else NOWHERE for each in (*read, *patients)]
        places = ["patient-reference"] * len(names) + ["patient-resource"] * len(patients)
        unknown = [place for each, place in zip(found, places, strict=True) if not each - NOWHERE]
        return of_all(each or NOWHERE for each in found), [_unknown(place) for place in dict.fromkeys(unknown)]

    async def places(self, text: str) -> tuple[str, ...]:
        """Return the Locations (references) whose name or address begins with ``text``, as FHIR searches strings.

        Refuses: ``Unavailable`` where records does not answer.
        """
        wanted = f"_elements=id&_count={MOST_PLACES}"
        asked = (f"/fhir/Location?{name}={quote(escaped(text), safe='')}&{wanted}" for name in ("name", "address"))
        bundles = await asyncio.gather(*(self._read(path) for path in asked))
        entries = (entry["resource"] for bundle in bundles if bundle for entry in bundle.get("entry", ()))
        return tuple(dict.fromkeys(f"Location/{each['id']}" for each in entries if each["resourceType"] == "Location"))

    async def _patient(self, name: str) -> dict[str, Any] | None:
        if not name.startswith("Patient/"):
            return None
        try:
            return await self._read(f"/fhir/{quote(name)}")
        except Unavailable:
            return None

    async def _read(self, path: str) -> dict[str, Any] | None:
        """Return what records keeps there, None for nothing. Refuses: ``Unavailable``."""
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._neighbours.ask("records", "GET", path, headers=_HEADERS)
        except TimeoutError as error:
            raise Unavailable("the service records does not answer in time; ask again in a few seconds") from error
        if reply.status >= 500:
            raise Unavailable("the service records does not answer now; ask again in a few seconds")
        found: dict[str, Any] | None = decode(reply.body) if reply.status == 200 else None
        return found


def _unknown(place: str) -> Issue:
    sentence = "it is not known where the patient lives: whoever is licensed only somewhere is not offered"
    return Issue("incomplete", sentence, place, severity="warning")
