"""Bundles posted to the base: a batch, each entry on its own, or a transaction, all or nothing.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from polyclinic.fhir.bundle import ORDER, Entry, entries_of, placed
from polyclinic.fhir.json import decode_resource
from polyclinic.fhir.outcome import Invalid, Issue, Refusal
from polyclinic.kit.http.message import Answer, Call, refused
from polyclinic.kit.http.negotiation import agreed_body
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.prefer import preferred
from polyclinic.kit.rest.responses import response_bundle, response_entry
from polyclinic.kit.rest.steps import call_of
from polyclinic.kit.rest.transaction import transact

SIDE_BY_SIDE = 8
"""Entries of a batch that are served at the same time."""

Perform = Callable[[Call], Awaitable[Answer]]


async def take_bundle(endpoint: Endpoint, call: Call, perform: Perform) -> Answer:
    """Answer a Bundle posted to the base; ``perform`` serves single calls.

    Refuses: ``Invalid`` where it is neither a batch nor a transaction, or a transaction with any fault.
    """
    agreed_body(call)
    bundle = decode_resource(call.body)
    kind = bundle_kind(bundle["resourceType"], bundle.get("type"))
    call.interaction = kind
    entries = entries_of(bundle)
    prefer = call.headers.get("prefer", "return=minimal")
    if kind == "batch":
        listed = await _batch(endpoint, entries, perform, prefer)
    else:
        listed = await transact(endpoint, entries, perform, preferred({"prefer": prefer}))
    return Answer(200, response_bundle(f"{kind}-response", listed))


def bundle_kind(resource_type: str, type: object) -> str:
    """Return ``batch`` or ``transaction``, what may be posted to the base. Refuses: ``Invalid``."""
    if resource_type != "Bundle":
        raise Invalid(f"the base takes Bundles; post a {resource_type[:64]!r} to its own address", at="resourceType")
    if type not in ("batch", "transaction"):
        raise Invalid(
            "a Bundle posted to the base is a batch or a transaction; to store it, post it to /Bundle",
            at="Bundle.type",
        )
    return str(type)


async def _batch(endpoint: Endpoint, entries: Sequence[Entry | Refusal], perform: Perform, prefer: str) -> list[bytes]:
    """Serve each entry on its own, deletions first, reads last; return the responses in the order of the entries."""
    responses: dict[int, bytes] = {
        index: response_entry(refused(refusal), shows_resource=False)
        for index, refusal in enumerate(entries)
        if isinstance(refusal, Refusal)
    }

    async def serve(entry: Entry) -> None:
        responses[entry.index] = await _served(endpoint, entry, perform, prefer)

    ordered = sorted((each for each in entries if isinstance(each, Entry)), key=_turn)
    for _, group in groupby(ordered, key=_turn):
        waiting = list(group)
        for start in range(0, len(waiting), SIDE_BY_SIDE):
            await asyncio.gather(*map(serve, waiting[start : start + SIDE_BY_SIDE]))
    return [responses[index] for index in range(len(entries))]


def _turn(entry: Entry) -> int:
    return ORDER[entry.method]


async def _served(endpoint: Endpoint, entry: Entry, perform: Perform, prefer: str) -> bytes:
    call = call_of(endpoint, entry, prefer)
    try:
        answer = await perform(call)
    except Refusal as refusal:
        answer = refused(Invalid(issues=_placed(refusal, entry)) if isinstance(refusal, Invalid) else refusal)
    return response_entry(answer, shows_resource=entry.method == "GET" or "return=representation" in prefer)


def _placed(refusal: Invalid, entry: Entry) -> list[Issue]:
    return placed(refusal.issues, f"{entry.place}.resource")
