"""The gateway's door: what concerns several services is answered here, all else by the owner.

The edge sends what concerns one type straight to its owner; without an edge the gateway hands it on.
"""

from polyclinic.kit.http.door import Answering
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import agreed_body
from polyclinic.kit.http.statuses import MethodNotAllowed
from polyclinic.kit.rest.interactions import check_statement_asked, unless_known
from polyclinic.kit.rest.targets import Target, target_of
from polyclinic.kit.rest.written import only
from polyclinic.services.gateway import actions
from polyclinic.services.gateway.actions import Gateway
from polyclinic.services.gateway.rules import only_owner, owner_of

_SYSTEM = {
    ("base", "GET"): ("search-system", "a search"),
    ("base-search", "POST"): ("search-system", "a search"),
    ("system-history", "GET"): ("history-system", "a history"),
}
_ALLOW = {"base": ("GET", "HEAD", "POST"), "base-search": ("POST",)}


def answering(gateway: Gateway) -> Answering:
    """Return the function that answers every call to the FHIR base."""

    async def answer(call: Call) -> Answer:
        target = target_of(call.path)
        if target.kind == "system-operation":
            return await _of_the_system(gateway, call, target.operation)
        if target.type:
            return await _for_owner(gateway, call, target)
        method = "GET" if call.method == "HEAD" else call.method
        if (target.kind, method) == ("metadata", "GET"):
            call.interaction = "capabilities"
            check_statement_asked(call)
            return unless_known(call, await actions.metadata(gateway), {})
        if (target.kind, method) == ("base", "POST"):
            agreed_body(call)
            only(call)
            return await actions.take_bundle(gateway, call)
        return await _for_the_only_owner(gateway, call, target, method)

    return answer


async def _of_the_system(gateway: Gateway, call: Call, operation: str) -> Answer:
    call.interaction = "forward-system-operation"
    if operation in actions.SHARED and gateway.house.services:
        return await actions.meta(gateway, call)
    return await actions.hand_on(gateway, only_owner(gateway.house, f"the operation ${operation[:64]}"), call)


async def _for_owner(gateway: Gateway, call: Call, target: Target) -> Answer:
    service = owner_of(target.type, gateway.house)
    call.type, call.interaction = target.type, f"forward-{target.kind}"
    return await actions.hand_on(gateway, service, call)


async def _for_the_only_owner(gateway: Gateway, call: Call, target: Target, method: str) -> Answer:
    if (target.kind, method) not in _SYSTEM:
        allow = _ALLOW.get(target.kind, ("GET", "HEAD"))
        raise MethodNotAllowed(f"{call.method[:20]} is not offered here", allow=allow)
    call.interaction, what = _SYSTEM[target.kind, method]
    return await actions.hand_on(gateway, only_owner(gateway.house, what), call)
