"""The house as the gateway reaches it: a call is handed on to one service, or a service is asked for its part."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Issue, Refusal, Unavailable
from polyclinic.kit.call import Neighbours
from polyclinic.kit.http.message import Answer, Call, Pairs
from polyclinic.kit.http.negotiation import FHIR_JSON, FORM
from polyclinic.services.gateway.model import Answered, House, Item, Listed

HANDED_ON = (
    "content-type",
    "prefer",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-none-exist",
)
HANDED_BACK = (
    "etag", "last-modified", "location", "retry-after", "allow", "accept-patch", "content-type", "content-location",
    "x-progress", "cache-control",
)  # fmt: skip
HELD = 1_000_000
"""Bytes of an answer that are waited for; the rest goes through as it comes."""

_listed = msgspec.json.Decoder(Listed)
_item = msgspec.json.Decoder(Item)
_answers = msgspec.json.Decoder(Answered)


@dataclass(slots=True)
class Gateway:
    """The house, and the way to its services. ``statements`` are the last CapabilityStatements seen, by service."""

    house: House
    neighbours: Neighbours
    started: datetime
    statements: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


async def hand_on(gateway: Gateway, service: str, call: Call) -> Answer:
    """Return what ``service`` answers to ``call``, untouched."""
    path = f"/fhir/{quote(call.path, safe='/$*')}".rstrip("/") + (f"?{call.query}" if call.query else "")
    headers = {name: call.headers[name] for name in HANDED_ON if name in call.headers}
    if call.body:
        headers.setdefault("content-type", FHIR_JSON)
    method = "GET" if call.method == "HEAD" else call.method
    reply = await gateway.neighbours.ask(service, method, path, headers=headers, body=call.body, held=HELD)
    back: Mapping[str, str] = reply.headers
    told = {name: back[name] for name in HANDED_BACK if name in back}
    return Answer(reply.status, reply.body, told, pieces=reply.pieces)


@dataclass(frozen=True, slots=True)
class Part:
    """What one service is asked of a list that several keep: ``path`` below the base, and ``pairs`` of the query.

    ``posts`` asks by a form: it may be longer than an address.
    """

    service: str
    path: str
    pairs: Pairs
    lenient: bool = False
    posts: bool = False

    def without(self, names: set[str]) -> "Part":
        """Return this without the parameters of these names."""
        pairs = [pair for pair in self.pairs if pair[0] not in names]
        return Part(self.service, self.path, pairs, self.lenient, self.posts)


@dataclass(frozen=True, slots=True)
class Page:
    """What a service answered: the entries found, each as it came, what it noticed, and the position of the rest."""

    found: tuple[tuple[bytes, Item], ...]
    issues: tuple[Issue, ...]
    next: str | None
    total: int | None


async def ask(gateway: Gateway, part: Part, *more: tuple[str, str]) -> Page:
    """Return what the service answers to its ``part``, with ``more`` parameters.

    Refuses: what the service refuses; ``Unavailable`` naming the service that cannot answer now.
    """
    query = urlencode([*part.pairs, *more])
    headers = {"prefer": "handling=lenient"} if part.lenient else {}
    path = f"/fhir/{quote(part.path, safe='/$*')}".rstrip("/")
    if part.posts:
        headers["content-type"] = FORM
        asked = gateway.neighbours.ask(
            part.service, "POST", f"{path}/_search", headers=headers, body=query.encode("ascii")
        )
    else:
        asked = gateway.neighbours.ask(part.service, "GET", f"{path}?{query}".rstrip("?"), headers=headers)
    reply = await asked
    if reply.status != 200:
        raise refusal_of(part.service, reply.status, reply.body)
    return _page(reply.body)


async def pages(gateway: Gateway, part: Part, *more: tuple[str, str]) -> AsyncGenerator[Page, None]:
    """Yield page after page of what the service answers to its ``part``."""
    page = await ask(gateway, part, *more)
    yield page
    while page.next is not None:
        page = await ask(gateway, part, *more, ("_cursor", page.next))
        yield page


def refusal_of(service: str, status: int, body: bytes) -> Refusal:
    """Return what ``service`` refuses in its answer as a refusal of the gateway."""
    outcome = decode(body) if body else {}
    if status >= 500:
        said = "; ".join(each.get("diagnostics", "") for each in outcome.get("issue", ()))
        return Unavailable(f"the service {service} cannot answer now: {said}")
    return Refusal(issues=_issues(outcome))


def _page(body: bytes) -> Page:
    listed = _listed.decode(body)
    items = [(bytes(raw), _item.decode(raw)) for raw in listed.entry]
    told = [item for _, item in items if item.search and item.search.mode == "outcome"]
    issues = tuple(issue for item in told for issue in _issues(decode(bytes(item.resource))))
    following = next((link.url for link in listed.link if link.relation == "next"), None)
    position = dict(parse_qsl(urlsplit(following).query))["_cursor"] if following else None
    found = tuple(pair for pair in items if not (pair[1].search and pair[1].search.mode == "outcome"))
    return Page(found, issues, position, listed.total)


def _issues(outcome: dict[str, Any]) -> tuple[Issue, ...]:
    return tuple(
        Issue(each["code"], each.get("diagnostics", ""), next(iter(each.get("expression", ())), None), each["severity"])
        for each in outcome["issue"]
    )


async def ask_together(gateway: Gateway, parts: Sequence[Part]) -> list[Page]:
    """Return the first page of each of ``parts``, all of one service, asked by one batch. Refuses: as ``ask``."""
    if not parts:
        return []
    listed = [{"request": {"method": "GET", "url": f"{part.path}?{urlencode(part.pairs)}"}} for part in parts]
    body = encode({"resourceType": "Bundle", "type": "batch", "entry": listed})
    headers = {"content-type": FHIR_JSON}
    service = parts[0].service
    reply = await gateway.neighbours.ask(service, "POST", "/fhir", headers=headers, body=body)
    if reply.status != 200:
        raise refusal_of(service, reply.status, reply.body)
    answers = _answers.decode(reply.body).entry
    for answer in answers:
        if answer.response.status[:3] != "200":
            raise refusal_of(service, int(answer.response.status[:3]), bytes(answer.response.outcome))
    return [_page(bytes(answer.resource)) for answer in answers]
