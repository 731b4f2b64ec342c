"""A patient's first visit, through the gateway: what a clinic's software does on an ordinary morning."""

import pytest
from house import BASE, house


@pytest.fixture(scope="module")
async def polyclinic():
    """Return a client of the gateway, with all services behind it."""
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


async def test_next_visit_is_part_of_the_record(polyclinic):
    done = (await polyclinic.post("/fhir", visit(4))).json["entry"]
    patient, doctor = (done[number]["response"]["location"].partition("/_history")[0] for number in (3, 4))
    schedule = await made(polyclinic, {"resourceType": "Schedule", "actor": [{"reference": doctor}]})
    when = {"start": "2026-04-07T09:00:00+02:00", "end": "2026-04-07T09:20:00+02:00"}
    slot = await made(
        polyclinic, {"resourceType": "Slot", "schedule": {"reference": schedule}, "status": "free", **when}
    )
    people = [{"actor": {"reference": each}, "status": "accepted"} for each in (patient, doctor)]
    booked = {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": slot}], **when}
    appointment = await made(polyclinic, {**booked, "participant": people})
    assert await told(polyclinic, f"{patient}/Appointment?date=ge2026-04-01") == {appointment}
    belonging = await told(polyclinic, f"{patient}/*")
    assert {patient, appointment} <= belonging
    assert await told(polyclinic, f"{patient}/$everything") == belonging | {doctor, slot}
    asked = f"/fhir/?_type=Encounter,Appointment&patient={patient}"
    coming = [entry["resource"]["resourceType"] for entry in (await polyclinic.get(asked)).json["entry"]]
    assert coming == ["Appointment", "Encounter"]
    newest = (await polyclinic.get("/fhir/_history?_count=2")).json["entry"]
    assert newest[0]["fullUrl"].endswith(appointment)


async def made(polyclinic, resource):
    """Create ``resource`` and return its address."""
    heard = await polyclinic.post(f"/fhir/{resource['resourceType']}", resource)
    assert heard.status == 201, heard.body
    return f"{resource['resourceType']}/{heard.json['id']}"


async def told(polyclinic, path):
    """Return the addresses that ``path`` answers with."""
    bundle = (await polyclinic.get(f"/fhir/{path}")).json
    return {entry["fullUrl"].removeprefix(f"{BASE}/") for entry in bundle["entry"]}
