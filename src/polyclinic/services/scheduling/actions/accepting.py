"""Accepting an offer: what else changes in the same transaction, so that nobody has two visits or waits for nothing."""

from polyclinic.fhir.outcome import Invalid
from polyclinic.repository import Transaction
from polyclinic.repository.model import Update
from polyclinic.services.scheduling.actions.lining_up import read, replaceable
from polyclinic.services.scheduling.rules.claims import Resource
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.offered import closed, offer_to, outcome_of, replaced, withdrawn
from polyclinic.services.scheduling.rules.waiting import waiting_of
from polyclinic.services.scheduling.store import waitlist


async def consequences(transaction: Transaction, found: Resource, made: Resource, directory: Directory) -> list[Update]:
    """Return what else changes where ``found`` becomes ``made``: nothing, unless an offer is accepted by it.

    Other offers of the same time are lost, the entry waits no longer, and the visit it would replace is cancelled.
    """
    entry = offer_to(found)
    if entry is None or outcome_of(found, made) != "accepted":
        return []
    visit = f"Appointment/{found['id']}"
    rivals = await read(transaction, dict.fromkeys(await waitlist.rivals(transaction.session, visit), 0))
    lost = [Update(withdrawn(rival, "offer-lost")) for rival in rivals.values()]
    return [*lost, *await closing(transaction, entry, visit, directory)]


async def closing(transaction: Transaction, entry: str, visit: str, directory: Directory) -> list[Update]:
    """Return what changes for an ``entry`` whose patient has accepted ``visit`` (both references)."""
    resource = (await read(transaction, {entry: 0})).get(entry)
    if resource is None or resource["status"] != "waitlist":
        return []
    updates = [Update(closed(resource, visit))]
    kept = await _kept(transaction, resource, directory)
    if kept is not None and f"Appointment/{kept['id']}" not in (entry, visit):
        updates.append(Update(replaced(kept)))
    return updates


async def _kept(transaction: Transaction, entry: Resource, directory: Directory) -> Resource | None:
    """Return the visit to come of the patient that gives way, None without one."""
    try:
        waiting = waiting_of(entry, directory, int(transaction.now.timestamp()))
    except Invalid:  # an older release let it in
        return None
    kept = (await read(transaction, {waiting.keep: 0})).get(waiting.keep) if waiting.keep else None
    return kept if replaceable(waiting, kept) else None
