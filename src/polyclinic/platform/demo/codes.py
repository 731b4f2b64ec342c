"""The clinical codes of the demonstration, each as its code system displays it.

SNOMED CT (International Edition), ICD-10 (WHO, 2019), LOINC 2.77, RxNorm, CVX; the code systems' addresses as FHIR R4
names them (https://hl7.org/fhir/R4/terminologies-systems.html).
"""

from dataclasses import dataclass

SNOMED = "http://snomed.info/sct"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Code:
    """One code of one system."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, in which unit (UCUM), written with how many decimal places."""

    code: Code
    unit: str
    places: int = 0


def _snomed(code: str, display: str) -> Code:
    return Code(SNOMED, code, display)


def _loinc(code: str, display: str, unit: str, places: int = 0) -> Measure:
    return Measure(Code(LOINC, code, display), unit, places)


# vital signs: the codes and units that https://hl7.org/fhir/R4/observation-vitalsigns.html asks for
HEART_RATE = _loinc("8867-4", "Heart rate", "/min")
RESPIRATORY_RATE = _loinc("9279-1", "Respiratory rate", "/min")
TEMPERATURE = _loinc("8310-5", "Body temperature", "Cel", 1)
OXYGEN_SATURATION = _loinc("2708-6", "Oxygen saturation in Arterial blood", "%")
HEIGHT = _loinc("8302-2", "Body height", "cm", 1)
WEIGHT = _loinc("29463-7", "Body weight", "kg", 1)
BODY_MASS_INDEX = _loinc("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 1)
BLOOD_PRESSURE = Code(LOINC, "85354-9", "Blood pressure panel with all children optional")
SYSTOLIC = _loinc("8480-6", "Systolic blood pressure", "mm[Hg]")
DIASTOLIC = _loinc("8462-4", "Diastolic blood pressure", "mm[Hg]")

# laboratory
HBA1C = _loinc("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1)
FASTING_GLUCOSE = _loinc("1558-6", "Fasting glucose [Mass/volume] in Serum or Plasma", "mg/dL")
CHOLESTEROL = _loinc("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL")
LDL = _loinc("18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay", "mg/dL")
HDL = _loinc("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL")
CREATININE = _loinc("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 2)
HEMOGLOBIN = _loinc("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 1)

# visits
CHECK_UP = _snomed("185349003", "Encounter for check up")
SYMPTOM_VISIT = _snomed("185345009", "Encounter for symptom")
FOLLOW_UP = _snomed("390906007", "Follow-up encounter")

# allergies and what they do
PENICILLIN_ALLERGY = _snomed("91936005", "Allergy to penicillin")
PEANUT_ALLERGY = _snomed("91935009", "Allergy to peanut")
GRASS_POLLEN_ALLERGY = _snomed("418689008", "Allergy to grass pollen")
LATEX_ALLERGY = _snomed("300916003", "Latex allergy")
URTICARIA = _snomed("126485001", "Urticaria")
ANAPHYLAXIS = _snomed("39579001", "Anaphylaxis")
ALLERGIC_RHINITIS = _snomed("61582004", "Allergic rhinitis")
CONTACT_DERMATITIS = _snomed("238575004", "Allergic contact dermatitis")
