"""Invariants of R4 written in Python, because they are met on nearly every resource.

Each takes the JSON object that carries it and returns whether it holds, or None where only FHIRPath can tell.
They never raise, whatever stands in the JSON: its form is found wrong elsewhere. test_validate_native holds
each against its FHIRPath form in the tables.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
Holds: TypeAlias = Callable[[Object], bool | None]

UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ALLERGY_VERIFICATION = TERMINOLOGY + "allergyintolerance-verification"
CONDITION_CLINICAL = TERMINOLOGY + "condition-clinical"
CONDITION_VERIFICATION = TERMINOLOGY + "condition-ver-status"

_natives: dict[tuple[str, str], Holds] = {}
NATIVES: Mapping[tuple[str, str], Holds] = _natives
"""(path of the element that carries it, key) -> the invariant; the path is "" where it may be any."""


def native(key: str, *paths: str) -> Callable[[Holds], Holds]:
    """Register the invariant ``key`` of each of ``paths``."""

    def register(holds: Holds) -> Holds:
        _natives.update({(path, key): holds for path in paths})
        return holds

    return register


# --- words


def has(owner: Object, name: str) -> bool:
    """Whether FHIRPath's ``name.exists()`` is true of a primitive."""
    return name in owner or "_" + name in owner


def has_choice(owner: Object, name: str) -> bool:
    """Whether FHIRPath's ``name.exists()`` is true of a choice."""
    start, shadow = name, "_" + name
    return any(key.startswith((start, shadow)) for key in owner)


def objects(owner: Object, name: str) -> list[Object]:
    """Return the objects in the array ``name``."""
    items = owner.get(name)
    return [item for item in items if type(item) is dict] if type(items) is list else []


def part(owner: Object, name: str) -> Object:
    """Return the object ``name``, an empty one where there is none."""
    value = owner.get(name)
    return value if type(value) is dict else {}


def is_coded(concept: Object, system: str, *codes: str) -> bool:
    """Whether a CodeableConcept has a coding of the system with one of the codes."""
    return any(coding.get("system") == system and coding.get("code") in codes for coding in objects(concept, "coding"))


def precedes(first: Any, second: Any) -> bool | None:
    """Whether the date or time ``first`` is before ``second``, both as R4 writes them; None where unknown.

    As in FHIRPath, times of different precision are only compared as far as both go.
    """
    if type(first) is not str or type(second) is not str:
        return None
    if len(first) == len(second) and first[10:11] == "T" and first[19:] == second[19:]:
        return first < second
    if first[10:11] == "T" and second[10:11] == "T":
        try:
            return datetime.fromisoformat(first) < datetime.fromisoformat(second)
        except (ValueError, TypeError):
            return None
    known = min(len(first), len(second), 10)
    if first[:known] == second[:known] and len(first) != len(second):
        return None
    return first[:known] < second[:known]


# --- data types


@native("per-1", "Period")
def _(it: Object) -> bool | None:
    if "start" not in it or "end" not in it:
        return True
    return it["start"] == it["end"] or not precedes(it["end"], it["start"])


@native("qty-3", "Quantity")
def _(it: Object) -> bool:
    return not has(it, "code") or has(it, "system")


@native("sqty-1", "")
def _(it: Object) -> bool:
    return not has(it, "comparator")


@native("age-1", "Age")
def _(it: Object) -> bool | None:
    if not _has_ucum_code(it):
        return False
    value = it.get("value")
    return value is None or (value > 0 if _is_number(value) else None)


@native("dis-1", "Distance")
def _(it: Object) -> bool:
    return _has_ucum_code(it)


@native("drt-1", "Duration")
def _(it: Object) -> bool:
    return not has(it, "code") or (it.get("system") == UCUM and has(it, "value"))


def _has_ucum_code(it: Object) -> bool:
    return (has(it, "code") or not has(it, "value")) and (not has(it, "system") or it.get("system") == UCUM)


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


@native("rng-2", "Range")
def _(it: Object) -> bool | None:
    low, high = part(it, "low"), part(it, "high")
    if "value" not in low or "value" not in high:
        return True
    if low.get("code") != high.get("code") or low.get("system") != high.get("system"):
        return None
    if low.get("unit") != high.get("unit") and "code" not in low:
        return None
    return bool(low["value"] <= high["value"]) if _is_number(low["value"]) and _is_number(high["value"]) else None


@native("rat-1", "Ratio")
def _(it: Object) -> bool:
    both = ("numerator" in it) == ("denominator" in it)
    return both and ("numerator" in it or "extension" in it)


@native("att-1", "Attachment")
def _(it: Object) -> bool:
    return not has(it, "data") or has(it, "contentType")


@native("cpt-2", "ContactPoint")
def _(it: Object) -> bool:
    return not has(it, "value") or has(it, "system")


@native("ext-1", "Extension")
def _(it: Object) -> bool:
    return ("extension" in it) != has_choice(it, "value")


@native("exp-1", "Expression")
def _(it: Object) -> bool:
    return has(it, "expression") or has(it, "reference")


@native("tim-1", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "duration") or has(it, "durationUnit")


@native("tim-2", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "period") or has(it, "periodUnit")


