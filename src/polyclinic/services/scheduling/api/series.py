"""$series: visits that recur, and what $cancel and $reschedule do to several of them.

The operation is ours. How a series recurs is R5's Appointment.recurrenceTemplate: as a cross-version extension on the
Appointment or, in the parameter ``recurrence``, with a part for each of its elements.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Invalid, Issue, Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Arguments, Operation, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.kit.rest.written import validated
from polyclinic.repository.model import Kept
from polyclinic.services.scheduling.actions.booking import Asked
from polyclinic.services.scheduling.actions.misfits import Miss
from polyclinic.services.scheduling.actions.series import Mode, Series, Seriesmaker, Wanted
from polyclinic.services.scheduling.actions.series_edits import SCOPES, Scope
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.api.answers import Entry, outcome, searchset
from polyclinic.services.scheduling.model import Recurrence
from polyclinic.services.scheduling.rules.claims import Resource, extension_of
from polyclinic.services.scheduling.rules.proposals import Proposal, proposal_of
from polyclinic.services.scheduling.rules.recurrence import RECURRENCE_URL, recurrence_of

_PARAMETERS = (
    "appointment-reference", "appointment-resource", "recurrence", "mode", "patient-reference", "comment",
)  # fmt: skip
_MODES: tuple[Mode, ...] = get_args(Mode)


class SeriesCounter:
    """Where series are asked for, from the ``seriesmaker``."""

    def __init__(self, seriesmaker: Seriesmaker) -> None:
        self._seriesmaker = seriesmaker

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        definition, types = "urn:polyclinic:appointment-series", frozenset({"Appointment"})
        return (Operation("series", definition, self._series, at=("type",), types=types, changes=True),)

    async def _series(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, *_PARAMETERS))
        mode = given.text("mode") or "all"
        if mode not in _MODES:
            raise Unacceptable(f"mode is one of {', '.join(_MODES)}", at="mode")
        booked = await self._seriesmaker.book(endpoint.repository, _wanted(given, endpoint.base), mode)
        return searchset(endpoint, list(_told(booked)))


def scope_of(given: Arguments) -> Scope:
    """Return which visits of a series an edit means. Refuses: ``Unacceptable``."""
    said = given.text("scope") or "this"
    if said not in SCOPES:
        raise Unacceptable(f"scope is one of {', '.join(SCOPES)}", at="scope")
    return said


def edited(endpoint: Endpoint, kept: Sequence[Kept]) -> Answer:
    """Return the answer that shows all visits that were changed."""
    return searchset(endpoint, [Entry(decode(each.body or b"")) for each in kept])


def _wanted(given: Arguments, base: str) -> Wanted:
    reference, resource = read.reference(given, "appointment-reference", base), given.resource("appointment-resource")
    if (reference is None) == (resource is None):
        raise Unacceptable("$series needs appointment-reference or appointment-resource, one of them")
    if resource is not None:
        _check_resource(resource)
    recurrence, template = _recurrence(given, resource)
    asked = Asked(read.references(given, "patient-reference", base), given.text("comment"))
    return Wanted(resource or _proposal(reference or ""), recurrence, template, asked)


def _check_resource(resource: Resource) -> None:
    validated(resource)
    if resource["resourceType"] != "Appointment":
        raise Invalid("appointment-resource is an Appointment", at="appointment-resource")
    if resource["status"] not in ("proposed", "pending", "booked"):
        raise Unacceptable("the first visit of a series is proposed, pending or booked", at="Appointment.status")


def _proposal(reference: str) -> Proposal:
    found = proposal_of(reference.removeprefix("Appointment/"))
    if found is None:
        raise Unacceptable("appointment-reference is a proposal of $find", at="appointment-reference")
    return found


def _recurrence(given: Arguments, resource: Resource | None) -> tuple[Recurrence, Mapping[str, Any]]:
    """Return how the series goes on, and the extension that says it. Refuses: ``Unacceptable``, ``Invalid``."""
    said = given.one("recurrence")
    template = extension_of(resource, RECURRENCE_URL) if resource else None
    if (said is None) == (template is None):
        raise Unacceptable("recurrence is said in a parameter or in the appointment, in one of them", at="recurrence")
    if said is None:
        return _read(resource or {}), template or {}
    made = {"url": RECURRENCE_URL, "extension": [_extension(each) for each in said.get("part", ())]}
    try:
        return _read({"extension": [made]}), made
    except Invalid as refusal:
        refusal.issues = tuple(_in_parts(issue) for issue in refusal.issues)
        raise


def _read(appointment: Resource) -> Recurrence:
    found = recurrence_of(appointment)
    assert found is not None  # the extension is there
    return found


def _extension(part: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in part.items() if name not in ("name", "part")}
    if "part" in part:
        said["extension"] = [_extension(each) for each in part["part"]]
    return {"url": part["name"], **said}


def _in_parts(issue: Issue) -> Issue:
    place = (issue.expression or "").replace("Appointment.extension[0]", "recurrence").replace(".extension[", ".part[")
    return Issue(issue.code, issue.diagnostics, place or None, issue.severity)


def _told(booked: Series) -> Iterator[Entry]:
    """Yield all visits in their order, then an outcome for each that does not fit."""
    yield from (Entry(visit) for visit in booked.visits)
    yield from (_missed(miss) for miss in booked.misses)


def _missed(miss: Miss) -> Entry:
    return outcome([Issue(i.code, i.diagnostics, i.expression, "warning") for i in miss.issues()], miss.proposals)
