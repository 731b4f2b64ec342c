"""Resources that the package has no example of, so that each inclusion and each search finds something."""

from us_core.package import Resource, examples

_PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core"
_PATIENT = {"reference": "Patient/example"}
_SPECIALTY = {"coding": [{"system": "http://nucc.org/provider-taxonomy", "code": "208D00000X"}]}
_OTHERS: list[Resource] = [
    {
        "resourceType": "Endpoint",
        "id": "mail",
        "status": "active",
        "connectionType": {"code": "direct-project"},
        "payloadType": [{"text": "letters"}],
        "address": "mailto:ward@hospital.example",
    },
    {
        "resourceType": "PractitionerRole",
        "id": "general",
        "meta": {"profile": [f"{_PROFILE}-practitionerrole"]},
        "practitioner": {"reference": "Practitioner/practitioner-1"},
        "organization": {"reference": "Organization/acme-lab"},
        "specialty": [_SPECIALTY],
        "endpoint": [{"reference": "Endpoint/mail"}],
    },
    {
        "resourceType": "CarePlan",
        "id": "dated",
        "meta": {"profile": [f"{_PROFILE}-careplan"]},
        "status": "completed",
        "intent": "plan",
        "category": [{"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
                                  "code": "assess-plan"}]}],
        "subject": _PATIENT,
        "period": {"start": "2021-03-01", "end": "2021-06-15"},
    },
    {
        "resourceType": "Encounter",
        "id": "numbered",
        "meta": {"profile": [f"{_PROFILE}-encounter"]},
        "identifier": [{"system": "http://hospital.example/encounters", "value": "1|7,$"}],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"text": "a visit"}],
        "subject": _PATIENT,
    },
]  # fmt: skip


def supplement() -> list[Resource]:
    """Return the resources, and for each type of the examples a Provenance of every second one."""
    types = sorted({one["resourceType"] for one in examples()})
    return [*_OTHERS, *(_provenance(type) for type in types)]


def _provenance(type: str) -> Resource:
    ids = [one["id"] for one in (*examples(), *_OTHERS) if one["resourceType"] == type]
    return {
        "resourceType": "Provenance",
        "id": f"of-{type}",
        "target": [{"reference": f"{type}/{id}"} for id in ids[::2]],
        "recorded": "2023-02-28T15:26:23.217Z",
        "agent": [{"who": {"reference": "Practitioner/practitioner-1"}}],
    }
