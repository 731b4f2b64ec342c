"""Histories of an instance, of a type and of all that is kept here: newest first, page by page.

Source: https://hl7.org/fhir/R4/http.html#history
"""

from polyclinic.fhir.outcome import NotFound, Unacceptable
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.values import Span, date_span, time_of
from polyclinic.kit.http.message import Answer, Call, Pairs
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.pages import bundle, links, version_entry
from polyclinic.kit.rest.searching import without_cursor
from polyclinic.kit.rest.subset import part_asked
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.history import Wanted
from polyclinic.repository.model import Stretch

_TIMES = {"_since": "one instant, such as 2024-05-31T14:30:00Z", "_at": "one date or time, such as 2024-05-31"}


async def history(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer a history of ``target``, which may name a type and an id, a type, or nothing."""
    asked, cursor = without_cursor(call.pairs())
    query = parse(None, [pair for pair in asked if pair[0] not in _TIMES])
    page = await endpoint.repository.history(
        type=target.type or None,
        id=target.id or None,
        wanted=_wanted(asked),
        count=query.count,
        cursor=cursor,
    )
    if target.id and not page.items:
        await _must_exist(endpoint, target)
    address = "/".join(filter(None, (endpoint.base, target.type, target.id, "_history")))
    entries = [version_entry(endpoint, kept, part_asked(query)) for kept in page.items]
    listed = links(address, asked, cursor, page.next)
    return Answer(200, bundle("history", total=page.total, links=listed, entries=entries))


async def _must_exist(endpoint: Endpoint, target: Target) -> None:
    if await endpoint.repository.read(target.type, target.id) is None:
        raise NotFound(f"there is no such {target.type}")


def _wanted(pairs: Pairs) -> Wanted:
    """Return which versions ``_since`` and ``_at`` ask for; a date stands for all of its day."""
    since, at = (_span(pairs, name) for name in _TIMES)
    return Wanted(
        time_of(since.low) if since else None,
        Stretch(time_of(at.low), time_of(at.high)) if at else None,
    )


def _span(pairs: Pairs, name: str) -> Span | None:
    values = [value for each, value in pairs if each == name]
    if not values:
        return None
    span = date_span(values[0].replace(" ", "+")) if len(values) == 1 else None
    if span is None:
        raise Unacceptable(f"{name} takes {_TIMES[name]}", at=name)
    return span
