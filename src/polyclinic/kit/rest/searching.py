"""Search: parameters in, a searchset out, page by page.

Source: https://hl7.org/fhir/R4/http.html#search and https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Sequence

from msgspec.structs import replace

from polyclinic.fhir.outcome import Issue, NotFound, Unacceptable
from polyclinic.fhir.search.compartments import members, membership
from polyclinic.fhir.search.includes import Beyond
from polyclinic.fhir.search.query import Query, parse
from polyclinic.fhir.search.terms import COMPARTMENTS
from polyclinic.kit.http.message import Answer, Call, Pairs, read_pairs
from polyclinic.kit.http.negotiation import is_form, without_format
from polyclinic.kit.http.statuses import UnsupportedMediaType
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.explaining import explain
from polyclinic.kit.rest.pages import bundle, links, outcome_entry, search_entries
from polyclinic.kit.rest.prefer import preferred
from polyclinic.kit.rest.subset import part_asked
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Cursor


async def search(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer a search by GET."""
    return await _search(endpoint, call, target, call.pairs())


async def search_by_form(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer a search by POST: its parameters are those of the form and of the URL together."""
    return await _search(endpoint, call, target, form_pairs(call))


def form_pairs(call: Call) -> Pairs:
    """Return the parameters of a search by POST. Refuses: ``UnsupportedMediaType``, ``Unacceptable``."""
    if call.body and not is_form(call):
        raise UnsupportedMediaType("a search by POST sends its parameters as application/x-www-form-urlencoded")
    try:
        form = call.body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Unacceptable("the form of the search is not percent-encoded") from error
    return call.pairs() + read_pairs(form)


async def _search(endpoint: Endpoint, call: Call, target: Target, pairs: Pairs) -> Answer:
    asked, cursor = without_cursor(pairs)
    query = understood(endpoint, target, asked, lenient=preferred(call.headers).lenient)
    query = replace(query, patience=call.patience) if call.patience else query
    address = "/".join(filter(None, (endpoint.base, target.type, target.id, target.inner)))
    used = list(query.used)
    if query.explain:
        return await explain(endpoint, query)
    issues = await _issues(endpoint, query)
    if query.summary == "count":
        total = await endpoint.repository.count(query)
        listed = links(address, used, None, None)
        return Answer(200, bundle("searchset", total=total, links=listed, entries=_told(issues)))
    page = await endpoint.repository.search(query, cursor=cursor)
    part = part_asked(query)
    entries = search_entries(endpoint, page.items, part, "match")
    entries += search_entries(endpoint, page.included, part, "include")
    entries += _told([*issues, *page.issues])
    listed = links(address, used, cursor, page.next)
    return Answer(200, bundle("searchset", total=page.total, links=listed, entries=entries))


async def _issues(endpoint: Endpoint, query: Query) -> list[Issue]:
    """Return what was left out and what may not be found yet.

    Asked before the search: what is complete then is complete in what it finds.
    """
    issues = [ignored(name) for name in query.ignored]
    issues += [_not_followed(beyond) for beyond in query.beyond]
    return issues + [each.issue for each in await endpoint.repository.lacking(query)]


def _told(issues: Sequence[Issue]) -> list[bytes]:
    """Return the entry that tells ``issues``, if there is anything to tell."""
    return [outcome_entry(issues)] if issues else []


def understood(endpoint: Endpoint, target: Target, pairs: Pairs, *, lenient: bool = False) -> Query:
    """Return the search that ``pairs`` ask for at the address ``target``: of a type, of all types, of a compartment.

    Refuses: as ``parse``, and ``NotFound`` for a type that is not kept here.
    """
    vocabulary = endpoint.repository.vocabulary
    searched: str | tuple[str, ...] = target.type
    chosen: Pairs = []
    if target.inner or not target.type:
        chosen = [pair for pair in pairs if pair[0] == "_type"]
        searched = types_searched(endpoint, target, chosen)
        pairs = [pair for pair in pairs if pair[0] != "_type"]
    query = parse(searched, pairs, lenient=lenient, now=endpoint.now(), vocabulary=vocabulary)
    member = (membership(target.type, target.id, query.types),) if target.inner else ()
    if not member and not chosen:
        return query
    return replace(query, clauses=(*member, *query.clauses), used=(*chosen, *query.used))


def types_searched(endpoint: Endpoint, target: Target, chosen: Pairs | None = None) -> tuple[str, ...]:
    """Return the types that are searched at ``target``; ``chosen`` are the ``_type`` that choose among them.

    Refuses: ``NotFound`` or ``Unacceptable`` where there are none.
    """
    if target.inner and target.type not in COMPARTMENTS:
        raise NotFound(f"{target.type[:64]} has no compartment; {', '.join(sorted(COMPARTMENTS))} have")
    possible = members(target.type) if target.inner else tuple(sorted(endpoint.types))
    if target.inner not in ("", "*"):
        if target.inner not in possible:
            raise NotFound(f"a {target.inner[:64]} is never in the compartment of a {target.type}")
        return (endpoint.own(target.inner),)
    wanted = {endpoint.own(type, at="_type") for _, value in chosen or () for type in value.split(",")}
    types = tuple(type for type in possible if type in endpoint.types and (not wanted or type in wanted))
    if not types and not wanted:
        raise NotFound(f"nothing that is kept here is ever in the compartment of a {target.type}")
    if not types:
        raise Unacceptable(f"_type names nothing that is ever in the compartment of a {target.type}", at="_type")
    return types


def without_cursor(pairs: Pairs) -> tuple[Pairs, Cursor | None]:
    """Return ``pairs`` without those that shape the answer and the position, and the position to go on from.

    Refuses: ``Unacceptable`` for two positions.
    """
    positions = [value for name, value in pairs if name == "_cursor"]
    if len(positions) > 1:
        raise Unacceptable("a page starts at one position; _cursor is given twice", at="_cursor")
    asked = [pair for pair in without_format(pairs) if pair[0] != "_cursor"]
    return asked, Cursor(positions[0]) if positions else None


def ignored(name: str) -> Issue:
    """Return the warning that a parameter of the client was left out."""
    return Issue("not-supported", f"the parameter {name[:64]!r} was left out", name[:64], severity="warning")


def _not_followed(beyond: Beyond) -> Issue:
    kept = f"{', '.join(beyond.types)} {'is' if len(beyond.types) == 1 else 'are'} kept by another service"
    sentence = f"{beyond.name}={beyond.value[:200]} was followed only here: {kept}, and does not come along yet"
    return Issue("incomplete", sentence, beyond.name, severity="warning")
