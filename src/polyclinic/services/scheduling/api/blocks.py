"""$block and $unblock of a Schedule: somebody is away, or back. Both are ours."""

from collections.abc import Iterator
from typing import Literal

from polyclinic.fhir.outcome import Issue, Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Arguments, Operation, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.services.scheduling.actions.blocking import Blocker, Closed, Moving
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.api.answers import Entry, outcome, searchset
from polyclinic.services.scheduling.rules.claims import SCOPES
from polyclinic.services.scheduling.rules.closing import Closing
from polyclinic.services.scheduling.rules.zones import FAR

_SCHEDULES = frozenset({"Schedule"})


class Closures:
    """Where times are closed, by the ``blocker``."""

    def __init__(self, blocker: Blocker) -> None:
        self._blocker = blocker

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        return tuple(
            Operation(name, f"urn:polyclinic:schedule-{name}", serve, at=("instance",), types=_SCHEDULES, changes=True)
            for name, serve in (("block", self._block), ("unblock", self._unblock))
        )

    async def _block(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "start", "end", "reason", "scope", "dry-run"))
        start, end = read.instant(given, "start"), read.instant(given, "end", last=True)
        if start is None or end is None:
            raise Unacceptable("$block needs start and end", at="start" if start is None else "end")
        closing = Closing(f"Schedule/{target.id}", start, end, _scope(given), read.concept(given, "reason"))
        rehearse = read.truth(given, "dry-run")
        closed = await self._blocker.block(endpoint.repository, closing, rehearse=rehearse)
        return searchset(endpoint, list(_told(closed)))

    async def _unblock(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "slot-reference", "start", "end"))
        slot = read.reference(given, "slot-reference", endpoint.base)
        start, end = read.instant(given, "start"), read.instant(given, "end", last=True)
        if slot is None and (start is None or end is None):
            raise Unacceptable("$unblock needs slot-reference, or start and end", at="slot-reference")
        within = -FAR if start is None else start, FAR if end is None else end
        count = await self._blocker.unblock(endpoint.repository, f"Schedule/{target.id}", within, slot)
        sentence = f"{count} block{'s are' if count > 1 else ' is'} gone"
        return searchset(endpoint, [outcome([Issue("informational", sentence, severity="information")])])


def _scope(given: Arguments) -> Literal["actor", "schedule"]:
    said = given.text("scope") or "actor"
    if said not in SCOPES:
        raise Unacceptable(f"scope is one of {', '.join(SCOPES)}", at="scope")
    return "schedule" if said == "schedule" else "actor"


def _told(closed: Closed) -> Iterator[Entry]:
    """Yield the Slot, then each visit that has to move and behind it where to."""
    yield Entry(closed.slot)
    for moving in closed.moving:
        yield Entry(moving.appointment)
        yield outcome([_issue(moving)], moving.proposals)


def _issue(moving: Moving) -> Issue:
    name = f"Appointment/{moving.appointment['id']}"
    if moving.proposals:
        return Issue("informational", f"{name} has to move; here is where to", name, severity="information")
    return Issue("not-found", f"{name} has to move, and no other time was found for it", name, severity="warning")
