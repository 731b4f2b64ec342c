"""schemathesis asks everything that GET metadata tells, with values that fit what is told and with others."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from wild.openapi import described
from wild.wire import Heard, check

EXAMPLES = {GenerationMode.POSITIVE: 500, GenerationMode.NEGATIVE: 250}
TYPES = ("Patient", "Observation", "Encounter", "Bundle", "SearchParameter", "MedicationRequest")
"""Types whose every operation is asked for sure; all others share the rest."""


@pytest.fixture(scope="module")
def operations(house):
    """Return the operations of what the platform tells."""
    _, statement = house.ask("/metadata")
    schema = schemathesis.openapi.from_dict(described(statement))
    return [result.ok() for result in schema.get_all_operations()]


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        yield session


def test_document_tells_every_type_and_interaction(operations):
    told = {(operation.method, operation.path) for operation in operations}
    assert {("get", "/Patient"), ("put", "/Patient/{id}"), ("post", "/Observation/_search"), ("post", "/")} <= told
    assert len(told) > 144 * 10


@pytest.mark.parametrize("mode", EXAMPLES, ids=lambda mode: mode.value)
def test_every_answer_is_one_that_clients_can_live_with(mode, operations, house, session):
    often = [operation for operation in operations if operation.path.strip("/").split("/")[0] in TYPES]
    chosen = st.one_of(st.sampled_from(often), st.sampled_from(operations))

    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(case=chosen.flatmap(lambda operation: operation.as_strategy(generation_mode=mode)))
    def send(case):
        answer = session.request(**case.as_transport_kwargs(base_url=house.base_url), timeout=30, allow_redirects=False)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        check(case.method.upper(), Heard(answer.status_code, headers, answer.content))

    send()
