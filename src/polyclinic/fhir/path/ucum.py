"""Units of UCUM: what a code is in base units, so that quantities of comparable units can be compared.

Source: https://ucum.org/ucum (tables 1 to 5 and the clinical units of observation-values in FHIR's examples).
Arbitrary units ([IU], [arb'U]) are comparable only with themselves. Units with a zero point of their own
(Cel, [degF]) and logarithmic ones are handled where they stand alone or not at all.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

LONGEST = 100
"""Characters of a unit that is still looked at."""


class Measure(NamedTuple):
    """``factor`` times the product of base units; ``dimension`` maps a base unit to its exponent.

    A value v of the unit is (v + ``offset``) x ``factor`` in base units.
    """

    factor: Fraction
    dimension: frozenset[tuple[str, int]]
    offset: Fraction = Fraction(0)


_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2,
    "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
_BASE = ("m", "s", "g", "rad", "K", "C", "cd")
_METRIC = {  # units that take prefixes, in terms of units above them
    "mol": "6.02214076 10*23", "sr": "rad2", "Hz": "/s", "N": "kg.m/s2", "Pa": "N/m2", "J": "N.m", "W": "J/s",
    "A": "C/s", "V": "J/C", "F": "C/V", "Ohm": "V/A", "S": "A/V", "Wb": "V.s", "T": "Wb/m2", "H": "Wb/A",
    "lm": "cd.sr", "lx": "lm/m2", "Bq": "/s", "Gy": "J/kg", "Sv": "J/kg", "L": "dm3", "l": "dm3", "ar": "100 m2",
    "t": "1000 kg", "bar": "100000 Pa", "u": "1.66053906660 yg", "eV": "0.160217653 aJ", "cal": "4.184 J",
    "cal_th": "4.184 J", "osm": "mol", "eq": "mol", "kat": "mol/s", "U": "umol/min", "g%": "g/dL",
    "m[H2O]": "9.80665 kPa", "m[Hg]": "133.322 kPa", "Ci": "37000000000 Bq", "R": "0.000258 C/kg",
    "RAD": "0.01 Gy", "REM": "0.01 Sv", "dyn": "0.00001 N", "erg": "0.0000001 J", "P": "0.1 Pa.s",
    "St": "cm2/s", "G": "0.0001 T",
}  # fmt: skip
_OTHER = {  # units that do not
    "min": "60 s", "h": "60 min", "d": "24 h", "wk": "7 d", "mo_s": "29.53059 d", "mo_j": "30.4375 d",
    "mo_g": "30.436875 d", "a_j": "365.25 d", "a_g": "365.2425 d", "a_t": "365.24219 d", "a": "a_j",
    "mo": "mo_j", "deg": "0.017453292519943295 rad", "gon": "0.9 deg", "'": "deg/60", "''": "'/60",
    "%": "0.01", "[ppth]": "0.001", "[ppm]": "0.000001", "[ppb]": "0.000000001", "[pi]": "3.14159265358979",
    "[in_i]": "2.54 cm", "[ft_i]": "12 [in_i]", "[yd_i]": "3 [ft_i]", "[mi_i]": "5280 [ft_i]",
    "[nmi_i]": "1852 m", "[in_us]": "[ft_us]/12", "[ft_us]": "1200 m/3937", "[sin_i]": "[in_i]2",
    "[sft_i]": "[ft_i]2", "[cin_i]": "[in_i]3", "[cft_i]": "[ft_i]3", "[acr_us]": "4840 [yd_i]2",
    "[gr]": "64.79891 mg", "[lb_av]": "7000 [gr]", "[oz_av]": "[lb_av]/16", "[dr_av]": "[oz_av]/16",
    "[ston_av]": "2000 [lb_av]", "[lton_av]": "2240 [lb_av]", "[stone_av]": "14 [lb_av]",
    "[oz_tr]": "480 [gr]", "[lb_tr]": "12 [oz_tr]", "[oz_ap]": "480 [gr]", "[dr_ap]": "60 [gr]",
    "[gal_us]": "231 [in_i]3", "[qt_us]": "[gal_us]/4", "[pt_us]": "[qt_us]/2", "[foz_us]": "[pt_us]/16",
    "[tsp_us]": "[foz_us]/6", "[tbs_us]": "[foz_us]/2", "[cup_us]": "16 [tbs_us]", "[foz_m]": "30 mL",
    "[tsp_m]": "5 mL", "[tbs_m]": "15 mL", "[cup_m]": "240 mL", "[gal_br]": "4.54609 L", "[foz_br]": "[gal_br]/160",
    "[in_i'H2O]": "0.0254 m[H2O]", "[in_i'Hg]": "0.0254 m[Hg]", "[psi]": "6894.757293168 Pa", "atm": "101325 Pa",
    "[lbf_av]": "4.4482216152605 N", "[Btu]": "1.05505585262 kJ", "[Cal]": "kcal_th", "[HP]": "745.69987158 W",
    "[kn_i]": "[nmi_i]/h", "[c]": "299792458 m/s", "[g]": "9.80665 m/s2", "[Ch]": "mm/3", "[drp]": "mL/20",
    "[degR]": "K.5/9", "[car_m]": "0.2 g", "[arb'U]": "", "[IU]": "", "[iU]": "", "[USP'U]": "", "[CFU]": "",
    "[PFU]": "", "[ELU]": "", "[MPL'U]": "", "[GPL'U]": "", "[APL'U]": "", "[Amb'a'1'U]": "", "[HPF]": "1",
    "[LPF]": "100", "[hp'_X]": "",
}  # fmt: skip
_ARBITRARY = frozenset(name for name, meaning in _OTHER.items() if not meaning) | {"[IU]", "[iU]"}
_SAME = {"[iU]": "[IU]"}
_WITH_ZERO = {  # (size of a degree in kelvin, zero point in degrees below which the scale's zero lies)
    "Cel": (Fraction(1), Fraction(27315, 100)),
    "[degF]": (Fraction(5, 9), Fraction(45967, 100)),
}
_PART = re.compile(r"\{[^{}]*\}|10[*^]-?\d+|[0-9]+(?:\.[0-9]+)?(?= |$|[./)])|[./()]| ")
_ATOM = re.compile(r"((?:\[[^\]]*\]|[A-Za-z_%'\[](?:[A-Za-z_%']|\[[^\]]*\])*))([+-]?\d+)?")
_NONE: frozenset[tuple[str, int]] = frozenset()


@lru_cache(maxsize=4096)
def measure(code: str) -> Measure | None:
    """Return what one ``code`` is in base units; None for a code that is not known."""
    if len(code) > LONGEST:
        return None
    zero = _WITH_ZERO.get(code)
    if zero is not None:
        return Measure(zero[0], frozenset({("K", 1)}), zero[1])
    try:
        factor, exponents = _Reading(code).whole()
    except (ValueError, ZeroDivisionError):
        return None
    if not factor:
        return None
    return Measure(factor, frozenset((unit, power) for unit, power in exponents.items() if power))


_Product = tuple[Fraction, dict[str, int]]


class _Reading:
    """One walk over a unit: terms joined by "." and "/", exponents, annotations, parentheses."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.at = 0

    def whole(self) -> _Product:
        product = self.term()
        if self.at < len(self.code):
            raise ValueError(self.code)
        return product

    def term(self) -> _Product:
        product: _Product = (Fraction(1), {})
        sign = -1 if self.accept("/") else 1
        while True:
            product = _times(product, self.component(), sign)
            if self.accept("/"):
                sign = -1
            elif self.accept(".") or self.accept(" "):
                sign = 1
            else:
                return product

    def accept(self, sign: str) -> bool:
        found = self.code.startswith(sign, self.at)
        self.at += found
        return found

    def component(self) -> _Product:
        if self.accept("("):
            inside = self.term()
            if not self.accept(")"):
                raise ValueError(self.code)
            return inside
        found = _PART.match(self.code, self.at)
        if found is not None and found.group()[0] not in "./() ":
            self.at = found.end()
            return _number(found.group())
        atom = _ATOM.match(self.code, self.at)
        if atom is None:
            raise ValueError(self.code)
        self.at = atom.end()
        note = re.compile(r"\{[^{}]*\}").match(self.code, self.at)
        self.at = note.end() if note else self.at
        return _power(_atom(atom.group(1)), int(atom.group(2) or 1))


