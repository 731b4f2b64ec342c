"""$lastn of Observations: the newest few of each kind that a search finds.

Source: https://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from polyclinic.fhir.outcome import TooCostly, Unacceptable
from polyclinic.fhir.search.query import Query
from polyclinic.kit.http.message import Answer, Call, Pairs
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.groups import Groups
from polyclinic.kit.rest.operations.model import all_arguments
from polyclinic.kit.rest.pages import bundle, links, search_entries
from polyclinic.kit.rest.searching import understood
from polyclinic.kit.rest.subset import part_asked
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Kept

MOST_LOOKED_AT = 10_000
"""Observations that are looked at for one answer."""
_AT_ONCE = 500
_SUBJECTS = frozenset({"patient", "subject"})
_MEANINGLESS = frozenset({"_sort", "_count", "_total", "_include", "_revinclude", "_contained", "_cursor"})
_NAMES_NOBODY = frozenset({"missing", "not"})


async def last_n(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer with the newest ``max`` Observations of each group, the group with the newest first.

    Two Observations are of one group if they share a coding, also by way of a third; those without any coding if they
    have the same text. Parameters are those of a search, and name a patient or subject.
    """
    pairs = all_arguments(call).pairs()
    most = _most([value for name, value in pairs if name == "max"])
    query = _query(endpoint, target, [pair for pair in pairs if pair[0] != "max"])
    groups = Groups(most)
    async for kept in _newest_first(endpoint, query):
        groups.add(kept)
    items = groups.items()
    address = f"{endpoint.base}/{target.type}/$lastn"
    entries = search_entries(endpoint, items, part_asked(query), "match")
    return Answer(200, bundle("searchset", total=len(items), links=links(address, pairs, None, None), entries=entries))


def _most(values: Sequence[str]) -> int:
    if not values:
        return 1
    value = values[0] if len(values) == 1 else ""
    if not (value.isascii() and value.isdigit() and int(value[:9])):
        raise Unacceptable("max is one whole number, at least 1", at="max")
    return int(value[:9])


def _query(endpoint: Endpoint, target: Target, pairs: Pairs) -> Query:
    for name, _ in pairs:
        code = name.partition(":")[0]
        if code in _MEANINGLESS:
            raise Unacceptable(
                f"{code} means nothing to $lastn, which has an order and a number of its own", at=name[:64]
            )
    if not any(map(_names_somebody, pairs)):
        raise Unacceptable(
            "$lastn is asked of one patient or subject; add patient=[id] or subject=[type]/[id]", at="patient"
        )
    query = understood(endpoint, target, pairs)
    if query.summary == "count":
        raise Unacceptable("_summary=count is for searches", at="_summary")
    return query


def _names_somebody(pair: tuple[str, str]) -> bool:
    code, _, rest = pair[0].partition(":")
    return code.partition(".")[0] in _SUBJECTS and rest not in _NAMES_NOBODY


async def _newest_first(endpoint: Endpoint, query: Query) -> AsyncIterator[Kept]:
    """Yield what ``query`` finds. Refuses: ``TooCostly`` where that is more than ``MOST_LOOKED_AT``."""
    cursor, seen = None, 0
    while True:
        page = await endpoint.repository.search(replace(query, count=_AT_ONCE), cursor=cursor)
        seen += len(page.items)
        if seen > MOST_LOOKED_AT:
            found = await endpoint.repository.count(query)
            raise TooCostly(
                f"this finds {found} Observations, and $lastn looks at {MOST_LOOKED_AT} at most; "
                "narrow it by code, category or date",
                at="patient",
            )
        for kept in page.items:
            yield kept
        cursor = page.next
        if cursor is None:
            return
