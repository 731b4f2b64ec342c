"""Desks: the doors of the running services at which operators ask about events."""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from polyclinic.platform import options, state
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder

_PATIENCE = 60.0
"""Seconds; a replay takes as long as its handler."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The door of one service that hears events."""

    service: str
    address: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the service answers. Raises: ``Fault`` with what it refuses."""
        status, answer = self._ask(method, path, None if body is None else json.dumps(body).encode())
        if status != 200:
            raise Fault(f"{self.service}: {_refusal(answer)}")
        return answer

    def hears(self) -> bool:
        """Whether the service hears events at all."""
        return self._ask("GET", "/events/letters?after=999999999999999999", None)[0] != 404

    def letters(self) -> Iterator[dict[str, Any]]:
        """Yield the events that the service could not handle so far."""
        after = 0
        while True:
            page = self.ask("GET", f"/events/letters?after={after}")
            for letter in page["letters"]:
                yield {"id": f"{self.service}/{letter['number']}", **letter}
                after = letter["number"]
            if not page["more"]:
                return

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise Fault(
                f"{self.service} does not answer at {self.address} ({type(problem).__name__}); "
                f"`{options.command()} status` tells how it is."
            ) from None
        finally:
            connection.close()


def desks(folder: Folder) -> list[Desk]:
    """Return the desks of the platform in ``folder``; empty where no service hears. Raises: ``NotRunning``."""
    now = state.read(folder)
    if now is None or not now.is_alive:
        raise NotRunning(f"Nothing runs in {folder.root}; start it with `{options.command()} up --data {folder.root}`.")
    doors: Mapping[str, str] = {name: door for process in now.processes for name, door in process.doors.items()}
    return [desk for desk in (Desk(*door) for door in sorted(doors.items())) if desk.hears()]


class NotRunning(Fault):
    """There is no platform to ask."""


def _refusal(answer: Any) -> str:
    issues = answer.get("issue", ()) if isinstance(answer, dict) else ()
    return "; ".join(str(issue.get("diagnostics")) for issue in issues) or "it refuses"
