"""The gateway's door: what concerns several services is answered here, all else by the owner.

The edge sends what concerns one type straight to its owner; without an edge the gateway hands it on.
"""

from polyclinic.fhir.outcome import NotSupported
from polyclinic.kit.http.door import Answering
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import CALENDAR, NDJSON, agreed_body
from polyclinic.kit.http.statuses import MethodNotAllowed
from polyclinic.kit.rest.interactions import check_statement_asked, unless_known
from polyclinic.kit.rest.targets import Target, target_of
from polyclinic.kit.rest.written import only
from polyclinic.services.gateway.actions import bundles, telling
from polyclinic.services.gateway.actions.everything import everything
from polyclinic.services.gateway.actions.handing import Gateway, hand_on
from polyclinic.services.gateway.actions.histories import history
from polyclinic.services.gateway.actions.searching import search
from polyclinic.services.gateway.rules import answerer, owner_of

_ALLOW = {
    "base": ("GET", "HEAD", "POST"),
    "base-search": ("POST",),
    "compartment-search": ("POST",),
    "instance-operation": ("GET", "HEAD", "POST"),
}
"""The methods of what is answered here, GET and HEAD where nothing else is said."""
_OF_ALL = ("Patient", "Encounter")
"""Types that have an operation $everything."""
_OF_OPERATIONS = frozenset({NDJSON, CALENDAR})


def speaks(path: str) -> frozenset[str]:
    """Return the media types beside FHIR JSON that an owner may answer with at ``path``: those of operations."""
    return _OF_OPERATIONS if "$" in path else frozenset()


def answering(gateway: Gateway) -> Answering:
    """Return the function that answers every call to the FHIR base."""

    async def answer(call: Call) -> Answer:
        target = target_of(call.path)
        service = answerer(call.path, gateway.house)
        if service is not None:
            call.type, call.interaction = target.type, f"forward-{target.kind}"
            return await hand_on(gateway, service, call)
        if target.type:
            owner_of(target.type, gateway.house)
            call.type = target.type
        if target.kind == "system-operation" and target.operation in telling.SHARED:
            call.interaction = f"${target.operation}"
            return await telling.meta(gateway, call)
        if target.operation and target.type not in _OF_ALL:
            raise NotSupported(f"the operation ${target.operation[:64]} is not offered here on the {_level(target)}")
        if call.method not in _ALLOW.get(target.kind, ("GET", "HEAD")):
            allow = _ALLOW.get(target.kind, ("GET", "HEAD"))
            raise MethodNotAllowed(f"{call.method[:20]} is not offered here", allow=allow)
        return await _of_several(gateway, call, target, answer)

    return answer


async def _of_several(gateway: Gateway, call: Call, target: Target, answer: Answering) -> Answer:
    """Answer what is asked of the house, at an address and by a method that are the gateway's."""
    match target.kind:
        case "metadata":
            call.interaction = "capabilities"
            check_statement_asked(call)
            return unless_known(call, await telling.metadata(gateway), {})
        case "base" if call.method == "POST":
            agreed_body(call)
            only(call)
            return await bundles.take_bundle(gateway, call, answer)
        case "system-history":
            call.interaction = "history-system"
            return await history(gateway, call)
        case "instance-operation":
            call.interaction = "$everything"
            return await everything(gateway, call, target)
    call.interaction = "search-compartment" if target.type else "search-system"
    return await search(gateway, call, target)


def _level(target: Target) -> str:
    return f"instance {target.type}" if target.type else "system"
