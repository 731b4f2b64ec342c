"""Whose business a request is."""

import pytest

from polyclinic.fhir.outcome import NotFound, NotSupported, Refusal, Unacceptable
from polyclinic.services.gateway.model import House
from polyclinic.services.gateway.rules import (
    answerer,
    check_transaction,
    owner_of,
    references_over,
    searched,
    share_out,
    sole_server,
)

HOUSE = House("http://h/fhir", {"Patient": "people", "Practitioner": "people", "Slot": "diary", "Appointment": "diary"})
ALONE = House("http://h/fhir", {"Patient": "people"})


def test_owner_is_found_by_type():
    assert owner_of("Slot", HOUSE) == "diary"


@pytest.mark.parametrize(("type", "said"), [("Basic", "no service here keeps"), ("Nonsense", "no resource type")])
def test_type_that_nobody_owns_is_named(type, said):
    with pytest.raises(NotFound, match=said):
        owner_of(type, HOUSE)


@pytest.mark.parametrize(
    ("path", "several", "alone"),
    [
        ("", None, None),
        ("metadata", None, None),
        ("_history", None, None),
        ("_search", None, None),
        ("$convert", None, "people"),
        ("Patient", "people", "people"),
        ("Patient/1/_history/2", "people", "people"),
        ("Patient/$everything", "people", "people"),
        ("Patient/1/$meta", "people", "people"),
        ("Patient/1/$everything", None, "people"),
        ("Patient/1/*", None, "people"),
        ("Patient/1/*/_search", None, "people"),
        ("Patient/1/_search", None, "people"),
    ],
)
def test_address_tells_who_answers_alone(path, several, alone):
    assert (answerer(path, HOUSE), answerer(path, ALONE)) == (several, alone)


@pytest.mark.parametrize("path", ["Patient/1/Appointment", "Patient/1/Appointment/_search", "Slot/1"])
def test_compartment_is_of_the_owner_of_what_is_searched_in_it(path):
    assert answerer(path, HOUSE) == "diary"


@pytest.mark.parametrize(
    ("paths", "by_service", "several", "refused", "sole"),
    [
        ([], {}, [], [], None),
        (["Patient", "Practitioner/1"], {"people": [0, 1]}, [], [], "people"),
        (["Patient", "Slot", "Patient"], {"people": [0, 2], "diary": [1]}, [], [], None),
        (["Patient", "Patient/1/$everything"], {"people": [0]}, [1], [], None),
        (["Patient", "Nonsense", "_history"], {"people": [0]}, [2], [1], None),
    ],
)
def test_entries_are_shared_out(paths, by_service, several, refused, sole):
    shares = share_out(paths, HOUSE)
    assert (shares.by_service, shares.several, list(shares.refused)) == (by_service, several, refused)
    assert sole_server(shares) == sole


def test_one_service_answers_for_the_whole_house_alone():
    assert sole_server(share_out(["Patient", "_history", ""], ALONE)) == "people"


@pytest.mark.parametrize("paths", [["Patient", "Slot"], ["Patient", "_history"], ["Patient/1/$everything"]])
def test_transaction_over_several_services_names_them(paths):
    with pytest.raises(NotSupported, match="diary, people"):
        check_transaction(share_out(paths, HOUSE), HOUSE)


def test_transaction_with_entries_of_nobody_names_the_entries():
    with pytest.raises(Refusal) as refused:
        check_transaction(share_out(["Patient", "Nonsense", "Basic"], HOUSE), HOUSE)
    assert [issue.expression for issue in refused.value.issues] == ["Bundle.entry[1]", "Bundle.entry[2]"]


@pytest.mark.parametrize(
    ("compartment", "named", "types"),
    [
        ("", [], {"diary": ("Appointment", "Slot"), "people": ("Patient", "Practitioner")}),
        ("", ["Slot", "Patient"], {"diary": ("Slot",), "people": ("Patient",)}),
        ("", ["Slot"], {"diary": ("Slot",)}),
        ("Patient", [], {"diary": ("Appointment",), "people": ("Patient",)}),
        ("Patient", ["Patient", "Slot"], {"people": ("Patient",)}),
    ],
)
def test_types_are_searched_where_they_are_kept(compartment, named, types):
    assert searched(HOUSE, compartment, named) == types


@pytest.mark.parametrize(
    ("compartment", "named", "refusal"),
    [("", ["Basic"], NotFound), ("", [""], NotFound), ("Slot", [], NotFound), ("Patient", ["Slot"], Unacceptable)],
)
def test_search_of_nothing_is_refused(compartment, named, refusal):
    with pytest.raises(refusal):
        searched(HOUSE, compartment, named)


def test_references_over_a_border_are_known_by_their_parameters():
    owners = dict.fromkeys(("Patient", "Encounter", "Provenance"), "people") | {"Appointment": "diary"}
    assert references_over(House("http://h/fhir", owners), "Patient") == [
        ("Encounter", "appointment"),
        ("Provenance", "entity"),
        ("Provenance", "target"),
    ]
    assert references_over(ALONE, "Patient") == []
