"""Bundles that answer a search or a history, joined from stored bodies without decoding one.

Source: https://hl7.org/fhir/R4/search.html#return and https://hl7.org/fhir/R4/http.html#history
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

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
    head = b'{"resourceType":"Bundle","type":"%b"' % type.encode()
    if total is not None:
        head += b',"total":%d' % total
    listed = encode([{"relation": relation, "url": url} for relation, url in links])
    head += b',"link":' + listed
    if not entries:
        return head + b"}"
    return b'%b,"entry":[%b]}' % (head, b",".join(entries))


def search_entries(endpoint: Endpoint, items: Iterable[Kept], part: Part, mode: str) -> list[bytes]:
    """Return the entries of a searchset; ``mode`` is ``match`` or ``include``."""
    bodies = [(kept.type, kept.id, kept.body) for kept in items if kept.body is not None]
    if part:
        bodies = [(type, id, part_of(body, part)) for type, id, body in bodies]
    head, tail = b'{"fullUrl":"%b/' % endpoint.base.encode(), b',"search":{"mode":"%b"}}' % mode.encode()
    return [b'%b%b","resource":%b%b' % (head, f"{type}/{id}".encode(), body, tail) for type, id, body in bodies]


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
