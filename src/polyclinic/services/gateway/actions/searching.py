"""Searches of all types and of compartments, where several services keep what is searched.

What only one store could tell is refused by name: includes, what is contained in others, plans, and orders by what no
resource tells by itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Issue, NotSupported
from polyclinic.fhir.search.controls import CONTROLS
from polyclinic.fhir.search.query import Query, parse
from polyclinic.fhir.search.ranks import ranking
from polyclinic.kit.http.message import Answer, Call, Pairs
from polyclinic.kit.rest.pages import bundle, links, outcome_entry
from polyclinic.kit.rest.prefer import preferred
from polyclinic.kit.rest.searching import form_pairs, ignored, without_cursor
from polyclinic.kit.rest.subset import Part as Subset
from polyclinic.kit.rest.subset import part_asked, part_of
from polyclinic.kit.rest.targets import Target
from polyclinic.services.gateway.actions.handing import Gateway, Part, ask, hand_on
from polyclinic.services.gateway.actions.merging import Found, distinct, merged
from polyclinic.services.gateway.model import Item, Types
from polyclinic.services.gateway.rules import searched

_INCLUDES = frozenset({"_include", "_revinclude"})
_OURS = frozenset({"_type", "_count", "_summary", "_elements", "_total"})
"""What the gateway answers itself: it needs whole resources to merge them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search over several services: their ``parts`` of it, ``pairs`` as understood, ``issues`` on the way."""

    query: Query
    types: Types
    parts: Sequence[Part]
    address: str
    pairs: Pairs
    cursor: str | None
    issues: Sequence[Issue] = ()

    def noticed(self, issues: Sequence[Issue]) -> "_Asked":
        """Return this without the parameters that a service left out: what one does not know, none may go by."""
        left_out = {each.expression for each in issues if each.code == "not-supported" and each.expression}
        return replace(
            self,
            parts=[part.without(left_out) for part in self.parts],
            pairs=[pair for pair in self.pairs if pair[0] not in left_out],
            issues=distinct([self.issues, issues]),
        )


async def search(gateway: Gateway, call: Call, target: Target) -> Answer:
    """Answer a search of all types or of a compartment: its one owner does, or all that keep what is searched."""
    pairs = form_pairs(call) if call.method == "POST" else call.pairs()
    named = [type for name, value in pairs if name == "_type" for type in value.split(",")]
    types = searched(gateway.house, target.type, named)
    if len(types) == 1:
        return await hand_on(gateway, next(iter(types)), call)
    asked = _understood(gateway, call, target, pairs, types)
    return await (_counted if asked.query.summary == "count" else _listed)(gateway, asked)


def _understood(gateway: Gateway, call: Call, target: Target, pairs: Pairs, types: Types) -> _Asked:
    """Return what is asked. Refuses: ``NotSupported`` naming what cannot be merged."""
    asked, cursor = without_cursor(pairs)
    lenient = preferred(call.headers).lenient
    kept, issues = _mergeable(asked, lenient=lenient)
    query = parse(None, [pair for pair in kept if pair[0] in CONTROLS])
    if query.explain:
        raise NotSupported("_explain is for what one service answers; name types of one by _type", at="_explain")
    path = f"{target.type}/{target.id}/*" if target.type else ""
    handed = [pair for pair in kept if pair[0] not in _OURS]
    narrowed = len(kept) > len([pair for pair in kept if pair[0] != "_type"])
    parts = [
        Part(
            service,
            path,
            [*([("_type", ",".join(owned))] if narrowed else []), *handed],
            lenient=lenient,
            posts=call.method == "POST",
        )
        for service, owned in types.items()
    ]
    address = "/".join(filter(None, (gateway.house.base, target.type, target.id, target.inner)))
    return _Asked(query, types, parts, address, kept, cursor, issues)


def _mergeable(pairs: Pairs, *, lenient: bool) -> tuple[Pairs, list[Issue]]:
    """Return ``pairs``, the types first, without what only one service can answer, and what is to be said of that.

    Refuses: ``NotSupported`` naming that parameter, unless ``lenient``.
    """
    dropped = [pair[0] for pair in pairs if _needs_one_service(*pair)]
    if dropped and not lenient:
        name = dropped[0][:64]
        sentence = f"{name} in a search over several services is not supported yet; name types of one by _type"
        raise NotSupported(sentence, at=name)
    kept = [pair for pair in pairs if not _needs_one_service(*pair)]
    return sorted(kept, key=lambda pair: pair[0] != "_type"), [ignored(name) for name in dropped]


def _needs_one_service(name: str, value: str) -> bool:
    return name.partition(":")[0] in _INCLUDES or (name == "_contained" and value in ("true", "both"))


async def _counted(gateway: Gateway, asked: _Asked) -> Answer:
    total, issues = await _total(gateway, asked)
    if issues:
        asked = asked.noticed(issues)
        total, _ = await _total(gateway, asked)
    listed = links(asked.address, asked.pairs, None, None)
    return Answer(200, bundle("searchset", total=total, links=listed, entries=_told(asked)))


async def _total(gateway: Gateway, asked: _Asked) -> tuple[int, list[Issue]]:
    listed = await asyncio.gather(*(ask(gateway, part, ("_summary", "count")) for part in asked.parts))
    return sum(page.total or 0 for page in listed), distinct(page.issues for page in listed)


async def _listed(gateway: Gateway, asked: _Asked) -> Answer:
    query, cursor = asked.query, asked.cursor
    place = ranking([type for owned in asked.types.values() for type in owned], query.sort)

    def rank(item: Item) -> tuple[object, ...]:
        return place(decode(bytes(item.resource)))

    page = await merged(gateway, asked.parts, cursor, query.count, rank)
    if page.issues:
        asked = asked.noticed(page.issues)
        page = await merged(gateway, asked.parts, cursor, query.count, rank)
    total = len(page.found) if cursor is None and page.next is None else None
    if query.total in ("accurate", "estimate"):
        total, _ = await _total(gateway, asked)
    entries = [_entry(found, part_asked(query)) for found in page.found] + _told(asked)
    listed = links(asked.address, asked.pairs, cursor, page.next)
    return Answer(200, bundle("searchset", total=total, links=listed, entries=entries))


def _told(asked: _Asked) -> list[bytes]:
    return [outcome_entry(asked.issues)] if asked.issues else []


def _entry(found: Found, subset: Subset) -> bytes:
    raw, item = found
    if not subset:
        return raw
    resource = msgspec.Raw(part_of(bytes(item.resource), subset))
    return encode({"fullUrl": item.url, "resource": resource, "search": {"mode": "match"}})
