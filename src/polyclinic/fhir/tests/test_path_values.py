"""Dates of partial precision, quantities across units, regular expressions that stay affordable."""

from decimal import Decimal
from time import perf_counter

import pytest

from polyclinic.fhir.path import PathError, compile_path, temporal
from polyclinic.fhir.path import quantity as quantities
from polyclinic.fhir.path.quantity import Quantity
from polyclinic.fhir.path.regex import longest_text
from polyclinic.fhir.path.temporal import read_date, read_date_time, read_time


def value(expression):
    return compile_path(expression).evaluate({})


DATES = [
    ("2018", "2018-03", None),
    ("2017-12", "2018-03-01", -1),
    ("2018-03-01T10:30", "2018-03-01T10:30:00", None),
    ("2018-03-01T10:30:00", "2018-03-01T10:30:00.0", 0),
    ("2018-03-01T10:30:00+02:00", "2018-03-01T08:30:00Z", 0),
    ("2018-03-01T10:30:00Z", "2018-03-01T10:30:00", None),
    ("2018-03-01T10:30:00Z", "2018-03-03T10:30:00", -1),
    ("2018-03-01T23:00:00-05:00", "2018-03-02", None),
    ("2016-02-29", "2016-03", -1),
]


@pytest.mark.parametrize(("left", "right", "order"), DATES)
def test_dates_are_compared_as_far_as_known(left, right, order):
    first, second = read_date_time(left), read_date_time(right)
    assert first is not None and second is not None
    assert temporal.compare(first, second) == order
    assert temporal.compare(second, first) == (None if order is None else -order)
    assert (temporal.key(first) == temporal.key(second)) is (order == 0)


@pytest.mark.parametrize("text", ["0000", "2015-13", "2015-02-29", "15", "2015-1-1", "2015-01-01 ", "2015-01-01T24:00"])
def test_what_is_no_date_is_not_read(text):
    assert read_date_time(text) is None


@pytest.mark.parametrize("text", ["2015", "2015-02", "2015-02-28"])
def test_dates_are_written_as_they_were_read(text):
    assert str(read_date(text)) == text


def test_times_are_written_as_they_were_read():
    assert str(read_date_time("2015-02-28T10:00:00.120-05:30")) == "2015-02-28T10:00:00.120-05:30"
    assert str(read_time("10:00:01.5")) == "10:00:01.5"


MOVED = [
    ("@2016-01-31 + 1 month", "2016-02-29"),
    ("@2016-02-29 - 1 year", "2015-02-28"),
    ("@2015 + 30 months", "2017"),
    ("@2015-01 + 65 days", "2015-03"),
    ("@2015-01-01 - 1 'd'", "2014-12-31"),
    ("@2015-01-01 + 25 hours", "2015-01-02"),
    ("@2015-01-01T00:00:00Z - 1 second", "2014-12-31T23:59:59Z"),
    ("@2015-01-01T00:00:00Z + 1500 milliseconds", "2015-01-01T00:00:01.500Z"),
    ("@T23:30 + 45 minutes", "00:15"),
]


@pytest.mark.parametrize(("expression", "moved"), MOVED)
def test_dates_move_by_the_calendar(expression, moved):
    assert value(expression) == [moved]


@pytest.mark.parametrize(
    "expression", ["@9999-12-31 + 1 day", "@0001-01-01 - 1 day", "@2015 + 99999999999999999999999 years"]
)
def test_outside_the_calendar_is_nothing(expression):
    assert value(expression) == []


@pytest.mark.parametrize(
    "expression", ["@2015 + 1 'a'", "@2015 + 1 'mo'", "@2015 + 1 'mg'", "@2015 + 1", "@T10:00 + 1 year"]
)
def test_only_calendar_time_moves_dates(expression):
    with pytest.raises(PathError):
        value(expression)


UNITS = [
    ("1 'g'", "1000 'mg'", True),
    ("1 '10*3/uL'", "1 '10*9/L'", True),
    ("37 'Cel'", "98.6 '[degF]'", True),
    ("120 'mm[Hg]'", "15.99864 'kPa'", True),
    ("1 '[in_i]'", "2.54 'cm'", True),
    ("60 '/min'", "1 'Hz'", True),
    ("1 'mg/dL'", "0.01 'g/L'", True),
    ("1 '%'", "0.01 '1'", True),
    ("1 '{score}'", "1 '1'", True),
    ("1 'mmol/L'", "2 'mmol/L'", False),
    ("1 week", "7 'd'", True),
    ("1 year", "12 months", True),
    ("1 year", "1 'a'", None),
    ("1 'mg'", "1 'mL'", None),
    ("1 '[IU]'", "1 'mg'", None),
    ("1 'nonsense'", "1 'mg'", None),
    ("1 'nonsense'", "1 'nonsense'", True),
]


