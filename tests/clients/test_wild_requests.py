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
    "requests": (requests.requests, 1200),
    "kept resources": (requests.kept_resources, 800),
    "patches": (requests.patching, 600),
    "pages": (requests.pages, 300),
    "bundles": (requests.bundles, 400),
}
"""By kind of request: what makes them, and how many are sent in a round."""


@pytest.fixture
def told(house):
    """Return what GET metadata tells, and links to pages."""
    _, statement = house.ask("/metadata")
    resources = statement["rest"][0]["resource"]
    codes = {one["type"]: tuple(each["name"] for each in one.get("searchParam", ())) for one in resources}
    for number in range(3):
        house.ask("/Patient/wild", {"resourceType": "Patient", "id": "wild", "birthDate": f"200{number}"}, method="PUT")
    house.ask("/Patient", {"resourceType": "Patient"})
    asked = (
        "/Patient?_count=1&_sort=birthdate",
        "/Patient?_count=1",
        "/Patient/wild/_history?_count=1",
        "/_history?_count=1",
    )
    return Told(codes, [_next(house, path) for path in asked])


def _next(house, path):
    """Return the target of the link to the page after ``path``."""
    _, page = house.ask(path)
    (url,) = [link["url"] for link in page["link"] if link["relation"] == "next"]
    return url.removeprefix(house.base_url.removesuffix("/fhir"))


@pytest.fixture
def wire(house):
    wire = Wire(house.port)
    yield wire
    wire.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_breaks_it_and_every_refusal_says_why(kind, told, wire):
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
