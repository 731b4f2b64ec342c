"""Bundles posted to the base: a batch, each entry on its own, or a transaction, all or nothing.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from polyclinic.fhir.bundle import ORDER, Entry, entries_of, placed
from polyclinic.fhir.json import decode_resource, encode
from polyclinic.fhir.outcome import Conflict, Invalid, Issue, NotSupported, Refusal, operation_outcome
from polyclinic.kit.http.message import Answer, Call, refused
from polyclinic.kit.http.negotiation import FHIR_JSON, agreed_body
from polyclinic.kit.http.streaming import make_whole
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.prefer import Preference, preferred
from polyclinic.kit.rest.responses import response_bundle, response_entry
from polyclinic.kit.rest.steps import call_of
from polyclinic.kit.rest.transaction import transact
from polyclinic.kit.rest.transaction_patches import patch_faults
from polyclinic.repository.transaction import MOST_TRIES

SIDE_BY_SIDE = 8
"""Entries of a batch that are served at the same time."""
LARGEST_OF_ENTRY = 4_000_000
"""Bytes that one entry is answered with at most, of what comes in pieces when it is asked for on its own."""

Perform = Callable[[Call], Awaitable[Answer]]


async def take_bundle(endpoint: Endpoint, call: Call, perform: Perform) -> Answer:
    """Answer a Bundle posted to the base; ``perform`` serves single calls.

    Refuses: ``Invalid`` where it is neither a batch nor a transaction, or a transaction with any fault.
    """
    agreed_body(call)
    bundle = decode_resource(call.body)
    kind = bundle_kind(bundle["resourceType"], bundle.get("type"))
    call.interaction = kind
    entries, perform = entries_of(bundle), _in_one(perform)
    prefer = call.headers.get("prefer", "return=minimal")
    if kind == "batch":
        listed = await _batch(endpoint, entries, perform, prefer)
    elif any(isinstance(entry, Entry) and entry.method == "PATCH" for entry in entries):
        listed = await _transaction_with_patches(endpoint, call, perform, preferred({"prefer": prefer}))
    else:
        listed = await transact(endpoint, entries, perform, preferred({"prefer": prefer}))
    return Answer(200, response_bundle(f"{kind}-response", listed))


async def _transaction_with_patches(
    endpoint: Endpoint, call: Call, perform: Perform, preference: Preference
) -> list[bytes]:
    """Do the transaction in the body of ``call``, read anew as often as others are quicker.

    A patch means what stands, whatever it is; a transaction without one says itself what it replaces.
    """
    tries = MOST_TRIES
    while True:
        tries -= 1
        try:
            return await transact(endpoint, entries_of(decode_resource(call.body)), perform, preference)
        except Conflict:
            if not tries:
                raise


def _in_one(perform: Perform) -> Perform:
    """Return ``perform`` with no answer in pieces and none but FHIR.

    Refuses: ``TooCostly`` beyond ``LARGEST_OF_ENTRY``, ``NotSupported`` for what no Bundle can hold.
    """

    async def whole(call: Call) -> Answer:
        answer = await perform(call)
        await make_whole(answer, LARGEST_OF_ENTRY)
        media = answer.headers.get("content-type", FHIR_JSON).partition(";")[0]
        if answer.body and media != FHIR_JSON:
            raise NotSupported(f"this is answered as {media}, which no Bundle can hold; ask for it on its own")
        return answer

    return whole


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
    call = call_of(endpoint.base, entry, prefer)
    try:
        answer = await perform(call)
    except Refusal as refusal:
        answer = _refused(refusal, entry)
    return response_entry(answer, shows_resource=_asks(entry) or "return=representation" in prefer)


def _asks(entry: Entry) -> bool:
    """Whether an entry is there for the resource it is answered with."""
    return entry.method == "GET" or "$" in entry.url


def _refused(refusal: Refusal, entry: Entry) -> Answer:
    """Return the answer that says ``refusal``, with places in what was sent as places of the Bundle."""
    answer = refused(refusal)
    if entry.method == "PATCH":
        answer.body = _told(patch_faults(entry, refusal))
    elif isinstance(refusal, Invalid):
        answer.body = _told(placed(refusal.issues, f"{entry.place}.resource"))
    return answer


def _told(issues: list[Issue]) -> bytes:
    return encode(operation_outcome(issues))
