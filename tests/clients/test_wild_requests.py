"""Nothing that can be sent gets a 5xx, and every refusal is an OperationOutcome that says why.

A run takes about a minute and sends the same each time; POLYCLINIC_TEST_FUZZ_SECONDS gives it longer and other seeds.
"""

import os
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from wild import requests
from wild.requests import Told
from wild.wire import Wire, check

SECONDS = float(os.environ.get("POLYCLINIC_TEST_FUZZ_SECONDS", "0"))
KINDS = {
    "requests": (requests.requests, 1500),
    "kept resources": (requests.kept_resources, 1000),
    "patches": (requests.patching, 1000),
    "bundles": (requests.bundles, 500),
}
"""By kind of request: what makes them, and how many are sent in a round."""


@pytest.fixture
def told(house):
    """Return the search parameters of each type, as GET metadata tells them."""
    _, statement = house.ask("/metadata")
    resources = statement["rest"][0]["resource"]
    return Told({one["type"]: tuple(each["name"] for each in one.get("searchParam", ())) for one in resources})


@pytest.fixture
def wire(house):
    wire = Wire(house.port)
    yield wire
    wire.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_breaks_it_and_every_refusal_says_why(kind, told, wire, house):
    house.ask("/Patient/wild", {"resourceType": "Patient", "id": "wild", "active": True}, method="PUT")
    make, size = KINDS[kind]
    _round(make(told), wire, size, number=None)
    until, number = monotonic() + SECONDS / len(KINDS), 0
    while monotonic() < until:
        number += 1
        _round(make(told), wire, size, number=number)


def _round(strategy, wire, size, *, number):
    """Send ``size`` requests that ``strategy`` gives; the same each time where ``number`` is None."""

    @settings(
        max_examples=size,
        deadline=None,
        database=None,
        derandomize=number is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(wild=strategy)
    def send(wild):
        note(repr(wild))
        check(wild.method, wire.send(wild.method, wild.target, wild.headers, wild.body))

    (send if number is None else seed(number)(send))()
