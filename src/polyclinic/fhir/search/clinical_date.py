"""The clinical date of a resource: the one date by which clinicians expect a list of it to be ordered.

It is the value of one of the type's own search parameters, so that sorting by that parameter is reading in order.
Types left out have no such date. The choice is ours; R4 names none.
"""

from types import MappingProxyType

CLINICAL_DATE = MappingProxyType(
    {
        "AllergyIntolerance": "date",
        "Appointment": "date",
        "AuditEvent": "date",
        "CarePlan": "date",
        "CareTeam": "date",
        "Claim": "created",
        "ClaimResponse": "created",
        "ClinicalImpression": "date",
        "Communication": "sent",
        "CommunicationRequest": "authored",
        "Composition": "date",
        "Condition": "recorded-date",
        "Consent": "date",
        "DetectedIssue": "identified",
        "DeviceRequest": "authored-on",
        "DiagnosticReport": "date",
        "DocumentManifest": "created",
        "DocumentReference": "date",
        "Encounter": "date",
        "EpisodeOfCare": "date",
        "ExplanationOfBenefit": "created",
        "FamilyMemberHistory": "date",
        "Flag": "date",
        "Goal": "start-date",
        "ImagingStudy": "started",
        "Immunization": "date",
        "ImmunizationEvaluation": "date",
        "ImmunizationRecommendation": "date",
        "Invoice": "date",
        "List": "date",
        "Measure": "date",
        "MeasureReport": "date",
        "Media": "created",
        "MedicationAdministration": "effective-time",
        "MedicationDispense": "whenhandedover",
        "MedicationRequest": "authoredon",
        "MedicationStatement": "effective",
        "NutritionOrder": "datetime",
        "Observation": "date",
        "Procedure": "date",
        "Provenance": "recorded",
        "QuestionnaireResponse": "authored",
        "RequestGroup": "authored",
        "RiskAssessment": "date",
        "Schedule": "date",
        "ServiceRequest": "authored",
        "Slot": "start",
        "Specimen": "collected",
        "Task": "authored-on",
    }
)
"""Resource type -> code of its date search parameter."""
