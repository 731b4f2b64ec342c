"""The operations of scheduling: parameters in, Bundles of Appointments out.

Sources: IHE ITI Scheduling 1.0 (https://profiles.ihe.net/ITI/Scheduling), ITI-115 $find, ITI-116 $hold, ITI-117 $book;
$confirm, $cancel, $reschedule and the steps of a visit are ours.
"""

from collections.abc import Sequence
from typing import Any

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Invalid, Issue, NotSupported, Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint, version_headers
from polyclinic.kit.rest.operations.model import Arguments, Operation, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.kit.rest.written import validated
from polyclinic.repository.model import Kept
from polyclinic.services.scheduling.actions.booking import Asked, Desk
from polyclinic.services.scheduling.actions.finding import find
from polyclinic.services.scheduling.actions.keeping import TimeTaken
from polyclinic.services.scheduling.actions.offers import proposed
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.claims import Resource, times_of
from polyclinic.services.scheduling.rules.proposals import Proposal, proposal_of
from polyclinic.services.scheduling.rules.seeking import Seek, check_between, wishes_of
from polyclinic.services.scheduling.rules.visits import Inquiry
from polyclinic.services.scheduling.store import inquiries

_IHE = "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-"
_APPOINTMENTS = frozenset({"Appointment"})
USUAL_COUNT, MOST_COUNT = 20, 1000
_FIND = (
    "start", "end", "specialty", "visit-type", "practitioner", "organization", "location-string", "location-reference",
    "patient-reference", "patient-resource", "reason", "referral-identifier", "timing", "insurance-reference",
    "service-type-reference", "schedule", "overbook", "ignore-appointment", "_count",
)  # fmt: skip
_ASKED = ("patient-reference", "comment", "overbook", "override-reason")


class Counter:
    """Where clients ask: the operations, served by the ``desk`` and the ``rules``."""

    def __init__(self, desk: Desk, rules: Rulebook) -> None:
        self._desk, self._rules = desk, rules

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        return (
            Operation("find", f"{_IHE}find", self._find, at=("type",), types=_APPOINTMENTS),
            Operation("hold", f"{_IHE}hold", self._hold, at=("type",), types=_APPOINTMENTS, changes=True),
            Operation("book", f"{_IHE}book", self._book, at=("type",), types=_APPOINTMENTS, changes=True),
            _own("confirm", self._confirm),
            _own("cancel", self._cancel),
            _own("reschedule", self._reschedule),
            *(_own(name, self._advance) for name in ("arrive", "check-in", "fulfil", "noshow")),
        )

    async def _find(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, *_FIND))
        seek, inquiry = _seek(given, endpoint.base), _inquiry(given, endpoint.base)
        check_between(seek.between)
        most = read.count(given, "_count", usual=USUAL_COUNT, most=MOST_COUNT)
        now = endpoint.now()
        async with endpoint.repository.session() as session:
            directory = await self._rules.read(session)
            found = await find(session, wishes_of(seek, directory), seek.between, now, most=MOST_COUNT, but=seek.but)
            key = await inquiries.keep(session, encode(inquiry.json()), now) if inquiry.json() and found else 0
        offers = [offer for each in found[:most] if (offer := proposed(each, directory, inquiry, key, now))]
        return Answer(200, _bundle(endpoint, [encode(offer) for offer in offers], total=len(found)))

    async def _hold(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "appointment-reference", *_ASKED))
        id = _appointment_id(given, endpoint.base)
        if id is None:
            raise Unacceptable("$hold needs the parameter appointment-reference", at="appointment-reference")
        try:
            return _told(endpoint, await self._desk.hold(endpoint.repository, id, _asked(given, endpoint.base)))
        except TimeTaken as refusal:  # in the words of ITI-116
            sentence = f"the appointment is no longer available: {refusal}"
            refusal.issues = (Issue("not-found", sentence, "appointment-reference", severity="fatal"), *refusal.issues)
            raise

    async def _book(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        names = ("appointment-reference", "appointment-resource", "patient-resource", *_ASKED)
        given = read.checked(arguments(call, *names))
        id, resource = _appointment_id(given, endpoint.base), given.resource("appointment-resource")
        if (id is None) == (resource is None):
            raise Unacceptable("$book needs appointment-reference or appointment-resource, one of them")
        asked = _asked(given, endpoint.base)
        if id is not None:
            return _told(endpoint, await self._desk.book(endpoint.repository, id, asked))
        assert resource is not None
        return await self._book_resource(endpoint, resource, asked)

    async def _book_resource(self, endpoint: Endpoint, resource: Resource, asked: Asked) -> Answer:
        """Do what the status of a sent Appointment asks for (ITI-117): book, move or cancel."""
        validated(resource)
        if resource["resourceType"] != "Appointment":
            raise Invalid("appointment-resource is an Appointment", at="appointment-resource")
        status, id = resource["status"], resource.get("id")
        if status == "cancelled" and id:
            reason = resource.get("cancelationReason")
            return await self._change(endpoint, id, lambda found, now: changes.cancelled(found, reason, None))
        if status == "booked" and id:
            start, _ = times_of(resource) or (0, 0)
            return _told(endpoint, await self._desk.move(endpoint.repository, id, start, ()))
        if status not in ("pending", "proposed"):
            raise Unacceptable(f"$book takes pending, booked or cancelled, not {status}", at="Appointment.status")
        if id and proposal_of(id):
            return _told(endpoint, await self._desk.book(endpoint.repository, id, asked))
        sent = {name: value for name, value in resource.items() if name not in ("id", "meta")}
        return _told(endpoint, await self._desk.book_resource(endpoint.repository, sent, asked))

    async def _confirm(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "patient-reference", "comment"))
        patients, comment = read.references(given, "patient-reference", endpoint.base), given.text("comment")
        return await self._change(endpoint, target.id, lambda found, now: changes.booked(found, patients, comment))

    async def _cancel(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "reason", "attributed-to"))
        reason, party = read.concept(given, "reason"), given.text("attributed-to")
        if party is not None and party not in changes.PARTIES:
            raise Unacceptable(f"attributed-to is one of {', '.join(changes.PARTIES)}", at="attributed-to")
        kept = await self._desk.cancel(endpoint.repository, target.id, reason, party)
        return _told(endpoint, kept)

    async def _reschedule(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "start", "schedule", "appointment-reference"))
        start, id = read.instant(given, "start"), _appointment_id(given, endpoint.base)
        proposal = proposal_of(id) if id else None
        if (start is None) == (proposal is None):
            raise Unacceptable("$reschedule needs start, or the proposal in appointment-reference, one of them")
        to: Proposal | int = proposal if proposal is not None else start or 0
        schedules = read.references(given, "schedule", endpoint.base)
        return _told(endpoint, await self._desk.move(endpoint.repository, target.id, to, schedules))

    async def _advance(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "reason"))
        status = _STATUS[target.operation]
        reason = read.concept(given, "reason")
        return await self._change(endpoint, target.id, lambda found, now: changes.advanced(found, status, reason))

    async def _change(self, endpoint: Endpoint, id: str, change: changes.Change) -> Answer:
        return _told(endpoint, await self._desk.change(endpoint.repository, id, change))


