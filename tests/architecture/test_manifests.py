"""What the services promise fits together."""

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.platform import catalog, check

ABSTRACT = {"Resource", "DomainResource"}
MESSAGES = {"Parameters", "OperationOutcome"}
"""Never kept, only sent."""


def test_promises_fit_together():
    assert check.faults(catalog.manifests()) == []


def test_every_resource_type_has_an_owner():
    assert set(catalog.owners(catalog.manifests())) == set(RESOURCE_TYPES) - ABSTRACT - MESSAGES


def test_every_service_is_named_as_its_folder():
    assert [manifest.name for manifest in catalog.manifests()] == catalog.names()
