"""The checks of primitives agree with R4's own patterns, but for what they are stricter in on purpose."""

import re
from calendar import isleap
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyclinic.fhir.definitions import structure
from polyclinic.fhir.validate.findings import Finding
from polyclinic.fhir.validate.primitives import PRIMITIVES

DATE = st.from_regex(r"[0-9]{3,4}(-[0-1][0-9](-[0-3][0-9])?)?", fullmatch=True)
TIME = st.from_regex(r"[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?", fullmatch=True)
ZONE = st.from_regex(r"(Z|[+-][01][0-9]:[0-6][0-9])?", fullmatch=True)
MOMENT = st.builds("{}T{}{}".format, DATE, TIME, ZONE)
SOME = st.one_of(DATE, TIME, MOMENT, st.text(max_size=8), st.text(alphabet="aZ09.-_ \t\n:", max_size=8))

NUMBERS = {"decimal": Decimal, "integer": int, "positiveInt": int, "unsignedInt": int}


def pattern(name):
    """Return R4's pattern; its \\s is XML Schema's: space, tab, carriage return and line feed."""
    written = structure(name).pattern
    for theirs, ours in (
        (r"[ \r\n\t\S]", "(?s:.)"),
        (r"[^\s]", "[^ \t\r\n]"),
        (r"\S", "[^ \t\r\n]"),
        (r"\s", "[ \t\r\n]"),
    ):
        written = written.replace(theirs, ours)
    return re.compile(written)


def codes(name, value):
    """Return the codes of what is wrong with a value of a primitive."""
    return [one.code for one in PRIMITIVES[name](value, {}) or () if isinstance(one, Finding)]


def exists(text):
    """Whether the day of a date exists, where there is one."""
    year, month, day = text[0:4], text[5:7], text[8:10]
    if not day:
        return True
    days = [31, 29 if isleap(int(year)) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return int(day) <= days[int(month) - 1]


def test_every_primitive_of_r4_has_a_check():
    from polyclinic.fhir.definitions import EVERY_TYPE

    assert PRIMITIVES.keys() == {name for name in EVERY_TYPE if structure(name).kind == "primitive"}


@pytest.mark.parametrize("name", ["code", "id", "oid", "time", "uuid"])
@given(text=SOME)
def test_texts_are_checked_as_their_pattern_says(name, text):
    assert (PRIMITIVES[name](text, {}) is None) == bool(pattern(name).fullmatch(text))


@pytest.mark.parametrize("name", ["uri", "url", "canonical"])
@given(text=SOME)
def test_uris_are_checked_as_their_pattern_says_but_never_empty(name, text):
    assert (PRIMITIVES[name](text, {}) is None) == bool(text and pattern(name).fullmatch(text))


@pytest.mark.parametrize("name", ["string", "markdown"])
@given(text=SOME)
def test_strings_are_checked_as_their_pattern_says_but_without_nul(name, text):
    assert (PRIMITIVES[name](text, {}) is None) == bool("\0" not in text and pattern(name).fullmatch(text))


@pytest.mark.parametrize("name", ["date", "dateTime", "instant"])
@given(text=SOME)
def test_dates_are_checked_as_their_pattern_says_and_must_exist(name, text):
    expected = bool(pattern(name).fullmatch(text)) and exists(text)
    assert (PRIMITIVES[name](text, {}) is None) == expected


@pytest.mark.parametrize("name", ["integer", "positiveInt", "unsignedInt"])
@given(number=st.one_of(st.integers(-3, 3), st.integers(2**31 - 2, 2**31 + 1), st.integers(-(2**31) - 1, -(2**31))))
def test_whole_numbers_are_checked_as_their_pattern_and_limits_say(name, number):
    limits = structure("integer")
    expected = bool(pattern(name).fullmatch(str(number))) and limits.minimum <= number <= limits.maximum
    assert (PRIMITIVES[name](number, {}) is None) == expected


@pytest.mark.parametrize("number", [0, -1, Decimal("1.00"), Decimal("1E-22"), 10**40])
def test_a_decimal_is_any_number(number):
    assert PRIMITIVES["decimal"](number, {}) is None


@pytest.mark.parametrize("name", sorted(PRIMITIVES.keys() - {"boolean"}))
@pytest.mark.parametrize("value", [True, None, [], {}])
def test_no_primitive_takes_another_kind_of_json(name, value):
    assert codes(name, value) == ["structure"]


@pytest.mark.parametrize("name", sorted(PRIMITIVES.keys() - NUMBERS.keys()))
def test_no_text_takes_a_number(name):
    assert codes(name, 1) == ["structure"]


@given(st.binary(max_size=40))
def test_base64_of_anything_is_accepted_in_lines_too(content):
    import base64

    for encoded in (base64.b64encode(content).decode(), base64.encodebytes(content).decode()):
        assert (PRIMITIVES["base64Binary"](encoded, {}) is None) == bool(encoded)
