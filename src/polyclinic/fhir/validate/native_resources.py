"""Invariants of R4's resources in Python; see ``native``. Chosen are those of the types that hospitals write most."""

from collections.abc import Iterator

from polyclinic.fhir.validate.native import Natives, Object, has, has_choice, in_order, is_coded, objects, part

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ALLERGY_VERIFICATION = TERMINOLOGY + "allergyintolerance-verification"
CONDITION_CLINICAL = TERMINOLOGY + "condition-clinical"
CONDITION_VERIFICATION = TERMINOLOGY + "condition-ver-status"
REQUESTS = ("batch", "transaction", "history")
RESPONSES = ("batch-response", "transaction-response", "history")

NATIVES = Natives()
native = NATIVES.write


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
def _(it: Object) -> bool | None:
    return in_order(it.get("whenPrepared"), it.get("whenHandedOver"))


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


@native("bdl-1", "Bundle")
def _(it: Object) -> bool:
    return not has(it, "total") or it.get("type") in ("searchset", "history")


@native("bdl-2", "Bundle")
def _(it: Object) -> bool:
    return it.get("type") == "searchset" or not any("search" in entry for entry in objects(it, "entry"))


@native("bdl-3", "Bundle")
def _(it: Object) -> bool:
    expected = it.get("type") in REQUESTS
    return all(("request" in entry) == expected for entry in objects(it, "entry"))


@native("bdl-4", "Bundle")
def _(it: Object) -> bool:
    expected = it.get("type") in RESPONSES
    return all(("response" in entry) == expected for entry in objects(it, "entry"))


@native("bdl-7", "Bundle")
def _(it: Object) -> bool:
    versions = list(_versions(it))
    return it.get("type") == "history" or len(set(versions)) == len(versions)


def _versions(it: Object) -> Iterator[str]:
    for entry in objects(it, "entry"):
        if "fullUrl" in entry:
            version = part(part(entry, "resource"), "meta").get("versionId", "")
            yield f"{entry['fullUrl']}{version}"


@native("bdl-9", "Bundle")
def _(it: Object) -> bool:
    identifier = part(it, "identifier")
    return it.get("type") != "document" or (has(identifier, "system") and has(identifier, "value"))


@native("bdl-10", "Bundle")
def _(it: Object) -> bool:
    return it.get("type") != "document" or "timestamp" in it


@native("bdl-11", "Bundle")
def _(it: Object) -> bool:
    return it.get("type") != "document" or _first_type(it) in ("", "Composition")


@native("bdl-12", "Bundle")
def _(it: Object) -> bool:
    return it.get("type") != "message" or _first_type(it) in ("", "MessageHeader")


def _first_type(it: Object) -> object:
    return part(next(iter(objects(it, "entry")), {}), "resource").get("resourceType", "")


@native("inv-1", "Parameters.parameter")
def _(it: Object) -> bool:
    return [has_choice(it, "value"), "resource" in it, "part" in it].count(True) == 1


@native("inv-1", "Task")
def _(it: Object) -> bool | None:
    return in_order(it.get("authoredOn"), it.get("lastModified"))


@native("app-3", "Appointment")
def _(it: Object) -> bool:
    return (has(it, "start") and has(it, "end")) or it.get("status") in ("proposed", "cancelled", "waitlist")


@native("app-4", "Appointment")
def _(it: Object) -> bool:
    return "cancelationReason" not in it or it.get("status") in ("no-show", "cancelled")


@native("fhs-1", "FamilyMemberHistory")
def _(it: Object) -> bool:
    return not has_choice(it, "age") or not has_choice(it, "born")


@native("fhs-2", "FamilyMemberHistory")
def _(it: Object) -> bool:
    return has_choice(it, "age") or not has(it, "estimatedAge")


@native("gol-1", "Goal.target")
def _(it: Object) -> bool:
    return not has_choice(it, "detail") or "measure" in it


@native("lst-2", "List")
def _(it: Object) -> bool:
    return it.get("mode") == "changes" or not any(has(entry, "deleted") for entry in objects(it, "entry"))


@native("lst-3", "List")
def _(it: Object) -> bool:
    return it.get("mode") == "working" or not any(has(entry, "date") for entry in objects(it, "entry"))
