"""The small pools that both the resources and the questions draw their values from."""

from decimal import Decimal

from hypothesis import strategies as st

from drawn import ELSEWHERE, HERE, IDS, NOWHERE

UCUM = "http://unitsofmeasure.org"
LONG = "long " * 60 + "end"
NAMES = (
    "Ann", "anna  Maria", "Ánne", "ANNABEL", "Müller", "Muller", "Weiß", "O'Neil", "Smith, John", "a|b", "x$y",
    "back\\slash", "Łódź", "ﬁn", LONG,
)  # fmt: skip
CITIES = ("Ann Arbor", "Köln", "koln", "Aachen")
SYSTEMS = ("http://loinc.org", "urn:oid:1.2.3", "http://odd,one|x")
CODES = ("8480-6", "A", "a", "b,c", "p|q")
PART_CODES = ("sys", "dia")
TEXTS = ("Blood pressure", "blood sugar", "Über", "Systolic, sitting")
PHONES = ("555-1", "p@x.org", "+1 2")
URLS = (
    "http://acme.org/fhir", "http://acme.org/fhir/ValueSet/1", "http://acme.org/fhir/ValueSet/1/x", "urn:oid:1.2.3",
    "urn:oid:1.2.3.4",
)  # fmt: skip
PROFILES = ("http://acme.org/fhir", "http://acme.org/fhir/P", "http://acme.org/fhir/P|1.0")
DATES = ("1974", "1974-12", "1974-12-25", "1980-02-29", "2013-01", "2013-01-14")
TIMES = (
    *DATES, "2013-01-14T10:00:00Z", "2013-01-14T10:00:00+02:00", "2013-01-14T08:00:00.500Z", "2013-01-14T08:00:00Z",
    "2013-01-14T23:30:00-05:00", "2013-12-31T23:59:59Z",
)  # fmt: skip
INSTANTS = tuple(text for text in TIMES if "T" in text)
MOMENTS = ("2012", "2013-01-14", "2013-01-14T08:00:00Z", "2013-01-14T10:00:00Z", "2013-02", "2014-01-01")
"""In their order, so that a period of two of them does not end before it starts."""
NUMBERS = tuple(map(Decimal, ("5", "5.0", "5.40", "5.35", "5.45", "5400", "0.0054", "100", "99.5", "100.49", "-1")))
UNITS = (
    {}, {"unit": "mg"}, {"unit": "milligram", "system": UCUM, "code": "mg"}, {"unit": "g", "system": UCUM, "code": "g"},
    {"unit": "kg", "system": UCUM, "code": "kg"}, {"unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
    {"unit": "mg", "system": ELSEWHERE, "code": "mg"}, {"unit": "lb", "system": UCUM, "code": "[lb_av]"},
)  # fmt: skip
PLACES = (
    (Decimal("42.2565"), Decimal("-83.6947")),
    (Decimal("50.94"), Decimal("6.96")),
    (Decimal("-89.9"), Decimal("0")),
)

text = st.sampled_from(NAMES)
date = st.sampled_from(DATES)
time = st.sampled_from(TIMES)
instant = st.sampled_from(INSTANTS)
boolean = st.booleans()
integer = st.sampled_from((-1, 0, 5, 99, 100, 5400))


PERCENT = ({"unit": "%", "system": UCUM, "code": "%"},)


def some(strategy, most=2):
    """Draw a list of one to ``most``."""
    return st.lists(strategy, min_size=1, max_size=most)


def made(required=None, **optional):
    """Draw a JSON object with what is required and any of what is optional; ``class_`` is the property ``class``."""
    return st.fixed_dictionaries(
        required or {}, optional={name.removesuffix("_"): strategy for name, strategy in optional.items()}
    )


def filled(**optional):
    """Draw a JSON object with at least one of its properties."""
    return made(**optional).filter(bool)


coding = made({"code": st.sampled_from(CODES)}, system=st.sampled_from(SYSTEMS), display=st.sampled_from(TEXTS))
concept = filled(coding=some(coding), text=st.sampled_from(TEXTS))
part_concept = made({"coding": some(made({"code": st.sampled_from(PART_CODES)}, system=st.just(SYSTEMS[0])), 1)})
identifier = made(
    {"value": st.sampled_from(CODES)},
    system=st.sampled_from(SYSTEMS),
    type=filled(coding=some(made({"code": st.sampled_from(CODES), "system": st.sampled_from(SYSTEMS)}), 1))
    | made({"text": st.sampled_from(TEXTS)}),
)
human_name = filled(family=text, given=some(text), prefix=some(text, 1), text=text)
address = filled(line=some(text), city=st.sampled_from(CITIES), postalCode=st.sampled_from(CODES), country=text)
contact = made({"value": st.sampled_from(PHONES), "system": st.sampled_from(("phone", "email"))})
quantity = st.builds(
    lambda value, unit, comparator: {"value": value, **unit, **({"comparator": comparator} if comparator else {})},
    st.sampled_from(NUMBERS),
    st.sampled_from(UNITS),
    st.sampled_from((None, None, None, "<", "<=", ">", ">=")),
)
simple_quantity = quantity.map(lambda held: {name: value for name, value in held.items() if name != "comparator"})


@st.composite
def periods(draw, *, open_start=False):
    """Draw a Period; with ``open_start`` it may lack its start, too."""
    first, last = sorted((draw(st.integers(0, len(MOMENTS) - 1)), draw(st.integers(0, len(MOMENTS) - 1))))
    ends = draw(st.sampled_from((("start", "end"), ("start",), ("end",) if open_start else ("start",))))
    whole = {"start": MOMENTS[first], "end": MOMENTS[last]}
    return {name: whole[name] for name in ends}


@st.composite
def ranges(draw, units=UNITS):
    """Draw a Range of one unit."""
    unit = draw(st.sampled_from(units))
    low, high = sorted((draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(NUMBERS))))
    ends = draw(st.sampled_from((("low", "high"), ("low",), ("high",))))
    whole = {"low": {"value": low, **unit}, "high": {"value": high, **unit}}
    return {name: whole[name] for name in ends}


def reference(*types):
    """Draw a Reference to one of the types: here, elsewhere, by version, by business identifier, or to nothing."""
    named = st.builds(lambda type, id: f"{type}/{id}", st.sampled_from(types), st.sampled_from((*IDS, NOWHERE)))
    literal = st.one_of(
        named,
        named,
        named,
        named.map(lambda name: f"{HERE}/{name}"),
        named.map(lambda name: f"{ELSEWHERE}/{name}"),
        named.map(lambda name: f"{name}/_history/1"),
    )
    by_identifier = st.builds(
        lambda type, value: {"type": type, "identifier": value}, st.sampled_from(types), identifier
    )
    return st.one_of(*[literal.map(lambda name: {"reference": name})] * 5, by_identifier)
