"""Bundles that answer a search or a history, joined from stored bodies without decoding one.

Source: https://hl7.org/fhir/R4/search.html#return and https://hl7.org/fhir/R4/http.html#history
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from urllib.parse import quote

import msgspec

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Issue, operation_outcome
from polyclinic.kit.http.message import Pairs
from polyclinic.kit.http.statuses import status_line
from polyclinic.kit.rest.endpoint import Endpoint, etag
from polyclinic.kit.rest.subset import Part, part_of
from polyclinic.repository.model import Kept
from polyclinic.repository.rows import instant

_READABLE_IN_A_URL = ",:/$*@"
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_.~,:/$*@-]*")
_STATUS = {"POST": 201, "PUT": 200, "DELETE": 204}


def link_url(address: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return ``address`` with ``pairs`` as its query."""
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    return f"{address}?{query}" if query else address


def _quoted(text: str) -> str:
    return text if _NEEDS_NO_QUOTES.fullmatch(text) else quote(text, safe=_READABLE_IN_A_URL)


def links(address: str, pairs: Pairs, cursor: str | None, next: str | None) -> list[tuple[str, str]]:
    """Return the self link, as understood, and the next one if there is more."""
    here = pairs if cursor is None else [*pairs, ("_cursor", cursor)]
    found = [("self", link_url(address, here))]
    if next is not None:
        found.append(("next", link_url(address, [*pairs, ("_cursor", next)])))
    return found


def bundle(type: str, *, total: int | None, links: Sequence[tuple[str, str]], entries: Sequence[bytes]) -> bytes:
    """Return a Bundle around ``entries``, each the JSON of one."""
    head = bundle_head(type, total=total, links=links)
    return b'%b,"entry":[%b]}' % (head, b",".join(entries)) if entries else head + b"}"


def bundle_head(type: str, *, total: int | None, links: Sequence[tuple[str, str]]) -> bytes:
    """Return the JSON of a Bundle up to its entries."""
    head = b'{"resourceType":"Bundle","type":"%b"' % type.encode()
    if total is not None:
        head += b',"total":%d' % total
    listed = encode([{"relation": relation, "url": url} for relation, url in links])
    return head + b',"link":' + listed


async def joined(head: bytes, entries: AsyncIterator[list[bytes]], *, pretty: bool) -> AsyncGenerator[bytes, None]:
    """Yield the JSON of a Bundle that begins with ``head``, a piece for each list of entries."""
    opening, between, closing = (
        (b',\n  "entry": [\n    ', b",\n    ", b"\n  ]\n}") if pretty else (b',"entry":[', b",", b"]}")
    )
    if pretty:
        head = msgspec.json.format(head + b"}", indent=2).removesuffix(b"\n}")
    before = head + opening
    async for listed in entries:
        if pretty:
            listed = [msgspec.json.format(entry, indent=2).replace(b"\n", b"\n    ") for entry in listed]
        if listed:
            yield before + between.join(listed)
            before = between
    yield closing if before is between else head + (b"\n}" if pretty else b"}")


def search_entries(endpoint: Endpoint, items: Iterable[Kept], part: Part, mode: str) -> list[bytes]:
    """Return the entries of a searchset; ``mode`` is ``match`` or ``include``."""
    base, tail = endpoint.base.encode(), b',"search":{"mode":"%b"}}' % mode.encode()
    return [
        b'{"fullUrl":"%b/%b/%b","resource":%b%b' % (base, type.encode(), id.encode(), part_of(body, part), tail)
        for type, id, _, _, _, body in items
        if body is not None
    ]


def outcome_entry(issues: Sequence[Issue]) -> bytes:
    """Return the entry of a searchset that says what was noticed on the way."""
    return b'{"resource":%b,"search":{"mode":"outcome"}}' % encode(operation_outcome(issues))


def version_entry(endpoint: Endpoint, kept: Kept, part: Part) -> bytes:
    """Return the entry of a history: how this version came to be, and the version unless it is a deletion."""
    url = kept.type if kept.method == "POST" else f"{kept.type}/{kept.id}"
    status = 201 if kept.version == 1 else _STATUS[kept.method]
    told = {
        "request": {"method": kept.method, "url": url},
        "response": {"status": status_line(status), "etag": etag(kept.version), "lastModified": instant(kept.updated)},
    }
    head = b'{"fullUrl":"%b",' % endpoint.url(kept).encode()
    if kept.body is not None:
        head += b'"resource":%b,' % part_of(kept.body, part)
    return head + encode(told)[1:]
