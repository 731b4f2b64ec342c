"""What the demonstration's patients live with: conditions, what is measured for them and what is prescribed."""

from dataclasses import dataclass

from polyclinic.platform.demo import codes
from polyclinic.platform.demo.codes import ICD_10, RXNORM, SNOMED, Code, Measure
from polyclinic.platform.demo.people import Sex


@dataclass(frozen=True, slots=True)
class Lab:
    """A laboratory value: what a healthy person has, as (low, high) inclusive, and the limits that are reported."""

    measure: Measure
    healthy: tuple[float, float]
    low: float | None
    high: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine and how it is taken."""

    code: Code
    dosage: str


@dataclass(frozen=True, slots=True)
class Story:
    """A condition: who may have it (ages in years, inclusive), and what follows from it.

    ``share`` of those who may have it do; ``labs`` replaces a healthy range by that of the condition.
    """

    snomed: Code
    icd_10: Code
    ages: tuple[int, int]
    share: float
    medicines: tuple[Medicine, ...] = ()
    labs: tuple[tuple[Lab, tuple[float, float]], ...] = ()
    acute: bool = False
    hypertensive: bool = False
    sexes: tuple[Sex, ...] = ("female", "male")


_ADA = "ADA Standards of Care in Diabetes 2024, section 2, table 2.2"
_ATP_III = "NCEP ATP III, 2001, table 1"
_WHO_ANAEMIA = "WHO/NMH/NHD/MNM/11.1, 2011, table 1: anaemia below 12.0 g/dL (women, not pregnant), 13.0 g/dL (men)"
_CREATININE = "MedlinePlus, Creatinine blood test: 0.6-1.1 mg/dL (women), 0.7-1.3 mg/dL (men)"

HBA1C = Lab(codes.HBA1C, (4.9, 5.5), None, 5.6, f"{_ADA}: diabetes from 6.5 %, prediabetes from 5.7 %")
FASTING_GLUCOSE = Lab(codes.FASTING_GLUCOSE, (76, 96), None, 99, f"{_ADA}: diabetes from 126, impaired from 100 mg/dL")
CHOLESTEROL = Lab(codes.CHOLESTEROL, (150, 195), None, 199, f"{_ATP_III}: desirable below 200 mg/dL")
LDL = Lab(codes.LDL, (70, 125), None, 129, f"{_ATP_III}: near optimal up to 129 mg/dL")
HDL = Lab(codes.HDL, (42, 64), 40, None, f"{_ATP_III}: low below 40 mg/dL")
CREATININE: dict[Sex, Lab] = {
    "female": Lab(codes.CREATININE, (0.62, 1.0), 0.6, 1.1, _CREATININE),
    "male": Lab(codes.CREATININE, (0.75, 1.2), 0.7, 1.3, _CREATININE),
}
HEMOGLOBIN: dict[Sex, Lab] = {
    "female": Lab(codes.HEMOGLOBIN, (12.3, 14.8), 12.0, None, _WHO_ANAEMIA),
    "male": Lab(codes.HEMOGLOBIN, (13.5, 16.4), 13.0, None, _WHO_ANAEMIA),
}


def _conditions(snomed: str, display: str, icd_10: str, title: str) -> tuple[Code, Code]:
    return Code(SNOMED, snomed, display), Code(ICD_10, icd_10, title)


def _medicine(code: str, display: str, dosage: str) -> Medicine:
    return Medicine(Code(RXNORM, code, display), dosage)


STORIES = (
    Story(
        *_conditions("38341003", "Hypertensive disorder", "I10", "Essential (primary) hypertension"),
        ages=(38, 120),
        share=0.55,
        hypertensive=True,
        medicines=(
            _medicine("314076", "lisinopril 10 MG Oral Tablet", "1 tablet once a day"),
            _medicine("197361", "amlodipine 5 MG Oral Tablet", "1 tablet once a day"),
        ),
    ),
    Story(
        *_conditions("44054006", "Diabetes mellitus type 2", "E11.9", "Type 2 diabetes mellitus without complications"),
        ages=(40, 120),
        share=0.4,
        medicines=(
            _medicine(
                "860975",
                "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet",
                "2 tablets with the evening meal",
            ),
        ),
        labs=((HBA1C, (6.6, 8.4)), (FASTING_GLUCOSE, (128, 190))),
    ),
    Story(
        *_conditions("55822004", "Hyperlipidemia", "E78.5", "Hyperlipidaemia, unspecified"),
        ages=(35, 120),
        share=0.45,
        medicines=(_medicine("312961", "simvastatin 20 MG Oral Tablet", "1 tablet in the evening"),),
        labs=((CHOLESTEROL, (212, 268)), (LDL, (138, 182))),
    ),
    Story(
        *_conditions("195967001", "Asthma", "J45.9", "Asthma, unspecified"),
        ages=(4, 60),
        share=0.25,
        medicines=(
            _medicine(
                "745679",
                "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler",
                "2 puffs when breathing is hard, at most every 4 hours",
            ),
        ),
    ),
    Story(
        *_conditions("49436004", "Atrial fibrillation", "I48.9", "Atrial fibrillation and atrial flutter, unspecified"),
        ages=(66, 120),
        share=0.3,
        medicines=(_medicine("855332", "warfarin sodium 5 MG Oral Tablet", "as the coagulation clinic says"),),
    ),
    Story(
        *_conditions("87522002", "Iron deficiency anemia", "D50.9", "Iron deficiency anaemia, unspecified"),
        ages=(14, 50),
        share=0.35,
        sexes=("female",),
        medicines=(_medicine("310325", "ferrous sulfate 325 MG Oral Tablet", "1 tablet every other day"),),
        labs=((HEMOGLOBIN["female"], (9.6, 11.6)),),
    ),
    Story(
        *_conditions("239873007", "Osteoarthritis of knee", "M17.9", "Gonarthrosis, unspecified"),
        ages=(58, 120),
        share=0.35,
        medicines=(
            _medicine("313782", "acetaminophen 325 MG Oral Tablet", "2 tablets when needed, at most 4 times a day"),
        ),
    ),
    Story(
        *_conditions("90560007", "Gout", "M10.9", "Gout, unspecified"),
        ages=(45, 120),
        share=0.2,
        sexes=("male",),
        medicines=(_medicine("197319", "allopurinol 100 MG Oral Tablet", "1 tablet once a day"),),
    ),
    Story(
        *_conditions("24079001", "Atopic dermatitis", "L20.9", "Atopic dermatitis, unspecified"),
        ages=(0, 16),
        share=0.35,
        medicines=(_medicine("106258", "hydrocortisone 10 MG/ML Topical Cream", "thinly, once a day for a week"),),
    ),
    Story(
        *_conditions("65363002", "Otitis media", "H66.9", "Otitis media, unspecified"),
        ages=(5, 12),
        share=0.6,
        acute=True,
        medicines=(_medicine("308182", "amoxicillin 250 MG Oral Capsule", "1 capsule 3 times a day for 7 days"),),
    ),
    Story(
        *_conditions("195662009", "Acute viral pharyngitis", "J02.9", "Acute pharyngitis, unspecified"),
        ages=(10, 120),
        share=0.4,
        acute=True,
    ),
    Story(
        *_conditions("10509002", "Acute bronchitis", "J20.9", "Acute bronchitis, unspecified"),
        ages=(18, 120),
        share=0.3,
        acute=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy, its kind and how it shows."""

    code: Code
    category: str
    criticality: str
    shows_as: Code
    share: float


