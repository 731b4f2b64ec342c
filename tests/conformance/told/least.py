"""The least resource of each type: what R4 requires and nothing else."""

from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import Property, properties, structure, value_set

PRIMITIVES: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "positiveInt": 1,
    "unsignedInt": 1,
    "decimal": 1,
    "date": "2026-03-01",
    "dateTime": "2026-03-01",
    "instant": "2026-03-01T10:00:00Z",
    "time": "10:00:00",
    "base64Binary": "eA==",
    "uri": "http://x.example",
    "url": "http://x.example",
    "canonical": "http://x.example",
}
LEAST: dict[str, Any] = {
    "Attachment": {"url": "http://x.example"},
    "CodeableConcept": {"text": "x"},
    "Coding": {"code": "x"},
    "Money": {"value": 1},
    "Period": {"start": "2026"},
    "Quantity": {"value": 1},
    "Reference": {"display": "x"},
}
TEXT = {"text": "x"}
INVARIANTS: dict[str, dict[str, Any]] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"status": "proposed", "participant": [{"status": "accepted", "actor": {"display": "x"}}]},
    "AppointmentResponse": {"actor": {"display": "x"}},
    "Binary": {"contentType": "text/plain"},
    "CapabilityStatement": {
        "kind": "requirements",
        "format": ["json"],
        "description": "x",
        "rest": [{"mode": "server"}],
    },
    "Consent": {"policyRule": TEXT},
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "x"}]},
    "ImmunizationRecommendation": {"recommendation": [{"forecastStatus": TEXT, "vaccineCode": [TEXT]}]},
    "InsurancePlan": {"name": "x"},
    "Linkage": {"item": [{"type": "source", "resource": {"display": name}} for name in "xy"]},
    "Organization": {"name": "x"},
    "SearchParameter": {"status": "draft"},  # an active one is taken at its word
    "StructureDefinition": {
        "differential": {"element": [{"id": "Basic", "path": "Basic"}]},
        "kind": "resource",
        "type": "Basic",
    },
    "TerminologyCapabilities": {"software": {"name": "x"}},
}
"""What an invariant asks for beyond what is required."""


def least(type: str) -> dict[str, Any]:
    """Return the least resource of ``type``."""
    return {"resourceType": type, **_elements(type), **INVARIANTS.get(type, {})}


def _elements(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for property, told in properties(name).items():
        element = told.element
        if element.min and element.name not in seen:
            seen.add(element.name)  # of a choice of types the first
            found[property] = [_value(told)] * element.min if element.is_list else _value(told)
    return found


def _value(told: Property) -> Any:
    is_primitive = structure(told.type).kind == "primitive"
    codes = value_set(told.element.binding).codes if told.element.binding else {}
    if codes:
        system, listed = next(iter(codes.items()))
        return listed[0] if is_primitive else {"coding": [{"system": system, "code": listed[0]}]}
    if is_primitive:
        return PRIMITIVES.get(told.type, "x")
    return LEAST.get(told.type) or _elements(told.type)


def every_type() -> list[str]:
    """Return the names of all resource types of R4."""
    return sorted(definitions.RESOURCE_TYPES)
