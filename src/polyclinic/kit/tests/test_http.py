"""Statuses, negotiation and bodies, without a server."""

import gzip

import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import (
    Conflict,
    Gone,
    Invalid,
    Issue,
    Malformed,
    MultipleMatches,
    NotFound,
    NotSupported,
    PreconditionFailed,
    Refusal,
    TooCostly,
    Unacceptable,
    Unavailable,
)
from polyclinic.kit.http.bodies import read_body, shaped
from polyclinic.kit.http.message import Answer, Call, broken, read_pairs, refused
from polyclinic.kit.http.negotiation import Shape, agreed_body, agreed_shape
from polyclinic.kit.http.statuses import MethodNotAllowed, NotAcceptable, UnsupportedMediaType


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Malformed("x"), 400),
        (Invalid("x"), 400),
        (Unacceptable("x"), 400),
        (NotSupported("x"), 400),
        (NotFound("x"), 404),
        (MethodNotAllowed("x", allow=("GET",)), 405),
        (NotAcceptable("x"), 406),
        (Conflict("x"), 409),
        (Gone("x"), 410),
        (PreconditionFailed("x"), 412),
        (MultipleMatches("x"), 412),
        (TooCostly("x"), 413),
        (UnsupportedMediaType("x"), 415),
        (Refusal("x"), 422),
        (Refusal(issues=[Issue("conditional", "x")]), 412),
        (Refusal(issues=[Issue("business-rule", "x")]), 422),
        (Refusal(issues=[Issue("not-found", "x"), Issue("conditional", "x")]), 400),
        (Unavailable("x"), 503),
    ],
)
def test_refusal_becomes_the_status_of_its_code(refusal, status):
    answer = refused(refusal)
    assert answer.status == status
    assert decode(answer.body)["resourceType"] == "OperationOutcome"


def test_unavailable_says_when_to_ask_again():
    assert refused(Unavailable("x")).headers["retry-after"]


def test_method_not_allowed_says_what_is():
    assert refused(MethodNotAllowed("x", allow=("GET", "PUT"))).headers["allow"] == "GET, PUT"


def test_bug_is_answered_without_internals():
    outcome = decode(broken("abc").body)
    assert outcome["issue"][0]["code"] == "exception"
    assert "abc" in outcome["issue"][0]["diagnostics"]


def call(query="", **headers):
    return Call("GET", "Patient", query, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "application/fhir+json",
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+xml, application/fhir+json;q=0.5",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ],
)
def test_json_is_agreed_on(accept):
    assert agreed_shape(call(accept=accept)) == Shape()


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "text/turtle",
        "application/json;q=0",
        "application/json;q=0.000",
        "application/fhir+json; fhirVersion=3.0",
    ],
)
def test_other_formats_are_refused(accept):
    with pytest.raises(NotAcceptable):
        agreed_shape(call(accept=accept))


@pytest.mark.parametrize("accept", ["text/calendar", "text/*", "text/calendar;q=0.5, text/plain"])
def test_other_formats_are_agreed_on_where_they_are_spoken(accept):
    assert agreed_shape(call(accept=accept), frozenset({"text/calendar"})) == Shape()
    with pytest.raises(NotAcceptable):
        agreed_shape(call(accept=accept), frozenset({"application/fhir+ndjson"}))


@pytest.mark.parametrize("wanted", ["json", "application/json", "application/fhir%2Bjson", "application/fhir+json"])
def test_format_outranks_accept(wanted):
    assert agreed_shape(call(f"_format={wanted}", accept="application/fhir+xml")) == Shape()


def test_format_xml_is_refused_by_name():
    with pytest.raises(NotAcceptable) as refused_by:
        agreed_shape(call("_format=xml", accept="*/*"))
    assert "_format=xml" in str(refused_by.value)


@pytest.mark.parametrize(
    ("encodings", "packed"),
    [("", False), ("gzip", True), ("deflate, gzip;q=1.0", True), ("gzip;q=0", False), ("br, gzip; q=0.0", False)],
)
def test_gzip_is_used_where_it_is_accepted(encodings, packed):
    assert agreed_shape(call(accept_encoding=encodings)).gzip is packed


@pytest.mark.parametrize(
    "content_type",
    [
        "application/xml",
        "text/plain",
        "application/fhir+json; charset=iso-8859-1",
        "application/fhir+json; fhirVersion=5.0",
    ],
)
def test_bodies_of_other_kinds_are_refused(content_type):
    with pytest.raises(UnsupportedMediaType):
        agreed_body(call(content_type=content_type))


@pytest.mark.parametrize("content_type", ["", "application/json", "application/fhir+json; charset=UTF-8"])
def test_json_bodies_are_read(content_type):
    agreed_body(call(content_type=content_type))


@pytest.mark.parametrize("query", ["name=%ff", "name=%00", "a%00=1", "&".join(["a=1"] * 1001)])
def test_pairs_that_cannot_be_read_are_refused(query):
    with pytest.raises(Unacceptable):
        read_pairs(query)


def test_pairs_keep_order_and_empty_values():
    assert read_pairs("b=2&a=&b=1%2C2&c") == [("b", "2"), ("a", ""), ("b", "1,2"), ("c", "")]


def receiving(*pieces):
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    return receive


async def test_body_is_joined():
    assert await read_body(receiving(b"a", b"b"), "", 10) == b"ab"


async def test_body_beyond_the_limit_is_refused():
    with pytest.raises(TooCostly):
        await read_body(receiving(b"a" * 6, b"b" * 6), "", 10)


async def test_packed_body_is_unpacked():
    packed = gzip.compress(b"hello" * 1000)
    assert await read_body(receiving(packed[:7], packed[7:]), "gzip", 10_000) == b"hello" * 1000


async def test_bomb_is_refused_before_it_explodes():
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(TooCostly):
        await read_body(receiving(bomb), "gzip", 100_000)


@pytest.mark.parametrize("piece", [b"no gzip at all", gzip.compress(b"hello" * 100)[:-9]])
async def test_broken_packing_is_refused(piece):
    with pytest.raises(Malformed):
        await read_body(receiving(piece), "gzip", 10_000)


async def test_unknown_packing_is_refused():
    with pytest.raises(UnsupportedMediaType):
        await read_body(receiving(b"x"), "br", 10)


def test_answer_is_packed_and_indented():
    answer = Answer(200, b'{"a":1.00,"b":"' + b"x" * 2000 + b'"}')
    body, headers = shaped(answer, Shape(pretty=True, gzip=True))
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body).startswith(b'{\n  "a": 1.00')
    assert headers["content-length"] == str(len(body))


def test_small_answer_is_not_packed():
    body, headers = shaped(Answer(200, b"{}"), Shape(gzip=True))
    assert body == b"{}"
    assert "content-encoding" not in headers
