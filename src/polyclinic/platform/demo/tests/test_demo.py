import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from polyclinic.fhir import json
from polyclinic.fhir.validate import validate
from polyclinic.platform import demo
from polyclinic.platform.demo import body, codes, stories
from polyclinic.platform.demo.body import HEIGHT, Curve
from polyclinic.platform.load.archives import members

TODAY = date(2026, 11, 22)


def resources(**arguments):
    bundles = demo.bundles(today=TODAY, **arguments)
    return [entry["resource"] for bundle in bundles for entry in bundle["entry"]]


def test_the_demonstration_is_valid_r4():
    wrong = [
        (resource["id"], issue)
        for resource in resources(patients=100)
        for issue in validate(json.decode(json.encode(resource)))
    ]
    assert wrong == []


def test_the_demonstration_shows_every_kind_of_record():
    counts = Counter(resource["resourceType"] for resource in resources())
    assert counts["Patient"] == 25
    assert counts["Observation"] > 1000
    for type in ("Organization", "Location", "Practitioner", "Encounter", "Condition"):
        assert counts[type], type
    for type in ("MedicationRequest", "Immunization", "AllergyIntolerance"):
        assert counts[type], type


def test_the_demonstration_is_the_same_each_time():
    assert resources() == resources()
    assert resources(seed=2) != resources()


def test_more_patients_leave_the_first_ones_as_they_are():
    few, many = (resources(patients=number) for number in (3, 30))
    assert all(each in many for each in few)


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2028, 2, 29), date(2040, 12, 31)])
def test_ids_are_alone_and_stay_from_day_to_day(day):
    bundles = list(demo.bundles(today=day, patients=200))
    names = [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for b in bundles for entry in b["entry"]]
    assert len(names) == len(set(names))
    assert {name for name in names if name.startswith("Patient/")} == {
        f"Patient/demo-{number:02}" for number in range(1, 201)
    }


def test_every_reference_leads_somewhere():
    everything = resources()
    known = {f"{resource['resourceType']}/{resource['id']}" for resource in everything}
    named = set()

    def walk(value):
        if isinstance(value, dict):
            named.update([value["reference"]] if "reference" in value else [])
            value = list(value.values())
        for part in value if isinstance(value, list) else ():
            walk(part)

    walk(everything)
    assert named
    assert named <= known


def test_nothing_happens_before_birth_or_after_today():
    for bundle in list(demo.bundles(today=TODAY, patients=100))[1:-1]:
        born = bundle["entry"][0]["resource"]["birthDate"]
        for entry in bundle["entry"][1:]:
            resource = entry["resource"]
            for name in ("effectiveDateTime", "occurrenceDateTime", "onsetDateTime", "authoredOn", "recordedDate"):
                if name in resource:
                    assert born <= resource[name][:10] <= TODAY.isoformat(), resource["id"]


def test_people_with_diabetes_have_the_sugar_of_diabetes():
    everything = resources(patients=200)
    diabetic = {
        resource["subject"]["reference"]
        for resource in everything
        if resource["resourceType"] == "Condition" and resource["code"]["coding"][0]["code"] == "44054006"
    }
    assert diabetic
    for resource in everything:
        if resource["resourceType"] == "Observation" and resource["code"]["coding"][0]["code"] == "4548-4":
            # ADA Standards of Care in Diabetes 2024, section 2, table 2.2: diabetes from 6.5 %
            assert (resource["valueQuantity"]["value"] >= 6) == (resource["subject"]["reference"] in diabetic)


def test_an_interpretation_agrees_with_the_limits_beside_it():
    verdicts: Counter[str] = Counter()
    for resource in resources():
        for limits in resource.get("referenceRange", []) if resource["resourceType"] == "Observation" else []:
            value = resource["valueQuantity"]["value"]
            low = "low" in limits and value < limits["low"]["value"]
            high = "high" in limits and value > limits["high"]["value"]
            verdict = resource["interpretation"][0]["coding"][0]["code"]
            assert verdict == ("L" if low else "H" if high else "N")
            verdicts[verdict] += 1
    assert set(verdicts) == {"L", "H", "N"}


@pytest.mark.parametrize(("age", "height"), [(-1, 50), (0, 50), (0.25, 58.75), (18, 176), (90, 176)])
def test_a_curve_is_straight_between_its_points_and_flat_beyond(age, height):
    assert HEIGHT["male"].at(age) == height


def test_every_curve_rises_in_years():
    curves = [*HEIGHT.values(), *(value for value in vars(body).values() if isinstance(value, Curve))]
    assert len(curves) == 7
    for curve in curves:
        assert list(curve.years) == sorted(set(curve.years))
        assert len(curve.years) == len(curve.values)


def _codes():
    for module in (codes, stories):
        for value in vars(module).values():
            if isinstance(value, codes.Code):
                yield value
    for story in stories.STORIES:
        yield story.snomed
        yield from (medicine.code for medicine in story.medicines)
    yield from (vaccination.code for vaccination in stories.CHILDHOOD)


KNOWN_ELSEWHERE = {
    "126485001",  # Urticaria
    "238575004",  # Allergic contact dermatitis
    "39579001",  # Anaphylaxis
    "61582004",  # Allergic rhinitis
    "87522002",  # Iron deficiency anemia
    "91936005",  # Allergy to penicillin
    "314076",  # lisinopril 10 MG Oral Tablet
    "85354-9",  # Blood pressure panel: the FHIR R4 vital signs profile
}
"""Codes that the Synthea set does not use; looked up one by one."""


def test_the_codes_are_written_as_others_write_them(pytestconfig):
    archives = list((Path(pytestconfig.rootpath).parent / "shared/data/synthea").glob("*.tar.xz"))
    if not archives:
        pytest.skip("the Synthea set is not beside the project")
    seen = set()
    for member in members(archives[0]):
        seen.update(re.findall(rb'"code":"([0-9-]+)"', member.stream.read()))
    ours = {code.code for code in _codes() if code.system != codes.ICD_10}
    assert ours - {code.decode() for code in seen} == KNOWN_ELSEWHERE
