"""Whose business a request is."""

import pytest

from polyclinic.fhir.outcome import NotFound, NotSupported, Refusal
from polyclinic.services.gateway.model import House
from polyclinic.services.gateway.rules import check_transaction, only_owner, owner_of, share_out, sole_server

HOUSE = House("http://h/fhir", {"Patient": "people", "Practitioner": "people", "Slot": "diary"})
ALONE = House("http://h/fhir", {"Patient": "people"})


def test_owner_is_found_by_type():
    assert owner_of("Slot", HOUSE) == "diary"


@pytest.mark.parametrize(("type", "said"), [("Appointment", "no service here keeps"), ("Nonsense", "no resource type")])
def test_type_that_nobody_owns_is_named(type, said):
    with pytest.raises(NotFound, match=said):
        owner_of(type, HOUSE)


def test_only_owner_is_named_or_the_several_are():
    assert only_owner(ALONE, "a search") == "people"
    with pytest.raises(NotSupported, match="diary, people"):
        only_owner(HOUSE, "a search")
    with pytest.raises(NotFound):
        only_owner(House("http://h/fhir", {}), "a search")


@pytest.mark.parametrize(
    ("types", "by_service", "refused", "sole"),
    [
        ([], {}, [], None),
        (["Patient", "Practitioner"], {"people": [0, 1]}, [], "people"),
        (["Patient", "Slot", "Patient"], {"people": [0, 2], "diary": [1]}, [], None),
        (["Patient", "Nonsense", ""], {"people": [0]}, [1, 2], None),
    ],
)
def test_entries_are_shared_out(types, by_service, refused, sole):
    shares = share_out(types, HOUSE)
    assert shares.by_service == by_service
    assert list(shares.refused) == refused
    assert sole_server(shares) == sole


def test_transaction_over_several_services_names_them():
    with pytest.raises(NotSupported, match="diary, people"):
        check_transaction(share_out(["Patient", "Slot"], HOUSE))


def test_transaction_with_entries_of_nobody_names_the_entries():
    with pytest.raises(Refusal) as refused:
        check_transaction(share_out(["Patient", "Nonsense", "Appointment"], HOUSE))
    assert [issue.expression for issue in refused.value.issues] == ["Bundle.entry[1]", "Bundle.entry[2]"]
