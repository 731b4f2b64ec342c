"""FHIRPath is read as its grammar says, whatever is sent, and refused where it is not FHIRPath."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from polyclinic.fhir import definitions
from polyclinic.fhir.path import PathError, parse
from polyclinic.fhir.path.quantity import Quantity
from polyclinic.fhir.path.temporal import Temporal
from polyclinic.fhir.path.tree import Binary, Call, Indexer, Literal, Member, Sign, This, TypeOperation, Variable


def name(text):
    return Member(None, text)


SAME = [
    ("a or b and c", "a or (b and c)"),
    ("a implies b or c", "a implies (b or c)"),
    ("a and b in c", "a and (b in c)"),
    ("a in b = c", "a in (b = c)"),
    ("a = b < c", "a = (b < c)"),
    ("a < b | c", "a < (b | c)"),
    ("a | b is c", "a | (b is c)"),
    ("a + b is Integer", "(a + b) is Integer"),
    ("a + b * c", "a + (b * c)"),
    ("-a * b", "(-a) * b"),
    ("-a.b", "-(a.b)"),
    ("a - b - c", "(a - b) - c"),
    ("a.is(Quantity)", "a is Quantity"),
    ("a // told\n+ /* twice */ b", "a + b"),
]


@pytest.mark.parametrize(("written", "meant"), SAME)
def test_operators_bind_as_n1_says(written, meant):
    assert parse(written) == parse(meant)


LITERALS = [
    ("true", True),
    ("7", 7),
    ("1.50", Decimal("1.50")),
    (r"'it\'s \u0041\n\/'", "it's A\n/"),
    ("4 days", Quantity(Decimal(4), "days")),
    ("1.5 'mg'", Quantity(Decimal("1.5"), "mg")),
    ("@2015", Temporal("Date", (2015,))),
    ("@2015-02-04", Temporal("Date", (2015, 2, 4))),
    ("@2015T", Temporal("DateTime", (2015,))),
    ("@2015-02-04T14:34:28.123+01:00", Temporal("DateTime", (2015, 2, 4, 14, 34, 28), "123", 60)),
    ("@T14:34", Temporal("Time", (14, 34))),
]


@pytest.mark.parametrize(("written", "value"), LITERALS, ids=[written for written, _ in LITERALS])
def test_literals_have_their_type_and_precision(written, value):
    found = parse(written)
    assert found == Literal(value)
    assert isinstance(found, Literal)
    assert type(found.value) is type(value)


def test_every_production_has_its_node():
    assert parse("Patient.name") == Member(name("Patient"), "name")
    assert parse("`a b`.div") == Member(name("a b"), "div")
    assert parse("a.where(b = $this)") == Call(name("a"), "where", (Binary("=", name("b"), This()),))
    assert parse("a[0]") == Indexer(name("a"), Literal(0))
    assert parse("as(uri)") == TypeOperation(This(), "as", "uri")
    assert parse("a.ofType(FHIR.`string`)") == TypeOperation(name("a"), "ofType", "FHIR.string")
    assert parse("-%`ext-x`") == Sign("-", Variable("ext-x"))
    assert parse("contains.in") == Member(name("contains"), "in")


WRONG = [
    ("", 0),
    ("a.", 2),
    ("a b", 2),
    ("a[0", 3),
    ("(a", 2),
    ("2 + 2 /", 7),
    ("2 /* never closed", 2),
    ("'open", 0),
    ("a # b", 2),
    ("@2015-02-30", 0),
    ("@T25:00", 0),
    ("@T10:00Z", 7),
    ("2147483648", 0),
    ("and", 0),
]


@pytest.mark.parametrize(("expression", "position"), WRONG)
def test_what_is_no_fhirpath_is_refused_with_its_position(expression, position):
    with pytest.raises(PathError) as refused:
        parse(expression)
    assert (refused.value.fault, refused.value.position) == ("syntax", position)
    assert f"character {position + 1}" in str(refused.value)


HOSTILE = [
    "(" * 5000,
    "-" * 5000 + "1",
    "a" + ".a" * 5000,
    "1" + "+1" * 5000,
    "a" + "[0]" * 300,
    "'" + "x" * 30_000 + "'",
]


@pytest.mark.parametrize("expression", HOSTILE, ids=[text[:5] for text in HOSTILE])
def test_length_and_depth_are_bounded(expression):
    with pytest.raises(PathError):
        parse(expression)


@given(some.text(alphabet="ab.()[]{}'`@$%|&=<>!~+-*/ \\\n0129TZ:is as", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        parse(text)
    except PathError as refused:
        assert refused.fault == "syntax"


def test_every_search_parameter_of_r4_is_read():
    read = [
        parse(parameter.expression)
        for kind in definitions.RESOURCE_TYPES
        for parameter in definitions.search_parameters(kind).values()
        if parameter.expression
    ]
    assert len(read) > 2000
