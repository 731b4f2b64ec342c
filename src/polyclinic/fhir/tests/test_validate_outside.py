"""Real resources of others: HL7's examples, US Core's, Synthea's. What is refused is listed, with the reason."""

import itertools
import random
import tarfile

from polyclinic.fhir.json import decode
from polyclinic.fhir.tests.made import spots
from polyclinic.fhir.validate import validate

# Examples of HL7 that break R4's own rules: file -> where (as told), why
WRONG_EXAMPLES = {
    "activitydefinition-example.json": "ActivityDefinition.timing.event[0]",  # an object where a dateTime belongs
    "activitydefinition-servicerequest-example.json": "ActivityDefinition.text.div",  # txt-2: an empty narrative
    "activitydefinition-supplyrequest-example.json": "ActivityDefinition.text.div",  # txt-2
    "bundle-questionnaire.json": "Questionnaire.item[0].item[0].linkId",  # items without linkId
    "codesystem-example.json": "CodeSystem",  # csd-1: the code chol-mass twice
    "devicemetric-example.json": "DeviceMetric.parent.reference",  # to a DeviceDefinition, only Device is allowed
    "deviceusestatement-example.json": "DeviceUseStatement.reasonReference[0].reference",  # to a Procedure
    "eventdefinition-example.json": "EventDefinition.text.div",  # txt-2
    "medicationrequest0301.json": "MedicationRequest.dispenseRequest.performer.reference",  # to a Practitioner
    "observation-example-clinical-gender.json": "Observation.performer[0].reference",  # to an Encounter
}
WRONG_IN_US_CORE = {
    # 3.1.1: the hash is no base64, it has full stops
    "package/example/DiagnosticReport-cardiology-report.json": "DiagnosticReport.presentedForm[0].hash",
}
SAMPLE = 12  # Bundles of Synthea, about 4,000 resources; the whole set of 617 was validated by hand


def test_examples_of_hl7_are_right_but_for_those_known(outside):
    refused = {}
    examples = sorted((outside / "r4-examples").rglob("*.json"))
    for path in examples:
        issues = validate(decode(path.read_bytes()))
        if issues:
            refused[path.name] = issues[0].expression
    assert len(examples) > 600
    assert refused == WRONG_EXAMPLES


def test_spoiled_examples_of_hl7_are_answered_whatever_stands_in_them(outside):
    chance = random.Random(4)
    refused = 0
    for path in sorted((outside / "r4-examples").rglob("*.json")):
        body = path.read_bytes()
        for _ in range(3 if len(body) < 6000 else 0):
            resource = decode(body)
            holder, key = chance.choice(list(spots(resource)))
            holder[key] = chance.choice([None, True, -1, "", " ", "x", [], {}, [None], [[]], {"id": "a"}, ["x"]])
            refused += bool(validate(resource, warnings=True))
    assert refused > 1000


def test_every_resource_of_synthea_is_right(outside):
    count = 0
    for _, body in members(outside / "synthea/r4_617_transaction_bundles_minified.tar.xz", SAMPLE):
        bundle = decode(body)
        assert validate(bundle, expected_type="Bundle") == []
        count += len(bundle["entry"])
    assert count > 1000


def test_examples_and_definitions_of_us_core_are_right_but_for_those_known(outside):
    refused = {}
    for package in ("us_core_311.tgz", "us_core_610.tgz"):
        for name, body in members(outside / "us-core" / package):
            resource = decode(body)
            if "resourceType" in resource and (issues := validate(resource)):
                refused[name] = issues[0].expression
    assert refused == WRONG_IN_US_CORE


def members(path, count=None):
    """Yield name and content of the first JSON files of an archive, without what packages have for tools."""
    with tarfile.open(path) as archive:
        names = (one for one in archive if one.name.endswith(".json") and "/o" not in one.name)
        for member in itertools.islice(names, count):
            content = archive.extractfile(member)
            assert content is not None
            yield member.name, content.read()
