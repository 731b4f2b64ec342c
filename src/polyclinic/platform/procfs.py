"""What the kernel tells of processes: whether one still is the one we meant, and how much memory it takes."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def born(pid: int) -> int | None:
    """Return when ``pid`` started, in clock ticks since boot, or None: a zombie or nobody.

    Process ids are used again; the pair of id and birth never is (proc_pid_stat(5), fields 3 and 22).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def working_folder(pid: int) -> Path | None:
    """Return the folder ``pid`` works in, or None where that is not to be seen."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def working_in(folder: Path) -> list[tuple[int, int]]:
    """Return (process id, birth) of every process that works in ``folder`` and that we may look at."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    found = [(pid, born(pid)) for pid in pids if working_folder(pid) == folder]
    return [(pid, birth) for pid, birth in found if birth is not None]


def memory(pid: int) -> int:
    """Return the bytes ``pid`` and its descendants take, shared pages split between their sharers (PSS)."""
    return sum(memory_of_one(one) for one in family(pid))


def family(pid: int) -> list[int]:
    """Return ``pid`` and all its descendants."""
    found = [pid]
    for one in found:
        found.extend(_children(one))
    return found


def end(processes: Iterable[tuple[int, int]], number: signal.Signals, *, patience: float) -> None:
    """Send ``number`` to each (process id, birth) alive; after ``patience`` seconds kill the rest; wait for all."""
    alive = [(pid, birth) for pid, birth in processes if born(pid) == birth]
    for pid, _ in alive:
        _signal(pid, number)
    deadline = time.monotonic() + patience
    while alive and time.monotonic() < deadline:
        time.sleep(0.01)
        alive = [(pid, birth) for pid, birth in alive if born(pid) == birth]
    for pid, _ in alive:
        _signal(pid, signal.SIGKILL)
    while any(born(pid) == birth for pid, birth in alive):
        time.sleep(0.01)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def memory_of_one(pid: int) -> int:
    """Return the bytes ``pid`` alone takes (PSS), 0 where that is not to be seen."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
