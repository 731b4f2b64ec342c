"""What values mean in a search, what a query is understood as, and what a resource is found by."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as some

from polyclinic.fhir.definitions import RESOURCE_TYPES, search_parameters
from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search.clauses import Bound, Ids, Spans, Terms, Texts
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.extract import extract
from polyclinic.fhir.search.pairs import pair
from polyclinic.fhir.search.query import Sort, parse
from polyclinic.fhir.search.terms import code_term, coding_term, display_term, reference_term, system_term
from polyclinic.fhir.search.values import Span, date_span, fold, moment, number, precision, time_of
from polyclinic.fhir.search.vocabulary import R4


def at(*parts: int) -> float:
    return moment(datetime(*parts, tzinfo=UTC))  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", at(2024, 1, 1), at(2025, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2024-12", at(2024, 12, 1), at(2025, 1, 1)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
        ("2024-02-29T10:30", at(2024, 2, 29, 10, 30), at(2024, 2, 29, 10, 31)),
        ("2024-02-29T10:30:05", at(2024, 2, 29, 10, 30, 5), at(2024, 2, 29, 10, 30, 6)),
        ("2024-02-29T10:30:05Z", at(2024, 2, 29, 10, 30, 5), at(2024, 2, 29, 10, 30, 6)),
        ("2024-02-29T10:30:05.25Z", at(2024, 2, 29, 10, 30, 5, 250_000), at(2024, 2, 29, 10, 30, 5, 260_000)),
        ("2024-02-29T10:30:05.123+14:00", at(2024, 2, 28, 20, 30, 5, 123_000), at(2024, 2, 28, 20, 30, 5, 124_000)),
        ("2024-01-01T00:00:00-05:00", at(2024, 1, 1, 5), at(2024, 1, 1, 5, 0, 1)),
        ("2024-01-01T00:00-05:00", at(2024, 1, 1, 5), at(2024, 1, 1, 5, 1)),
        ("0001", at(1, 1, 1), at(2, 1, 1)),
        ("9999", at(9999, 1, 1), inf),
        ("9999-12", at(9999, 12, 1), inf),
    ],
)
def test_a_date_covers_what_its_precision_says(text, low, high):
    assert date_span(text) == Span(low, high)


@pytest.mark.parametrize(
    "text",
    ["", "24", "2023-02-29", "2024-13", "2024-1-1", "20240101", "2024-W01-1", "2024-01-01T25:00", "2024-01-01 10:00",
     "2024-01-01T10:00:00Zulu", "2024/01/01", "20240101T101010.1234Z", "\uff12\uff10\uff12\uff14-01-01"],
)  # fmt: skip
def test_what_is_no_date_covers_nothing(text):
    assert date_span(text) is None


@given(some.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)), some.integers(-14 * 60, 14 * 60))
def test_a_moment_lies_in_the_day_second_and_millisecond_that_it_is_written_as(when, offset):
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    exact = moment((when - timedelta(minutes=offset)).replace(tzinfo=UTC))
    for text in (
        f"{when.isoformat(timespec='seconds')}{zone}",
        f"{when.isoformat(timespec='milliseconds')}{zone}",
        f"{when.isoformat(timespec='minutes')}{zone}",
    ):
        span = date_span(text)
        assert span is not None and span.low <= exact < span.high


@given(some.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(3000, 1, 1), timezones=some.just(UTC)))
def test_a_moment_survives_the_way_there_and_back(when):
    assert abs(time_of(moment(when)) - when) <= timedelta(microseconds=8)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("100", 99.5, 100.5), ("100.00", 99.995, 100.005), ("1e2", 95, 105), ("0", -0.5, 0.5), ("-5.0", -5.05, -4.95)],
)  # the first three are the examples of https://hl7.org/fhir/R4/search.html#number
def test_a_number_covers_what_its_digits_say(text, low, high):
    assert precision(Decimal(text)) == pytest.approx((low, high))


@pytest.mark.parametrize("text", ["66.89999999999999", "0.1234567890123456789", "12345678901234567890", "1e-200"])
def test_a_number_covers_itself_however_many_digits_it_has(text):
    span = precision(Decimal(text))
    assert span.low <= float(text) < span.high


@pytest.mark.parametrize("text", ["", "x", "nan", "Infinity", "1_000", "1e999", "--1", "1,5"])
def test_what_is_no_number_is_refused(text):
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Müller", "muller"), ("  Ana   María ", "ana maria"), ("STRAẞE", "strasse"), ("Ωμέγα", "ωμεγα"), ("李", "李")],
)
def test_a_text_is_folded(text, folded):
    assert fold(text) == folded


REFUSED = [
    ("Patient", "colour", "red", "colour"),
    ("Patient", "name:loud", "x", "name:loud"),
    ("Patient", "name", "", "name"),
    ("Patient", "gender:in", "x", "gender:in"),
    ("Patient", "gender:above", "x", "gender:above"),
    ("Patient", "gender:missing", "maybe", "gender:missing"),
    ("Patient", "gender:of-type", "a|b|c", "gender:of-type"),
    ("Patient", "identifier:of-type", "a|b", "identifier:of-type"),
    ("Patient", "birthdate:exact", "2000", "birthdate:exact"),
    ("Patient", "birthdate", "yesterday", "birthdate"),
    ("Patient", "birthdate", "gt", "birthdate"),
    ("Patient", "identifier", "a|b|c", "identifier"),
    ("Patient", "identifier", "|", "identifier"),
    ("Patient", "general-practitioner.colour", "x", "general-practitioner.colour"),
    ("Patient", "general-practitioner:Patient.name", "x", "general-practitioner:Patient.name"),
    ("Patient", "organization.partof.colour", "x", "organization.partof.colour"),
    ("Patient", "gender.name", "x", "gender.name"),
    ("Patient", "_has:Observation:patient:colour", "x", "_has:Observation:patient:colour"),
    ("Patient", "_has:Observation:encounter:code", "x", "_has:Observation:encounter:code"),
    ("Patient", "_has:Nonsense:patient:code", "x", "_has:Nonsense:patient:code"),
    ("Patient", "_has:Observation", "x", "_has:Observation"),
    ("Patient", "_has", "x", "_has"),
    ("Patient", "_include", "Patient:colour", "_include"),
    ("Patient", "_include", "Patient", "_include"),
    ("Patient", "_include", "Observation:subject", "_include"),
    ("Patient", "_include:loudly", "Patient:organization", "_include:loudly"),
    ("Patient", "_revinclude", "*", "_revinclude"),
    ("Patient", "_revinclude", "Observation:code", "_revinclude"),
    ("Patient", "_contained", "perhaps", "_contained"),
    ("Patient", "_containedType", "parcel", "_containedType"),
    ("Patient", "_list", "$current-problems", "_list"),
    ("Patient", "_filter", "name eq x", "_filter"),
    ("Patient", "_count", "-1", "_count"),
    ("Patient", "_count", "many", "_count"),
    ("Patient", "_count:exact", "1", "_count:exact"),
    ("Patient", "_sort", "colour", "_sort"),
    ("Observation", "_sort", "code-value-quantity", "_sort"),
    ("Patient", "_summary", "short", "_summary"),
    ("Patient", "_total", "exactly", "_total"),
    ("Patient", "_text", "!", "_text"),
    ("Location", "near", "91|0", "near"),
    ("Location", "near", "1|2|3|parsec", "near"),
    ("Location", "near", "1", "near"),
    ("Observation", "value-quantity", "5|mg", "value-quantity"),
    ("Observation", "value-quantity", "5|urn:x|", "value-quantity"),
    ("Observation", "value-quantity", "much", "value-quantity"),
    ("Observation", "code-value-quantity", "a", "code-value-quantity"),
    ("Observation", "code-value-quantity", "a$much", "code-value-quantity"),
    ("Observation", "component-code-value-quantity", "a$5$6", "component-code-value-quantity"),
    ("Observation", "subject", "Patient/a b", "subject"),
    ("Observation", "subject:Encounter", "1", "subject:Encounter"),
    ("RiskAssessment", "probability", "half", "probability"),
]


@pytest.mark.parametrize(("type", "name", "value", "named"), REFUSED)
def test_what_is_not_understood_is_refused_by_name(type, name, value, named):
    with pytest.raises((NotSupported, Unacceptable)) as refused:
        parse(type, [(name, value)])
    assert refused.value.issues[0].expression == named


@pytest.mark.parametrize("contained", ["true", "both"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_sort", "_id"),
        ("_sort", "-date,_lastUpdated"),
        ("_include", "Observation:subject"),
        ("_revinclude", "Observation:subject"),
        ("_explain", "true"),
        ("patient.name", "x"),
        ("subject.name", "x"),
        ("_has:Provenance:target:agent", "x"),
        ("_list", "x"),
    ],
)
def test_what_is_not_asked_of_contained_resources_is_refused_by_name(contained, name, value):
    with pytest.raises(NotSupported) as refused:
        parse("Observation", [("code", "x"), (name, value), ("_contained", contained)])
    assert refused.value.issues[0].expression == name
    parse("Observation", [("code", "x"), (name, value), ("_contained", "false")])


def test_lenient_leaves_unknown_parameters_out_and_lists_them():
    query = parse("Patient", [("colour", "red"), ("gender", "male"), ("_filter", "x")], lenient=True)
    assert query.ignored == ("colour", "_filter")
    assert query.used == (("gender", "male"),)
    with pytest.raises(Unacceptable):
        parse("Patient", [("birthdate", "yesterday")], lenient=True)


def test_a_query_is_understood():
    query = parse(
        "Observation",
        [
            ("code", "http://loinc.org|1-8,a\\,b"),
            ("date", "ge2024"),
            ("_id", "x,y"),
            ("value-string", "ab"),
            ("_sort", "-date,_id"),
            ("_count", "5"),
            ("_elements", "code,status"),
            ("_format", "json"),
        ],
    )
    code, date, id, text = query.clauses
    assert isinstance(code, Terms) and code.terms == (
        coding_term("Observation.code", "http://loinc.org", "1-8"),
        code_term("Observation.code", "a,b"),
    )
    assert isinstance(date, Spans) and date.matches[0].groups == (
        (Bound("low", ">=", at(2024, 1, 1)),),
        (Bound("high", ">", at(2025, 1, 1)),),
    )
    assert id == Ids(("x", "y"))
    assert isinstance(text, Texts) and {match.text for match in text.matches} == {"ab"}
    assert query.sort == (Sort("date", descending=True), Sort("_id"))
    assert (query.count, query.elements) == (5, ("code", "status"))
    assert len(query.used) == 7


def test_count_zero_asks_for_the_count():
    assert parse("Patient", [("_count", "0")]).summary == "count"


def test_every_search_parameter_of_r4_is_there_but_the_known_rest():
    """What is missing is told; nothing is missing by accident."""
    missing = {
        (definition.type, code)
        for type in RESOURCE_TYPES
        for code, definition in search_parameters(type).items()
        if code not in R4.of(type)
    }
    assert missing == {
        ("token", "_query"),
        ("reference", "composition"),  # of Bundle: its first entry, no reference
        ("reference", "message"),
    }


def test_every_clinical_date_is_a_date_parameter_of_its_type():
    for type, code in CLINICAL_DATE.items():
        assert R4.of(type)[code].type == "date", type


def test_a_resource_is_found_by_all_that_it_says():
    entries = extract(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "s", "code": "c"}, {"display": "no code"}]},
            "subject": {"reference": "Patient/1/_history/4"},
            "focus": [{"reference": "#contained"}],
            "effectivePeriod": {"start": "2024-01-01", "end": "2024-01-02"},
            "valueQuantity": {"value": Decimal("5.0"), "comparator": "<", "unit": "mg", "system": "u", "code": "mg"},
            "component": [{"code": {"coding": [{"code": "part"}]}, "valueString": "Some Text"}],
        }
    )
    code = "Observation.code"
    assert entries.terms == {
        "Observation",
        code_term("Observation.status", "final"),
        code_term(code, "c"),
        coding_term(code, "s", "c"),
        system_term(code, "s"),
        (patient := reference_term("Observation.subject", "Patient/1")),
        pair(patient, code_term(code, "c")),
        pair(patient, coding_term(code, "s", "c")),
        display_term(code, "no code"),
        code_term("Observation.component.code", "part"),
        coding_term("Observation.component.code", "", "part"),
    }
    assert entries.at == at(2024, 1, 1)
    assert {(path, low, high) for path, low, high, _, _ in entries.spans} == {
        ("Observation.effective", at(2024, 1, 1), at(2024, 1, 3)),
        ("Observation.valueQuantity", -inf, 5.0),
    }
    assert entries.texts == set()  # R4 searches no texts of components
    assert entries.links == {("Observation.subject", "Patient/1"), ("Observation.focus", "#contained")}
    assert {code, "Observation.subject", "Observation.subject:Patient", "Observation.focus"} <= entries.present()


def test_a_schedule_counts_by_its_outer_limits():
    timing = {"event": ["2024-03-01", "2024-01-01"], "repeat": {"boundsPeriod": {"end": "2025-01-01"}}}
    entries = extract({"resourceType": "Observation", "effectiveTiming": timing})
    assert [span[1:3] for span in entries.spans] == [(-inf, at(2025, 1, 2))]


@pytest.mark.parametrize(
    ("resource", "term"),
    [
        ({"resourceType": "Patient", "deceasedDateTime": "2020"}, code_term("Patient:deceased", "true")),
        ({"resourceType": "Patient", "deceasedBoolean": False}, code_term("Patient:deceased", "false")),
        ({"resourceType": "Patient"}, code_term("Patient:deceased", "false")),
        ({"resourceType": "Patient", "active": True}, code_term("Patient.active", "true")),
        ({"resourceType": "Patient", "meta": {"tag": [{"code": "t"}]}}, code_term("Resource.meta.tag", "t")),
    ],
)
def test_a_term_is_found(resource, term):
    assert term in extract(resource).terms
