"""Promises that do not fit are told, each in a sentence."""

import pytest

from polyclinic.kit.manifest import Ask, Manifest, Scale
from polyclinic.platform.check import faults

RECORDS = Manifest(name="records", owns=("Patient", "Slot"), tells=("Patient.updated",), system_operations=("run",))


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ([], None),
        ([Manifest(name="scheduling", hears=("Patient.updated",), asks=(Ask("records", "Patient"),))], None),
        ([Manifest(name="scheduling", owns=("Slot",))], "Slot is owned by records and scheduling"),
        ([Manifest(name="scheduling", system_operations=("run",))], "$run is answered by records and scheduling"),
        ([Manifest(name="scheduling", owns=("Unicorn",))], "scheduling owns Unicorn"),
        ([Manifest(name="scheduling", hears=("Slot.taken",))], "scheduling hears Slot.taken, which no service tells"),
        ([Manifest(name="scheduling", tells=("Slot.taken",))], "but does not own Slot"),
        ([Manifest(name="scheduling", asks=(Ask("archive", "Slot"),))], "there is no such service"),
        ([Manifest(name="scheduling", asks=(Ask("records", "Claim"),))], "which records does not own"),
        ([Manifest(name="scheduling", scale=Scale(at_least=3, at_most=2))], "scales from 3 to 2"),
    ],
)
def test_misfit_is_told(others, sentence):
    told = faults([RECORDS, *others])
    assert len(told) == (sentence is not None)
    assert sentence is None or sentence in told[0]
