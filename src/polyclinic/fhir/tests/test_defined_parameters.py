"""What SearchParameters that somebody defines make searchable, and which are refused."""

import pytest

from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.search.defined import defined_by
from polyclinic.fhir.search.extract import extract
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.vocabulary import Vocabulary


def parameter(**changed):
    return {
        "resourceType": "SearchParameter",
        "url": "http://example.org/eyes",
        "name": "eyes",
        "status": "active",
        "description": "d",
        "code": "eyes",
        "base": ["Patient"],
        "type": "token",
        "expression": "Patient.extension('http://example.org/eyes').value",
        **changed,
    }


def vocabulary(**changed):
    added = defined_by(parameter(**changed))
    return Vocabulary({type: [one] for type, one in added.items()}, 7)


PATIENT = {
    "resourceType": "Patient",
    "birthDate": "1980-05-31",
    "_birthDate": {"extension": [{"url": "http://example.org/eyes", "valueCode": "at-birth"}]},
    "extension": [
        {"url": "http://example.org/eyes", "valueCode": "blue"},
        {"url": "http://example.org/other", "valueCode": "green"},
        {"url": "http://example.org/when", "valueDateTime": "2020-01-01"},
    ],
    "name": [{"given": ["Ada", "Zoe"], "family": "Byron"}],
    "multipleBirthInteger": 2,
}


@pytest.mark.parametrize(
    ("type", "expression", "found"),
    [
        ("token", "Patient.extension('http://example.org/eyes').value", {"blue"}),
        ("token", "extension.where(url = 'http://example.org/eyes').value", {"blue"}),
        ("token", "Patient.extension.where(url = 'http://example.org/eyes').valueCode", {"blue"}),
        ("token", "Patient.extension.where(url.endsWith('eyes')).value", {"blue"}),
        ("token", "Patient.birthDate.extension('http://example.org/eyes').value", {"at-birth"}),
        ("token", "Patient.name.where(given = 'Zoe').exists() | Patient.name.family.exists()", {"false", "true"}),
        ("token", "Patient.name.given.count()", {"2"}),
        ("token", "Patient.name.given.first() | Observation.status", {"Ada"}),
        ("token", "(Patient.multipleBirth as integer)", {"2"}),
    ],
)
def test_tokens_are_found_where_the_expression_leads(type, expression, found):
    known = vocabulary(type=type, expression=expression)
    paths = {branch.path for branch in known.of("Patient")["eyes"].branches}
    terms = [term.partition("\0c") for term in extract(PATIENT, known).terms]
    assert {code for path, mark, code in terms if mark and path in paths} == found


@pytest.mark.parametrize(
    ("type", "expression"),
    [
        ("date", "Patient.extension('http://example.org/when').value"),
        ("date", "(Patient.extension.where(url.endsWith('when')).value as dateTime)"),
        ("number", "Patient.multipleBirth"),
        ("number", "Patient.name.given.count()"),
    ],
)
def test_dates_and_numbers_are_kept_as_spans(type, expression):
    known = vocabulary(type=type, expression=expression)
    (branch,) = known.of("Patient")["eyes"].branches
    assert [span for span in extract(PATIENT, known).spans if span[0] == branch.path]


def test_what_cannot_be_evaluated_on_a_resource_is_found_by_nothing():
    known = vocabulary(type="string", expression="Patient.name.given.single()")
    (branch,) = known.of("Patient")["eyes"].branches
    assert not [text for text in extract(PATIENT, known).texts if text[0] == branch.path]


def test_values_of_another_type_at_the_same_element_do_not_answer():
    asked = [
        parameter(base=["Observation"], code=code, type=type, expression="Observation.value")
        for code, type in (("a", "date"), ("b", "quantity"))
    ]
    known = Vocabulary({"Observation": [defined_by(each)["Observation"] for each in asked]}, 2)
    (a,), (b,) = (known.of("Observation")[code].branches for code in "ab")
    entries = extract({"resourceType": "Observation", "valueQuantity": {"value": 5}}, known)
    assert b.path in {span[0] for span in entries.spans}
    assert a.path not in {span[0] for span in entries.spans}


