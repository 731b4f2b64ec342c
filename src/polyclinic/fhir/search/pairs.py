"""Pairs: a patient and a kind as one term, for what clinics ask most: "the newest of this kind for this patient".

Each term that a resource has for its kind is kept once more together with the term of its patient, so that this
question is one range of the index and not the meeting of two.
"""

from collections.abc import Iterable
from types import MappingProxyType

PAIRED = MappingProxyType(
    {
        "Condition": ("Condition.subject", "Condition.code"),
        "DiagnosticReport": ("DiagnosticReport.subject", "DiagnosticReport.code"),
        "Immunization": ("Immunization.patient", "Immunization.vaccineCode"),
        "Observation": ("Observation.subject", "Observation.code"),
        "Procedure": ("Procedure.subject", "Procedure.code"),
    }
)
"""Resource type -> the element that names the patient and the one that names the kind, as paths of the index."""


def pairs_of(type: str, terms: Iterable[str]) -> list[str]:
    """Return the pairs among the ``terms`` that a resource is found by."""
    paths = PAIRED.get(type)
    if paths is None:
        return []
    patients = [term for term in terms if is_patient(term, paths)]
    return [pair(one, other) for one in patients for other in terms if is_kind(other, paths)]


def pair(patient: str, kind: str) -> str:
    """Return the term of what has both terms."""
    return f"{patient}\0\0&{kind}"


def is_patient(term: str, paths: tuple[str, str]) -> bool:
    """Whether ``term`` is a reference to the patient."""
    return term.startswith(f"{paths[0]}\0r")


def is_kind(term: str, paths: tuple[str, str]) -> bool:
    """Whether ``term`` names a kind by its code; terms of a system alone are not paired, few ask for them."""
    return term.startswith((f"{paths[1]}\0c", f"{paths[1]}\0s"))
