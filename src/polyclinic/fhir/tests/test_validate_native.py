"""Every invariant written in Python says what its FHIRPath form in the tables says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyclinic.fhir import definitions
from polyclinic.fhir.path import PathError, compile_path
from polyclinic.fhir.tests.made import objects
from polyclinic.fhir.validate.invariants import NATIVES


def carrier(path, key):
    """Return the type that carries the invariant, and the invariant."""
    if path == "":
        path = "Range.low"
    if definitions.find_structure(path) is not None:
        found = definitions.structure(path)
        return path, next(rule for rule in found.invariants if rule.key == key)
    parent, _, name = path.rpartition(".")
    element = definitions.elements(parent)[name]
    return element.types[0], next(rule for rule in element.invariants if rule.key == key)


@pytest.mark.parametrize(("path", "key"), sorted(NATIVES), ids=lambda one: one)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_native_says_what_fhirpath_says(path, key, data):
    type_name, rule = carrier(path, key)
    made = data.draw(objects(type_name))
    told = NATIVES[path, key](made)
    if told is None:
        return  # asks FHIRPath itself
    try:
        expected = compile_path(rule.expression).test(made, type=type_name)
    except PathError:
        return  # several values where the expression counts on one
    assert told == expected, rule.expression
