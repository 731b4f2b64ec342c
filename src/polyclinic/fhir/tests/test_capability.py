"""CapabilityStatements are valid R4 and promise what they were given."""

from datetime import UTC, datetime

from polyclinic.fhir.capability import Offer, Promise, Software, capability_statement, merged, tell_includes
from polyclinic.fhir.validate import validate

SOFTWARE = Software("Polyclinic", "1.0", "http://localhost/fhir", datetime(2026, 1, 1, tzinfo=UTC))
OFFER = Offer(("read", "create"), ("batch",), {"versioning": "versioned"})


def test_statement_promises_types_interactions_and_parameters():
    statement = capability_statement(SOFTWARE, OFFER, {"Patient": ["name", "_id"], "Basic": []})
    (rest,) = statement["rest"]
    basic, patient = rest["resource"]
    assert (basic["type"], patient["type"]) == ("Basic", "Patient")
    assert "searchParam" not in basic
    assert patient["interaction"] == [{"code": "read"}, {"code": "create"}]
    assert patient["versioning"] == "versioned"
    assert [(item["name"], item["type"]) for item in patient["searchParam"]] == [("_id", "token"), ("name", "string")]
    assert rest["interaction"] == [{"code": "batch"}]
    assert validate(statement) == []


def test_operations_are_promised_where_they_are_offered():
    everywhere = Promise("meta", "http://x/meta", ("system", "instance"))
    of_one = Promise("everything", "http://x/everything", ("instance",), frozenset({"Patient"}))
    of_system = Promise("convert", "http://x/convert", ("system",))
    offer = Offer(("read",), (), None, (everywhere, of_one, of_system))
    statement = merged(SOFTWARE, [capability_statement(SOFTWARE, offer, {"Patient": [], "Basic": []})])
    (rest,) = statement["rest"]
    assert [item["name"] for item in rest["operation"]] == ["convert", "meta"]
    told = {resource["type"]: [item["name"] for item in resource["operation"]] for resource in rest["resource"]}
    assert told == {"Basic": ["meta"], "Patient": ["meta", "everything"]}
    assert validate(statement) == []


def test_merged_statement_promises_what_all_promise_together():
    first = capability_statement(SOFTWARE, OFFER, {"Patient": ["name"]})
    second = capability_statement(SOFTWARE, Offer(("read",), ("transaction",)), {"Appointment": ["date"]})
    statement = merged(SOFTWARE, [first, second])
    (rest,) = statement["rest"]
    assert [resource["type"] for resource in rest["resource"]] == ["Appointment", "Patient"]
    assert [item["code"] for item in rest["interaction"]] == ["batch", "transaction"]
    assert "documentation" not in rest
    assert validate(statement) == []


def test_merged_statement_promises_on_several_services_only_operations_that_are_shared():
    offer = Offer(("read",), (), None, (Promise("meta", "http://x/meta", ("system", "type")),))
    first, second = (capability_statement(SOFTWARE, offer, {type: []}) for type in ("Patient", "Appointment"))
    (rest,) = merged(SOFTWARE, [first, second])["rest"]
    assert "operation" not in rest
    assert [resource["operation"][0]["name"] for resource in rest["resource"]] == ["meta", "meta"]
    assert "operation" not in merged(SOFTWARE, [first], ["scheduling"])["rest"][0]
    (shared,) = merged(SOFTWARE, [first, second], shared={"meta"})["rest"]
    assert [item["name"] for item in shared["operation"]] == ["meta"]


def test_merged_statement_names_who_is_missing():
    statement = merged(SOFTWARE, [], ["records"])
    assert "records" in statement["rest"][0]["documentation"]
    assert validate(statement) == []


def test_includes_are_told_from_both_ends():
    statement = capability_statement(SOFTWARE, OFFER, {"Patient": ["name"], "Observation": []})
    tell_includes(statement, {"Observation": {"subject": ("Patient", "Group"), "focus": ("Observation",)}})
    observation, patient = statement["rest"][0]["resource"]
    assert observation["searchInclude"] == ["*", "Observation:focus", "Observation:subject"]
    assert observation["searchRevInclude"] == ["Observation:focus"]
    assert patient["searchInclude"] == ["*"]
    assert patient["searchRevInclude"] == ["Observation:subject"]