def test_a_clinical_date_stays_what_it_is_where_another_parameter_looks_at_the_same_element():
    known = vocabulary(base=["Observation"], type="date", expression="Observation.effective")
    assert extract({"resourceType": "Observation", "effectiveDateTime": "2024-01-01"}, known).at is not None


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"type": "composite"}, "SearchParameter.type"),
        ({"type": "special"}, "SearchParameter.type"),
        ({"code": "a:b"}, "SearchParameter.code"),
        ({"code": "_count"}, "SearchParameter.code"),
        ({"base": ["Parameters"]}, "SearchParameter.base[0]"),
        ({"expression": "Patient.name.("}, "SearchParameter.expression"),
        ({"expression": "Patient.nose"}, "SearchParameter.expression"),
        ({"expression": "Observation.code"}, "SearchParameter.expression"),
        ({"expression": "Patient.name"}, "SearchParameter.expression"),
        ({"expression": "Patient.link.other.resolve().name"}, "SearchParameter.expression"),
        ({"expression": "Patient.birthDate < now()"}, "SearchParameter.expression"),
        ({"expression": "Patient.birthDate = %mine"}, "SearchParameter.expression"),
        ({"expression": "'x' | " * 500 + "'x'"}, "SearchParameter.expression"),
        ({"type": "date", "expression": "Patient.gender"}, "SearchParameter.expression"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_element(changed, place):
    with pytest.raises(NotSupported) as refused:
        defined_by(parameter(**changed), frozenset({"Patient", "Observation"}))
    assert [issue.expression for issue in refused.value.issues] == [place]


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "draft", "expression": "Patient.nose"},
        {"status": "retired", "type": "composite"},
        {"code": "name", "expression": "Patient.nose"},
        {"url": "http://hl7.org/fhir/SearchParameter/Patient-language", "expression": "Patient.nose"},
    ],
)
def test_what_is_not_active_or_repeats_one_of_r4_adds_nothing(changed):
    assert defined_by(parameter(**changed)) == {}


def test_a_base_that_many_types_share_stands_for_each_of_them():
    added = defined_by(parameter(base=["Resource"], expression="Resource.meta.source"), {"Patient", "Basic"})
    assert set(added) == {"Patient", "Basic"}


@pytest.mark.parametrize(
    ("type", "pairs"),
    [
        ("Patient", [("eyes", "blue")]),
        ("Patient", [("eyes:missing", "true")]),
        ("Patient", [("_sort", "-eyes")]),
        ("Observation", [("subject.eyes", "blue")]),
        ("Observation", [("subject:Patient.eyes", "blue")]),
        ("Practitioner", [("_has:Patient:general-practitioner:eyes", "blue")]),
    ],
)
def test_a_query_tells_which_defined_parameters_it_uses(type, pairs):
    query = parse(type, pairs, vocabulary=vocabulary())
    assert [(on, each.code) for on, each in query.custom] == [("Patient", "eyes")]


def test_a_query_by_parameters_of_r4_uses_no_defined_one():
    assert parse("Patient", [("name", "x"), ("_sort", "birthdate")], vocabulary=vocabulary()).custom == ()


def test_includes_by_a_defined_reference_are_told():
    known = vocabulary(type="reference", expression="Patient.extension('http://example.org/friend').value")
    assert [each.code for _, each in parse("Patient", [("_include", "Patient:eyes")], vocabulary=known).custom]
    assert [each.code for _, each in parse("Patient", [("_include", "Patient:*")], vocabulary=known).custom]


def test_computed_tokens_are_no_order():
    known = vocabulary(expression="Patient.name.given.count()")
    with pytest.raises(NotSupported, match="computed"):
        parse("Patient", [("_sort", "eyes")], vocabulary=known)