_STATUS = {"arrive": "arrived", "check-in": "checked-in", "fulfil": "fulfilled", "noshow": "noshow"}


def _own(name: str, serve: Any) -> Operation:
    definition = f"urn:polyclinic:appointment-{name}"
    return Operation(name, definition, serve, at=("instance",), types=_APPOINTMENTS, changes=True)


def _seek(given: Arguments, base: str) -> Seek:
    """Return what is looked for. Refuses: ``Unacceptable``, ``NotSupported``."""
    start, end = read.instant(given, "start"), read.instant(given, "end", last=True)
    if start is None or end is None:
        raise Unacceptable("$find needs start and end", at="start" if start is None else "end")
    for name in ("timing", "location-string", "organization"):
        if given.one(name) is not None:
            raise NotSupported(f"the parameter {name} is not supported", at=name)
    actors = read.references(given, "practitioner", base) + read.references(given, "location-reference", base)
    return Seek(
        (start, end),
        services=read.references(given, "service-type-reference", base),
        schedules=read.references(given, "schedule", base),
        actors=actors,
        types=read.codes(given, "visit-type"),
        specialties=read.codes(given, "specialty"),
        patients=read.references(given, "patient-reference", base),
        overbook=read.truth(given, "overbook"),
        but=read.references(given, "ignore-appointment", base),
    )


def _inquiry(given: Arguments, base: str) -> Inquiry:
    referral = given.one("referral-identifier")
    concepts = (each.get("valueCodeableConcept") for each in given.given if each["name"] == "reason")
    insurance = ({"reference": each} for each in read.references(given, "insurance-reference", base))
    return Inquiry(
        patients=read.references(given, "patient-reference", base),
        reasons=tuple(each for each in concepts if each),
        referral={"identifier": referral["valueIdentifier"]} if referral and "valueIdentifier" in referral else None,
        insurance=tuple(insurance),
    )


def _asked(given: Arguments, base: str) -> Asked:
    return Asked(
        patients=read.references(given, "patient-reference", base),
        comment=given.text("comment"),
        overbook=read.truth(given, "overbook"),
        override=read.concept(given, "override-reason"),
    )


def _appointment_id(given: Arguments, base: str) -> str | None:
    name = read.reference(given, "appointment-reference", base)
    if name is None:
        return None
    type, _, id = name.partition("/")
    if type != "Appointment" or not id or "/" in id:
        raise Unacceptable("appointment-reference refers to an Appointment here", at="appointment-reference")
    return id


def _told(endpoint: Endpoint, kept: Kept) -> Answer:
    """Return the answer of a deed: a Bundle with the one Appointment (ITI-116, ITI-117)."""
    return Answer(200, _bundle(endpoint, [kept.body or b""], total=1), version_headers(kept))


def _bundle(endpoint: Endpoint, bodies: Sequence[bytes], *, total: int) -> bytes:
    entries = [
        b'{"fullUrl":%b,"resource":%b,"search":{"mode":"match"}}'
        % (encode(f"{endpoint.base}/Appointment/{decode(body)['id']}"), body)
        for body in bodies
    ]
    return b'{"resourceType":"Bundle","type":"searchset","total":%d%b}' % (
        total,
        b',"entry":[%b]' % b",".join(entries) if entries else b"",
    )