@pytest.mark.parametrize(("left", "right", "same"), UNITS)
def test_quantities_are_compared_across_units(left, right, same):
    assert value(f"{left} = {right}") == ([] if same is None else [same])


def test_a_calendar_year_is_about_a_year_of_ucum():
    assert value("1 year ~ 1 'a'") == [True]
    assert value("185.4 'kg' ~ 185 'kg'") == [True]


def test_quantities_are_calculated():
    assert value("(2 'cm' * 3 'm') = 0.06 'm2'") == [True]
    assert value("(10 'mg' / 2 'mL') = 5 'g/L'") == [True]
    assert value("1 'mg' + 1 'mL'") == []
    assert value("1 'mg' / 0 'mL'") == []


@pytest.mark.parametrize("exponent", [400_000_000, -400_000_000])
def test_numbers_beyond_measure_cost_nothing(exponent):
    huge = Quantity(Decimal(f"1E{exponent:+}"), "mg")
    start = perf_counter()
    assert quantities.compare(huge, Quantity(Decimal(1), "g")) is None
    for function in ("truncate()", "round(2)", "lowBoundary()", "power(3)", "toString()", "toInteger()", "ln()"):
        compile_path(f"$this.{function}").evaluate(huge.value, type="decimal")
    assert perf_counter() - start < 1


AFFORDABLE = ["[A-Z]([A-Za-z0-9_]){0,254}", "^[a-zA-Z0-9]+$", r"^\+?[0-9]{3,15}$"]
COSTLY = ["(a+)+$", "(a|aa)*b", "(.*)*x", "(a{1,30}){1,30}b", "(x+x+)+y", "a?" * 30 + "a" * 30]


@pytest.mark.parametrize("pattern", AFFORDABLE)
def test_patterns_that_read_once_take_long_texts(pattern):
    assert longest_text(pattern) == 100_000


@pytest.mark.parametrize("pattern", COSTLY)
def test_patterns_that_may_backtrack_take_short_texts_only(pattern):
    assert longest_text(pattern) == 20
    with pytest.raises(PathError, match="up to 20 characters"):
        compile_path(f"$this.matches('{pattern}')").evaluate("a" * 40 + "!")


def test_repeated_groups_that_begin_with_their_own_sign_are_no_risk():
    assert longest_text(r"[A-Za-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*(\[x])?)*") > 500


@pytest.mark.parametrize(
    "expression", ["'a'.matches('(')", "'a'.replaceMatches('a', '$1')", "'a'.matches('" + "a" * 2000 + "')"]
)
def test_unreadable_patterns_are_refused(expression):
    with pytest.raises(PathError):
        value(expression)


FUNCTIONS = [
    ("'abc'.replaceMatches('(b)', '[$1]')", ["a[b]c"]),
    ("'a,b'.split(',')", ["a", "b"]),
    ("'abcabc'.lastIndexOf('b')", [4]),
    ("'x'.substring(0, 0)", [""]),
    ("'YQ=='.decode('base64')", ["a"]),
    ("'!'.decode('base64')", []),
    ("'a'.encode('unheard')", []),
    ("'t'.toBoolean()", [True]),
    ("'2015'.toDate()", ["2015"]),
    ("@2015-01-01T10:00:00Z.toDate()", ["2015-01-01"]),
    ("'10:00'.toTime()", ["10:00"]),
    ("'5 \\'mg\\''.toQuantity('g').value", [Decimal("0.005")]),
    ("2147483647 + 1", []),
    ("7 div 2", [3]),
    ("-7 mod 2", [-1]),
    ("1 / 3 > 0.33", [True]),
    ("2.power(40)", []),
    ("8.log(2) = 3", [True]),
    ("1.5.round()", [Decimal(2)]),
    ("(1 | 2 | 2).count()", [2]),
    ("(1 | 2).combine(2).isDistinct()", [False]),
    ("(1 | 2 | 3).intersect(2 | 4)", [2]),
    ("(1 | 1.0 | '1' | true).count()", [3]),
    ("(1 | 2 | 3).aggregate($total + $this, 0)", [6]),
    ("(3 | 1 | 2).sort(-$this)", [3, 2, 1]),
    ("true xor {}", []),
    ("{} implies true", [True]),
    ("'a' & {} & 'b'", ["ab"]),
    ("1 in (1 | 2)", [True]),
    ("(true | false).anyFalse()", [True]),
    ("'a b' ~ 'A  b'", [True]),
    ("1.0.precision()", [1]),
    ("@2014.highBoundary(8)", ["2014-12-31"]),
]


@pytest.mark.parametrize(("expression", "found"), FUNCTIONS, ids=[expression for expression, _ in FUNCTIONS])
def test_functions(expression, found):
    assert value(expression) == found
