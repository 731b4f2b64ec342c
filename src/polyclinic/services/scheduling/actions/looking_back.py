"""Looking back: the Appointments of a stretch of time, read page by page."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from polyclinic.fhir.json import decode
from polyclinic.fhir.search.meaning.asked import escaped
from polyclinic.fhir.search.query import parse
from polyclinic.repository import Repository
from polyclinic.repository.model import Cursor
from polyclinic.services.scheduling.model import Interval
from polyclinic.services.scheduling.rules.visits import instant_of

PAGE = 500


async def appointments(
    repository: Repository, between: Interval, *, most: int, actors: Sequence[str] = ()
) -> AsyncIterator[dict[str, Any]]:
    """Yield up to ``most`` Appointments that start in [begin, end), the newest first; only of ``actors`` if any."""
    begin, end = (instant_of(moment, None) for moment in between)
    asked = [("date", f"ge{begin}"), ("date", f"lt{end}"), ("_sort", "-date"), ("_count", str(PAGE))]
    asked += [("actor", ",".join(map(escaped, actors)))] if actors else []
    query = parse("Appointment", asked)
    cursor: Cursor | None = None
    told = 0
    while told < most:
        page = await repository.search(query, cursor=cursor)
        for kept in page.items[: most - told]:
            yield decode(kept.body or b"")
        told += len(page.items)
        if page.next is None:
            return
        cursor = page.next
