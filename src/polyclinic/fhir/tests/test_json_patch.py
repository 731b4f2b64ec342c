"""JSON Patch by RFC 6902 and JSON Pointer by RFC 6901, beyond what HL7's suite asks."""

from decimal import Decimal

import pytest

from polyclinic.fhir.outcome import Invalid, Malformed, Refusal, TooCostly
from polyclinic.fhir.patch import TestFailed, Unpatchable, json_patch

DOCUMENT = {"a": [1, 2, 3], "b": {"c": None, "": 5}, "x/y": 1, "m~n": 2, "d": Decimal("1.00"), "t": True}


def op(name, path, **more):
    return {"op": name, "path": path, **{key.rstrip("_"): value for key, value in more.items()}}


def patched(*operations, document=DOCUMENT):
    return json_patch(list(operations)).apply(document)


@pytest.mark.parametrize(
    ("operation", "path", "found"),
    [
        (op("add", "/a/0", value=0), "a", [0, 1, 2, 3]),
        (op("add", "/a/3", value=4), "a", [1, 2, 3, 4]),
        (op("add", "/a/-", value=4), "a", [1, 2, 3, 4]),
        (op("add", "/b", value=4), "b", 4),
        (op("add", "/n", value=None), "n", None),
        (op("remove", "/a/1"), "a", [1, 3]),
        (op("remove", "/b/"), "b", {"c": None}),
        (op("replace", "/b/c", value=[]), "b", {"c": [], "": 5}),
        (op("replace", "/x~1y", value=7), "x/y", 7),
        (op("replace", "/m~0n", value=7), "m~n", 7),
        (op("move", "/a/0", from_="/a/2"), "a", [3, 1, 2]),
        (op("move", "/a/-", from_="/a/0"), "a", [2, 3, 1]),
        (op("move", "/a", from_="/a"), "a", [1, 2, 3]),
        (op("copy", "/b/c", from_="/a"), "b", {"c": [1, 2, 3], "": 5}),
        (op("copy", "/a/-", from_="/a"), "a", [1, 2, 3, [1, 2, 3]]),
    ],
)
def test_an_operation_changes_only_what_it_names(operation, path, found):
    assert patched(operation) == DOCUMENT | {path: found}


def test_the_whole_document_can_be_replaced_and_tested():
    assert patched(op("test", "", value=DOCUMENT), op("replace", "", value={"z": 1})) == {"z": 1}
    assert patched(op("add", "", value=[])) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/d", 1),
        ("/d", Decimal("1.0")),
        ("/d", Decimal("10e-1")),
        ("/a", [1, Decimal("2.0"), 3]),
        ("/b", {"": 5, "c": None}),
        ("/t", True),
        ("/b/c", None),
    ],
)
def test_a_test_compares_by_value(path, value):
    assert patched(op("test", path, value=value)) == DOCUMENT


@pytest.mark.parametrize(
    ("path", "value"),
    [("/d", "1.00"), ("/d", 2), ("/t", 1), ("/a", [1, 2]), ("/a", [2, 1, 3]), ("/b", {"c": None}), ("/b/c", False)],
)
def test_a_failed_test_is_a_broken_business_rule_at_its_place(path, value):
    with pytest.raises(TestFailed) as refused:
        patched(op("add", "/q", value=1), op("test", path, value=value))
    assert [(issue.code, issue.expression) for issue in refused.value.issues] == [("business-rule", "[1]/path")]


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        (op("add", "/a/4", value=0), "path"),
        (op("add", "/a/01", value=0), "path"),
        (op("add", "/a/+1", value=0), "path"),
        (op("add", "/a/\u0661", value=0), "path"),
        (op("add", "/a/1/x", value=0), "path"),
        (op("add", "/nowhere/x", value=0), "path"),
        (op("add", "/t/x", value=0), "path"),
        (op("remove", "/a/3"), "path"),
        (op("remove", "/a/-"), "path"),
        (op("remove", "/nothing"), "path"),
        (op("remove", ""), "path"),
        (op("replace", "/nothing", value=0), "path"),
        (op("replace", "/a/-", value=0), "path"),
        (op("move", "/z", from_="/nothing"), "from"),
        (op("move", "/nowhere/z", from_="/t"), "path"),
        (op("copy", "/z", from_="/a/9"), "from"),
        (op("test", "/nothing", value=None), "path"),
    ],
)
def test_what_cannot_be_done_is_refused_at_its_place(operation, place):
    with pytest.raises(Unpatchable) as refused:
        patched(operation)
    assert refused.value.issues[0].expression == f"[0]/{place}"


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        ("add", "[0]"),
        (op("put", "/a", value=0), "[0]/op"),
        ({"path": "/a"}, "[0]/op"),
        ({"op": ["add"], "path": "/a"}, "[0]/op"),
        ({"op": "add", "value": 1}, "[0]/path"),
        (op("add", "/a"), "[0]/value"),
        (op("test", "/a"), "[0]/value"),
        (op("move", "/a"), "[0]/from"),
        (op("add", "a", value=0), "[0]/path"),
        (op("add", 7, value=0), "[0]/path"),
        (op("add", "/~2", value=0), "[0]/path"),
        (op("add", "/a~", value=0), "[0]/path"),
        (op("copy", "/a", from_="x"), "[0]/from"),
        (op("move", "/b/c", from_="/b"), "[0]/path"),
        (op("move", "/b", from_=""), "[0]/path"),
    ],
)
def test_what_is_no_operation_is_refused_at_its_place(operation, place):
    with pytest.raises(Invalid) as refused:
        json_patch([operation])
    assert refused.value.issues[0].expression == place


def test_a_patch_is_a_list():
    with pytest.raises(Malformed):
        json_patch({"op": "add"})


def test_a_patch_does_not_grow_a_document_without_end():
    doubling = [op("copy", "/a/-", from_="/a")] * 60
    with pytest.raises(TooCostly):
        patched(*doubling)
    with pytest.raises(TooCostly):
        json_patch([op("remove", "/a")] * 10_001)


def test_a_patch_does_not_nest_a_document_without_end():
    with pytest.raises(Refusal):
        patched(*[op("copy", "/b/c", from_="/b")] * 9_000)


def test_document_and_patch_stay_as_they_are():
    document = {"a": {"b": [1]}}
    patch = json_patch([op("add", "/x", value={"y": []}), op("add", "/x/y/-", value=1), op("add", "/a/b/-", value=2)])
    assert patch.apply(document) == patch.apply(document) == {"a": {"b": [1, 2]}, "x": {"y": [1]}}
    assert document == {"a": {"b": [1]}}
