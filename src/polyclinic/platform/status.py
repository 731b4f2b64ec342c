"""Tells how a running platform is: to people, to scripts, and by the exit code."""

import argparse
import sys

import msgspec

from polyclinic.platform import condition, options
from polyclinic.platform.folder import Folder


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``status``."""
    parser = commands.add_parser(
        "status",
        help="show services, versions, health, memory and restarts",
        description="Show the services of a running platform: versions, health, memory (PSS), restarts.",
        epilog=f"example: polyclinic status --json\n\n{options.EXIT_CODES} (or something is not ready: 1)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_data(parser)
    options.add_json(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    """Show how the platform is; the exit code tells too."""
    folder = Folder(options.folder_of(asked))
    status = condition.look(folder)
    if asked.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(status)).decode() + "\n")
    elif status.running:
        from polyclinic.platform import screen

        screen.show_status(status)
    else:
        sys.stdout.write(
            f"Nothing runs in {folder.root}; start it with `{options.command()} up --data {folder.root}`.\n"
        )
    if not status.running:
        return options.NOT_RUNNING
    well = all(row.health in ("ready", "given") for row in status.processes)
    return options.DONE if well else options.COULD_NOT
