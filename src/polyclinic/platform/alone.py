"""One program without a supervisor: for tests, and for looking around."""

import contextlib
import os
import time
from collections.abc import Iterator

from polyclinic.platform import child, logs, procfs
from polyclinic.platform.fault import Fault
from polyclinic.platform.program import Program


@contextlib.contextmanager
def run_alone(program: Program) -> Iterator[int]:
    """Run ``program`` until the block ends; yield its process id once it is ready."""
    program.before()
    since = logs.size(program.log)
    pid = child.spawn(program.deed, log=program.log, credentials=program.credentials, death=program.end)
    birth = procfs.born(pid) or 0
    try:
        _wait(program, pid, since)
        yield pid
    finally:
        procfs.end([(pid, birth)], program.end, patience=30.0)
        os.waitpid(pid, 0)


def _wait(program: Program, pid: int, since: int) -> None:
    deadline = time.monotonic() + program.patience
    while not program.is_ready(pid):
        if time.monotonic() > deadline or procfs.born(pid) is None:
            tail = logs.tail(program.log, since=since)
            raise Fault(program.explain(tail) or f"{program.name} does not start; {program.log} says why.")
        time.sleep(0.01)
