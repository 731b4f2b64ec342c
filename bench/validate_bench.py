# ruff: noqa: E501 - resources, one element a line
"""How fast resources are validated: one JSON line per body, CPU microseconds on one core.

    python bench/validate_bench.py [--seconds 1]

Bodies are ours, written to the sizes that stack.md measured others with. ``decode_us`` is the JSON decoding before.
"""

import argparse
import json
import platform
import resource
import sys
import time
from importlib.metadata import version

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.validate import validate

LOINC, UCUM, TERMINOLOGY = "http://loinc.org", "http://unitsofmeasure.org", "http://terminology.hl7.org/CodeSystem/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"


def concept(system, code, text):
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def reference(type_name, number):
    return {"reference": f"{type_name}/{number:08}-3a3f-4f0a-9d6a-8f1f8f1f8f1f", "display": f"{type_name} {number}"}


def money(value):
    return {"value": value, "currency": "USD"}


def observation():
    return {
        "resourceType": "Observation",
        "id": "7c1a4b1c-3a3f-4f0a-9d6a-8f1f8f1f8f1f",
        "meta": {"versionId": "1", "lastUpdated": "2024-03-01T10:00:00.000+00:00"},
        "status": "final",
        "category": [concept(TERMINOLOGY + "observation-category", "vital-signs", "Vital signs")],
        "code": concept(LOINC, "29463-7", "Body Weight"),
        "subject": reference("Patient", 1),
        "encounter": reference("Encounter", 2),
        "effectiveDateTime": "2024-03-01T10:00:00+01:00",
        "issued": "2024-03-01T10:00:00.123+01:00",
        "valueQuantity": {"value": 72.5, "unit": "kg", "system": UCUM, "code": "kg"},
    }


def patient():
    def race(kind, code, text):
        coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code, "display": text}
        parts = [{"url": "ombCategory", "valueCoding": coding}, {"url": "text", "valueString": text}]
        return {"extension": parts, "url": US_CORE + kind}

    def identifier(code, value):
        return {
            "type": concept(TERMINOLOGY + "v2-0203", code, code),
            "system": f"http://hospital.example/{code}",
            "value": value,
        }

    return {
        "resourceType": "Patient",
        "id": "00000001-3a3f-4f0a-9d6a-8f1f8f1f8f1f",
        "meta": {"versionId": "1", "lastUpdated": "2024-03-01T10:00:00.000+00:00", "profile": [US_CORE + "us-core-patient"]},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Example <a href="http://x.org">Patient</a></div>'},
        "extension": [
            race("us-core-race", "2106-3", "White"),
            race("us-core-ethnicity", "2186-5", "Not Hispanic or Latino"),
            {"url": US_CORE + "us-core-birthsex", "valueCode": "F"},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Boston", "country": "US"}},
        ],
        "identifier": [identifier(code, f"{code}-123456") for code in ("MR", "SS", "DL", "PPN")],
        "active": True,
        "name": [
            {"use": "official", "family": "Example", "given": ["Ada", "Grace"], "prefix": ["Mrs."]},
            {"use": "maiden", "family": "Sample", "given": ["Ada"], "period": {"end": "2010-05-01"}},
        ],
        "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}, {"system": "email", "value": "a@x.org"}],
        "gender": "female",
        "birthDate": "1980-02-29",
        "address": [{"line": ["1 Main Street"], "city": "Boston", "state": "MA", "postalCode": "02101", "country": "US"}],
        "maritalStatus": concept(TERMINOLOGY + "v3-MaritalStatus", "M", "Married"),
        "multipleBirthBoolean": False,
        "communication": [{"language": concept("urn:ietf:bcp:47", "en-US", "English")}],
    }  # fmt: skip


def explanation_of_benefit():
    amounts = ("line_prvdr_pmt_amt", "line_coinsrnc_amt", "submitted", "allowed", "eligible")
    items = [
        {
            "sequence": number,
            "category": concept("https://bluebutton.cms.gov/resources/variables/line_cms_type_srvc_cd", "1", "Medical care"),
            "productOrService": concept("http://snomed.info/sct", "185349003", "Encounter for check up"),
            "servicedPeriod": {"start": "2020-01-01T10:00:00+01:00", "end": "2020-01-01T10:30:00+01:00"},
            "locationCodeableConcept": concept(TERMINOLOGY + "ex-serviceplace", "21", "Inpatient Hospital"),
            "encounter": [reference("Encounter", number)],
            "net": money(129.16),
            "adjudication": [
                {"category": concept("https://bluebutton.cms.gov/resources/codesystem/adjudication", code, code), "amount": money(25.5)}
                for code in amounts
            ],
        }
        for number in (1, 2)
    ]  # fmt: skip
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": "00000003-3a3f-4f0a-9d6a-8f1f8f1f8f1f",
        "contained": [
            {
                "resourceType": "ServiceRequest",
                "id": "referral",
                "status": "completed",
                "intent": "order",
                "subject": reference("Patient", 1),
                "requester": reference("Practitioner", 2),
            },
            {
                "resourceType": "Coverage",
                "id": "coverage",
                "status": "active",
                "beneficiary": reference("Patient", 1),
                "payor": [{"display": "Insurer"}],
            },
        ],
        "identifier": [{"system": "https://bluebutton.cms.gov/resources/variables/clm_id", "value": str(n)} for n in range(2)],
        "status": "active",
        "type": concept(TERMINOLOGY + "claim-type", "professional", "Professional"),
        "use": "claim",
        "patient": reference("Patient", 1),
        "billablePeriod": {"start": "2020-01-01T10:00:00+01:00", "end": "2021-01-01T10:00:00+01:00"},
        "created": "2020-01-01T10:30:00+01:00",
        "insurer": {"display": "Insurer"},
        "provider": reference("Practitioner", 2),
        "referral": {"reference": "#referral"},
        "claim": reference("Claim", 4),
        "outcome": "complete",
        "careTeam": [{"sequence": 1, "provider": reference("Practitioner", 2), "role": concept(TERMINOLOGY + "claimcareteamrole", "primary", "Primary")}],
        "insurance": [{"focal": True, "coverage": {"reference": "#coverage", "display": "Insurer"}}],
        "item": items,
        "total": [{"category": concept(TERMINOLOGY + "adjudication", "submitted", "Submitted"), "amount": money(129.16)}],
        "payment": {"amount": money(103.32)},
    }  # fmt: skip


def measure(work, seconds):
    """Return the least CPU microseconds per call, and the most calls per second, of rounds within ``seconds``."""
    best, rounds, end = float("inf"), 200, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, (time.process_time() - start) / rounds)
    return round(best * 1e6, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    seconds = parser.parse_args().seconds
    machine = {"python": platform.python_version(), "msgspec": version("msgspec"), "machine": platform.machine()}
    for made in (patient(), observation(), explanation_of_benefit()):
        name, body = made["resourceType"], encode(made)
        kept = decode(body)
        problems = validate(kept)
        if problems:
            sys.exit(f"{name} is wrong: {problems}")
        took = measure(lambda one=kept: validate(one), seconds)
        figures = {
            "scenario": f"validate {name}",
            "bytes": len(body),
            "us": took,
            "per_second": round(1e6 / took),
            "decode_us": measure(lambda one=body: decode(one), seconds),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }
        print(json.dumps(figures | machine))


if __name__ == "__main__":
    main()
