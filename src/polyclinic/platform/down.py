"""Stops a platform that runs elsewhere: in another terminal, or detached."""

import argparse
import json
import os
import signal
import sys
import time

from polyclinic.platform import options, recovery, state
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder
from polyclinic.platform.state import State

_PATIENCE = 120.0
"""Seconds; PostgreSQL may have a long checkpoint to write."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``down``."""
    parser = commands.add_parser(
        "down",
        help="stop a running platform",
        description="Stop the platform in a data folder: the edge first, PostgreSQL last. Data stays.",
        epilog=f"example: polyclinic down --data /srv/polyclinic\n\n{options.EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Stop what runs; that nothing does is fine."""
    folder = Folder(options.folder_of(asked))
    stopped = stop(folder)
    if asked.json:
        sys.stdout.write(json.dumps({"stopped": stopped, "data": str(folder.root)}) + "\n")
    else:
        sys.stdout.write(f"{'Stopped' if stopped else 'Nothing ran in'} {folder.root}.\n")
    return options.DONE


def stop(folder: Folder) -> bool:
    """Stop the platform in ``folder`` and what a dead one left there; return whether there was any."""
    now = state.read(folder)
    if now is None:
        return False
    if now.is_alive:
        _stop(now)
        return True
    with folder.hold():
        return recovery.clear(folder) > 0


def _stop(now: State) -> None:
    try:
        os.kill(now.pid, signal.SIGTERM)
    except PermissionError:
        raise Fault(f"Process {now.pid} belongs to another user; stop it as that user.") from None
    deadline = time.monotonic() + _PATIENCE
    while now.is_alive:
        if time.monotonic() > deadline:
            raise Fault(f"Process {now.pid} has not stopped in {_PATIENCE:.0f} s; see the logs in {now.data}/logs.")
        time.sleep(0.02)
