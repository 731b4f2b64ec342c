"""The operations of scheduling: parameters in, Bundles of Appointments out.

Sources: IHE ITI Scheduling 1.0 (https://profiles.ihe.net/ITI/Scheduling), ITI-115 $find, ITI-116 $hold, ITI-117 $book;
$confirm, $cancel, $reschedule and the steps of a visit are ours.
"""

from typing import Any

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Invalid, Issue, Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Arguments, Level, Operation, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.kit.rest.written import validated
from polyclinic.repository import Transaction
from polyclinic.services.scheduling.actions.batch import Batch
from polyclinic.services.scheduling.actions.booking import Asked, Desk, Make
from polyclinic.services.scheduling.actions.finding import find
from polyclinic.services.scheduling.actions.keeping import TimeTaken
from polyclinic.services.scheduling.actions.offers import proposed
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.series_edits import Editor
from polyclinic.services.scheduling.actions.surroundings import Surroundings
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.api.answers import Entry, deed, outcome, searchset
from polyclinic.services.scheduling.api.batch import WHICH, told, which_of
from polyclinic.services.scheduling.api.seeking import asked_around, sought
from polyclinic.services.scheduling.api.series import edited, scope_of
from polyclinic.services.scheduling.rules import changes
from polyclinic.services.scheduling.rules.claims import Resource, times_of
from polyclinic.services.scheduling.rules.proposals import Proposal, proposal_of
from polyclinic.services.scheduling.rules.seeking import wishes_of
from polyclinic.services.scheduling.rules.visits import Inquiry
from polyclinic.services.scheduling.store import inquiries

_IHE = "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-"
_APPOINTMENTS = frozenset({"Appointment"})
_ONE: tuple[Level, ...] = ("instance",)
_ALL: tuple[Level, ...] = ("instance", "type")
USUAL_COUNT, MOST_COUNT = 20, 1000
_FIND = (
    "start", "end", "specialty", "visit-type", "practitioner", "organization", "location-string", "location-reference",
    "patient-reference", "patient-resource", "reason", "referral-identifier", "timing", "insurance-reference",
    "service-type-reference", "schedule", "overbook", "ignore-appointment", "_count",
)  # fmt: skip
_ASKED = ("patient-reference", "comment", "overbook", "override-reason")


