"""A platform of its own to measure: started on a temporary data folder and free ports, stopped and removed after."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
SYNTHEA = ROOT.parent / "shared" / "data" / "synthea"
"""The Synthea set, where it lies beside the project."""

MEASURED = ("edge", "gateway", "records", "scheduling", "postgresql", "nats")
"""The processes whose CPU is one request's cost, as far as they run."""


@dataclass(frozen=True)
class Stage:
    """One platform on ``data`` at ``port``."""

    data: Path
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def up(self) -> None:
        """Start it, or start it again on what it left behind."""
        polyclinic("up", "--data", self.data, "--port", self.port, "--detach", "--json", quiet=True)

    def down(self) -> None:
        polyclinic("down", "--data", self.data, check=False, quiet=True)

    def status(self) -> dict:
        return json.loads(polyclinic("status", "--data", self.data, "--json", check=False, quiet=True).stdout)

    def processes(self) -> dict[str, dict]:
        """Return what runs, by name; the supervisor too."""
        return {one["name"]: one for one in self.status().get("processes", [])}

    def load(self, *paths: Path, clients: int = 4) -> dict:
        """Load files and return the report."""
        words = ("load", *paths, "--url", self.base_url, "--clients", clients, "--json")
        done = polyclinic(*words, check=False)
        if not done.stdout:
            raise RuntimeError(f"load ended with {done.returncode} and no report")
        return json.loads(done.stdout)


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield a running platform with nothing in it."""
    # short, as a unix socket's path must be; readable, as PostgreSQL may run as somebody else
    data = Path(tempfile.mkdtemp(prefix="polyclinic-bench-"))
    data.chmod(0o755)
    one = Stage(data, free_ports())
    try:
        one.up()
        yield one
    finally:
        one.down()
        shutil.rmtree(data, ignore_errors=True)


def polyclinic(*words: object, check: bool = True, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the command; its answer is kept, its progress shown unless ``quiet``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    progress = subprocess.PIPE if quiet else None
    command = [sys.executable, "-m", "polyclinic", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=progress, text=True, env=environment, check=False)
    if check and done.returncode:
        raise RuntimeError(f"polyclinic {words[0]} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done


def free_ports(*, reach: int = 90) -> int:
    """Return a port N where N to N+10 and N+``reach`` are free."""
    chance = Random()
    for _ in range(200):
        first = chance.randrange(26_000, 32_000, 100)
        with ExitStack() as held:
            try:
                for port in (*range(first, first + 11), first + reach):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
    raise RuntimeError("no free ports between 26000 and 32000")
