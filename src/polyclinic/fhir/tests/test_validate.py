# ruff: noqa: E501 - one case a line reads best
"""What R4 forbids is refused with its place and code; what R4 allows is not."""

from decimal import Decimal
from typing import Any

import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.validate import validate, validate_agreement

NARRATIVE = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
MISTAKEN = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error"}]
}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
WEIGHT = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
ABSENT = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]


def patient(**properties):
    return {"resourceType": "Patient", **properties}


def observation(**properties):
    return {"resourceType": "Observation", "status": "final", "code": WEIGHT, **properties}


def bundle(*entries, type="collection"):
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def basic(**value):
    return {"resourceType": "Basic", "code": {"text": "x"}, "extension": [{"url": "http://x.org/y", **value}]}


def places(resource, **how):
    return [(issue.expression, issue.code) for issue in validate(resource, **how)]


WRONG = {
    # form
    "no resource type": ({"id": "x"}, "resourceType", "structure"),
    "unknown resource type": ({"resourceType": "Pet"}, "resourceType", "structure"),
    "abstract resource type": ({"resourceType": "DomainResource"}, "resourceType", "structure"),
    "unknown property": (patient(age=7), "Patient.age", "structure"),
    "unknown property deep inside": (patient(contact=[{"name": {"nick": "x"}}]), "Patient.contact[0].name.nick", "structure"),
    "comments of DSTU2": (patient(fhir_comments=["x"]), "Patient.fhir_comments", "structure"),
    "choice without its type": (observation(value="x"), "Observation.value", "structure"),
    "choice with a type not allowed": (observation(valueAddress={"city": "x"}), "Observation.valueAddress", "structure"),
    "two choices": (observation(valueString="x", valueInteger=1), "Observation.value", "structure"),
    "two choices, one by its extension": (observation(valueString="x", _valueInteger={"extension": ABSENT}), "Observation.value", "structure"),
    "object for an array": (patient(name={"family": "x"}), "Patient.name", "structure"),
    "array for an object": (patient(maritalStatus=[{"text": "x"}]), "Patient.maritalStatus", "structure"),
    "array for a string": (patient(name=[{"family": ["x"]}]), "Patient.name[0].family", "structure"),
    "string for an object": (observation(subject="Patient/1"), "Observation.subject", "structure"),
    "object for a string": (patient(gender={"code": "male"}), "Patient.gender", "structure"),
    "string for a boolean": (patient(active="true"), "Patient.active", "structure"),
    "number for a boolean": (patient(active=1), "Patient.active", "structure"),
    "string for a decimal": (observation(valueQuantity={"value": "1.0"}), "Observation.value.value", "structure"),
    "boolean for an integer": (observation(valueInteger=True), "Observation.value", "structure"),
    "number for a string": (observation(valueString=1), "Observation.value", "structure"),
    "null": (patient(gender=None), "Patient.gender", "structure"),
    "null object": (patient(maritalStatus=None), "Patient.maritalStatus", "structure"),
    "null in an array": (patient(name=[{"given": ["x", None]}]), "Patient.name[0].given[1]", "structure"),
    "null in an array of objects": (patient(name=[None]), "Patient.name[0]", "structure"),
    "empty array": (patient(name=[]), "Patient.name", "structure"),
    "empty object": (patient(maritalStatus={}), "Patient.maritalStatus", "structure"),
    "object with only an id": (patient(name=[{"id": "a"}]), "Patient.name[0]", "invariant"),
    "empty string": (patient(name=[{"family": ""}]), "Patient.name[0].family", "value"),
    "resource that is no object": (bundle({"resource": "x"}), "Bundle.entry[0].resource", "structure"),
    # cardinality
    "missing element": ({"resourceType": "Observation", "code": WEIGHT}, "Observation.status", "required"),
    "missing element deep inside": (patient(link=[{"type": "seealso"}]), "Patient.link[0].other", "required"),
    "missing choice": ({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"}}, "MedicationRequest.medication", "required"),
    "missing url of an extension": (patient(extension=[{"valueString": "x"}]), "Patient.extension[0].url", "required"),
    "too many": (observation(valueSampledData={"origin": {"value": 1}, "period": 1, "dimensions": 1, "data": ["1", "2"]}), "Observation.value.data", "structure"),
    # primitives
    "30 February": (patient(birthDate="2020-02-30"), "Patient.birthDate", "value"),
    "29 February of a common year": (patient(birthDate="2023-02-29"), "Patient.birthDate", "value"),
    "29 February of 1900": (patient(birthDate="1900-02-29"), "Patient.birthDate", "value"),
    "31 April": (patient(birthDate="2020-04-31"), "Patient.birthDate", "value"),
    "month 13": (patient(birthDate="2020-13"), "Patient.birthDate", "value"),
    "year 0": (patient(birthDate="0000"), "Patient.birthDate", "value"),
    "date with time": (patient(birthDate="2020-01-01T00:00:00Z"), "Patient.birthDate", "value"),
    "date without dashes": (patient(birthDate="20200101"), "Patient.birthDate", "value"),
    "date with Arabic digits": (patient(birthDate="٢٠٢٠"), "Patient.birthDate", "value"),
    "date with a line feed": (patient(birthDate="2020\n"), "Patient.birthDate", "value"),
    "time without an offset": (observation(effectiveDateTime="2020-01-01T10:00:00"), "Observation.effective", "value"),
    "time without seconds": (observation(effectiveDateTime="2020-01-01T10:00Z"), "Observation.effective", "value"),
    "hour 24": (observation(effectiveDateTime="2020-01-01T24:00:00Z"), "Observation.effective", "value"),
    "offset of 15 hours": (observation(effectiveDateTime="2020-01-01T10:00:00+15:00"), "Observation.effective", "value"),
    "instant without a time": (observation(issued="2020-01-01"), "Observation.issued", "value"),
    "time with an offset": (observation(valueTime="10:00:00Z"), "Observation.value", "value"),
    "integer too large": (observation(valueInteger=2**31), "Observation.value", "value"),
    "integer with a point": (observation(valueInteger=Decimal("1.0")), "Observation.value", "value"),
    "positiveInt of 0": (patient(telecom=[{"rank": 0}]), "Patient.telecom[0].rank", "value"),
    "negative unsignedInt": (bundle(type="searchset") | {"total": -1, "entry": [{"fullUrl": "urn:x", "resource": patient()}]}, "Bundle.total", "value"),
    "base64 cut short": (patient(photo=[{"contentType": "image/png", "data": "abc"}]), "Patient.photo[0].data", "value"),
    "base64 of other letters": (patient(photo=[{"contentType": "image/png", "data": "ab_-"}]), "Patient.photo[0].data", "value"),
    "base64 of a blank": (patient(photo=[{"contentType": "image/png", "data": " "}]), "Patient.photo[0].data", "value"),
    "id with an underscore": (patient(id="a_b"), "Patient.id", "value"),
    "id of 65": (patient(id="a" * 65), "Patient.id", "value"),
    "uri with a blank": (patient(identifier=[{"system": "http://x y"}]), "Patient.identifier[0].system", "value"),
    "oid with a leading zero": (basic(valueOid="urn:oid:1.02"), "Basic.extension[0].value", "value"),
    "uuid in upper case": (basic(valueUuid="urn:uuid:C757873D-EC9A-4326-A141-556F43239520"), "Basic.extension[0].value", "value"),
    "code with a blank before": (observation(code={"coding": [{"code": " x"}]}), "Observation.code.coding[0].code", "value"),
    "code with two blanks": (observation(code={"coding": [{"code": "x  y"}]}), "Observation.code.coding[0].code", "value"),
    "string with NUL": (patient(name=[{"family": "a\0b"}]), "Patient.name[0].family", "value"),
    "string of more than 1 Mi": (patient(name=[{"family": "a" * (2**20 + 1)}]), "Patient.name[0].family", "value"),
    # ids and extensions of primitives
    "unknown property with an underscore": (patient(_age={"id": "a"}), "Patient._age", "structure"),
    "extension of an id": (patient(id="a", _id={"extension": ABSENT}), "Patient.id", "structure"),
    "extension of a narrative's XHTML": (patient(text={"status": "generated", "div": NARRATIVE.format("x"), "_div": {"id": "a"}}), "Patient.text.div", "structure"),
    "underscore alone": (patient(_={"id": "a"}), "Patient._", "structure"),
    "empty property name": (patient(**{"": 1}), "Patient", "structure"),
    "underscore of an object": (patient(_maritalStatus={"id": "a"}), "Patient.maritalStatus", "structure"),
    "underscore without an object": (patient(_birthDate="x"), "Patient.birthDate", "structure"),
    "underscore with only an id": (patient(_birthDate={"id": "a"}), "Patient.birthDate", "invariant"),
    "empty underscore object": (patient(gender="male", _gender={}), "Patient.gender", "structure"),
    "underscore array with only an id": (patient(name=[{"_given": [{"id": "a"}]}]), "Patient.name[0].given[0]", "invariant"),
    "underscore array of another length": (patient(name=[{"given": ["x"], "_given": [None, {"extension": ABSENT}]}]), "Patient.name[0].given", "structure"),
    "underscore object for an array": (patient(name=[{"given": ["x"], "_given": {"extension": ABSENT}}]), "Patient.name[0].given", "structure"),
    "null beside null": (patient(name=[{"given": ["x", None], "_given": [None, None]}]), "Patient.name[0].given[1]", "structure"),
    "underscore array of null": (patient(name=[{"_given": [None]}]), "Patient.name[0].given[0]", "structure"),
    "wrong extension of a primitive": (patient(_birthDate={"extension": [{"url": "http://x.org"}]}), "Patient.birthDate.extension[0]", "invariant"),
    # codes
    "code outside its value set": (patient(gender="m"), "Patient.gender", "code-invalid"),
    "code in capitals": (observation(status="Final") , "Observation.status", "code-invalid"),
    "concept outside its value set": ({"resourceType": "AllergyIntolerance", "patient": {"display": "x"}, "clinicalStatus": {"coding": [{"system": "http://x.org", "code": "active"}]}}, "AllergyIntolerance.clinicalStatus", "code-invalid"),
    "concept as text alone": ({"resourceType": "AllergyIntolerance", "patient": {"display": "x"}, "clinicalStatus": {"text": "active"}}, "AllergyIntolerance.clinicalStatus", "code-invalid"),
    "language that is none": (patient(language="English (US)"), "Patient.language", "code-invalid"),
    "mime type that is none": (patient(photo=[{"contentType": "png"}]), "Patient.photo[0].contentType", "code-invalid"),
    "currency that is none": (basic(valueMoney={"value": 1, "currency": "Euro"}), "Basic.extension[0].value.currency", "code-invalid"),
    # references
    "reference to a type not allowed": (observation(subject={"reference": "Practitioner/1"}), "Observation.subject.reference", "value"),
    "reference to a version of such": (observation(subject={"reference": "Practitioner/1/_history/2"}), "Observation.subject.reference", "value"),
    "absolute reference to such": (observation(subject={"reference": "http://x.org/fhir/Practitioner/1"}), "Observation.subject.reference", "value"),
    "conditional reference to such": (observation(subject={"reference": "Practitioner?identifier=a|b"}), "Observation.subject.reference", "value"),
    "reference to no type": (observation(subject={"reference": "Pet/1"}), "Observation.subject.reference", "value"),
    "type of reference not allowed": (observation(subject={"type": "Practitioner", "display": "x"}), "Observation.subject.type", "value"),
    "type beside another reference": (observation(subject={"type": "Group", "reference": "Patient/1"}), "Observation.subject.type", "value"),
    "reference to nothing contained": (observation(subject={"reference": "#p"}), "Observation.subject.reference", "invariant"),
    "reference to contained of a type not allowed": (observation(contained=[{"resourceType": "Practitioner", "id": "p"}], subject={"reference": "#p"}), "Observation.subject.reference", "value"),
    # contained
    "contained inside contained": (observation(contained=[patient(id="p", contained=[patient(id="q")])], subject={"reference": "#p"}), "Observation.contained[0].contained", "invariant"),
    "contained but not referred to": (observation(contained=[patient(id="p")]), "Observation.contained[0]", "invariant"),
    "contained with a version": (observation(contained=[patient(id="p", meta={"versionId": "1"})], subject={"reference": "#p"}), "Observation.contained[0].meta.versionId", "invariant"),
    "contained with security": (observation(contained=[patient(id="p", meta={"security": [{"code": "R"}]})], subject={"reference": "#p"}), "Observation.contained[0].meta.security", "invariant"),
    "contained and wrong": (observation(contained=[patient(id="p", age=1)], subject={"reference": "#p"}), "Observation.contained[0].age", "structure"),
    # narrative
    "narrative with a script": (patient(text={"status": "generated", "div": NARRATIVE.format("x<script>1</script>")}), "Patient.text.div", "invariant"),
    "narrative with an event": (patient(text={"status": "generated", "div": NARRATIVE.format('<p onclick="x()">x</p>')}), "Patient.text.div", "invariant"),
    "narrative with an active link": (patient(text={"status": "generated", "div": NARRATIVE.format('<a href=" java\nscript:x">x</a>')}), "Patient.text.div", "invariant"),
    "narrative without namespace": (patient(text={"status": "generated", "div": "<div>x</div>"}), "Patient.text.div", "invariant"),
    "narrative not well-formed": (patient(text={"status": "generated", "div": NARRATIVE.format("<p>x")}), "Patient.text.div", "structure"),
    "narrative with a named entity": (patient(text={"status": "generated", "div": NARRATIVE.format("&nbsp;x")}), "Patient.text.div", "structure"),
    "narrative with a document type": (patient(text={"status": "generated", "div": '<!DOCTYPE div [<!ENTITY a "aa">]>' + NARRATIVE.format("&a;")}), "Patient.text.div", "invariant"),
    "narrative with nothing in it": (patient(text={"status": "generated", "div": NARRATIVE.format(" ")}), "Patient.text.div", "invariant"),
    "narrative without status": (patient(text={"div": NARRATIVE.format("x")}), "Patient.text.status", "required"),
    # invariants
    "extension with value and extensions": (patient(extension=[{"url": "http://x.org", "valueString": "x", "extension": ABSENT}]), "Patient.extension[0]", "invariant"),
    "period that ends before it starts": (patient(name=[{"family": "x", "period": {"start": "2020-02", "end": "2020-01"}}]), "Patient.name[0].period", "invariant"),
    "quantity with a code of no system": (observation(valueQuantity={"value": 1, "code": "kg"}), "Observation.value", "invariant"),
    "telecom without a system": (patient(telecom=[{"value": "x"}]), "Patient.telecom[0]", "invariant"),
    "ratio of one": (observation(valueRatio={"numerator": {"value": 1}}), "Observation.value", "invariant"),
    "range from high to low": (observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}), "Observation.value", "invariant"),
    "comparator where none is allowed": (observation(valueRange={"low": {"value": 2, "comparator": "<"}}), "Observation.value.low", "invariant"),
    "value and reason why there is none": (observation(valueString="x", dataAbsentReason={"text": "x"}), "Observation", "invariant"),
    "component of the same code": (observation(valueString="x", component=[{"code": WEIGHT, "valueString": "y"}]), "Observation", "invariant"),
    "condition over but active": ({"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": ACTIVE, "abatementString": "x"}, "Condition", "invariant"),
    "condition mistaken but active": ({"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": ACTIVE, "verificationStatus": MISTAKEN}, "Condition", "invariant"),
    "organization without a name": ({"resourceType": "Organization", "active": True}, "Organization", "invariant"),
    "organization at home": ({"resourceType": "Organization", "name": "x", "telecom": [{"use": "home", "system": "url"}]}, "Organization.telecom[0]", "invariant"),
    "period of a timing without unit": (basic(valueTiming={"repeat": {"period": 1}}), "Basic.extension[0].value.repeat", "invariant"),
    "parameter without a value": ({"resourceType": "Parameters", "parameter": [{"name": "x"}]}, "Parameters.parameter[0]", "invariant"),
    "questionnaire item without its type": ({"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "group"}]}, "Questionnaire.item[0]", "invariant"),
    "transaction without requests": (bundle({"resource": patient()}, type="transaction"), "Bundle", "invariant"),
    # inside Bundles and Parameters
    "wrong resource in a Bundle": (bundle({"resource": patient(gender="m")}), "Bundle.entry[0].resource.gender", "code-invalid"),
    "unknown resource in a Bundle": (bundle({"resource": {"resourceType": "Pet"}}), "Bundle.entry[0].resource.resourceType", "structure"),
    "wrong resource in Parameters": ({"resourceType": "Parameters", "parameter": [{"name": "x", "resource": observation(status="x")}]}, "Parameters.parameter[0].resource.status", "code-invalid"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_validate_refuses(case):
    resource, expression, code = WRONG[case]
    assert places(resource) == [(expression, code)]


RIGHT = {
    "smallest": patient(),
    "primitive with only an extension": patient(_birthDate={"extension": ABSENT}),
    "required primitive with only an extension": {"resourceType": "Observation", "code": WEIGHT, "_status": {"extension": ABSENT}},
    "primitive with only an id": patient(gender="male", _gender={"id": "a"}),
    "primitives with only ids": patient(name=[{"given": ["x", "y"], "_given": [{"id": "a"}, None]}]),
    "null beside an extension": patient(name=[{"given": ["x", None], "_given": [None, {"extension": ABSENT}]}]),
    "array of extensions only": patient(name=[{"_given": [{"extension": ABSENT}]}]),
    "choice and its extension": observation(valueString="x", _valueString={"id": "a", "extension": ABSENT}),
    "leap day": patient(birthDate="2000-02-29"),
    "year": patient(birthDate="2000"),
    "leap second": observation(effectiveDateTime="2016-12-31T23:59:60Z"),
    "many decimals of a second": observation(issued="2016-12-31T23:59:59.123456789-14:00"),
    "exponent": observation(valueQuantity={"value": Decimal("1E-22")}),
    "code with a blank inside": observation(code={"coding": [{"code": "a b"}]}),
    "no-break blank in a string": patient(name=[{"family": "\u00a0"}]),
    "language with a region": patient(language="de-CH-1996"),
    "language of a practitioner in words": {"resourceType": "Practitioner", "communication": [{"text": "English"}]},
    "mime type with parameters": patient(photo=[{"contentType": "text/plain; charset=utf-8"}]),
    "preferred code that is another": patient(maritalStatus={"coding": [{"system": "http://x.org", "code": "y"}]}),
    "required concept with another coding beside": {"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": {"coding": [{"code": "y"}, *ACTIVE["coding"]]}},
    "unknown profile": patient(meta={"profile": ["http://nowhere.org/profile"]}),
    "urn:uuid reference": observation(subject={"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}),
    "conditional reference": observation(subject={"reference": "Patient?identifier=a|b"}),
    "reference of another server": observation(subject={"reference": "https://x.org/people/7"}),
    "reference with a type by URL": observation(subject={"type": "http://x.org/Model", "display": "x"}),
    "reference with a fragment": observation(subject={"reference": "http://x.org/Patient/1#a"}),
    "reference to its own container": {"resourceType": "Provenance", "target": [{"reference": "#"}], "recorded": "2020-01-01T00:00:00Z", "agent": [{"who": {"display": "x"}}]},
    "contained that refers to its container": observation(contained=[{"resourceType": "Observation", "id": "o", "status": "final", "code": WEIGHT, "hasMember": [{"reference": "#"}]}]),
    "contained by canonical": {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "#q", "contained": [{"resourceType": "Questionnaire", "id": "q", "status": "draft"}]},
    "contained that refer to each other": observation(contained=[patient(id="p", managingOrganization={"reference": "#o"}), {"resourceType": "Organization", "id": "o", "name": "x"}], subject={"reference": "#p"}),
    "period open at one end": patient(name=[{"family": "x", "period": {"start": "2020"}}]),
    "period of unlike precision": patient(name=[{"family": "x", "period": {"start": "2020-05-01", "end": "2020"}}]),
    "narrative with an image": patient(text={"status": "generated", "div": NARRATIVE.format('<img src="#x" alt="y"/>')}),
    "narrative with a style and a language": patient(text={"status": "generated", "div": NARRATIVE.format('<p style="color: red" xml:lang="fr">x</p>')}),
    "component of another code": observation(valueString="x", component=[{"code": {"text": "y"}, "valueString": "y"}]),
    "home telecom of a patient": patient(telecom=[{"use": "home", "system": "url"}]),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_validate_accepts(case):
    assert validate(RIGHT[case]) == []


def test_validate_tells_every_problem():
    resource = patient(gender="m", birthDate="x", age=1, contact=[{"name": {"given": ["a", ""]}}, {"gender": "male"}])
    assert sorted(places(resource)) == [
        ("Patient.age", "structure"),
        ("Patient.birthDate", "value"),
        ("Patient.contact[0].name.given[1]", "value"),
        ("Patient.contact[1]", "invariant"),
        ("Patient.gender", "code-invalid"),
    ]


def test_validate_refuses_another_type_than_expected():
    assert places(patient(), expected_type="Observation") == [("resourceType", "structure")]
    assert places(patient(), expected_type="Patient") == []
    assert places({}, expected_type="Patient") == [("resourceType", "structure"), ("resourceType", "structure")]


def test_validate_tells_best_practices_only_when_asked():
    assert validate(patient()) == []
    [issue] = validate(patient(), warnings=True)
    assert (issue.severity, issue.code, issue.expression) == ("warning", "invariant", "Patient")
    assert issue.diagnostics.startswith("dom-6")


def test_validate_never_repeats_a_patients_value():
    issues = validate(patient(birthDate="secret", name=[{"family": "", "given": "secret"}], telecom="secret"))
    assert len(issues) == 4
    assert "secret" not in repr(issues)


def test_validate_answers_resources_nested_without_end():
    extension: dict[str, Any] = {"url": "http://x.org", "valueString": "x"}
    for _ in range(2000):
        extension = {"url": "http://x.org", "extension": [extension]}
    [issue] = validate(patient(extension=[extension]))
    assert issue.diagnostics == "the resource is nested too deeply"


def test_validate_takes_linear_time_on_wrong_nested_resources():
    item: dict[str, Any] = {"linkId": "x", "type": "nonsense"}
    for level in range(60):
        item = {"linkId": str(level), "type": "group", "item": [item]}
    issues = validate({"resourceType": "Questionnaire", "status": "draft", "item": [item]})
    assert [issue.code for issue in issues] == ["code-invalid"]


def test_validate_agreement_holds_type_and_id_against_the_address():
    assert validate_agreement(patient(id="a"), type_name="Patient", id="a") == []
    [wrong] = validate_agreement(patient(id="b"), type_name="Patient", id="a")
    assert (wrong.expression, wrong.code) == ("Patient.id", "value")
    assert len(validate_agreement(patient(), type_name="Group", id="a")) == 2


def test_validate_reads_what_json_decodes():
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}'
    assert validate(decode(body)) == []
