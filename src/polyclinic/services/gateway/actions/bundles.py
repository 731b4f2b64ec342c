"""Bundles posted to the house: their one owner does them, or each owner of a batch answers its share.

What in a batch concerns several services the gateway answers as if it were asked on its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from polyclinic.fhir.bundle import Entry, entries_of, outline
from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Refusal
from polyclinic.kit.http.message import Answer, Call, refused
from polyclinic.kit.http.streaming import make_whole
from polyclinic.kit.rest.bundles import LARGEST_OF_ENTRY, bundle_kind
from polyclinic.kit.rest.responses import response_bundle, response_entry
from polyclinic.kit.rest.steps import call_of
from polyclinic.services.gateway.actions.handing import Gateway, hand_on
from polyclinic.services.gateway.model import Entries, Shares
from polyclinic.services.gateway.rules import check_transaction, share_out, sole_server

Perform = Callable[[Call], Awaitable[Answer]]

_entries = msgspec.json.Decoder(Entries)


async def take_bundle(gateway: Gateway, call: Call, perform: Perform) -> Answer:
    """Answer a Bundle; ``perform`` serves a single call that concerns several services."""
    seen = outline(call.body)
    kind = bundle_kind(seen.resource_type, seen.type)
    call.interaction = kind
    shares = share_out(seen.paths(f"{gateway.house.base}/"), gateway.house)
    service = sole_server(shares)
    if service is not None:
        return await hand_on(gateway, service, call)
    if kind == "transaction":
        check_transaction(shares, gateway.house)
    return Answer(200, response_bundle(f"{kind}-response", await _shared_batch(gateway, call, shares, perform)))


async def _shared_batch(gateway: Gateway, call: Call, shares: Shares, perform: Perform) -> list[bytes]:
    """Return the responses of all entries in order, each service having been asked at the same time.

    What concerns several services is answered after what each does alone: a batch reads last.
    """
    entries = _entries.decode(call.body).entry
    responses = {
        index: response_entry(refused(refusal), shows_resource=False) for index, refusal in shares.refused.items()
    }

    async def ask(service: str, indexes: list[int]) -> None:
        answers = await _share(gateway, call, service, [bytes(entries[index]) for index in indexes])
        for number, (index, answer) in enumerate(zip(indexes, answers, strict=True)):
            responses[index] = _renumbered(answer, number, index)

    await asyncio.gather(*(ask(service, indexes) for service, indexes in shares.by_service.items()))
    for index in shares.several:
        responses[index] = await _over_several(gateway, bytes(entries[index]), index, perform)
    return [responses[index] for index in range(len(entries))]


async def _share(gateway: Gateway, call: Call, service: str, entries: list[bytes]) -> list[bytes]:
    """Return what ``service`` answers to its share of a batch; if it answers nothing, that for each entry."""
    body = b'{"resourceType":"Bundle","type":"batch","entry":[%b]}' % b",".join(entries)
    try:
        answer = await hand_on(gateway, service, Call("POST", "", headers=call.headers, body=body))
        await make_whole(answer, len(entries) * LARGEST_OF_ENTRY)
    except Refusal as refusal:
        answer = refused(refusal)
    if answer.status != 200:
        return [response_entry(answer, shows_resource=False)] * len(entries)
    return [bytes(entry) for entry in _entries.decode(answer.body).entry]


async def _over_several(gateway: Gateway, raw: bytes, index: int, perform: Perform) -> bytes:
    """Return the response to an entry that concerns several services."""
    (entry,) = entries_of({"resourceType": "Bundle", "entry": [decode(raw)]})
    try:
        if not isinstance(entry, Entry):
            raise entry
        answer = await perform(call_of(gateway.house.base, replace(entry, index=index), ""))
        await make_whole(answer, LARGEST_OF_ENTRY)
    except Refusal as refusal:
        answer = refused(refusal)
    return _renumbered(response_entry(answer, shows_resource=True), 0, index)


def _renumbered(response: bytes, number: int, index: int) -> bytes:
    """Return ``response`` with its outcome naming the entry by its place in the whole batch."""
    if number == index or b'"outcome":' not in response:
        return response
    return response.replace(b'"Bundle.entry[%d]' % number, b'"Bundle.entry[%d]' % index)
