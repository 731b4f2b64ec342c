"""Plausible measurements of a body by age and sex: medians of published tables, with a little chance around them.

For a demonstration only: nothing here judges a patient.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from polyclinic.platform.demo.people import Sex


@dataclass(frozen=True, slots=True)
class Curve:
    """A median by age: ``years`` ascending, values between them by straight lines, beyond them the last one."""

    source: str
    years: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, years: float) -> float:
        """Return the median at an age in years."""
        right = bisect_right(self.years, years)
        if right in (0, len(self.years)):
            return self.values[min(right, len(self.values) - 1)]
        low, high = self.years[right - 1], self.years[right]
        share = (years - low) / (high - low)
        return self.values[right - 1] + share * (self.values[right] - self.values[right - 1])


_FLEMING = "Fleming S et al., Lancet 2011;377:1011-18, median of the age group, placed at its middle; adults: see below"

HEART_RATE = Curve(
    _FLEMING + "; 15-18 years kept for adults (60-100 /min is usual: MedlinePlus, Vital signs)",
    (0.125, 0.625, 1.25, 2.5, 5, 7, 10, 13.5, 16.5),
    (143, 134, 123, 110, 98, 91, 84, 78, 73),
)
RESPIRATORY_RATE = Curve(
    _FLEMING + "; 15-18 years kept for adults (12-18 /min is usual: MedlinePlus, Vital signs)",
    (0.125, 0.625, 1.25, 2.5, 5, 7, 10, 13.5, 16.5),
    (43, 39, 35, 28, 23, 21, 19, 18, 16),
)
SYSTOLIC_CHILD = Curve(
    "AHA Pediatric Advanced Life Support, 2020: median systolic pressure 1-10 years = 90 + 2 x age (mm[Hg])",
    (1, 10),
    (92, 110),
)
SYSTOLIC_ADULT = Curve(
    "below 120 mm[Hg] is normal, 130 and more hypertension: 2017 ACC/AHA guideline, table 6; rising with age",
    (11, 18, 40, 80),
    (110, 114, 118, 126),
)
HEIGHT: dict[Sex, Curve] = {
    "male": Curve(
        "cm, rounded: WHO child growth standards 2006 at 0-1 y, CDC growth charts 2000 at 2-20 y, 50th percentile",
        (0, 0.5, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18),
        (50, 67.5, 75.5, 86.5, 102.5, 115.5, 128, 138.5, 149, 164, 173.5, 176),
    ),
    "female": Curve(
        "cm, rounded: WHO child growth standards 2006 at 0-1 y, CDC growth charts 2000 at 2-20 y, 50th percentile",
        (0, 0.5, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18),
        (49, 65.5, 74, 85, 101, 115, 127.5, 138, 151.5, 160.5, 162.5, 163),
    ),
}
MASS_INDEX = Curve(
    "kg/m2, rounded: CDC growth charts 2000, 50th percentile at 2-18 y; adults near 26 (healthy 18.5-24.9: WHO 2000)",
    (0, 0.5, 2, 5, 8, 12, 18, 30),
    (13.5, 17, 16.5, 15.5, 16, 18, 21.5, 26),
)


@dataclass(frozen=True, slots=True)
class Measurements:
    """One set of vital signs, in the units of ``codes``."""

    heart_rate: Decimal
    respiratory_rate: Decimal
    temperature: Decimal
    oxygen_saturation: Decimal
    height: Decimal
    weight: Decimal
    body_mass_index: Decimal
    systolic: Decimal
    diastolic: Decimal


@dataclass(frozen=True, slots=True)
class Build:
    """What stays with a person: how far from the median they are (1 is the median)."""

    tall: float
    heavy: float


def build(chance: Random) -> Build:
    """Draw a person's build."""
    return Build(tall=_around(chance, 1, 0.035), heavy=_around(chance, 1.02, 0.12))


def measure(sex: Sex, years: float, build: Build, chance: Random, *, hypertensive: bool = False) -> Measurements:
    """Return the vital signs of one visit at an age in years."""
    height = round(HEIGHT[sex].at(years) * build.tall, 1)
    index = MASS_INDEX.at(years) * build.heavy
    weight = round(index * (height / 100) ** 2, 1)
    systolic = (SYSTOLIC_CHILD if years <= 10 else SYSTOLIC_ADULT).at(years) + (22 if hypertensive else 0)
    systolic = round(_around(chance, systolic, 6))
    return Measurements(
        heart_rate=_decimal(_around(chance, HEART_RATE.at(years), 5)),
        respiratory_rate=_decimal(_around(chance, RESPIRATORY_RATE.at(years), 1.2)),
        # 36.8 Cel is the mean of healthy adults: Mackowiak PA et al., JAMA 1992;268:1578-80
        temperature=_decimal(_around(chance, 36.8, 0.2), 1),
        # 95-100 % is usual: MedlinePlus, Pulse oximetry
        oxygen_saturation=_decimal(min(100, _around(chance, 98, 0.8))),
        height=_decimal(height, 1),
        weight=_decimal(weight, 1),
        body_mass_index=_decimal(weight / (height / 100) ** 2, 1),
        systolic=_decimal(systolic),
        diastolic=_decimal(_around(chance, systolic * 0.64, 3)),
    )


def _around(chance: Random, middle: float, spread: float) -> float:
    """Draw near ``middle``, never further than two spreads."""
    return middle + max(-2.0, min(2.0, chance.gauss(0, 1))) * spread


def _decimal(value: float, places: int = 0) -> Decimal:
    return Decimal(f"{value:.{places}f}")
