"""What an earlier platform left behind when it was killed: found by its state file, ended, forgotten."""

import signal

from polyclinic.platform import procfs, state
from polyclinic.platform.folder import Folder

_PATIENCE = 30.0
"""Seconds that what was left behind gets to end by itself: PostgreSQL writes its checkpoint."""


def clear(folder: Folder) -> int:
    """End everything that a dead supervisor of ``folder`` left running; return how many processes that were.

    Only for who holds the folder: nobody else's supervisor can be alive then.
    """
    left = state.read(folder)
    if left is None:
        return 0
    orphans = [process for process in reversed(left.processes) if process.is_alive]
    for process in orphans:
        number = signal.SIGINT if process.name == "postgresql" else signal.SIGTERM
        procfs.end([(process.pid, process.born)], number, patience=_PATIENCE)
    state.forget(folder)
    return len(orphans)
