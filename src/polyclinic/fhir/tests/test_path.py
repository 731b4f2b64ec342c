"""FHIRPath on FHIR's JSON: types, choices, primitive extensions, the environment, invariants."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from polyclinic.fhir import definitions
from polyclinic.fhir.outcome import NotSupported, TooCostly
from polyclinic.fhir.path import Node, PathError, check, compile_path, node_of

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "birthDate": "1974-12-25",
    "_birthDate": {
        "id": "b",
        "extension": [{"url": "http://x.org/time", "valueDateTime": "1974-12-25T14:35:45-05:00"}],
    },
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", None], "_given": [None, {"id": "g"}]},
        {"use": "usual", "given": ["Jim"]},
    ],
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [{"reference": "Practitioner/1"}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "ACME"}],
    "multipleBirthInteger": 2,
}
OBSERVATION = {
    "resourceType": "Observation",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1"}]},
    "valueQuantity": {
        "value": Decimal("185.0"),
        "unit": "lbs",
        "system": "http://unitsofmeasure.org",
        "code": "[lb_av]",
    },
    "component": [{"code": {"text": "x"}, "valueString": "high"}, {"code": {"text": "y"}, "_valueString": {"id": "e"}}],
}


def on(resource, expression, **scope):
    return compile_path(expression).evaluate(resource, **scope)


FOUND = [
    ("Patient.name.given", ["Peter", None, "Jim"]),
    ("name.given.hasValue()", [False]),
    ("name.given.select(hasValue())", [True, False, True]),
    ("name.given.id", ["g"]),
    ("birthDate.extension('http://x.org/time').value", ["1974-12-25T14:35:45-05:00"]),
    ("birthDate.id", ["b"]),
    ("Observation.code", []),
    ("multipleBirth", [2]),
    ("multipleBirth is integer", [True]),
    ("(multipleBirth as boolean).exists()", [False]),
    ("contained.name", ["ACME"]),
    ("contained.ofType(Organization).id", ["o"]),
    ("managingOrganization.resolve().name", ["ACME"]),
    ("Patient is DomainResource", [True]),
    ("active is System.Boolean", [False]),
    ("name.where(use = 'usual' and $index = 1).given", ["Jim"]),
    ("name.select(given.count())", [2, 1]),
    ("%resource.id = %rootResource.id and %context.id = id", [True]),
    ("name.exists(family = %family)", [True]),
    ("%`vs-x` & %sct", ["http://hl7.org/fhir/ValueSet/xhttp://snomed.info/sct"]),
    ("birthDate + 1 year", ["1975-12-25"]),
    ("now() > birthDate", [True]),
    ("today()", ["2026-11-22"]),
    ("timeOfDay()", ["12:30:00.000"]),
    ("name[0].type().name", ["HumanName"]),
    ("contact.type().name", []),
    ("name.trace('x', family).count()", [2]),
    ("iif(active, 'yes', 1 / 0)", ["yes"]),
]


@pytest.mark.parametrize(("expression", "found"), FOUND, ids=[expression for expression, _ in FOUND])
def test_paths_on_a_patient(expression, found):
    now = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
    assert on(PATIENT, expression, now=now, variables={"family": "Chalmers"}) == found


def test_choices_are_found_under_their_fhirpath_name():
    assert on(OBSERVATION, "value.unit") == ["lbs"]
    assert on(OBSERVATION, "Observation.valueQuantity") == []
    assert on(OBSERVATION, "value = 185 '[lb_av]' and value > 80 'kg'") == [True]
    assert on(OBSERVATION, "component.value") == ["high", None]
    assert on(OBSERVATION, "component.value.id") == ["e"]


def test_elements_come_out_as_they_are_in_the_resource():
    assert on(OBSERVATION, "value")[0] is OBSERVATION["valueQuantity"]
    assert str(on(OBSERVATION, "value.value")[0]) == "185.0"


def test_computed_quantities_come_out_as_fhir_json():
    assert on(OBSERVATION, "1 'g' + 500 'mg'") == [
        {"value": Decimal("1.5"), "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}
    ]
    assert on(OBSERVATION, "2 days") == [{"value": Decimal(2), "unit": "days"}]


def test_select_tells_types():
    (value,) = compile_path("value").select(OBSERVATION)
    assert isinstance(value, Node)
    assert value.shape.name == "Quantity"
    assert "lbs" not in repr(value)


def test_any_element_can_be_the_start():
    assert on({"given": ["A"]}, "HumanName.given", type="HumanName") == ["A"]
    assert on("2015-02", "$this + 1 month", type="date") == ["2015-03"]
    assert on([{"given": ["A"]}, {"given": ["B"]}], "given", type="HumanName") == ["A", "B"]
    assert on(node_of(None, "date", {"id": "x"}), "hasValue()") == [False]
    assert on({"anything": {"goes": [1]}}, "anything.goes") == [1]
    with pytest.raises(KeyError):
        on({}, "id", type="Unheard")


def test_references_are_resolved_inside_the_root_then_by_the_caller():
    practitioner = {"resourceType": "Practitioner", "id": "1", "active": True}
    assert on(PATIENT, "generalPractitioner.resolve().active", resolve={"Practitioner/1": practitioner}.get) == [True]
    assert on(PATIENT, "generalPractitioner.resolve()") == []
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": practitioner},
            {"resource": {"resourceType": "Flag", "author": {"reference": "urn:uuid:1"}}},
        ],
    }
    assert on(bundle, "entry.resource.ofType(Flag).author.resolve().id") == ["1"]


INVARIANTS = [
    ("start <= end", {"start": "2015", "end": "2016"}, True),
    ("start <= end", {"start": "2017", "end": "2016"}, False),
    ("start <= end", {"start": "2016", "end": "2016-02"}, True),  # open: not found wrong
    ("start <= end", {"start": "2016"}, True),  # empty: not found wrong
    ("start", {"start": "2016"}, True),
]


@pytest.mark.parametrize(("expression", "period", "holds"), INVARIANTS)
def test_an_invariant_holds_unless_it_is_false(expression, period, holds):
    assert compile_path(expression).test(period, type="Period") is holds


def test_every_invariant_of_r4_compiles():
    compiled = [
        compile_path(rule.expression)
        for kind in definitions.EVERY_TYPE
        for found in (definitions.structure(kind),)
        for rule in (*found.invariants, *(rule for element in found.elements for rule in element.invariants))
    ]
    assert len(compiled) > 200


def test_a_primitive_without_value_is_not_true_and_equals_nothing_else():
    patient = {"resourceType": "Patient", "_active": {"id": "a"}, "_gender": {"id": "g"}}
    assert on(patient, "active and true") == []
    assert on(patient, "iif(active, 1, 2)") == [2]
    assert on(patient, "gender > 'a'") == []
    assert on(patient, "gender = 'male'") == [False]
    assert on(patient, "gender = gender") == [True]


def test_strict_keeps_to_the_letter():
    assert on(PATIENT, "name.as(HumanName).use") == ["official", "usual"]
    with pytest.raises(PathError):
        compile_path("name.as(HumanName)", strict=True).evaluate(PATIENT)
    assert on(PATIENT, "active is Boolean") == [True]
    assert compile_path("active is Boolean", strict=True).evaluate(PATIENT) == [False]


REFUSED = [
    ("active and name.use", 7, "execution"),
    ("1 + 'a'", 2, "execution"),
    ("now()", 0, "execution"),
    ("%unheard", 0, "execution"),
    ("id.unheard()", 3, "semantic"),
    ("id.startsWith()", 3, "semantic"),
    ("id as Unheard", 3, "semantic"),
    ("name[active]", 4, "execution"),
]


@pytest.mark.parametrize(("expression", "position", "fault"), REFUSED)
def test_refusals_name_place_and_fault_and_no_value(expression, position, fault):
    with pytest.raises(PathError) as refused:
        on(PATIENT, expression)
    assert (refused.value.position, refused.value.fault) == (position, fault)
    assert "Peter" not in str(refused.value)


def test_what_needs_terminology_or_profiles_is_not_supported():
    for expression in ("name.family.memberOf('http://x')", "name.elementDefinition()", "name.slice('a', 'b')"):
        with pytest.raises(NotSupported):
            on(PATIENT, expression)


def test_endless_repetition_ends():
    with pytest.raises(TooCostly):
        on(PATIENT, "1.select(0 | 1).repeat(select($this + 1))")
    with pytest.raises((PathError, TooCostly)):
        on(PATIENT, "'a'.repeat($this & $this)")


def test_a_resource_nested_too_deeply_is_refused():
    extension: dict[str, object] = {"url": "http://x.org"}
    for _ in range(2000):
        extension = {"url": "http://x.org", "extension": [extension]}
    assert on({"resourceType": "Patient", "extension": [extension]}, "descendants().count() > 2000") == [True]
    with pytest.raises(PathError):
        on({"resourceType": "Patient", "extension": [extension]}, "extension.distinct().combine(extension).distinct()")


CHECKED = [
    ("Patient", "Patient.name.gven", 13),
    ("Patient", "Encounter.status", 0),
    ("Observation", "valueQuantity.unit", 0),
    ("Observation", "(value as Period).unit", 18),
    ("Observation", "component.where(valeu.exists())", 16),
    ("Patient", "children().first()", 11),
    ("Patient", "name.startsWith('a')", 5),
    ("Patient", "iif(name, 1, 2)", 0),
    ("Patient", "id.unheard()", 3),
    ("Patient", "id.unheard(", 11),
]


@pytest.mark.parametrize(("kind", "expression", "position"), CHECKED)
def test_check_finds_what_cannot_mean_anything(kind, expression, position):
    with pytest.raises(PathError) as refused:
        check(expression, kind)
    assert refused.value.position == position


def test_check_tells_how_a_choice_is_written():
    with pytest.raises(PathError, match=r"write value, or value\.ofType\(Quantity\)"):
        check("valueQuantity", "Observation")


SOUND = [
    ("Observation", "(value as Quantity).unit | component.value.ofType(string)"),
    ("Bundle", "entry.resource.name.given"),
    ("Patient", "birthDate.extension('x').value.coding.code"),
    ("Questionnaire", "item.repeat(item).answerOption.value"),
    ("Patient", "managingOrganization.resolve().name"),
    ("Patient", "%resource.anything.descendants().count() + name.given.first().length()"),
    ("Patient", "birthDate.value.toString().length() = 10"),
]


@pytest.mark.parametrize(("kind", "expression"), SOUND)
def test_check_lets_pass_what_may_mean_something(kind, expression):
    check(expression, kind)


def test_check_lets_every_search_parameter_of_r4_pass():
    for kind in definitions.RESOURCE_TYPES:
        for parameter in definitions.search_parameters(kind).values():
            if parameter.expression:
                check(parameter.expression, kind)
