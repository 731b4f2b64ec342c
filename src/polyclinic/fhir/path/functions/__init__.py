"""The functions of FHIRPath, one module per section of the specification.

``FUNCTIONS`` has them all by name; importing this package fills it.
"""

from polyclinic.fhir.path.functions import (
    combining,
    conversion,
    existence,
    fhir,
    filtering,
    mathematics,
    navigation,
    precision,
    strings,
)
from polyclinic.fhir.path.functions.registry import FUNCTIONS, Function

__all__ = [
    "FUNCTIONS",
    "Function",
    "combining",
    "conversion",
    "existence",
    "fhir",
    "filtering",
    "mathematics",
    "navigation",
    "precision",
    "strings",
]