@native("tim-4", "Timing.repeat")
def _(it: Object) -> bool | None:
    return _is_not_negative(it, "duration")


@native("tim-5", "Timing.repeat")
def _(it: Object) -> bool | None:
    return _is_not_negative(it, "period")


def _is_not_negative(it: Object, name: str) -> bool | None:
    if name not in it:
        return None if "_" + name in it else True
    return bool(it[name] >= 0) if _is_number(it[name]) else None


@native("tim-6", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "periodMax") or has(it, "period")


@native("tim-7", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "durationMax") or has(it, "duration")


@native("tim-8", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "countMax") or has(it, "count")


@native("tim-9", "Timing.repeat")
def _(it: Object) -> bool | None:
    if not has(it, "offset"):
        return True
    whens = it.get("when")
    return None if type(whens) is not list else not any(when in ("C", "CM", "CD", "CV") for when in whens)


@native("tim-10", "Timing.repeat")
def _(it: Object) -> bool:
    return not has(it, "timeOfDay") or not has(it, "when")


# --- resources


@native("dom-6", "DomainResource")
def _(it: Object) -> bool:
    return has(part(it, "text"), "div")


@native("obs-6", "Observation")
def _(it: Object) -> bool:
    return "dataAbsentReason" not in it or not has_choice(it, "value")


@native("obs-7", "Observation")
def _(it: Object) -> bool:
    if "component" not in it or not has_choice(it, "value"):
        return True
    own = objects(part(it, "code"), "coding")
    codes = [part(component, "code") for component in objects(it, "component")]
    return not any(coding in own for code in codes for coding in objects(code, "coding"))


@native("obs-3", "Observation.referenceRange")
def _(it: Object) -> bool:
    return "low" in it or "high" in it or has(it, "text")


@native("ait-1", "AllergyIntolerance")
def _(it: Object) -> bool:
    return "clinicalStatus" in it or _is_mistaken(it, ALLERGY_VERIFICATION)


@native("ait-2", "AllergyIntolerance")
def _(it: Object) -> bool:
    return "clinicalStatus" not in it or not _is_mistaken(it, ALLERGY_VERIFICATION)


@native("con-4", "Condition")
def _(it: Object) -> bool:
    ended = ("resolved", "remission", "inactive")
    return not has_choice(it, "abatement") or is_coded(part(it, "clinicalStatus"), CONDITION_CLINICAL, *ended)


@native("con-5", "Condition")
def _(it: Object) -> bool:
    return "clinicalStatus" not in it or not _is_mistaken(it, CONDITION_VERIFICATION)


def _is_mistaken(it: Object, system: str) -> bool:
    return is_coded(part(it, "verificationStatus"), system, "entered-in-error")


@native("con-1", "Condition.stage")
def _(it: Object) -> bool:
    return "summary" in it or "assessment" in it


@native("con-2", "Condition.evidence")
def _(it: Object) -> bool:
    return "code" in it or "detail" in it


@native("org-1", "Organization")
@native("ipn-1", "InsurancePlan")
def _(it: Object) -> bool:
    return "identifier" in it or has(it, "name")


@native("org-2", "Organization.address")
@native("org-3", "Organization.telecom")
def _(it: Object) -> bool:
    return it.get("use") != "home"


@native("pat-1", "Patient.contact")
def _(it: Object) -> bool:
    return "name" in it or "telecom" in it or "address" in it or "organization" in it


@native("cpl-3", "CarePlan.activity")
def _(it: Object) -> bool:
    return "detail" not in it or "reference" not in it


@native("imm-1", "Immunization.education")
def _(it: Object) -> bool:
    return has(it, "documentType") or has(it, "reference")


@native("mad-1", "MedicationAdministration.dosage")
def _(it: Object) -> bool:
    return "dose" in it or has_choice(it, "rate")


@native("mdd-1", "MedicationDispense")
def _(it: Object) -> bool:
    return not precedes(it.get("whenHandedOver"), it.get("whenPrepared"))


@native("prr-1", "ServiceRequest")
def _(it: Object) -> bool:
    return "orderDetail" not in it or "code" in it


@native("app-1", "Appointment.participant")
def _(it: Object) -> bool:
    return "type" in it or "actor" in it


@native("apr-1", "AppointmentResponse")
def _(it: Object) -> bool:
    return "participantType" in it or "actor" in it


@native("app-2", "Appointment")
def _(it: Object) -> bool:
    return has(it, "start") == has(it, "end")


@native("sev-1", "AuditEvent.entity")
def _(it: Object) -> bool:
    return not has(it, "name") or not has(it, "query")


@native("cmp-1", "Composition.section")
def _(it: Object) -> bool:
    return "text" in it or "entry" in it or "section" in it


@native("cmp-2", "Composition.section")
@native("lst-1", "List")
def _(it: Object) -> bool:
    return "emptyReason" not in it or "entry" not in it


@native("qrs-1", "QuestionnaireResponse.item")
def _(it: Object) -> bool:
    return "answer" not in it or "item" not in it


@native("bdl-5", "Bundle.entry")
def _(it: Object) -> bool:
    return "resource" in it or "request" in it or "response" in it


@native("bdl-8", "Bundle.entry")
def _(it: Object) -> bool:
    return "/_history/" not in str(it.get("fullUrl", ""))
