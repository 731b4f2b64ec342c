"""One patient's record as FHIR R4 resources; every id is made of the patient's number, so it is the same each time."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from polyclinic.platform.demo import clinic, codes
from polyclinic.platform.demo.body import Measurements
from polyclinic.platform.demo.codes import Code, Measure
from polyclinic.platform.demo.people import Person
from polyclinic.platform.demo.stories import Allergy, Lab, Medicine, Story

Resource = dict[str, Any]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_PATIENT_NUMBERS = "https://polyclinic.example/patients"


class Record:
    """The resources of one patient, in the order they were written down."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.resources: list[Resource] = []
        self._numbers: Counter[str] = Counter()
        self._name = f"demo-{person.number:02}"
        self._doctor = f"Practitioner/{clinic.STAFF[person.number % len(clinic.STAFF)]}"

    def introduce(self) -> None:
        """Write the patient down."""
        person = self.person
        self.resources.append(
            {
                "resourceType": "Patient",
                "id": self._name,
                "identifier": [
                    {
                        "type": _concept(Code(_TERMINOLOGY + "v2-0203", "MR", "Medical record number")),
                        "system": _PATIENT_NUMBERS,
                        "value": f"P-{person.number:04}",
                    }
                ],
                "active": True,
                "name": [{"use": "official", "family": person.family, "given": [person.given]}],
                "telecom": [{"system": "phone", "value": person.phone, "use": "mobile"}],
                "gender": person.sex,
                "birthDate": person.born.isoformat(),
                "address": [
                    {"use": "home", "line": [person.street], "city": "Riverton", "state": "ME", "country": "US"}
                ],
                "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": person.language}]}}],
                "generalPractitioner": [{"reference": self._doctor}],
                "managingOrganization": {"reference": clinic.ORGANIZATION},
            }
        )

    def visit(self, day: date, kind: Code, reason: Code | None = None) -> str:
        """Write a finished visit of half an hour down; return its reference."""
        start, end = _instant(day, 9), _instant(day, 9, 30)
        return self._add(
            "Encounter",
            status="finished",
            **{"class": _coding(Code(_TERMINOLOGY + "v3-ActCode", "AMB", "ambulatory"))},
            type=[_concept(kind)],
            subject=self._subject(),
            participant=[{"individual": {"reference": self._doctor}}],
            period={"start": start, "end": end},
            **({"reasonCode": [_concept(reason)]} if reason else {}),
            location=[{"location": {"reference": clinic.CONSULTING}}],
            serviceProvider={"reference": clinic.ORGANIZATION},
        )

    def diagnose(self, story: Story, day: date, encounter: str, *, resolved: date | None = None) -> str:
        """Write a condition down, active or resolved; return its reference."""
        status = "resolved" if resolved else "active"
        return self._add(
            "Condition",
            clinicalStatus=_status("condition-clinical", status),
            verificationStatus=_status("condition-ver-status", "confirmed"),
            category=[_status("condition-category", "encounter-diagnosis")],
            code={"coding": [_coding(story.snomed), _coding(story.icd_10)], "text": story.snomed.display},
            subject=self._subject(),
            encounter={"reference": encounter},
            onsetDateTime=day.isoformat(),
            **({"abatementDateTime": resolved.isoformat()} if resolved else {}),
            recordedDate=_instant(day, 9, 20),
            recorder={"reference": self._doctor},
        )

    def examine(self, signs: Measurements, day: date, encounter: str) -> None:
        """Write the vital signs of a visit down."""
        for measure, value in (
            (codes.HEART_RATE, signs.heart_rate),
            (codes.RESPIRATORY_RATE, signs.respiratory_rate),
            (codes.TEMPERATURE, signs.temperature),
            (codes.OXYGEN_SATURATION, signs.oxygen_saturation),
            (codes.HEIGHT, signs.height),
            (codes.WEIGHT, signs.weight),
            (codes.BODY_MASS_INDEX, signs.body_mass_index),
        ):
            self._observe("vital-signs", measure.code, day, encounter, valueQuantity=_quantity(measure, value))
        if self.person.age(day) >= 3:  # blood pressure is taken from 3 years on: AAP guideline 2017
            parts = ((codes.SYSTOLIC, signs.systolic), (codes.DIASTOLIC, signs.diastolic))
            components = [{"code": _concept(one.code), "valueQuantity": _quantity(one, value)} for one, value in parts]
            self._observe("vital-signs", codes.BLOOD_PRESSURE, day, encounter, component=components)

    def analyse(self, lab: Lab, value: Decimal, day: date, encounter: str) -> None:
        """Write a laboratory value down, judged by the lab's own limits."""
        low, high = (None if limit is None else _decimal(lab.measure, limit) for limit in (lab.low, lab.high))
        verdict = "L" if low is not None and value < low else "H" if high is not None and value > high else "N"
        limits = {
            name: _quantity(lab.measure, limit) for name, limit in (("low", low), ("high", high)) if limit is not None
        }
        self._observe(
            "laboratory",
            lab.measure.code,
            day,
            encounter,
            valueQuantity=_quantity(lab.measure, value),
            interpretation=[_status("v3-ObservationInterpretation", verdict)],
            referenceRange=[limits | {"text": lab.source}],
        )

    def prescribe(self, medicine: Medicine, day: date, encounter: str, reason: str, *, running: bool) -> None:
        """Write a prescription down."""
        self._add(
            "MedicationRequest",
            status="active" if running else "completed",
            intent="order",
            medicationCodeableConcept=_concept(medicine.code),
            subject=self._subject(),
            encounter={"reference": encounter},
            authoredOn=_instant(day, 9, 25),
            requester={"reference": self._doctor},
            reasonReference=[{"reference": reason}],
            dosageInstruction=[{"text": medicine.dosage}],
        )

    def vaccinate(self, vaccine: Code, day: date, *, dose: int | None = None) -> None:
        """Write a vaccination down."""
        self._add(
            "Immunization",
            status="completed",
            vaccineCode=_concept(vaccine),
            patient=self._subject(),
            occurrenceDateTime=day.isoformat(),
            primarySource=True,
            location={"reference": clinic.VACCINATION},
            performer=[{"actor": {"reference": self._doctor}}],
            **({"protocolApplied": [{"doseNumberPositiveInt": dose}]} if dose else {}),
        )

    def warn(self, allergy: Allergy, day: date) -> None:
        """Write an allergy down."""
        self._add(
            "AllergyIntolerance",
            clinicalStatus=_status("allergyintolerance-clinical", "active"),
            verificationStatus=_status("allergyintolerance-verification", "confirmed"),
            type="allergy",
            category=[allergy.category],
            criticality=allergy.criticality,
            code=_concept(allergy.code),
            patient=self._subject(),
            recordedDate=day.isoformat(),
            reaction=[{"manifestation": [_concept(allergy.shows_as)]}],
        )

    def _observe(self, category: str, code: Code, day: date, encounter: str, **value: Any) -> None:
        self._add(
            "Observation",
            status="final",
            category=[_status("observation-category", category)],
            code=_concept(code),
            subject=self._subject(),
            encounter={"reference": encounter},
            effectiveDateTime=_instant(day, 9, 10),
            performer=[{"reference": self._doctor}],
            **value,
        )

    def _add(self, type: str, /, **elements: Any) -> str:
        self._numbers[type] += 1
        id = f"{self._name}-{type.lower()}-{self._numbers[type]}"
        self.resources.append({"resourceType": type, "id": id, **elements})
        return f"{type}/{id}"

    def _subject(self) -> dict[str, str]:
        return {"reference": f"Patient/{self._name}", "display": f"{self.person.given} {self.person.family}"}


def transaction(resources: Sequence[Resource]) -> Resource:
    """Return a transaction Bundle that keeps each resource under its own id."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ],
    }


def _instant(day: date, hour: int, minute: int = 0) -> str:
    return datetime.combine(day, time(hour, minute)).isoformat() + "Z"


def _coding(code: Code) -> dict[str, str]:
    return {"system": code.system, "code": code.code, "display": code.display}


def _concept(code: Code) -> Resource:
    return {"coding": [_coding(code)], "text": code.display}


def _status(system: str, code: str) -> Resource:
    return {"coding": [{"system": _TERMINOLOGY + system, "code": code}]}


def _decimal(measure: Measure, value: float) -> Decimal:
    return Decimal(f"{value:.{measure.places}f}")


def _quantity(measure: Measure, value: Decimal) -> Resource:
    return {"value": value, "unit": measure.unit, "system": codes.UCUM, "code": measure.unit}
