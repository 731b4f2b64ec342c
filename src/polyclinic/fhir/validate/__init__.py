"""Whether a resource is right by FHIR R4: its form, its codes, its references and the invariants of the base.

    issues = validate(resource)                       # [] where all is right
    issues = validate(resource, expected_type="Patient", warnings=True)

Every problem is told, each with its FHIRPath location. What R4 allows is never refused: profiles that a
resource claims are not judged here, codes only where R4 requires the value set, references only as far as they
tell a type themselves. How it works: ``docs/decisions/0004``.
"""

from functools import cache
from typing import Any

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.outcome import Issue
from polyclinic.fhir.validate.findings import Check, Finding
from polyclinic.fhir.validate.objects import Checks
from polyclinic.fhir.validate.resources import resource_check

__all__ = ["validate", "validate_agreement"]


def validate(resource: dict[str, Any], *, expected_type: str | None = None, warnings: bool = False) -> list[Issue]:
    """Return every rule of R4 that the resource breaks, as ``polyclinic.fhir.json`` decoded it.

    ``expected_type`` is the type it must be of. With ``warnings``, best practices (such as dom-6, that
    there be a narrative) are told too, with severity ``warning``.
    Raises: ``TooCostly`` where an invariant would take more effort than FHIRPath is given.
    """
    told = resource.get("resourceType")
    root = told if isinstance(told, str) and told in RESOURCE_TYPES else ""
    issues = []
    if expected_type not in (None, told):
        issues.append(Issue("structure", f"resourceType must be {expected_type}", "resourceType"))
    try:
        found = _root(warnings)(resource, resource) or ()
    except RecursionError:
        return [*issues, Issue("structure", "the resource is nested too deeply", root or None)]
    return issues + [_issue(one, root) for one in found if isinstance(one, Finding)]


def validate_agreement(resource: dict[str, Any], *, type_name: str, id: str) -> list[Issue]:
    """Return where type or id of a resource disagree with the address it is put at.

    Source: https://hl7.org/fhir/R4/http.html#update
    """
    issues = []
    if resource.get("resourceType") != type_name:
        issues.append(Issue("structure", f"resourceType must be {type_name}, as in the address", "resourceType"))
    if resource.get("id") != id:
        issues.append(Issue("value", f"id must be {id}, as in the address", f"{type_name}.id"))
    return issues


@cache
def _root(warnings: bool) -> Check:
    return resource_check(Checks(warnings=warnings), is_contained=False)


def _issue(found: Finding, root: str) -> Issue:
    return Issue(found.code, found.sentence, (root + found.where).removeprefix("."), found.severity)
