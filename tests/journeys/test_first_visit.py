"""A patient's first visit, through the gateway to records: what a clinic's software does on an ordinary morning."""

import pytest
from house import house


@pytest.fixture(scope="module")
async def polyclinic():
    """Return a client of the gateway, with records behind it."""
    async with house() as gateway:
        yield gateway


def visit(number):
    """Return the transaction that a clinic sends after a first visit."""
    person, encounter, value = "urn:uuid:person", "urn:uuid:encounter", f"insured-{number}"
    subject, during = {"reference": person}, {"reference": encounter}
    entries = [
        (
            "urn:uuid:pressure",
            "Observation",
            {"status": "final", "code": _loinc("85354-9"), "subject": subject, "encounter": during}
            | {
                "effectiveDateTime": "2026-03-02T09:10:00+01:00",
                "performer": [{"reference": "Practitioner?identifier=ref|7"}],
            }
            | {"component": [_pressure("8480-6", "131.0"), _pressure("8462-4", "84.0")]},
        ),
        (
            encounter,
            "Encounter",
            {"status": "finished", "class": {"code": "AMB"}, "subject": subject}
            | {"period": {"start": "2026-03-02T09:00:00+01:00", "end": "2026-03-02T09:20:00+01:00"}},
        ),
        (
            "urn:uuid:condition",
            "Condition",
            {"subject": subject, "encounter": during, "code": {"text": "Hypertension"}}
            | {"clinicalStatus": _code("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")},
        ),
    ]
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://insurer", "value": value}],
        "name": [{"family": "Ammann", "given": ["Vreni"]}],
        "birthDate": "1957-08-01",
    }
    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "ref", "value": "7"}]}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            *(_entry(address, "POST", type, {"resourceType": type, **body}) for address, type, body in entries),
            _entry(person, "POST", "Patient", patient, ifNoneExist=f"identifier=http://insurer|{value}"),
            _entry("urn:uuid:doctor", "PUT", "Practitioner?identifier=ref|7", doctor),
        ],
    }


def _entry(address, method, url, resource, **conditions):
    return {"fullUrl": address, "resource": resource, "request": {"method": method, "url": url, **conditions}}


def _code(system, code):
    return {"coding": [{"system": system, "code": code}]}


def _loinc(code):
    return _code("http://loinc.org", code)


def _pressure(code, value):
    from decimal import Decimal

    quantity = {"value": Decimal(value), "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    return {"code": _loinc(code), "valueQuantity": quantity}


async def test_visit_is_kept_and_found_again(polyclinic):
    done = await polyclinic.post("/fhir", visit(1))
    assert done.status == 200, done.body
    assert [entry["response"]["status"][:3] for entry in done.json["entry"]] == ["201"] * 5
    patient = (await polyclinic.get("/fhir/Patient?identifier=http://insurer|insured-1")).json["entry"][0]["resource"]
    about = f"patient={patient['id']}"
    pressures = (await polyclinic.get(f"/fhir/Observation?{about}&code=http://loinc.org|85354-9&_sort=-date")).json
    (pressure,) = [entry["resource"] for entry in pressures["entry"]]
    assert str(pressure["component"][0]["valueQuantity"]["value"]) == "131.0"
    encounter = await polyclinic.get(f"/fhir/{pressure['encounter']['reference']}")
    assert encounter.json["subject"]["reference"] == f"Patient/{patient['id']}"
    doctor = await polyclinic.get(f"/fhir/{pressure['performer'][0]['reference']}")
    assert doctor.json["identifier"] == [{"system": "ref", "value": "7"}]
    active = (await polyclinic.get(f"/fhir/Condition?{about}&clinical-status=active")).json
    assert active["total"] == 1


async def test_second_visit_knows_the_patient(polyclinic):
    first = (await polyclinic.post("/fhir", visit(2))).json["entry"][3]["response"]
    second = (await polyclinic.post("/fhir", visit(2))).json["entry"][3]["response"]
    assert (first["status"][:3], second["status"][:3]) == ("201", "200")
    assert first["location"] == second["location"]
    about = f"patient={first['location'].split('/')[1]}"
    assert (await polyclinic.get(f"/fhir/Encounter?{about}&_summary=count")).json["total"] == 2


async def test_mistake_is_corrected_and_both_versions_stay(polyclinic):
    made = await polyclinic.post("/fhir/Patient", {"resourceType": "Patient", "birthDate": "1975-08-01"})
    address = made.headers["location"].removeprefix("http://polyclinic.test").partition("/_history")[0]
    body = {**made.json, "birthDate": "1957-08-01"}
    assert (await polyclinic.put(address, body, if_match='W/"1"')).status == 200
    assert (await polyclinic.put(address, body, if_match='W/"1"')).status == 412
    history = (await polyclinic.get(f"{address}/_history")).json["entry"]
    assert [entry["resource"]["birthDate"] for entry in history] == ["1957-08-01", "1975-08-01"]


async def test_half_a_visit_is_never_kept(polyclinic):
    broken = visit(3)
    broken["entry"][2]["resource"]["clinicalStatus"] = "active"
    refused = await polyclinic.post("/fhir", broken)
    assert refused.status == 400
    assert refused.places == ["Bundle.entry[2].resource.clinicalStatus"]
    found = (await polyclinic.get("/fhir/Patient?identifier=http://insurer|insured-3")).json
    assert found["total"] == 0