class Counter:
    """Where clients ask: the operations, served by the ``desk`` and the ``rules``."""

    def __init__(self, desk: Desk, rules: Rulebook, surroundings: Surroundings) -> None:
        self._desk, self._rules, self._surroundings = desk, rules, surroundings
        self._editor, self._batch = Editor(desk, rules), Batch(rules)

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        return (
            Operation("find", f"{_IHE}find", self._find, at=("type",), types=_APPOINTMENTS),
            Operation("hold", f"{_IHE}hold", self._hold, at=("type",), types=_APPOINTMENTS, changes=True),
            Operation("book", f"{_IHE}book", self._book, at=("type",), types=_APPOINTMENTS, changes=True),
            _own("confirm", self._confirm),
            _own("cancel", self._cancel, several=True),
            _own("reschedule", self._reschedule),
            *(_own(name, self._advance) for name in ("arrive", "check-in", "fulfil")),
            _own("noshow", self._advance, several=True),
        )

    async def _find(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, *_FIND))
        looked, inquiry = sought(given, endpoint.base), _inquiry(given, endpoint.base)
        most = read.count(given, "_count", usual=USUAL_COUNT, most=MOST_COUNT)
        now = endpoint.now()
        async with endpoint.repository.session() as session:
            directory = await self._rules.read(session)
        looked = await asked_around(looked, given, self._surroundings, directory, now)
        seek, only = looked.seek, looked.times.suit
        async with endpoint.repository.session() as session:
            wishes = wishes_of(seek, directory)
            found = await find(session, wishes, seek.between, now, most=MOST_COUNT, but=seek.but, only=only)
            key = await inquiries.keep(session, encode(inquiry.json()), now) if inquiry.json() and found else 0
        offers = [offer for each in found[:most] if (offer := proposed(each, directory, inquiry, key, now))]
        said = [outcome(looked.told)] if looked.told else []  # at the end (ITI-115)
        return searchset(endpoint, [*map(Entry, offers), *said], total=len(found))

    async def _hold(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "appointment-reference", *_ASKED))
        id = _appointment_id(given, endpoint.base)
        if id is None:
            raise Unacceptable("$hold needs the parameter appointment-reference", at="appointment-reference")
        try:
            return deed(endpoint, await self._desk.hold(endpoint.repository, id, _asked(given, endpoint.base)))
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
            return deed(endpoint, await self._desk.book(endpoint.repository, id, asked))
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
            return deed(endpoint, await self._desk.move(endpoint.repository, id, start, ()))
        if status not in ("pending", "proposed"):
            raise Unacceptable(f"$book takes pending, booked or cancelled, not {status}", at="Appointment.status")
        if id and proposal_of(id):
            return deed(endpoint, await self._desk.book(endpoint.repository, id, asked))
        sent = {name: value for name, value in resource.items() if name not in ("id", "meta")}
        return deed(endpoint, await self._desk.book_resource(endpoint.repository, sent, asked))

    async def _confirm(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "patient-reference", "comment"))
        patients, comment = read.references(given, "patient-reference", endpoint.base), given.text("comment")
        return await self._change(endpoint, target.id, lambda found, now: changes.booked(found, patients, comment))

    async def _cancel(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        several = not target.id
        given = read.checked(arguments(call, "reason", "attributed-to", *(WHICH if several else ("scope",))))
        reason, party = read.concept(given, "reason"), given.text("attributed-to")
        if party is not None and party not in changes.PARTIES:
            raise Unacceptable(f"attributed-to is one of {', '.join(changes.PARTIES)}", at="attributed-to")
        if several:

            async def cancelled(transaction: Transaction, found: Resource) -> Resource:
                return await self._desk.cancelled(transaction, found, reason, party)

            return await self._several(endpoint, given, cancelled)
        if (scope := scope_of(given)) != "this":
            return edited(endpoint, await self._editor.cancel(endpoint.repository, target.id, scope, reason, party))
        return deed(endpoint, await self._desk.cancel(endpoint.repository, target.id, reason, party))

    async def _several(self, endpoint: Endpoint, given: Arguments, make: Make) -> Answer:
        return told(endpoint, await self._batch.change(endpoint.repository, which_of(given, endpoint), make))

    async def _reschedule(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "start", "schedule", "appointment-reference", "scope"))
        start, id = read.instant(given, "start"), _appointment_id(given, endpoint.base)
        proposal = proposal_of(id) if id else None
        if (start is None) == (proposal is None):
            raise Unacceptable("$reschedule needs start, or the proposal in appointment-reference, one of them")
        to: Proposal | int = proposal if proposal is not None else start or 0
        schedules = read.references(given, "schedule", endpoint.base)
        if (scope := scope_of(given)) != "this":
            return edited(endpoint, await self._editor.move(endpoint.repository, target.id, scope, to, schedules))
        return deed(endpoint, await self._desk.move(endpoint.repository, target.id, to, schedules))

    async def _advance(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "reason", *(() if target.id else WHICH)))
        status = _STATUS[target.operation]
        reason = read.concept(given, "reason")
        if target.id:
            return await self._change(endpoint, target.id, lambda found, now: changes.advanced(found, status, reason))

        async def advanced(transaction: Transaction, found: Resource) -> Resource:
            return changes.advanced(found, status, reason)

        return await self._several(endpoint, given, advanced)

    async def _change(self, endpoint: Endpoint, id: str, change: changes.Change) -> Answer:
        return deed(endpoint, await self._desk.change(endpoint.repository, id, change))


_STATUS = {"arrive": "arrived", "check-in": "checked-in", "fulfil": "fulfilled", "noshow": "noshow"}


def _own(name: str, serve: Any, *, several: bool = False) -> Operation:
    definition, at = f"urn:polyclinic:appointment-{name}", _ALL if several else _ONE
    return Operation(name, definition, serve, at=at, types=_APPOINTMENTS, changes=True)


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
