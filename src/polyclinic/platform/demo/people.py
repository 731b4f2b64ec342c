"""Who the demonstration's patients are: invented people with names of several cultures."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

Sex = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class Culture:
    """Names that go together, and the language spoken at home (BCP 47)."""

    language: str
    families: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """One patient: ``number`` counts from 1."""

    number: int
    family: str
    given: str
    sex: Sex
    born: date
    language: str
    street: str
    phone: str

    def age(self, on: date) -> int:
        """Return the completed years of life on a day."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))


CULTURES = (
    Culture(
        "en",
        ("Harris", "Bennett", "Coleman", "Whitfield", "Doyle"),
        ("Grace", "Olivia", "Eleanor", "Hannah"),
        ("Samuel", "Thomas", "Henry", "Oliver"),
    ),
    Culture(
        "es",
        ("García Ruiz", "Morales", "Herrera", "Castillo", "Peña"),
        ("Lucía", "Carmen", "Ximena", "Valeria"),
        ("Mateo", "Diego", "Joaquín", "Andrés"),
    ),
    Culture(
        "ar",
        ("Haddad", "Al-Masri", "Khalil", "Nasser", "Mansour"),
        ("Layla", "Amina", "Noor", "Salma"),
        ("Omar", "Yusuf", "Karim", "Tariq"),
    ),
    Culture(
        "hi",
        ("Sharma", "Gupta", "Verma", "Mishra", "Joshi"),
        ("Priya", "Ananya", "Meera", "Kavita"),
        ("Arjun", "Rohan", "Vikram", "Sanjay"),
    ),
    Culture(
        "zh",
        ("Wang", "Chen", "Liu", "Zhao", "Lin"),
        ("Mei", "Xiulan", "Jing", "Yating"),
        ("Wei", "Jun", "Haoran", "Guang"),
    ),
    Culture(
        "ig",
        ("Okafor", "Eze", "Nwosu", "Okonkwo", "Obi"),
        ("Amara", "Ngozi", "Chioma", "Adaeze"),
        ("Chidi", "Emeka", "Obinna", "Kelechi"),
    ),
    Culture(
        "vi",
        ("Nguyễn", "Trần", "Phạm", "Lê", "Võ"),
        ("Linh", "Thảo", "Hương", "Mai"),
        ("Minh", "Dũng", "Quang", "Bảo"),
    ),
    Culture(
        "pl",
        ("Kaczmarek", "Nowak", "Wójcik", "Mazur", "Pawlak"),
        ("Zofia", "Agnieszka", "Maja", "Ewa"),
        ("Jakub", "Piotr", "Stanisław", "Marek"),
    ),
)

STREETS = ("Mill Lane", "Harbour Street", "Orchard Road", "Station Avenue", "Linden Way", "Chapel Hill")

BORN_BEFORE = date(2026, 1, 1)
"""The youngest patient's birth; fixed, so that a person stays the same person whenever the demonstration starts."""

AGES = (0, 1, 4, 7, 11, 16, 23, 29, 34, 38, 42, 47, 51, 55, 58, 61, 64, 67, 70, 73, 76, 79, 83, 27, 45)
"""Years before ``BORN_BEFORE``, dealt in turn: every age that a clinic sees."""


def person(number: int, seed: int) -> Person:
    """Return the patient of this number."""
    chance = Random(f"{seed}/person/{number}")
    culture = CULTURES[(number - 1) % len(CULTURES)]
    sex: Sex = "female" if chance.random() < 0.52 else "male"
    years = AGES[(number * 7) % len(AGES)]
    return Person(
        number=number,
        family=chance.choice(culture.families),
        given=chance.choice(culture.female if sex == "female" else culture.male),
        sex=sex,
        born=BORN_BEFORE.replace(year=BORN_BEFORE.year - years) - timedelta(days=chance.randint(1, 360)),
        language=culture.language,
        street=f"{chance.randint(1, 120)} {chance.choice(STREETS)}",
        # 555-0100 to 555-0199 are kept for fiction: ATIS-0300115, central office code 555 guidelines
        phone=f"+1-207-555-{chance.randint(100, 199):04}",
    )
