"""The history of the whole house, newest first: the histories that its services keep, merged."""

from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.ranks import Descending
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.pages import bundle, links
from polyclinic.kit.rest.searching import without_cursor
from polyclinic.services.gateway.actions.handing import Gateway, Part, hand_on
from polyclinic.services.gateway.actions.merging import merged
from polyclinic.services.gateway.model import Item


async def history(gateway: Gateway, call: Call) -> Answer:
    """Answer the history of all types: its one owner does, or all services together."""
    services = gateway.house.services
    if len(services) == 1:
        return await hand_on(gateway, services[0], call)
    asked, cursor = without_cursor(call.pairs())
    count = parse(None, [pair for pair in asked if pair[0] == "_count"]).count
    handed = [pair for pair in asked if pair[0] != "_count"]
    parts = [Part(service, "_history", handed) for service in services]
    page = await merged(gateway, parts, cursor, count, _rank)
    listed = links(f"{gateway.house.base}/_history", asked, cursor, page.next)
    return Answer(200, bundle("history", total=None, links=listed, entries=[raw for raw, _ in page.found]))


def _rank(item: Item) -> tuple[Descending]:
    assert item.response is not None  # the entries of a history have one
    return (Descending(item.response.moment),)
