"""Refusals in FHIR's own words: every error of the platform is an OperationOutcome.

What HTTP status an issue code becomes is decided once, in ``polyclinic.kit.http``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One OperationOutcome.issue.

    ``code`` is an issue-type (https://hl7.org/fhir/R4/valueset-issue-type.html); ``expression`` the FHIRPath
    of the element that is meant, such as ``Patient.name[0].family``, or a parameter's name.
    """

    code: str
    diagnostics: str
    expression: str | None = None
    severity: Severity = "error"

    def json(self) -> dict[str, Any]:
        """Return this issue as FHIR JSON."""
        body: dict[str, Any] = {"severity": self.severity, "code": self.code, "diagnostics": self.diagnostics}
        if self.expression is not None:
            body["expression"] = [self.expression]
        return body


class Refusal(Exception):
    """A request that was understood and will not be fulfilled.

    Made with a sentence (and the place it speaks of), or with the issues themselves. ``proposals`` are resources that
    could be asked for instead.
    """

    code: ClassVar[str] = "processing"

    def __init__(self, sentence: str = "", *, at: str | None = None, issues: Iterable[Issue] = ()) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues) or (Issue(self.code, sentence, at),)
        self.proposals: tuple[dict[str, Any], ...] = ()
        super().__init__(sentence or self.issues[0].diagnostics)


class Malformed(Refusal):
    """The body is not JSON, or not the JSON of a resource."""

    code = "structure"


class Invalid(Refusal):
    """The resource breaks rules of R4; every broken rule is an issue."""

    code = "invalid"


class NotSupported(Refusal):
    """FHIR allows it, this server does not do it (yet)."""

    code = "not-supported"


class NotFound(Refusal):
    """No such resource, version or type here."""

    code = "not-found"


class Gone(Refusal):
    """The resource was deleted."""

    code = "deleted"


class Conflict(Refusal):
    """Somebody else changed it first, or it would be there twice."""

    code = "conflict"


class PreconditionFailed(Refusal):
    """If-Match or a condition named a state the resource is not in."""

    code = "conditional"


class MultipleMatches(Refusal):
    """A condition that must match at most one resource matches several."""

    code = "multiple-matches"


class Unacceptable(Refusal):
    """A parameter or value of the request is not understood."""

    code = "value"


class Forbidden(Refusal):
    """Understood, and not for whoever asks."""

    code = "forbidden"


class TooCostly(Refusal):
    """The request is larger than this server takes."""

    code = "too-costly"


class Unavailable(Refusal):
    """Something this service needs does not answer now; asking again later may help."""

    code = "transient"


PROPOSAL = "urn:polyclinic:extension:proposal"
"""The extension of an OperationOutcome that refers to a contained resource which could be asked for instead."""


def operation_outcome(issues: Iterable[Issue], proposals: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """Return an OperationOutcome resource of ``issues``; ``proposals``, each with an id, are contained in it."""
    outcome: dict[str, Any] = {"resourceType": "OperationOutcome"}
    if contained := list(proposals):
        outcome["contained"] = contained
        outcome["extension"] = [
            {"url": PROPOSAL, "valueReference": {"reference": f"#{each['id']}"}} for each in contained
        ]
    outcome["issue"] = [issue.json() for issue in issues]
    return outcome
