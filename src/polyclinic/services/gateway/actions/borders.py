"""What a compartment refers to over the borders of services, and no service tells by itself.

Source: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.compartments import members
from polyclinic.fhir.search.terms import reference_type
from polyclinic.services.gateway.actions.compartments import Compartment
from polyclinic.services.gateway.actions.handing import Gateway, Page, Part, ask_together, pages
from polyclinic.services.gateway.rules import owner_of, references_over

MOST = 10_000
"""References over borders that one compartment may have."""
AT_ONCE = 100
"""Resources asked for by their ids in one question."""
_LARGEST_PAGE = ("_count", "1000")


async def beyond(gateway: Gateway, compartment: Compartment, seen: Collection[str] | None) -> list[str]:
    """Return in order what is wanted of the addresses, such as ``Slot/1``, that are told by none of the services.

    ``seen`` are the types of which the owner has anything in the compartment, None where that is not known.
    Refuses: ``TooCostly`` where there are more than ``MOST``.
    """
    found: set[str] = set()
    async for page in _of_others(gateway, compartment):
        found |= _referred(compartment, page)
        _check(found)
    async for page in _of_the_owner(gateway, compartment, seen):
        found |= {each for each in _referred(compartment, page) if _owner(compartment, each) != compartment.owner}
        _check(found)
    wanted = compartment.asked.types
    found = {each for each in found if not wanted or _type(each) in wanted}
    return sorted(found - await _told(gateway, compartment, found))


async def fetched(gateway: Gateway, compartment: Compartment, addresses: Iterable[str]) -> list[bytes]:
    """Return the entries, as included, of what is there at ``addresses``."""
    entries = []
    for type, ids in _by_type(addresses).items():
        for some in _chunks(ids):
            part = Part(owner_of(type, compartment.house), type, [("_id", ",".join(some)), *compartment.since])
            async for page in pages(gateway, part, _LARGEST_PAGE):
                entries += [
                    encode({"fullUrl": item.url, "resource": item.resource, "search": {"mode": "include"}})
                    for _, item in page.found
                ]
    return entries


async def _of_others(gateway: Gateway, compartment: Compartment) -> AsyncIterator[Page]:
    """Yield what services other than the owner have in the compartment."""
    for service in compartment.others:
        async for page in pages(gateway, compartment.inside(service), _LARGEST_PAGE):
            yield page


async def _of_the_owner(
    gateway: Gateway, compartment: Compartment, seen: Collection[str] | None
) -> AsyncIterator[Page]:
    """Yield what the owner has in the compartment that may refer to what others keep."""
    over = references_over(compartment.house, compartment.asked.type)
    parts = [
        Part(compartment.owner, f"{compartment.address}/{type}", [(f"{code}:missing", "false"), _LARGEST_PAGE])
        for type, code in over
        if seen is None or type in seen
    ]
    for part, page in zip(parts, await ask_together(gateway, parts), strict=True):
        yield page
        if page.next is not None:
            async for further in pages(gateway, part, ("_cursor", page.next)):
                yield further


def _referred(compartment: Compartment, page: Page) -> set[str]:
    """Return the addresses in this house that the resources of ``page`` refer to."""
    found = filter(None, (compartment.entries(item) for _, item in page.found))
    targets = {target for entries in found for _, target in entries.links}
    return {each for each in targets if each.count("/") == 1 and reference_type(each) in compartment.house.owners}


async def _told(gateway: Gateway, compartment: Compartment, addresses: set[str]) -> set[str]:
    """Return which of ``addresses`` belong to the compartment, or are referred to from it where both are kept."""
    told: set[str] = {compartment.address}
    inside = members(compartment.asked.type)
    for type, ids in _by_type(addresses).items():
        for some in _chunks(ids) if type in inside else ():
            service = owner_of(type, compartment.house)
            part = Part(service, f"{compartment.address}/{type}", [("_id", ",".join(some)), ("_elements", "id")])
            told |= {each async for each in _addresses(gateway, compartment, part)}
    left = {_type(each) for each in addresses - told if _owner(compartment, each) == compartment.owner}
    if left:
        told |= {each async for each in _addresses(gateway, compartment, compartment.own_part(sorted(left)))}
    return told


async def _addresses(gateway: Gateway, compartment: Compartment, part: Part) -> AsyncIterator[str]:
    async for page in pages(gateway, part, _LARGEST_PAGE):
        for _, item in page.found:
            yield item.url.removeprefix(f"{compartment.house.base}/")


def _check(found: set[str]) -> None:
    if len(found) > MOST:
        raise TooCostly(f"more than {MOST} resources are referred to over borders; narrow it by start and end")


def _type(address: str) -> str:
    return address.partition("/")[0]


def _owner(compartment: Compartment, address: str) -> str:
    return owner_of(_type(address), compartment.house)


def _by_type(addresses: Iterable[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for address in sorted(addresses):
        type, _, id = address.partition("/")
        found[type].append(id)
    return found


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
