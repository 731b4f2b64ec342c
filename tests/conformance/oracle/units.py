"""A few units of UCUM as exact factors to a base unit of their dimension (https://ucum.org/ucum)."""

from fractions import Fraction
from typing import NamedTuple

UCUM = "http://unitsofmeasure.org"


class Unit(NamedTuple):
    dimension: str
    factor: Fraction


_POUND = Fraction("453.59237")
_FACTORS = {
    "mass": {"g": 1, "kg": 1000, "mg": "1/1000", "ug": "1/1000000", "[lb_av]": _POUND, "[oz_av]": _POUND / 16},
    "length": {"m": 1, "km": 1000, "cm": "1/100", "mm": "1/1000", "[in_i]": "0.0254", "[ft_i]": "0.3048"},
    "time": {"s": 1, "ms": "1/1000", "min": 60, "h": 3600, "d": 86400, "wk": 604800, "a": 31557600, "mo": 2629800},
    "volume": {"L": 1, "mL": "1/1000", "dL": "1/10", "uL": "1/1000000"},
    "pressure": {"Pa": 1, "kPa": 1000, "mm[Hg]": "133.322"},
    "concentration": {"g/L": 1, "mg/L": "1/1000", "mg/dL": "1/100", "g/dL": 10, "ug/mL": "1/1000"},
    "amount": {"mol/L": 1, "mmol/L": "1/1000", "umol/L": "1/1000000"},
    "rate": {"/s": 1, "/min": "1/60", "/h": "1/3600"},
}


def unit(code: str) -> Unit | None:
    """Return what ``code`` is; None where this table does not have it."""
    for dimension, factors in _FACTORS.items():
        if code in factors:
            return Unit(dimension, Fraction(factors[code]))
    return None
