"""One whole platform for the acceptance tests of load, empty at first; tests look only at what they loaded."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

SOURCE = Path(__file__).parents[2] / "src"


class Platform:
    """A running platform and the commands on it."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/fhir"

    def words(self, *words):
        return [sys.executable, "-P", "-m", "polyclinic", *map(str, words)]

    def run(self, *words):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POLYCLINIC_")}
        environment["PYTHONPATH"] = str(SOURCE)
        return subprocess.run(self.words(*words), capture_output=True, text=True, env=environment, timeout=120)

    def up(self, *more):
        done = self.run("up", "--data", self.data, "--port", self.port, "--detach", "--json", *more)
        assert done.returncode == 0, done.stderr

    def load(self, *paths):
        """Load and return the report."""
        done = self.run("load", *paths, "--url", self.base_url, "--json")
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        assert report["exit"] == done.returncode
        return report

    def ask(self, path):
        try:
            with urllib.request.urlopen(f"{self.base_url}/{path}", timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return json.load(refusal)

    def count(self, question):
        joint = "&" if "?" in question else "?"
        return self.ask(f"{question}{joint}_summary=count")["total"]

    def pids(self):
        """Return the processes by name."""
        status = json.loads(self.run("status", "--data", self.data, "--json").stdout)
        return {one["name"]: one["pid"] for one in status["processes"]}


@pytest.fixture(scope="module")
def platform():
    data = Path(tempfile.mkdtemp(prefix="polyclinic-load-"))
    data.chmod(0o755)
    one = Platform(data, _free_ports())
    try:
        one.up()
        yield one
    finally:
        one.run("down", "--data", data)
        shutil.rmtree(data, ignore_errors=True)


def _free_ports():
    """Return a port that is free, as the services' after it and that of NATS are."""
    chance = Random()
    while True:
        first = chance.randrange(26_000, 32_000, 100)
        with ExitStack() as held:
            try:
                for port in (*range(first, first + 15), first + 90):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
