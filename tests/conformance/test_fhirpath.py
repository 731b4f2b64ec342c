"""HL7's own FHIRPath tests for R4 (tests-fhir-r4.xml): every one of them, without exception.

Compared are values, their order and their types. Expressions that must be refused are held against ``check`` and
then evaluated; all are compiled strictly.
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from polyclinic.fhir import json as fhir_json
from polyclinic.fhir.outcome import Refusal
from polyclinic.fhir.path import Node, check, compile_path
from polyclinic.fhir.path.nodes import Item, plain
from polyclinic.fhir.path.operators import text_of
from polyclinic.fhir.path.temporal import Temporal
from polyclinic.fhir.path.values import system_type

SHARED = Path(__file__).parents[3] / "shared" / "data"
SUITE = SHARED / "fhirpath" / "tests-fhir-r4.xml"
EXAMPLES = SHARED / "r4-examples"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="HL7's 935 FHIRPath tests are not beside this repository")

# Where the examples at hand bear other names than the tests, which were written for XML.
RENAMED = {"appointment-examplereq": "official/appointment-example-request"}

# Inputs that are not among the examples, as far as their tests look into them.
WRITTEN: dict[str, dict[str, Any]] = {
    "parameters-example-types": {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "string", "valueString": "string"},
            {"name": "integer", "valueInteger": 1},
            {"name": "uuid", "valueUuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
            {"name": "decimal", "valueDecimal": Decimal("1.0")},
        ],
    },
    "patient-example-period": {
        "resourceType": "Patient",
        "identifier": [
            {"period": {"start": "2001-05-06", "end": "2001-05-06T10:00:00Z"}},
            {"period": {"start": "2001-05-06"}},
        ],
    },
    "patient-container-example": {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "1", "name": "Gastroenterology"}],
        "managingOrganization": {"reference": "#1"},
    },
    "patient-name-extensions": {
        "resourceType": "Patient",
        "name": [{"given": [None, "Jean"], "_given": [{"extension": [{"url": "http://x", "valueCode": "y"}]}, None]}],
    },
}

# What the tests look for in an example and its JSON form here does not have.
ADDED: dict[str, dict[str, Any]] = {
    "observation-example": {
        "extension": [
            {
                "url": "http://example.com/fhir/StructureDefinition/patient-age",
                "valueAge": {"value": Decimal(8), "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"},
            }
        ]
    }
}


@dataclass(frozen=True)
class Case:
    name: str
    expression: str
    input: str
    invalid: str
    predicate: bool
    ordered: bool
    outputs: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return self.name


@cache
def cases() -> tuple[Case, ...]:
    return tuple(map(_case, ET.parse(SUITE).iter("test"))) if SUITE.exists() else ()


def _case(test: ET.Element) -> Case:
    expression = test.find("expression")
    assert expression is not None
    return Case(
        name=test.get("name", ""),
        expression=expression.text or "",
        input=Path(test.get("inputfile", "patient-example.xml")).stem,
        invalid=expression.get("invalid", ""),
        predicate=test.get("predicate") == "true",
        ordered=test.get("ordered") != "false",
        outputs=tuple((output.get("type", ""), output.text or "") for output in test.findall("output")),
    )


@cache
def resource(stem: str) -> dict[str, Any]:
    if stem in WRITTEN:
        return WRITTEN[stem]
    named = RENAMED.get(stem, stem)
    for folder in (EXAMPLES, EXAMPLES / "official"):
        file = folder / f"{named}.json"
        if file.exists():
            return fhir_json.decode_resource(file.read_bytes()) | ADDED.get(stem, {})
    raise FileNotFoundError(stem)


def evaluate(case: Case) -> Sequence[Item]:
    root = resource(case.input)
    if case.invalid:
        check(case.expression, root["resourceType"])
    return compile_path(case.expression, strict=True).select(root, now=NOW)


def _text(item: Item, type: str) -> str:
    value = plain(item)
    if isinstance(value, Temporal) and (type in ("date", "dateTime", "time") or not type):
        return f"@{'T' if value.kind == 'Time' else ''}{value}"
    return text_of(value) or json.dumps(item.value if isinstance(item, Node) else None, default=str)


def _type(item: Item) -> str:
    return item.shape.type_name if isinstance(item, Node) else system_type(item)


def outcome(case: Case) -> str | None:
    """Return how ours differs from what HL7 expects, None where it does not."""
    try:
        found = evaluate(case)
    except Refusal as refused:
        return None if case.invalid else f"refused: {refused}"
    if case.invalid:
        return f"should be refused ({case.invalid}), but gives {found}"
    if case.predicate:
        found = [bool(found)]
    texts = [
        _text(item, case.outputs[place][0] if place < len(case.outputs) else "") for place, item in enumerate(found)
    ]
    wanted = [text for _, text in case.outputs]
    if texts != wanted and (case.ordered or sorted(texts) != sorted(wanted)):
        return f"gives {texts}, not {wanted}"
    types = [type for type, _ in case.outputs if type]
    given = [_type(item) for item in found]
    if types and [name.lower() for name in given] != [name.lower() for name in types]:
        return f"gives {given}, not {types}"
    return None


def test_the_suite_is_whole():
    assert len(cases()) == 935
    assert sum(bool(case.invalid) for case in cases()) == 35


def test_check_refuses_nothing_that_hl7_evaluates():
    for case in cases():
        if not case.invalid:
            check(case.expression, resource(case.input)["resourceType"])


@pytest.mark.parametrize("case", cases(), ids=str)
def test_fhirpath_gives_what_hl7_expects(case):
    difference = outcome(case)
    assert difference is None, f"{case.expression}: {difference}"
