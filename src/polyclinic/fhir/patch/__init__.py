"""Patches: a change of a resource told by what is different, as JSON Patch (RFC 6902) or as FHIRPath Patch.

    patch = json_patch([{"op": "replace", "path": "/birthDate", "value": "1930-01-01"}])
    patch = fhirpath_patch({"resourceType": "Parameters", "parameter": [...]})
    changed = patch.apply(patient)                    a new resource; ``patient`` is as it was

Whether the outcome is a right resource is for ``polyclinic.fhir.validate``.
Source: https://hl7.org/fhir/R4/http.html#patch
"""

from typing import Protocol

from polyclinic.fhir.patch.copying import Json
from polyclinic.fhir.patch.fhirpath_patch import fhirpath_patch
from polyclinic.fhir.patch.json_patch import json_patch
from polyclinic.fhir.patch.refusals import TestFailed, Unpatchable

__all__ = ["Patch", "TestFailed", "Unpatchable", "fhirpath_patch", "json_patch"]


class Patch(Protocol):
    """Operations that are done in their order, all or none."""

    def apply(self, document: Json) -> Json:
        """Return what ``document`` becomes; it and the patch stay as they are.

        Refuses: ``Unpatchable`` or ``TestFailed`` naming the operation that cannot be done, ``TooCostly``.
        """
        ...
