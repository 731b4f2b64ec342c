"""The logs of the processes: kept within bounds, and read when something goes wrong."""

import contextlib
import os
import shutil
from pathlib import Path

LARGEST = 64 * 1024 * 1024
"""Bytes a log may grow to; as many again lie in the one before it, NAME.log.1."""


def rotate(log: Path) -> None:
    """Start a fresh log if the old one is long; for the time before its process starts."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LARGEST // 8:
            log.replace(_previous(log))


def bound(log: Path) -> None:
    """Copy a log that grew too large and empty it; its process appends on and notices nothing."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LARGEST:
            shutil.copyfile(log, _previous(log))
            os.truncate(log, 0)


def size(log: Path) -> int:
    """Return how long a log is in bytes, 0 where there is none."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, *, since: int = 0) -> str:
    """Return the end of a log, at most 4,000 bytes and nothing before byte ``since``; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, size(log) - 4000))
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def last_line(log: Path) -> str:
    """Return the last line of a log that is not empty."""
    return tail(log).strip().rpartition("\n")[2] or "(nothing)"


def _previous(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")
