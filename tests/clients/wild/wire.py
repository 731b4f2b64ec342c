"""HTTP by hand: a client that sends any bytes, and the rules that every answer keeps."""

import contextlib
import json
import socket
from dataclasses import dataclass
from gzip import decompress
from http.client import HTTPException, HTTPResponse


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer; ``headers`` have names in lower case. ``status`` is 0 where the server hung up without a word."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """Sends bytes to one port; the connection is kept as long as the server keeps it.

    ``patience`` is in seconds; a server that is silent for longer raises ``TimeoutError``.
    """

    def __init__(self, port: int, patience: float = 30.0) -> None:
        self._port, self._patience = port, patience
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b"") -> Heard:
        """Send a request whose frame is sound, whatever its content; the texts are latin-1."""
        lines = [f"{method} {target} HTTP/1.1", "Host: wild"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        sent = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        kept = self._socket is not None
        heard = self.exchange(sent, method)
        return self.exchange(sent, method) if kept and not heard.status else heard

    def exchange(self, sent: bytes, method: str = "GET") -> Heard:
        """Send ``sent`` as it is; return the answer to it as one to ``method``."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=self._patience)
        with contextlib.suppress(OSError):  # the server may answer, and hang up, before it has seen everything
            self._socket.sendall(sent)
        return self._hear(method)

    def _hear(self, method: str) -> Heard:
        assert self._socket is not None
        answer = HTTPResponse(self._socket, method=method)
        try:
            answer.begin()
            body = answer.read()
        except TimeoutError:
            raise
        except (HTTPException, OSError):
            self.close()
            return Heard(0, {}, b"")
        if answer.will_close:
            self.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Heard(answer.status, headers, decompress(body) if headers.get("content-encoding") == "gzip" else body)


def check(method: str, heard: Heard) -> None:
    """Check that ``heard`` is an answer a client can live with: no 5xx, and each refusal says why in FHIR's words."""
    assert 200 <= heard.status < 500, f"{heard.status}: {heard.body[:2000]!r}"
    if method == "HEAD" or heard.status in (204, 304):
        assert heard.body == b""
        return
    assert heard.status < 300 or heard.status >= 400, f"{heard.status} leads elsewhere"
    if not heard.body:
        assert heard.status < 300, f"{heard.status} without a word"
        return
    kind = heard.headers.get("content-type", "")
    assert kind.partition(";")[0] == "application/fhir+json", f"{heard.status} as {kind}"
    said = json.loads(heard.body.decode("utf-8"), parse_constant=_no_number)
    if heard.status >= 400:
        check_outcome(said)
    elif said.get("type") in ("batch-response", "transaction-response"):
        for entry in said.get("entry", ()):
            check_response(entry)


def check_outcome(said: object) -> None:
    """Check that ``said`` is an OperationOutcome that says something."""
    assert isinstance(said, dict) and said["resourceType"] == "OperationOutcome", said
    assert any(issue.get("diagnostics") for issue in said["issue"]), said
    assert all(issue["severity"] and issue["code"] for issue in said["issue"]), said


def check_response(entry: dict) -> None:
    """Check one entry of the answer to a Bundle."""
    status = int(entry["response"]["status"][:3])
    assert status < 500, entry
    if status >= 400:
        check_outcome(entry["response"]["outcome"])


def _no_number(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")
