"""The document of events that is kept beside the code says what the manifests say."""

import json
from pathlib import Path

from polyclinic.kit.manifest import Manifest
from polyclinic.platform import catalog
from polyclinic.platform.events.promised import Promise, document, promises

KEPT = Path(__file__).parents[2] / "docs" / "reference" / "events.json"
PAIR = [
    Manifest(name="records", owns=("Patient",), tells=("Patient.updated", "Patient.deleted")),
    Manifest(name="scheduling", owns=("Slot",), hears=("Patient.updated",)),
]


def test_the_document_of_events_is_current():
    """Make it anew by: ./polyclinic events catalog --asyncapi > docs/reference/events.json"""
    assert json.loads(KEPT.read_text()) == document(catalog.manifests())


def test_an_event_names_who_tells_it_and_who_hears_it():
    assert promises(PAIR) == [
        Promise("Patient.updated", "records", ("scheduling",)),
        Promise("Patient.deleted", "records", ()),
    ]


def test_the_document_has_a_channel_a_message_and_operations_for_each_event():
    made = document(PAIR)
    assert made["channels"]["Patient.updated"]["address"] == "event.Patient.updated"
    assert {name: each["action"] for name, each in made["operations"].items()} == {
        "records.tells.Patient.updated": "send",
        "scheduling.hears.Patient.updated": "receive",
        "records.tells.Patient.deleted": "send",
    }
    for reference in _references(made):
        place = made
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_hearers_are_given_what_they_hear_and_no_more():
    assert catalog.hearers(PAIR[0], PAIR) == {"scheduling": ("Patient.updated",)}
    assert catalog.hearers(PAIR[1], PAIR) == {}


def _references(value):
    if isinstance(value, dict):
        yield from (each for name, each in value.items() if name == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
