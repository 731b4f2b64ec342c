"""Many Appointments at once: what $cancel and $noshow mean where no single one is named.

Which ones: ``appointment-reference`` (repeats), or ``search`` (as a query of Appointment), or a ``schedule`` from
``start`` to ``end``.
"""

from collections.abc import Sequence

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Issue, Unacceptable
from polyclinic.kit.http.message import Answer
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Arguments
from polyclinic.kit.rest.written import condition
from polyclinic.services.scheduling.actions.batch import Changed, Which
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.api.answers import Entry, outcome, searchset
from polyclinic.services.scheduling.rules.closing import Closing

WHICH = ("appointment-reference", "search", "schedule", "start", "end")
"""The parameters that say which Appointments are meant."""


def which_of(given: Arguments, endpoint: Endpoint) -> Which:
    """Return which Appointments are meant. Refuses: ``Unacceptable``."""
    references = read.references(given, "appointment-reference", endpoint.base)
    search, schedule = given.text("search"), read.reference(given, "schedule", endpoint.base)
    if sum(map(bool, (references, search, schedule))) != 1:
        sentence = "which appointments: appointment-reference, search or schedule, one of them"
        raise Unacceptable(sentence, at="appointment-reference")
    if schedule is not None:
        return _stretch(given, schedule)
    query = condition(endpoint, "Appointment", search, at="search")
    return query if query is not None else _ids(references)


def told(endpoint: Endpoint, changed: Changed) -> Answer:
    """Return the answer that shows all that were changed, and of all others why not."""
    kept = [Entry(decode(each.body or b"")) for each in changed.kept]
    return searchset(endpoint, [*kept, *(outcome(_issues(id, refusal.issues)) for id, refusal in changed.refused)])


def _issues(id: str, issues: Sequence[Issue]) -> list[Issue]:
    return [Issue(each.code, each.diagnostics, f"Appointment/{id}", each.severity) for each in issues]


def _stretch(given: Arguments, schedule: str) -> Closing:
    start, end = read.instant(given, "start"), read.instant(given, "end", last=True)
    if start is None or end is None or end <= start:
        raise Unacceptable("of a schedule, the appointments from start to end are meant", at="start")
    return Closing(schedule, start, end, "schedule")


def _ids(references: Sequence[str]) -> list[str]:
    for each in references:
        if not each.startswith("Appointment/"):
            raise Unacceptable("appointment-reference refers to an Appointment here", at="appointment-reference")
    return [each.removeprefix("Appointment/") for each in references]
