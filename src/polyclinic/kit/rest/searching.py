"""Search: parameters in, a searchset out, page by page.

Source: https://hl7.org/fhir/R4/http.html#search and https://hl7.org/fhir/R4/search.html
"""

from polyclinic.fhir.outcome import Issue, Unacceptable
from polyclinic.fhir.search.query import parse
from polyclinic.kit.http.message import Answer, Call, Pairs, read_pairs
from polyclinic.kit.http.negotiation import is_form, without_format
from polyclinic.kit.http.statuses import UnsupportedMediaType
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.pages import bundle, links, match_entries, outcome_entry
from polyclinic.kit.rest.prefer import preferred
from polyclinic.kit.rest.subset import part_asked
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Cursor


async def search(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer a search by GET."""
    return await _search(endpoint, call, target, call.pairs())


async def search_by_form(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer a search by POST: its parameters are those of the form and of the URL together."""
    if call.body and not is_form(call):
        raise UnsupportedMediaType("a search by POST sends its parameters as application/x-www-form-urlencoded")
    try:
        form = call.body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Unacceptable("the form of the search is not percent-encoded") from error
    return await _search(endpoint, call, target, call.pairs() + read_pairs(form))


async def _search(endpoint: Endpoint, call: Call, target: Target, pairs: Pairs) -> Answer:
    asked, cursor = without_cursor(pairs)
    query = parse(target.type or None, asked, lenient=preferred(call.headers).lenient, now=endpoint.now())
    address = f"{endpoint.base}/{target.type}" if target.type else endpoint.base
    used = list(query.used)
    if query.summary == "count":
        total = await endpoint.repository.count(query)
        return Answer(200, bundle("searchset", total=total, links=links(address, used, None, None), entries=()))
    page = await endpoint.repository.search(query, cursor=cursor)
    entries = match_entries(endpoint, page.items, part_asked(query))
    if query.ignored:
        entries.append(outcome_entry([_ignored(name) for name in query.ignored]))
    listed = links(address, used, cursor, page.next)
    return Answer(200, bundle("searchset", total=page.total, links=listed, entries=entries))


def without_cursor(pairs: Pairs) -> tuple[Pairs, Cursor | None]:
    """Return ``pairs`` without those that shape the answer and the position, and the position to go on from.

    Refuses: ``Unacceptable`` for two positions.
    """
    positions = [value for name, value in pairs if name == "_cursor"]
    if len(positions) > 1:
        raise Unacceptable("a page starts at one position; _cursor is given twice", at="_cursor")
    asked = [pair for pair in without_format(pairs) if pair[0] != "_cursor"]
    return asked, Cursor(positions[0]) if positions else None


def _ignored(name: str) -> Issue:
    return Issue("not-supported", f"the parameter {name[:64]!r} was left out", name[:64], severity="warning")
