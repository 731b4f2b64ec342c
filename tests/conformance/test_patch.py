"""HL7's own patch tests for R4 (fhir-patch-tests.xml, json-patch-tests.json): every one of them, without exception.

The XML of the FHIRPath Patch cases is read by our own definition tables; XML Patch is not offered.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from polyclinic.fhir import definitions
from polyclinic.fhir import json as fhir_json
from polyclinic.fhir.outcome import Refusal
from polyclinic.fhir.patch import fhirpath_patch, json_patch

SHARED = Path(__file__).parents[3] / "shared" / "data" / "patch"
FHIRPATH_CASES = SHARED / "fhir-patch-tests.xml"
JSON_CASES = SHARED / "json-patch-tests.json"
XHTML = "{http://www.w3.org/1999/xhtml}"

pytestmark = pytest.mark.skipif(not FHIRPATH_CASES.exists(), reason="HL7's patch tests are not beside this repository")


@dataclass(frozen=True)
class Case:
    name: str
    document: Any
    patch: Any
    output: Any
    is_refused: bool

    def __str__(self) -> str:
        return self.name


def resource(node: ET.Element) -> dict[str, Any]:
    """Return the resource in the XML of ``node`` as FHIR JSON."""
    type = local(node)
    return {"resourceType": type, **element(node, type)}


def element(node: ET.Element, type: str) -> dict[str, Any]:
    made: dict[str, Any] = dict(node.attrib) if type == "Extension" else {}
    for child in node:
        found = definitions.properties(type)[local(child)]
        value, extra = primitive(child, found.type) if is_primitive(found.type) else (element(child, found.type), None)
        if not found.element.is_list:
            made[found.name] = value
            if extra:
                made["_" + found.name] = extra
            continue
        made.setdefault(found.name, []).append(value)
        if extra:
            made.setdefault("_" + found.name, []).extend([None] * (len(made[found.name]) - 1) + [extra])
    return made


def is_primitive(type: str) -> bool:
    return definitions.structure(type).kind == "primitive"


def primitive(node: ET.Element, type: str) -> tuple[Any, Any]:
    if type == "xhtml":
        return markup(node), None
    text = node.get("value", "")
    convert = {"boolean": "true".__eq__, "integer": int, "decimal": Decimal}
    ancestor = next((name for name in definitions.ancestors(type) if name in convert), None)
    return convert[ancestor](text) if ancestor else text, element(node, type)


def markup(node: ET.Element) -> str:
    """Return XHTML in one way of writing, so that equal markup is equal text."""
    ET.register_namespace("", XHTML[1:-1])
    copy = ET.fromstring(ET.tostring(node, encoding="unicode"))
    copy.tail = None
    return ET.canonicalize(ET.tostring(copy, encoding="unicode"), strip_text=True)


def local(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


@cache
def fhirpath_cases() -> tuple[Case, ...]:
    return tuple(map(_fhirpath_case, ET.parse(FHIRPATH_CASES).iter("case"))) if FHIRPATH_CASES.exists() else ()


def _fhirpath_case(case: ET.Element) -> Case:
    parts = {local(part): part for part in case}
    read = {name: resource(part[0]) for name, part in parts.items() if len(part)}
    return Case(case.get("name", ""), read["input"], read["diff"], read.get("output"), "error" in parts)


@cache
def json_cases() -> tuple[Case, ...]:
    listed = fhir_json.decode(JSON_CASES.read_bytes()) if JSON_CASES.exists() else []
    return tuple(
        Case(each["comment"], each["doc"], each["patch"], each.get("expected"), "error" in each) for each in listed
    )


def test_the_suites_are_whole():
    assert (len(fhirpath_cases()), len(json_cases())) == (33, 16)


def narrative_in_one_writing(found: dict[str, Any]) -> dict[str, Any]:
    if "text" in found:
        found["text"]["div"] = markup(ET.fromstring(found["text"]["div"]))
    return found


@pytest.mark.parametrize("case", fhirpath_cases(), ids=str)
def test_fhirpath_patch_gives_what_hl7_expects(case):
    before = fhir_json.encode(case.document)
    if case.is_refused:
        with pytest.raises(Refusal):
            fhirpath_patch(case.patch).apply(case.document)
    else:
        assert narrative_in_one_writing(fhirpath_patch(case.patch).apply(case.document)) == case.output
    assert fhir_json.encode(case.document) == before


@pytest.mark.parametrize("case", json_cases(), ids=str)
def test_json_patch_gives_what_hl7_expects(case):
    before = fhir_json.encode(case.document)
    if case.is_refused:
        with pytest.raises(Refusal):
            json_patch(case.patch).apply(case.document)
    else:
        assert json_patch(case.patch).apply(case.document) == case.output
    assert fhir_json.encode(case.document) == before
