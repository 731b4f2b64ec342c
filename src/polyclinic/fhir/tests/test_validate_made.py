"""Whatever stands in the JSON, validation answers with issues; the order of properties never matters."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.tests.made import objects, spoiled
from polyclinic.fhir.validate import validate

slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
anything = st.sampled_from(sorted(RESOURCE_TYPES)).flatmap(objects)


def reversed_deeply(value):
    if isinstance(value, dict):
        return {key: reversed_deeply(one) for key, one in reversed(value.items())}
    return [reversed_deeply(one) for one in value] if isinstance(value, list) else value


@slow
@given(resource=spoiled(anything))
def test_validate_answers_whatever_the_json(resource):
    for issue in validate(resource, warnings=True):
        assert issue.code in {"structure", "required", "value", "code-invalid", "invariant"}
        assert issue.diagnostics


@slow
@given(resource=spoiled(anything))
def test_validate_does_not_mind_the_order_of_properties(resource):
    def told(one):
        return sorted((issue.code, issue.expression or "", issue.diagnostics) for issue in validate(one))

    assert told(resource) == told(reversed_deeply(resource))


@slow
@given(resource=anything)
def test_made_resources_break_nothing_but_invariants_and_references(resource):
    codes = {issue.code for issue in validate(resource)}
    assert codes <= {"invariant", "value", "code-invalid"}, validate(resource)
