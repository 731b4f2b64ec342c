"""What is hardly HTTP is answered by the edge itself, in FHIR's words like everything else."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wild.wire import Wire, check, check_outcome

from polyclinic.fhir.json import decode

HOST = b"Host: x\r\n"
END = HOST + b"\r\n"
BODY = HOST + b"Content-Type: application/fhir+json\r\n"
SOUND = [
    b"GET /fhir/Patient?name=a&_count=1 HTTP/1.1\r\nAccept: application/fhir+json\r\n" + END,
    b"POST /fhir/Patient HTTP/1.1\r\n" + BODY + b'Content-Length: 26\r\n\r\n{"resourceType":"Patient"}',
    b"POST /fhir/Patient HTTP/1.1\r\n" + BODY + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
]
REFUSED = {
    "no request": (b"\0\1\2 nothing\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /fhir\r\n\r\n", 426),
    "HTTP/1.0": (b"GET /fhir/metadata HTTP/1.0\r\n\r\n", 426),
    "an unknown version": (b"GET /fhir/metadata HTTP/9.9\r\n" + END, 426),
    "no host": (b"GET /fhir/metadata HTTP/1.1\r\n\r\n", 400),
    "no sound host": (b"GET /fhir/metadata HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "an unknown method": (b"FROB /fhir/Patient HTTP/1.1\r\n" + END, 400),
    "a method in lower case": (b"get /fhir/Patient HTTP/1.1\r\n" + END, 400),
    "a method that nothing has": (b"TRACE /fhir/Patient HTTP/1.1\r\n" + END, 405),
    "a tunnel": (b"CONNECT x:80 HTTP/1.1\r\n" + END, 404),
    "the server as a whole": (b"OPTIONS * HTTP/1.1\r\n" + END, 404),
    "another protocol": (b"GET /fhir/Patient HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + END, 403),
    "U+0000 in the path": (b"GET /fhir/Patient/%00 HTTP/1.1\r\n" + END, 400),
    "a raw byte in the path": (b"GET /fhir/Patient/\xe9 HTTP/1.1\r\n" + END, 400),
    "a blank in the path": (b"GET /fhir/Patient/a b HTTP/1.1\r\n" + END, 400),
    "a fragment": (b"GET /fhir/Patient/a#b HTTP/1.1\r\n" + END, 400),
    "no slash": (b"GET fhir/Patient HTTP/1.1\r\n" + END, 400),
    "a way out of the base": (b"GET /fhir/%2e%2e/%2e%2e/etc HTTP/1.1\r\n" + END, 404),
    "an endless path": (b"GET /fhir/" + b"a" * 70_000 + b" HTTP/1.1\r\n" + END, 431),
    "an endless query": (b"GET /fhir/Patient?name=" + b"a" * 70_000 + b" HTTP/1.1\r\n" + END, 431),
    "an endless header": (b"GET /fhir/Patient HTTP/1.1\r\nPrefer: " + b"a" * 70_000 + b"\r\n" + END, 431),
    "many headers": (b"GET /fhir/Patient HTTP/1.1\r\n" + b"X-A: 1\r\n" * 101 + END, 431),
    "a header without a colon": (b"GET /fhir/Patient HTTP/1.1\r\nnothing\r\n" + END, 400),
    "a header with U+0000": (b"GET /fhir/Patient HTTP/1.1\r\nX-A: \0\r\n" + END, 400),
    "a length below zero": (b"POST /fhir/Patient HTTP/1.1\r\nContent-Length: -1\r\n" + END, 400),
    "two lengths": (b"POST /fhir/Patient HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + END + b"{}", 400),
    "a length and chunks": (
        b"POST /fhir/Patient HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n" + END,
        400,
    ),
    "no sound chunk": (b"POST /fhir/Patient HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + END + b"zz\r\n", 400),
    "an unknown coding": (b"POST /fhir/Patient HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" + END, 415),
}


@pytest.fixture
def wire(house):
    wire = Wire(house.port)
    yield wire
    wire.close()


@pytest.mark.parametrize("what", REFUSED)
def test_the_edge_refuses_in_words(what, wire):
    sent, status = REFUSED[what]
    heard = wire.exchange(sent)
    assert (heard.status, heard.headers["content-type"].partition(";")[0]) == (status, "application/fhir+json")
    check_outcome(decode(heard.body))


def test_bytes_changed_on_the_way_break_nothing(house):
    change = st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3))

    @settings(
        max_examples=400,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(sent=st.sampled_from(SOUND), changes=st.lists(change, min_size=1, max_size=3))
    def send(sent, changes):
        for at, left_out, put_in in changes:
            sent = sent[:at] + put_in + sent[at + left_out :]
        method = sent.partition(b" ")[0].decode("latin-1")
        wire = Wire(house.port, patience=0.2)
        try:
            heard = wire.exchange(sent, method)
        except TimeoutError:
            return  # the server waits for the rest of what these bytes announce
        finally:
            wire.close()
        if heard.status:
            check(method, heard)

    send()