ALLERGIES = (
    Allergy(codes.PENICILLIN_ALLERGY, "medication", "high", codes.URTICARIA, 0.12),
    Allergy(codes.PEANUT_ALLERGY, "food", "high", codes.ANAPHYLAXIS, 0.06),
    Allergy(codes.GRASS_POLLEN_ALLERGY, "environment", "low", codes.ALLERGIC_RHINITIS, 0.2),
    Allergy(codes.LATEX_ALLERGY, "environment", "low", codes.CONTACT_DERMATITIS, 0.05),
)


@dataclass(frozen=True, slots=True)
class Vaccination:
    """A vaccine and the ages in months at which its doses were given here."""

    code: Code
    months: tuple[int, ...]


CHILDHOOD = (
    Vaccination(Code(codes.CVX, "08", "Hep B, adolescent or pediatric"), (0, 1, 6)),
    Vaccination(Code(codes.CVX, "20", "DTaP"), (2, 4, 6, 15, 48)),
    Vaccination(Code(codes.CVX, "10", "IPV"), (2, 4, 6, 48)),
    Vaccination(Code(codes.CVX, "133", "Pneumococcal conjugate PCV 13"), (2, 4, 6, 12)),
    Vaccination(Code(codes.CVX, "03", "MMR"), (12, 48)),
    Vaccination(Code(codes.CVX, "21", "varicella"), (12, 48)),
)
"""Source: CDC Child and Adolescent Immunization Schedule, United States 2024, table 1; one age of each range."""

TDAP = Code(codes.CVX, "115", "Tdap")
INFLUENZA = Code(codes.CVX, "140", "Influenza, seasonal, injectable, preservative free")
