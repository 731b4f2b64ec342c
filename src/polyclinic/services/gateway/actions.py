"""What the gateway does: hand a request to its owner, share a batch out, tell what the whole house offers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from polyclinic import __version__
from polyclinic.fhir.bundle import outline
from polyclinic.fhir.capability import Software, merged
from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Refusal, Unavailable
from polyclinic.fhir.search.labels import united
from polyclinic.kit.call import Neighbours, Reply
from polyclinic.kit.http.message import Answer, Call, refused
from polyclinic.kit.http.negotiation import FHIR_JSON
from polyclinic.kit.rest.bundles import bundle_kind
from polyclinic.kit.rest.operations.model import answered
from polyclinic.kit.rest.responses import response_bundle, response_entry
from polyclinic.services.gateway.model import Entries, House, Shares
from polyclinic.services.gateway.rules import check_transaction, share_out, sole_server

HANDED_ON = (
    "content-type",
    "prefer",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-none-exist",
)
HANDED_BACK = (
    "etag",
    "last-modified",
    "location",
    "content-location",
    "retry-after",
    "x-progress",
    "allow",
    "accept-patch",
    "content-type",
)
SHARED = frozenset({"meta"})
"""Operations on the system that every service answers for its part."""
LOOK_SECONDS = 2.0

_entries = msgspec.json.Decoder(Entries)


@dataclass(slots=True)
class Gateway:
    """The house, and the way to its services. ``statements`` are the last CapabilityStatements seen, by service."""

    house: House
    neighbours: Neighbours
    started: datetime
    statements: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


async def hand_on(gateway: Gateway, service: str, call: Call) -> Answer:
    """Return what ``service`` answers to ``call``, untouched."""
    path = f"/fhir/{quote(call.path, safe='/$')}".rstrip("/") + (f"?{call.query}" if call.query else "")
    headers = {name: call.headers[name] for name in HANDED_ON if name in call.headers}
    if call.body:
        headers.setdefault("content-type", FHIR_JSON)
    method = "GET" if call.method == "HEAD" else call.method
    return _answer(await gateway.neighbours.ask(service, method, path, headers=headers, body=call.body))


async def take_bundle(gateway: Gateway, call: Call) -> Answer:
    """Answer a Bundle: its one owner does, or each owner of a batch answers its share."""
    seen = outline(call.body)
    kind = bundle_kind(seen.resource_type, seen.type)
    call.interaction = kind
    shares = share_out(seen.types(f"{gateway.house.base}/"), gateway.house)
    service = sole_server(shares)
    if service is not None:
        return await hand_on(gateway, service, call)
    if kind == "transaction":
        check_transaction(shares)
    return Answer(200, response_bundle(f"{kind}-response", await _shared_batch(gateway, call, shares)))


async def _shared_batch(gateway: Gateway, call: Call, shares: Shares) -> list[bytes]:
    """Return the responses of all entries in order, each service having been asked at the same time."""
    entries = _entries.decode(call.body).entry
    responses = {
        index: response_entry(refused(refusal), shows_resource=False) for index, refusal in shares.refused.items()
    }

    async def ask(service: str, indexes: list[int]) -> None:
        answers = await _share(gateway, call, service, [bytes(entries[index]) for index in indexes])
        for number, (index, answer) in enumerate(zip(indexes, answers, strict=True)):
            responses[index] = _renumbered(answer, number, index)

    await asyncio.gather(*(ask(service, indexes) for service, indexes in shares.by_service.items()))
    return [responses[index] for index in range(len(entries))]


async def _share(gateway: Gateway, call: Call, service: str, entries: list[bytes]) -> list[bytes]:
    """Return what ``service`` answers to its share of a batch; if it answers nothing, that for each entry."""
    body = b'{"resourceType":"Bundle","type":"batch","entry":[%b]}' % b",".join(entries)
    try:
        answer = await hand_on(gateway, service, Call("POST", "", headers=call.headers, body=body))
    except Refusal as refusal:
        answer = refused(refusal)
    if answer.status != 200:
        return [response_entry(answer, shows_resource=False)] * len(entries)
    return [bytes(entry) for entry in _entries.decode(answer.body).entry]


def _renumbered(response: bytes, number: int, index: int) -> bytes:
    """Return ``response`` with its outcome naming the entry by its place in the whole batch."""
    if number == index or b'"outcome":' not in response:
        return response
    return response.replace(b'"Bundle.entry[%d]' % number, b'"Bundle.entry[%d]' % index)


async def meta(gateway: Gateway, call: Call) -> Answer:
    """Return the labels in use at all services; what one of them refuses is refused."""
    services = gateway.house.services
    answers = await asyncio.gather(*(hand_on(gateway, service, call) for service in services))
    refusal = next((answer for answer in answers if answer.status != 200), None)
    if refusal is not None:
        return refusal
    found = united(each["valueMeta"] for answer in answers for each in decode(answer.body).get("parameter", ()))
    return Answer(200, answered(*([{"name": "return", "valueMeta": found}] if found else [])))


async def metadata(gateway: Gateway) -> bytes:
    """Return one CapabilityStatement for the house; services that do not answer are left out, and named."""
    services = gateway.house.services
    found = await asyncio.gather(*(_statement(gateway, service) for service in services))
    statements = [statement for statement in found if statement is not None]
    missing = [service for service, statement in zip(services, found, strict=True) if statement is None]
    software = Software("Polyclinic", __version__, gateway.house.base, gateway.started)
    return encode(merged(software, statements, missing, shared=SHARED))


async def _statement(gateway: Gateway, service: str) -> dict[str, Any] | None:
    """Return the CapabilityStatement of ``service``, None if it does not answer; asked anew only if it changed."""
    known = gateway.statements.get(service)
    headers = {"if-none-match": known[0]} if known else {}
    try:
        reply = await gateway.neighbours.ask(service, "GET", "/fhir/metadata", headers=headers)
    except Unavailable:
        return None
    if reply.status == 304 and known:
        return known[1]
    if reply.status != 200:
        return None
    statement: dict[str, Any] = decode(reply.body)
    gateway.statements[service] = (reply.headers.get("etag", ""), statement)
    return statement


async def missing(gateway: Gateway) -> list[str]:
    """Return a sentence for each owner that does not answer now."""
    alive = await asyncio.gather(*(_is_alive(gateway.neighbours, service) for service in gateway.house.services))
    pairs = zip(gateway.house.services, alive, strict=True)
    return [f"the service {service} does not answer" for service, lives in pairs if not lives]


async def _is_alive(neighbours: Neighbours, service: str) -> bool:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return (await neighbours.ask(service, "GET", "/health/live")).status == 200
    except (Unavailable, TimeoutError):
        return False


def _answer(reply: Reply) -> Answer:
    headers: Mapping[str, str] = reply.headers
    return Answer(reply.status, reply.body, {name: headers[name] for name in HANDED_BACK if name in headers})
