"""The operations of the waitlist: who waits in which order and why, and who was offered what.

``Appointment/$waitlist`` and ``Appointment/[id]/$offers`` are ours; both answer with Parameters and change nothing.
"""

from collections.abc import Sequence
from typing import Any

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import NotFound
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Operation, answered, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.services.scheduling.actions.lining_up import Candidate, line_up
from polyclinic.services.scheduling.actions.offering import parts_of
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.rules.ranking import RULE
from polyclinic.services.scheduling.rules.visits import instant_of
from polyclinic.services.scheduling.store import waitlist
from polyclinic.services.scheduling.store.waitlist import Offer

_APPOINTMENTS = frozenset({"Appointment"})
USUAL_COUNT, MOST_COUNT = 50, 1000
Parameter = dict[str, Any]


class Window:
    """Where people ask about the waitlist; ``rules`` tell what entries mean."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        return (
            Operation("waitlist", "urn:polyclinic:appointment-waitlist", self._line, at=("type",), types=_APPOINTMENTS),
            Operation(
                "offers", "urn:polyclinic:appointment-offers", self._offers, at=("instance",), types=_APPOINTMENTS
            ),
        )

    async def _line(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "service-type-reference", "patient-reference", "_count"))
        services = read.references(given, "service-type-reference", endpoint.base)
        patients = read.references(given, "patient-reference", endpoint.base)
        count = read.count(given, "_count", usual=USUAL_COUNT, most=MOST_COUNT)
        async with endpoint.repository.transaction() as transaction:
            directory = await self._rules.read(transaction.session)
            line = await line_up(transaction, directory)
        shown = [
            _entry(number, candidate)
            for number, candidate in enumerate(line, 1)
            if _has(candidate.waiting.seek.services, services) and _has(candidate.waiting.seek.patients, patients)
        ]
        total = {"name": "total", "valueUnsignedInt": len(shown)}
        return Answer(200, answered({"name": "rule", "valueString": RULE}, total, *shown[:count]))

    async def _offers(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        arguments(call)
        if await endpoint.repository.read("Appointment", target.id) is None:
            raise NotFound(f"there is no Appointment/{target.id[:64]} here")
        async with endpoint.repository.session() as session:
            offers = await waitlist.offers_about(session, f"Appointment/{target.id}")
        return Answer(200, answered({"name": "total", "valueUnsignedInt": len(offers)}, *map(_offer, offers)))


def _has(named: Sequence[str], wanted: Sequence[str]) -> bool:
    return not wanted or any(each in named for each in wanted)


def _entry(number: int, candidate: Candidate) -> Parameter:
    parts = [
        _reference("appointment", candidate.waiting.name),
        {"name": "place", "valuePositiveInt": number},
        {"name": "points", "valueInteger": candidate.rank.points},
        *map(_part, parts_of(candidate.rank)),
    ]
    if candidate.objection is not None:
        parts.append({"name": "objection", "valueString": candidate.objection})
    return {"name": "entry", "part": [*parts, *map(_offer, candidate.offers)]}


def _part(part: dict[str, Any]) -> Parameter:
    said = [
        {"name": "name", "valueCode": part["name"]},
        {"name": "points", "valueInteger": part["points"]},
        {"name": "reason", "valueString": part["reason"]},
    ]
    return {"name": "rank", "part": said}


def _offer(offer: Offer) -> Parameter:
    ranks = decode(offer.rank)
    parts = [
        _reference("appointment", offer.appointment),
        _reference("to", offer.entry),
        _reference("given-back-by", offer.source),
        _reference("schedule", offer.schedule),
        {"name": "start", "valueInstant": instant_of(offer.start, None)},
        {"name": "made", "valueInstant": offer.made.isoformat(timespec="milliseconds")},
        {"name": "expires", "valueInstant": offer.expires.isoformat(timespec="milliseconds")},
        {"name": "turn", "valuePositiveInt": offer.turn},
        {"name": "outcome", "valueCode": offer.outcome or "open"},
        {"name": "points", "valueInteger": sum(part["points"] for part in ranks)},
        *map(_part, ranks),
    ]
    if offer.ended is not None:
        parts.append({"name": "ended", "valueInstant": offer.ended.isoformat(timespec="milliseconds")})
    return {"name": "offer", "part": parts}


def _reference(name: str, reference: str) -> Parameter:
    return {"name": name, "valueReference": {"reference": reference}}
