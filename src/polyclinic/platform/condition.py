"""How a running platform is: what its state file says, held against what its processes say and take now."""

from collections.abc import Iterator
from dataclasses import dataclass

from polyclinic.platform import health, procfs, state
from polyclinic.platform.folder import Folder
from polyclinic.platform.state import Process, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One process, or one service of it; memory in bytes (PSS), None where another row or nobody says it."""

    name: str
    health: str
    address: str
    pid: int | None = None
    memory: int | None = None
    restarts: int | None = None
    since: float | None = None
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A running platform. ``memory`` is the sum in bytes (PSS), supervisor included."""

    running: bool
    data: str
    base_url: str = ""
    version: str = ""
    started: float | None = None
    memory: int = 0
    processes: tuple[Row, ...] = ()


def look(folder: Folder) -> Status:
    """Return how the platform in ``folder`` is."""
    now = state.read(folder)
    if now is None or not now.is_alive:
        return Status(running=False, data=str(folder.root))
    rows = (_supervisor(now), *(row for process in now.processes for row in _rows(process)), *_elsewhere(now))
    return Status(
        running=True,
        data=now.data,
        base_url=now.base_url,
        version=now.version,
        started=now.started,
        memory=sum(row.memory or 0 for row in rows),
        processes=rows,
    )


def _supervisor(now: State) -> Row:
    memory = procfs.memory_of_one(now.pid)
    return Row(
        name="supervisor",
        health="ready",
        address="",
        pid=now.pid,
        memory=memory,
        restarts=0,
        since=now.started,
        version=now.version,
    )


def _rows(process: Process) -> Iterator[Row]:
    """Yield one row per service of a process; the first says what the process takes."""
    memory: int | None = procfs.memory(process.pid) if process.is_alive else 0
    for name, address in (process.doors or {process.name: process.address}).items():
        yield Row(
            name=name,
            health=_health(process, address),
            address=address,
            pid=process.pid,
            memory=memory,
            restarts=process.restarts,
            since=process.since,
            version=process.version,
        )
        memory = None


def _health(process: Process, address: str) -> str:
    if process.condition == "waiting" or not process.is_alive:
        return "restarting"
    if process.doors:
        return "ready" if health.is_ready(address, patience=2.0) else "not ready"
    return "ready" if process.condition == "ready" else "starting"


def _elsewhere(now: State) -> Iterator[Row]:
    for name, address in now.elsewhere.items():
        yield Row(name=name, health="given", address=address)
