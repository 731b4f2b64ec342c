"""$everything where several services keep what belongs to one patient or encounter: told service by service.

First comes what the owner of the patient (or encounter) tells itself, then what the other services have in its
compartment, then what is referred to over a border. Page by page, so that no answer is too long for the memory; each
service's page is at a position that the service has sealed.
Source: https://hl7.org/fhir/R4/patient-operation-everything.html and encounter-operation-everything.html
"""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import agreed_shape
from polyclinic.kit.rest.operations.everything import arguments_of_everything, belonging
from polyclinic.kit.rest.pages import bundle, bundle_head, joined, links
from polyclinic.kit.rest.targets import Target
from polyclinic.services.gateway.actions.borders import beyond, fetched
from polyclinic.services.gateway.actions.compartments import Compartment
from polyclinic.services.gateway.actions.handing import Gateway, ask, hand_on, refusal_of
from polyclinic.services.gateway.rules import owner_of

AT_ONCE = 500
"""Resources asked of a service at a time, where no page was asked for."""
_BESIDE = frozenset({"_type", "_count", "_cursor"})


class Place(msgspec.Struct, array_like=True, frozen=True):
    """How far all is told: the number of the service that is telling, and its position (empty at the beginning).

    Behind the last service comes what is referred to over borders; there the position is the last address told.
    """

    step: int = 0
    behind: str = ""


_place = msgspec.json.Decoder(Place)


async def everything(gateway: Gateway, call: Call, target: Target) -> Answer:
    """Answer with everything that belongs to ``target``: its owner does if it keeps all, or all services together."""
    if len(gateway.house.services) == 1:
        return await hand_on(gateway, owner_of(target.type, gateway.house), call)
    given = arguments_of_everything(call, target)
    cursor, pairs = given.value("_cursor"), [pair for pair in given.pairs() if pair[0] != "_cursor"]
    asked = belonging(target, given, lambda type: _kept(gateway, type))
    handed = [pair for pair in pairs if pair[0] not in _BESIDE]
    telling = _Telling(gateway, Compartment(gateway.house, asked, handed))
    place: Place | None = telling.opened(cursor)
    await telling.check()
    address = f"{gateway.house.base}/{target.type}/{target.id}/$everything"
    if asked.count is None:
        head = bundle_head("searchset", total=None, links=links(address, pairs, cursor, None))
        return Answer(200, pieces=joined(head, telling.all(), pretty=agreed_shape(call).pretty))
    entries: list[bytes] = []
    while place is not None and not entries:
        entries, place = await telling.tell(place, asked.count)
    listed = links(address, pairs, cursor, _closed(place) if place else None)
    return Answer(200, bundle("searchset", total=None, links=listed, entries=entries))


def _kept(gateway: Gateway, type: str) -> str:
    owner_of(type, gateway.house, at="_type")
    return type


@dataclass(frozen=True, slots=True)
class _Telling:
    """Tells what belongs to a compartment, service by service. A page ends with its service: it may be a short one.

    ``seen`` are the types that the owner has told of so far.
    """

    gateway: Gateway
    compartment: Compartment
    seen: set[str] = field(default_factory=set)

    @property
    def services(self) -> list[str]:
        """Who tells, in turn."""
        return [self.compartment.owner, *self.compartment.others]

    async def check(self) -> None:
        """Check that the resource is there, and that all who have to tell can. Refuses: whatever they refuse."""
        compartment = self.compartment
        reply = await self.gateway.neighbours.ask(compartment.owner, "GET", f"/fhir/{compartment.address}")
        parts = map(compartment.inside, compartment.others)
        await asyncio.gather(*(ask(self.gateway, part, ("_summary", "count")) for part in parts))
        if reply.status != 200:
            raise refusal_of(compartment.owner, reply.status, reply.body)

    async def all(self) -> AsyncIterator[list[bytes]]:
        """Yield all entries."""
        place: Place | None = Place()
        while place is not None:
            entries, place = await self.tell(place, AT_ONCE)
            yield entries

    async def tell(self, place: Place, count: int) -> tuple[list[bytes], Place | None]:
        """Return up to ``count`` entries from ``place`` on, perhaps none, and the next place, None at the end."""
        if place.step == len(self.services):
            return await self._beyond(place, count)
        service, following = self.services[place.step], Place(place.step + 1)
        part = self.compartment.told_by(service)
        if part is None:
            return [], following
        position = [("_cursor", place.behind)] if place.behind else []
        page = await ask(self.gateway, part, ("_count", str(count)), *position)
        if place.step == 0:
            self.seen.update(item.url.split("/")[-2] for _, item in page.found)
        told = [raw for raw, item in page.found if place.step == 0 or self.compartment.entries(item)]
        return told, Place(place.step, page.next) if page.next else following

    async def _beyond(self, place: Place, count: int) -> tuple[list[bytes], Place | None]:
        asked = self.compartment.asked
        told_all = asked.count is None and asked.since is None and not asked.types
        found = await beyond(self.gateway, self.compartment, self.seen if told_all else None)
        left = [each for each in found if each > place.behind]
        entries = await fetched(self.gateway, self.compartment, left[:count])
        return entries, Place(place.step, left[count - 1]) if len(left) > count else None

    def opened(self, cursor: str | None) -> Place:
        """Return the place in ``cursor``. Refuses: ``Unacceptable`` for what is none."""
        if cursor is None:
            return Place()
        try:
            place = _place.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, msgspec.DecodeError) as error:
            raise _foreign() from error
        if not 0 <= place.step <= len(self.services):
            raise _foreign()
        return place


def _foreign() -> Unacceptable:
    return Unacceptable("_cursor is not one that this operation gave out", at="_cursor")


def _closed(place: Place) -> str:
    return urlsafe_b64encode(encode(place)).decode().rstrip("=")
