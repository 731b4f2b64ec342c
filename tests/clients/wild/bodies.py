"""Bodies: resources that were sound once, Bundles of all verbs, patches, and bytes that are none of these."""

import json
from copy import deepcopy
from datetime import date
from functools import cache
from gzip import compress

from hypothesis import strategies as st

from polyclinic.fhir.json import encode
from polyclinic.platform import demo

from .values import DATES, NUMBERS, ODD, REFERENCES, TOKENS, texts

HUGE = [10**400, -(10**400), 2**63, 1e308, float("inf"), float("nan"), -0.0, 1e-320]
NESTED = [
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b"[" * 200 + b"]" * 200,
    b'{"resourceType":"Patient","contained":' + b"[" * 5000,
]
SURROGATES = ['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\ud83d\\ude00"']
BYTES = [
    b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"{}", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\x00", b"{",
    b'{"a":1,"a":2}',
    b'{"resourceType":"Patient","resourceType":"Observation"}', b'{"resourceType":1}', b'{"resourceType":null}',
    b'{"resourceType":"patient"}',
    b'{"resourceType":"Patient"}x', b"<Patient/>", b"a=b&c=d", b"\x1f\x8b", compress(b"{}"),
    b'{"resourceType":"Bundle","type":"batch","entry":{}}',
    b'{"resourceType":"Patient","id":"\xff"}', b'{"resourceType":"Patient","name":[{"family":"\xed\xa0\x80"}]}',
    b"1e999999999", b"NaN",
    b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}",
]  # fmt: skip


@cache
def seeds() -> tuple[dict, ...]:
    """Return sound resources, one or two of each type of the demonstration, and the smallest of some others."""
    found: dict[str, list[dict]] = {}
    for bundle in demo.bundles(today=date(2026, 3, 1), patients=3):
        for entry in bundle["entry"]:
            found.setdefault(entry["resource"]["resourceType"], []).append(json.loads(encode(entry["resource"])))
    small = [
        {"resourceType": "Basic", "code": {"text": "x"}},
        {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="},
        {"resourceType": "Parameters", "parameter": [{"name": "x", "resource": {"resourceType": "Basic", "code": {}}}]},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]},
        {"resourceType": "SearchParameter", "url": "http://x/sp", "name": "x", "status": "active", "description": "x",
        "code": "x"}
        | {"base": ["Patient"], "type": "token", "expression": "Patient.active"},
    ]  # fmt: skip
    return tuple(one for ones in found.values() for one in ones[:2]) + tuple(small)


json_scalars = st.one_of(
    st.sampled_from([*ODD, *DATES, *NUMBERS, *TOKENS, *REFERENCES]), st.sampled_from(HUGE), st.booleans(), st.none(),
    st.integers(),
    st.floats(), st.text(st.characters(exclude_categories=()), max_size=10),
)  # fmt: skip
json_values = st.recursive(
    json_scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(texts.map(lambda t: t[:40]), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: object) -> list[tuple[object, object]]:
    """Return every place in ``value``: the container and the key or index."""
    found: list[tuple[object, object]] = []
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        found += _places(value[key])  # type: ignore[index]
    return found


@st.composite
def resources(draw, *, mutated: bool = True):
    """A resource that was sound, with up to three places changed."""
    resource = deepcopy(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(0, 3)) if mutated else 0):
        _mutate(draw, resource)
    return resource


def _mutate(draw, resource) -> None:
    places = _places(resource)
    if not places:
        return
    holder, key = draw(st.sampled_from(places))
    match draw(st.integers(0, 5)):
        case 0:
            del holder[key]
        case 1:
            holder[key] = [holder[key]] * 2
        case 2 if isinstance(holder, dict):
            holder[
                draw(
                    st.sampled_from(
                        ["_" + key, key + "x", "extension", "id", "contained", "modifierExtension", "", key]
                    )
                )
            ] = draw(json_values)
        case 3:
            holder[key] = {"nested": holder[key]}
        case _:
            holder[key] = draw(json_values)


def said(value: object) -> bytes:
    """Return ``value`` as JSON: NaN and lone surrogates included, as a careless client would write them."""
    return json.dumps(value).encode()


@st.composite
def garbled(draw, body: bytes) -> bytes:
    """``body`` with some of its bytes changed."""
    at = draw(st.integers(0, len(body)))
    match draw(st.integers(0, 4)):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + draw(st.binary(max_size=4)) + body[at:]
        case 2:
            return body[:at] + draw(st.sampled_from(SURROGATES)).encode() + body[at + 1 :]
        case 3:
            return body.decode("latin-1").encode("utf-16")
        case _:
            return compress(body)[: draw(st.integers(0, 200))]


@st.composite
def patches(draw) -> object:
    """A JSON Patch, or FHIRPath Patch as Parameters, of any soundness."""
    if draw(st.booleans()):
        return draw(st.lists(_json_patch_operations(), max_size=3))
    return {"resourceType": "Parameters", "parameter": draw(st.lists(_fhirpath_patch_operations(), max_size=3))}


def _json_patch_operations():
    path = st.sampled_from(
        ["", "/", "/active", "/name/0", "/name/-", "/name/99", "/~2", "/~0~1", "/id", "/resourceType", "active"]
    )
    verbs = st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "frob"])
    operations = st.fixed_dictionaries({"op": verbs, "path": path}, optional={"value": json_values, "from": path})
    return st.one_of(operations, operations, json_values)


@st.composite
def _fhirpath_patch_operations(draw):
    paths = [
        "Patient",
        "Patient.active",
        "Patient.name[0]",
        "Patient.name.where(",
        "1/0",
        "Observation",
        "",
        "Patient.descendants()",
    ]
    parts = [
        {"name": "type", "valueCode": draw(st.sampled_from(["add", "insert", "delete", "replace", "move", "x"]))},
        {"name": "path", "valueString": draw(st.sampled_from(paths))},
        {"name": "name", "valueString": draw(st.sampled_from(["active", "name", "x", ""]))},
        {
            "name": "value",
            draw(st.sampled_from(["valueBoolean", "valueString", "valueHumanName", "valueX"])): draw(json_values),
        },
        {"name": "index", "valueInteger": draw(st.sampled_from([0, -1, 5, 10**20, "1"]))},
    ]
    kept = draw(st.lists(st.sampled_from(parts), max_size=5, unique_by=lambda part: part["name"]))
    return {"name": "operation", "part": kept}
