"""$everything of a patient or an encounter: its whole compartment, and what that refers to.

Source: https://hl7.org/fhir/R4/patient-operation-everything.html and encounter-operation-everything.html
"""

from collections.abc import Callable

from polyclinic.fhir.outcome import Gone, NotFound, Unacceptable
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.values import Span, date_span, time_of
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import agreed_shape
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Arguments, arguments
from polyclinic.kit.rest.pages import bundle_head, joined, links, search_entries
from polyclinic.kit.rest.subset import WHOLE
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.everything import EVER, Belonging, Portion
from polyclinic.repository.model import Cursor

_OF_ALL = ("_since", "_type", "_count", "_cursor")
_OF_PATIENTS = ("start", "end")


async def everything(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer with everything that belongs to ``target``, all at once or with ``_count`` page by page.

    What is in the compartment are matches, the resource itself first; what that refers to is included.
    """
    given = arguments_of_everything(call, target)
    asked, cursor = belonging(target, given, lambda type: endpoint.own(type, at="_type")), given.value("_cursor")
    await _must_stand(endpoint, target)
    found = await endpoint.repository.everything(asked, cursor=Cursor(cursor) if cursor is not None else None)
    address = f"{endpoint.base}/{target.type}/{target.id}/$everything"
    pairs = [pair for pair in given.pairs() if pair[0] != "_cursor"]
    head = bundle_head("searchset", total=found.total, links=links(address, pairs, cursor, found.next))
    entries = (_entries(endpoint, portion) async for portion in found.portions)
    return Answer(200, pieces=joined(head, entries, pretty=agreed_shape(call).pretty))


def _entries(endpoint: Endpoint, portion: Portion) -> list[bytes]:
    return search_entries(endpoint, portion.items, WHOLE, "include" if portion.referred else "match")


async def _must_stand(endpoint: Endpoint, target: Target) -> None:
    kept = await endpoint.repository.read(target.type, target.id)
    if kept is None:
        raise NotFound(f"there is no such {target.type}")
    if kept.deleted:
        raise Gone(f"this {target.type} was deleted; its history tells its versions")


def arguments_of_everything(call: Call, target: Target) -> Arguments:
    """Return what $everything of ``target`` is called with. Refuses: as ``arguments``."""
    return arguments(call, *_OF_ALL, *(_OF_PATIENTS if target.type == "Patient" else ()))


def belonging(target: Target, given: Arguments, own: Callable[[str], str]) -> Belonging:
    """Return what is asked for; ``own`` returns a type that is kept and refuses others. Refuses: ``Unacceptable``."""
    since, count = _span(given, "_since"), given.value("_count")
    types = [type for value in given.values("_type") for type in value.split(",")]
    return Belonging(
        target.type,
        target.id,
        since=time_of(since.low) if since else None,
        types=tuple(dict.fromkeys(map(own, types))),
        period=_period(given),
        count=_count(count) if count is not None else None,
    )


def _count(value: str) -> int:
    count = parse(None, [("_count", value)]).count
    if not count:
        raise Unacceptable("_count is at least 1", at="_count")
    return count


def _period(given: Arguments) -> Span:
    """Return the time from the beginning of ``start`` to the end of ``end``; a date stands for all of its day."""
    first, last = _span(given, "start") or EVER, _span(given, "end") or EVER
    if last.high <= first.low:
        raise Unacceptable("end lies before start", at="end")
    return Span(first.low, last.high)


def _span(given: Arguments, name: str) -> Span | None:
    value = given.value(name)
    if value is None:
        return None
    span = date_span(value.replace(" ", "+"))
    if span is None:
        raise Unacceptable(f"{name} takes one date or time, such as 2024-05-31 or 2024-05-31T14:30:00Z", at=name)
    return span