def _number(text: str) -> _Product:
    if text[0] == "{":
        return Fraction(1), {}
    if text[:3] in ("10*", "10^"):
        return Fraction(10) ** _bounded(int(text[3:])), {}
    return Fraction(text), {}


def _bounded(exponent: int) -> int:
    if abs(exponent) > 60:
        raise ValueError("no unit has such an exponent")
    return exponent


def _times(left: _Product, right: _Product, sign: int) -> _Product:
    powers = dict(left[1])
    for unit, power in right[1].items():
        powers[unit] = powers.get(unit, 0) + sign * power
    return left[0] * right[0] ** sign, powers


def _power(product: _Product, exponent: int) -> _Product:
    factor, powers = product
    return factor ** _bounded(exponent), {unit: power * exponent for unit, power in powers.items()}


@lru_cache(maxsize=1024)
def _atom(name: str) -> _Product:
    if name in _BASE:
        return Fraction(1), {name: 1}
    if name in _ARBITRARY:
        return Fraction(1), {_SAME.get(name, name): 1}
    meaning = _OTHER.get(name) or _METRIC.get(name)
    if meaning is not None:
        return _Reading(meaning).whole()
    for prefix, exponent in _PREFIXES.items():
        rest = name[len(prefix) :]
        if name.startswith(prefix) and (rest in _BASE or rest in _METRIC or rest in ("[IU]", "[iU]")):
            factor, powers = _atom(rest)
            return factor * Fraction(10) ** exponent, powers
    raise ValueError(name)
