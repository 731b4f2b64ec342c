"""Patches inside a transaction: applied to what stands, linked like the other entries, written with them.

Source: https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Mapping, Sequence

from polyclinic.fhir.bundle import Entry, placed
from polyclinic.fhir.json import decode
from polyclinic.fhir.links import ConditionalReference, Relinking
from polyclinic.fhir.outcome import Issue, Refusal
from polyclinic.kit.rest.conditions import Asked, gather
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.patching import changed, standing, still_valid
from polyclinic.kit.rest.steps import Step, refuse
from polyclinic.repository import Transaction
from polyclinic.repository.model import Kept, Resource


async def apply_patches(
    endpoint: Endpoint, transaction: Transaction, steps: Sequence[Step], addresses: Mapping[str, str]
) -> dict[str, Asked]:
    """Let each step that patches know what it makes of its resource, its links rewritten by ``addresses``.

    Returns the searches that references name which the patches bring in.
    Refuses: with every entry whose patch cannot be applied, or makes what breaks rules of R4.
    """
    patching = [step for step in steps if step.patch is not None]
    found = await transaction.read([(step.target.type, step.id) for step in patching]) if patching else {}
    references: list[tuple[Step, ConditionalReference]] = []
    issues: list[Issue] = []
    for step in patching:
        try:
            references += _patched(step, found.get((step.target.type, step.id)), addresses)
        except Refusal as refusal:
            issues += patch_faults(step.entry, refusal)
    asked, unanswerable = gather(endpoint, references)
    refuse([*issues, *unanswerable])
    return asked


def _patched(step: Step, kept: Kept | None, addresses: Mapping[str, str]) -> list[tuple[Step, ConditionalReference]]:
    """Apply the patch of ``step``; return the references that are searches and were not there before."""
    kept = standing(kept, step.target.type)
    assert step.patch is not None and kept.body is not None  # the caller and standing have seen to it
    step.patched = changed(step.patch, kept)
    step.if_match = kept.version
    relinking = Relinking(addresses, step.entry.base)
    relinking.relink(step.patched)
    still_valid(step.patched)
    known = _searches(decode(kept.body))
    return [(step, reference) for reference in relinking.conditional if reference.search not in known]


def _searches(resource: Resource) -> set[str]:
    relinking = Relinking({})
    relinking.relink(resource)
    return {reference.search for reference in relinking.conditional}


def patch_faults(entry: Entry, refusal: Refusal) -> list[Issue]:
    """Return the issues of ``refusal`` as faults of ``entry``; an operation of the patch keeps its place in it."""
    return [_placed_in_patch(issue, entry.place) for issue in refusal.issues]


def _placed_in_patch(issue: Issue, entry: str) -> Issue:
    """Return ``issue`` as one of a Bundle whose ``entry`` has the patch, in Parameters or in the data of a Binary."""
    expression = issue.expression or ""
    if expression.startswith("["):
        expression = f"Binary.data{expression}"
    elif not expression.startswith("Parameters"):
        return Issue(issue.code, _about(issue), entry, issue.severity)
    (found,) = placed([Issue(issue.code, issue.diagnostics, expression, issue.severity)], f"{entry}.resource")
    return found


def _about(issue: Issue) -> str:
    return f"{issue.expression}: {issue.diagnostics}" if issue.expression else issue.diagnostics
