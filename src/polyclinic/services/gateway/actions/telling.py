"""What the gateway tells of the house: one CapabilityStatement, and which services are silent."""

import asyncio
from typing import Any

from polyclinic import __version__
from polyclinic.fhir.capability import Software, merged
from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Unavailable
from polyclinic.fhir.search.labels import united
from polyclinic.kit.call import Neighbours
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.operations.model import answered
from polyclinic.services.gateway.actions.handing import Gateway, hand_on

LOOK_SECONDS = 2.0
SHARED = frozenset({"meta"})
"""Operations on the system that every service answers for its part."""


async def metadata(gateway: Gateway) -> bytes:
    """Return one CapabilityStatement for the house; services that do not answer are left out, and named."""
    services = gateway.house.services
    found = await asyncio.gather(*(_statement(gateway, service) for service in services))
    statements = [statement for statement in found if statement is not None]
    missing = [service for service, statement in zip(services, found, strict=True) if statement is None]
    software = Software("Polyclinic", __version__, gateway.house.base, gateway.started)
    return encode(merged(software, statements, missing, shared=SHARED))


async def meta(gateway: Gateway, call: Call) -> Answer:
    """Return the labels in use at all services; what one of them refuses is refused."""
    services = gateway.house.services
    answers = await asyncio.gather(*(hand_on(gateway, service, call) for service in services))
    refusal = next((answer for answer in answers if answer.status != 200), None)
    if refusal is not None:
        return refusal
    found = united(each["valueMeta"] for answer in answers for each in decode(answer.body).get("parameter", ()))
    return Answer(200, answered(*([{"name": "return", "valueMeta": found}] if found else [])))


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
