"""FHIRPath (N1, as R4 uses it): the language of invariants, search parameters and patches."""

from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.grammar import parse

__all__ = ["PathError", "parse"]
