"""Transactions: every entry is judged first, every fault is told, then all of it happens or nothing.

Ids are assigned and links rewritten before anything is written; what depends on stored resources (conditions
and conditional references) is resolved inside the one database transaction that writes.
Source: https://hl7.org/fhir/R4/http.html#trules
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from polyclinic.fhir.bundle import ORDER, Entry, placed
from polyclinic.fhir.links import ConditionalReference, Relinking
from polyclinic.fhir.outcome import Conflict, Issue, NotFound, PreconditionFailed, Refusal
from polyclinic.fhir.validate import validate
from polyclinic.kit.http.message import Answer, Call, refused
from polyclinic.kit.rest.conditions import Asked, gather, refuse_unresolved, resolve, settle, together, uses_by_step
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.prefer import Preference
from polyclinic.kit.rest.reading import shown
from polyclinic.kit.rest.responses import response_entry
from polyclinic.kit.rest.steps import Step, faults, refuse, step_of
from polyclinic.kit.rest.transaction_patches import apply_patches, patch_faults
from polyclinic.kit.rest.written import told
from polyclinic.repository import Transaction
from polyclinic.repository.model import Write, Written

AT_A_STRETCH = 50
"""How many entries are judged before other requests get their turn."""

AT_ONCE = 500
"""How many resources are handed to the repository in one piece: each is some tens of microseconds without a pause."""

Perform = Callable[[Call], Awaitable[Answer]]


async def transact(
    endpoint: Endpoint, entries: Sequence[Entry | Refusal], perform: Perform, preference: Preference
) -> list[bytes]:
    """Do what ``entries`` ask, all or nothing, and return their responses in order.

    In place of an entry that cannot be read stands its refusal.
    Searches and histories among them are answered after the commit, by ``perform``.
    Refuses: with an issue for every entry at fault.
    """
    steps, asked = await _judged(endpoint, entries)
    async with endpoint.repository.transaction() as transaction:
        renamed = await settle(endpoint, transaction, steps)
        if renamed:
            refuse(_overlaps(steps))
            await _relinked(steps, renamed)
        await _check_versions(transaction, steps)
        also_asked = await apply_patches(endpoint, transaction, steps, _addresses(steps) | renamed)
        asked = together(asked, also_asked)
        await _write(transaction, steps, await resolve(transaction, asked))
        shown_here = await _read(transaction, steps)
    return [
        await _response(step, shown_here.get(step.entry.index), perform, preference) async for step in _paced(steps)
    ]


async def _judged(endpoint: Endpoint, entries: Sequence[Entry | Refusal]) -> tuple[list[Step], dict[str, Asked]]:
    """Return the steps that ``entries`` ask for, linked and validated, and the searches that references name."""
    steps: list[Step] = []
    issues: list[Issue] = []
    for entry in entries:
        if isinstance(entry, Refusal):
            issues += entry.issues
            continue
        try:
            steps.append(step_of(endpoint, entry))
        except Refusal as refusal:
            issues += patch_faults(entry, refusal) if entry.method == "PATCH" else faults(entry, refusal)
    issues += _overlaps(steps)
    issues += _repeated_addresses(steps)
    references = await _relinked(steps, _addresses(steps))
    asked, unanswerable = gather(endpoint, references)
    issues += unanswerable
    async for step in _paced(_keeping(steps)):
        issues += placed(validate(step.resource), f"{step.entry.place}.resource")
    refuse(issue for issue in issues if issue.severity in ("error", "fatal"))
    return steps, asked


def _addresses(steps: Iterable[Step]) -> dict[str, str]:
    """Return by ``fullUrl`` what links to the resource of an entry will say."""
    return {url: step.address for step in _keeping(steps) if (url := step.entry.full_url)}


def _keeping(steps: Iterable[Step]) -> list[Step]:
    return [step for step in steps if step.entry.method in ("POST", "PUT") and not step.reads]


async def _paced(steps: Sequence[Step]) -> AsyncIterator[Step]:
    """Yield ``steps``, letting other requests have their turn every ``AT_A_STRETCH``."""
    for number, step in enumerate(steps, 1):
        yield step
        if number % AT_A_STRETCH == 0:
            await asyncio.sleep(0)


async def _relinked(steps: Sequence[Step], renamed: dict[str, str]) -> list[tuple[Step, ConditionalReference]]:
    """Rewrite the links of all resources by ``renamed``; return the references that are searches."""
    references = []
    async for step in _paced(_keeping(steps)):
        relinking = Relinking(renamed, step.entry.base)
        relinking.relink(step.resource)
        references += [(step, reference) for reference in relinking.conditional]
    return references


def _overlaps(steps: Iterable[Step]) -> list[Issue]:
    """Return an issue for every entry that changes a resource which an earlier entry changes too."""
    first: dict[object, str] = {}
    issues = []
    for step in steps:
        if step.reads or (step.found and step.entry.method == "POST"):
            continue
        for same in _identities(step):
            earlier = first.setdefault(same, step.entry.place)
            if earlier != step.entry.place:
                sentence = f"changes the same {step.target.type} as {earlier}, which a transaction must not"
                issues.append(Issue("invalid", sentence, step.entry.place))
    return issues


def _identities(step: Step) -> list[object]:
    identities: list[object] = [step.address] if step.id else []
    identities += [f"{kept.type}/{kept.id}" for kept in step.others]
    if step.where is not None:
        identities.append((step.target.type, step.where.clauses))
    return identities


def _repeated_addresses(steps: Iterable[Step]) -> list[Issue]:
    """Return an issue for every ``fullUrl`` that an earlier entry has too: links to it could mean either."""
    first: dict[str, str] = {}
    issues = []
    for step in steps:
        address = step.entry.full_url
        if address is None or step.entry.resource is None:
            continue
        earlier = first.setdefault(address, step.entry.place)
        if earlier != step.entry.place:
            issues.append(Issue("invalid", f"the same fullUrl as {earlier}", f"{step.entry.place}.fullUrl"))
    return issues


async def _check_versions(transaction: Transaction, steps: Iterable[Step]) -> None:
    """Refuse with every entry whose ``ifMatch`` names a version that does not stand."""
    guarded = [step for step in steps if step.if_match is not None and step.id]
    standing = await transaction.read([(step.target.type, step.id) for step in guarded]) if guarded else {}
    issues = []
    for step in guarded:
        kept = standing.get((step.target.type, step.id))
        if kept is None or kept.deleted or kept.version != step.if_match:
            sentence = "ifMatch names a version that is not the present one"
            issues += faults(step.entry, PreconditionFailed(sentence))
    refuse(issues)


async def _write(transaction: Transaction, steps: Iterable[Step], unresolved: dict[str, Asked]) -> None:
    """Write all that is to be written; what refers to a resource of this transaction by a search comes last."""
    ordered = sorted((step for step in steps if not step.reads), key=lambda step: ORDER[step.entry.method])
    late = uses_by_step(unresolved)
    await _keep(transaction, [step for step in ordered if step.entry.index not in late])
    if late:
        refuse_unresolved(await resolve(transaction, unresolved))
        await _keep(transaction, [step for step in ordered if step.entry.index in late])


async def _keep(transaction: Transaction, steps: Iterable[Step]) -> None:
    planned = [(step, write) for step in steps for write in step.writes()]
    for start in range(0, len(planned), AT_ONCE):
        part = planned[start : start + AT_ONCE]
        written = await _written_now(transaction, [write for _, write in part])
        for (step, _), done in zip(part, written, strict=True):
            step.written.append(done)


async def _written_now(transaction: Transaction, writes: Sequence[Write]) -> list[Written]:
    """Write. Refuses: ``Conflict`` where a version that stood when this transaction looked stands no more."""
    try:
        return await transaction.write(writes)
    except PreconditionFailed as refusal:
        raise Conflict("somebody else changed one of the resources at the same time") from refusal


async def _read(transaction: Transaction, steps: Iterable[Step]) -> dict[int, Answer]:
    """Return the answers to reads, by index of the entry. Refuses: with every read of what is not there."""
    reading = [step for step in steps if step.reads and step.target.kind == "instance"]
    found = await transaction.read([(step.target.type, step.target.id) for step in reading]) if reading else {}
    answers: dict[int, Answer] = {}
    issues: list[Issue] = []
    for step in reading:
        kept = found.get((step.target.type, step.target.id))
        try:
            if kept is None:
                raise NotFound(f"there is no such {step.target.type}")
            answers[step.entry.index] = shown(step.call, kept, step.part)
        except Refusal as refusal:
            issues += faults(step.entry, refusal)
    refuse(issues)
    return answers


async def _response(step: Step, shown_here: Answer | None, perform: Perform, preference: Preference) -> bytes:
    if shown_here is not None:
        return response_entry(shown_here, shows_resource=True)
    if step.reads:
        return response_entry(await _performed(step.call, perform), shows_resource=True)
    return response_entry(_written(step, preference), shows_resource=preference.returning == "representation")


async def _performed(call: Call, perform: Perform) -> Answer:
    try:
        return await perform(call)
    except Refusal as refusal:
        return refused(refusal)


def _written(step: Step, preference: Preference) -> Answer:
    """Return what the single interaction would have answered."""
    written = step.written[0] if step.written else Written(step.found, created=False, changed=False)
    deleting = step.entry.method == "DELETE"
    kept = None if step.others else written.kept
    answer = Answer(204 if deleting else 201 if written.created else 200, kept=kept)
    if not deleting:
        answer.headers["location"] = step.address
    if preference.returning == "OperationOutcome":
        answer.body = told(*step.written)
    elif preference.returning == "representation" and written.kept and written.kept.body:
        answer.body = written.kept.body
    return answer
