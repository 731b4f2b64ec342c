"""Whole platforms for tests: each in a folder and on ports of its own, driven by the command as people do."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polyclinic

_DEADLINE = 120.0


class Platform:
    """One data folder and the commands on it; ``program`` is what Python runs as `polyclinic`."""

    def __init__(
        self,
        data: Path,
        *,
        python: str = sys.executable,
        user: int | None = None,
        program: Sequence[str] = ("-m", "polyclinic"),
    ) -> None:
        self.data, self._program = data, program
        self.port = free_ports()
        self._python = python
        self._user = user
        self.state: dict[str, Any] = {}

    @property
    def base_url(self) -> str:
        """The FHIR base at the edge."""
        return f"http://127.0.0.1:{self.port}/fhir"

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `polyclinic` to its end."""
        return subprocess.run(
            self.words(*words),
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE,
            env=surroundings() | environment,
            **self._as(),
        )

    def begin(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Begin a command that goes on; the caller ends it."""
        return subprocess.Popen(self.words(*words), env=surroundings() | environment, stderr=subprocess.PIPE)

    def words(self, *words: str) -> list[str]:
        """Return ``words`` as a command line of this platform's Python."""
        return [self._python, "-P", *self._program, *words]

    def up(self, *words: str, **environment: str) -> dict[str, Any]:
        """Start the platform, detached; return what it says of itself."""
        asked = ("up", "--data", str(self.data), "--port", str(self.port), "--detach", "--json", *words)
        done = self.run(*asked, **environment)
        assert done.returncode == 0, done.stdout + done.stderr + self.log("up")
        self.state = json.loads(done.stdout)
        return self.state

    def down(self) -> None:
        """Stop the platform."""
        done = self.run("down", "--data", str(self.data))
        assert done.returncode == 0, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """Return what `status` tells."""
        found: dict[str, Any] = json.loads(self.run("status", "--data", str(self.data), "--json").stdout)
        return found

    def process(self, name: str) -> dict[str, Any]:
        """Return one process as it is now."""
        processes: list[dict[str, Any]] = self.status()["processes"]
        return next(process for process in processes if process["name"] == name)

    def log(self, name: str) -> str:
        """Return the log of the process ``name``, empty if there is none."""
        path = self.data / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ask(self, path: str, body: Any = None, *, method: str | None = None, patience: float = 20) -> tuple[int, Any]:
        """Ask the edge; return status and JSON, None where there is no content."""
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base_url}{path}", data=sent, method=method)
        request.add_header("Content-Type", "application/fhir+json")
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def create(self, **patient: Any) -> str:
        """Create a patient; return its id."""
        status, kept = self.ask("/Patient", {"resourceType": "Patient", **patient})
        assert status == 201, kept
        return str(kept["id"])

    def _as(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": self._user, "extra_groups": []}


def surroundings() -> dict[str, str]:
    """Return the environment of a command under test: nothing of ours steers it."""
    source = Path(polyclinic.__file__).parent.parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLYCLINIC_")}
    packages = [str(source), *(path for path in sys.path if path.endswith("site-packages"))]
    return kept | {"PYTHONPATH": os.pathsep.join(packages), "PYTHONDONTWRITEBYTECODE": "1"}


def free_ports() -> int:
    """Return a port such that it, the ports of services after it, and that of NATS are free."""
    for _ in range(200):
        port = random.randrange(20000, 31000, 100)
        if all(is_free(port + more) for more in (*range(20), 90)):
            return port
    raise AssertionError("no free block of ports")


def is_free(port: int) -> bool:
    """Whether nobody listens at ``port``."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A short path that other users can reach, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="polyclinic-up-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
