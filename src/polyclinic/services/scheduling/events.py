"""What scheduling does when it hears of patients: who died or is gone keeps no visits, who was merged takes them along.

Sources: https://hl7.org/fhir/R4/patient.html#links (a patient that is replaced-by another), and
http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason (pat-dec, other).
"""

from collections.abc import Callable

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.query import parse
from polyclinic.kit.call import Neighbours
from polyclinic.kit.events.event import Event
from polyclinic.kit.events.handling import Handlers
from polyclinic.repository import Transaction
from polyclinic.repository.model import Update
from polyclinic.services.scheduling.actions.asking import records_of
from polyclinic.services.scheduling.actions.keeping import TimeTaken
from polyclinic.services.scheduling.rules import leaving
from polyclinic.services.scheduling.rules.claims import Resource
from polyclinic.services.scheduling.rules.visits import instant_of

MOST = 500
"""Visits that one patient may have ahead; of more, somebody has to look at it."""

Change = Callable[[Resource], Resource]


def handlers() -> Handlers:
    """Return what is done by the names of events."""
    return {"Patient.updated": patient_changed, "Patient.deleted": patient_gone}


async def patient_changed(event: Event, transaction: Transaction, neighbours: Neighbours) -> None:
    """Cancel what a patient who died has ahead, or hand it to the one they were merged into.

    Refuses: ``Unavailable`` while records does not answer.
    """
    patient = (await records_of(neighbours, "Patient", [event.reference])).get(event.reference)
    if patient is None:
        return await patient_gone(event, transaction, neighbours)
    heir = leaving.heir_of(patient)
    if heir is not None:
        await _change(event, transaction, lambda visit: leaving.handed_over(visit, event.reference, heir))
    elif leaving.is_dead(patient):
        await _change(event, transaction, lambda visit: leaving.given_up(visit, leaving.DECEASED))


async def patient_gone(event: Event, transaction: Transaction, neighbours: Neighbours) -> None:
    """Cancel what a patient has ahead whose record was deleted."""
    await _change(event, transaction, lambda visit: leaving.given_up(visit, leaving.DELETED))


async def _change(event: Event, transaction: Transaction, change: Change) -> None:
    whose, now = ("patient", event.reference), instant_of(int(transaction.now.timestamp()), None)
    for asked in ([("date", f"ge{now}")], [("date:missing", "true")]):  # those that are over may be many
        query = parse("Appointment", [whose, ("status", ",".join(leaving.AHEAD)), *asked])
        ahead = await transaction.match(query, MOST + 1)
        if len(ahead) > MOST:
            raise TooCostly(f"more than {MOST} visits are ahead of {event.reference}")
        for kept in ahead:
            found = decode(kept.body or b"")
            if leaving.is_ahead(found, transaction.now):
                await _write(transaction, change(found), kept.version)


async def _write(transaction: Transaction, visit: Resource, version: int) -> None:
    """Write a visit; where its new patient is elsewhere at that time, people have to sort it out, and it says so."""
    try:
        async with transaction.session.transaction():
            await transaction.write([Update(visit, if_match=version)])
    except TimeTaken:
        await transaction.write([Update(leaving.double(visit), if_match=version)])
