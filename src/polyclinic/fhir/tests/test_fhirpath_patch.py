"""FHIRPath Patch beyond what HL7's suite asks: choices, extensions of primitives, lists, and every refusal's place."""

from decimal import Decimal
from typing import Any

import pytest

from polyclinic.fhir.outcome import Invalid, TooCostly
from polyclinic.fhir.patch import Unpatchable, fhirpath_patch
from polyclinic.fhir.validate import validate

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "active": True,
    "name": [{"use": "official", "given": ["Ada", "Bea"]}, {"use": "usual", "given": ["A"]}],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://time", "valueTime": "14:35:45"}]},
    "deceasedBoolean": False,
}
NULLED = {"extension": [{"url": "http://why", "valueCode": "unknown"}]}
_KEYS = {"index": "valueInteger", "source": "valueInteger", "destination": "valueInteger", "type": "valueCode"}


def operation(type, path, **parts):
    """Return one operation; ``value`` is the part's content, such as ``{"valueCode": "x"}``."""
    listed = [{"name": "type", "valueCode": type}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        content = value if name == "value" else {_KEYS.get(name, "valueString"): value}
        listed.append({"name": name, **content})
    return {"name": "operation", "part": listed}


def patched(*operations, resource=PATIENT):
    return fhirpath_patch({"resourceType": "Parameters", "parameter": list(operations)}).apply(resource)


def part(name, **content):
    return {"name": name, **content}


@pytest.mark.parametrize(
    ("made", "changed"),
    [
        (operation("add", "Patient", name="gender", value={"valueCode": "female"}), {"gender": "female"}),
        (
            operation("add", "Patient.name.where(use = 'usual')", name="family", value={"valueString": "L"}),
            {"name": [PATIENT["name"][0], {"use": "usual", "given": ["A"], "family": "L"}]},
        ),
        (
            operation("add", "Patient.name.first()", name="given", value={"valueString": "Cy"}),
            {"name": [{"use": "official", "given": ["Ada", "Bea", "Cy"]}, PATIENT["name"][1]]},
        ),
        (
            operation("add", "name[1]", name="given", value={"_valueString": NULLED}),
            {"name": [PATIENT["name"][0], {"use": "usual", "given": ["A", None], "_given": [None, NULLED]}]},
        ),
        (
            operation("insert", "Patient.name[0].given", index=1, value={"valueString": "Cy"}),
            {"name": [{"use": "official", "given": ["Ada", "Cy", "Bea"]}, PATIENT["name"][1]]},
        ),
        (
            operation("insert", "Patient.telecom", index=0, value={"valueContactPoint": {"use": "home"}}),
            {"telecom": [{"use": "home"}]},
        ),
        (
            operation("replace", "Patient.name[0].given[1]", value={"valueString": "Cy"}),
            {"name": [{"use": "official", "given": ["Ada", "Cy"]}, PATIENT["name"][1]]},
        ),
        (
            operation("move", "Patient.name", source=1, destination=0),
            {"name": [PATIENT["name"][1], PATIENT["name"][0]]},
        ),
        (operation("delete", "Patient.nothing"), {}),
        (operation("delete", "Patient.name.where(use = 'old')"), {}),
        (
            operation("replace", "Patient.birthDate.extension('http://time').value", value={"valueString": "late"}),
            {"_birthDate": {"extension": [{"url": "http://time", "valueString": "late"}]}},
        ),
        (
            operation(
                "add",
                "Patient.name[1].given[0]",
                name="extension",
                value={"part": [part("url", valueUri="http://x"), part("value", valueCode="c")]},
            ),
            {
                "name": [
                    PATIENT["name"][0],
                    {
                        "use": "usual",
                        "given": ["A"],
                        "_given": [{"extension": [{"url": "http://x", "valueCode": "c"}]}],
                    },
                ]
            },
        ),
        (
            operation(
                "add", "Patient", name="contained", value={"resource": {"resourceType": "Organization", "name": "b"}}
            ),
            {"contained": [{"resourceType": "Organization", "name": "b"}]},
        ),
    ],
    ids=lambda case: case["part"][1]["valueString"] if "part" in case else "",
)
def test_an_operation_changes_only_what_it_names(made, changed):
    assert patched(made) == PATIENT | changed


def test_a_choice_is_named_without_its_type_or_with_it():
    bare = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    quantity = {"valueQuantity": {"value": Decimal("1.0")}}
    for name in ("value", "value[x]", "valueQuantity"):
        made = operation("add", "Observation", name=name, value=quantity)
        assert patched(made, resource=bare) == bare | quantity


def test_replacing_a_choice_may_change_its_type():
    made = operation("replace", "Patient.deceased", value={"valueDateTime": "2020"})
    found = patched(made)
    assert found["deceasedDateTime"] == "2020"
    assert "deceasedBoolean" not in found
    made = operation("replace", "Patient.deceased.ofType(boolean)", value={"valueBoolean": True})
    assert patched(made)["deceasedBoolean"] is True


def test_replacing_a_primitive_replaces_its_extensions_too():
    found = patched(operation("replace", "Patient.birthDate", value={"valueDate": "1980"}))
    assert (found["birthDate"], found.get("_birthDate")) == ("1980", None)


def test_what_has_nothing_left_goes_too():
    found = patched(
        operation("delete", "Patient.birthDate.extension.where(url = 'http://time')"),
        operation("delete", "Patient.name[1].use"),
        operation("delete", "Patient.name[1].given[0]"),
    )
    assert found == {name: value for name, value in PATIENT.items() if name != "_birthDate"} | {
        "name": PATIENT["name"][:1]
    }


def test_elements_that_only_a_place_tells_are_built_from_parts():
    contact = {
        "part": [
            part("relationship", valueCodeableConcept={"text": "a"}),
            part("relationship", valueCodeableConcept={"text": "b"}),
            part("name", part=[part("family", valueString="M")]),
        ]
    }
    found = patched(operation("add", "Patient", name="contact", value=contact))
    assert found["contact"] == [{"relationship": [{"text": "a"}, {"text": "b"}], "name": {"family": "M"}}]
    assert validate(found) == []


@pytest.mark.parametrize(
    "made",
    [
        operation("add", "Patient.contact", name="gender", value={"valueCode": "male"}),
        operation("add", "Patient.name", name="family", value={"valueString": "x"}),
        operation("replace", "Patient.gender", value={"valueCode": "male"}),
        operation("replace", "Patient.name", value={"valueHumanName": {"text": "x"}}),
        operation("replace", "Patient", value={"valueString": "x"}),
        operation("delete", "Patient.name"),
        operation("delete", "Patient"),
        operation("insert", "Patient.name[0].given", index=3, value={"valueString": "x"}),
        operation("insert", "Patient.name.given", index=0, value={"valueString": "x"}),
        operation("insert", "Patient.name[0]", index=0, value={"valueHumanName": {"text": "x"}}),
        operation("insert", "Patient.nothing", index=0, value={"valueHumanName": {"text": "x"}}),
        operation("insert", "Patient.gender", index=0, value={"valueCode": "male"}),
        operation("move", "Patient.name", source=2, destination=0),
        operation("move", "Patient.name", source=0, destination=2),
        operation("move", "Patient.gender", source=0, destination=0),
        operation("delete", "Patient.name.single()"),
    ],
    ids=lambda case: "-".join(each.get("valueCode") or each.get("valueString", "") for each in case["part"][:2]),
)
def test_what_cannot_be_done_is_refused_at_its_place(made):
    with pytest.raises(Unpatchable) as refused:
        patched(operation("replace", "Patient.active", value={"valueBoolean": False}), made)
    assert refused.value.issues[0].expression == "Parameters.parameter[1]"


@pytest.mark.parametrize(
    ("made", "place"),
    [
        (part("test", part=[part("type", valueCode="add")]), "parameter[0].name"),
        (part("operation"), "parameter[0]"),
        (operation("alter", "Patient"), "parameter[0]"),
        (operation("add", "Patient", value={"valueCode": "x"}), "parameter[0]"),
        (operation("add", "Patient", name="gender"), "parameter[0]"),
        (operation("add", "Patient", name="gender", value={}), "parameter[0].part[3]"),
        (operation("delete", "Patient.name", index=0), "parameter[0].part[2]"),
        (operation("move", "Patient.name", source=-1, destination=0), "parameter[0].part[2]"),
        (operation("delete", "Patient.name["), "parameter[0]"),
        (operation("delete", "Patient.name.where(nonsense())"), "parameter[0]"),
        (operation("delete", "Patient.name | Patient.telecom"), "parameter[0]"),
        (operation("add", "Patient", name="colour", value={"valueCode": "x"}), "parameter[0].part[3]"),
        (operation("add", "Patient", name="active", value={"valueCode": "x"}), "parameter[0].part[3]"),
        (operation("add", "Patient", name="photo", value={"valueCode": "x"}), "parameter[0].part[3]"),
        (operation("add", "Patient", name="multipleBirth", value={"valueCode": "x"}), "parameter[0].part[3]"),
        (operation("add", "Patient", name="active", value={"valueBoolean": True}), "parameter[0]"),
        (
            operation("add", "Patient", name="contact", value={"part": [part("colour", valueCode="x")]}),
            "parameter[0].part[3].part[0]",
        ),
    ],
)
def test_what_is_no_operation_is_refused_at_its_place(made, place):
    with pytest.raises(Invalid) as refused:
        patched(made)
    assert refused.value.issues[0].expression == f"Parameters.{place}"


def test_a_patch_of_too_many_operations_is_refused():
    with pytest.raises(TooCostly):
        patched(*[operation("delete", "Patient.gender")] * 1001)


def test_resource_and_patch_stay_as_they_are():
    patch = fhirpath_patch(
        {
            "resourceType": "Parameters",
            "parameter": [
                operation("add", "Patient", name="photo", value={"valueAttachment": {"title": "x"}}),
                operation("add", "Patient.photo[0]", name="url", value={"valueUrl": "http://x"}),
                operation("delete", "Patient.name[0].given[0]"),
            ],
        }
    )
    assert patch.apply(PATIENT) == patch.apply(PATIENT)
    assert PATIENT["name"][0]["given"] == ["Ada", "Bea"]
