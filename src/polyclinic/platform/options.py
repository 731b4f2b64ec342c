"""What people say on the command line and in the environment, the same for every command."""

import argparse
import os
import pwd
from pathlib import Path

import polyclinic
from polyclinic.platform import envoy, nats
from polyclinic.platform.fault import Fault
from polyclinic.platform.postgresql import finding

DONE, COULD_NOT, WRONG_USAGE, NOT_RUNNING, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_CODES = f"""\
exit codes: {DONE} done · {COULD_NOT} could not, the sentence says why · {WRONG_USAGE} wrong usage · \
{NOT_RUNNING} nothing runs in that folder · {INTERRUPTED} interrupted while starting"""

ADDRESS_POSTGRESQL = "POLYCLINIC_POSTGRESQL"
ADDRESS_NATS = "POLYCLINIC_NATS"
ADDRESS_EDGE = "POLYCLINIC_EDGE"
LOG_LEVEL = "POLYCLINIC_LOG_LEVEL"
CONDITIONAL_DELETE = "POLYCLINIC_CONDITIONAL_DELETE"
REINDEX_RATE = "POLYCLINIC_REINDEX_RATE"
EXPLAIN = "POLYCLINIC_EXPLAIN"
EVENT_TRIES = "POLYCLINIC_EVENT_TRIES"
EVENT_PAUSE = "POLYCLINIC_EVENT_PAUSE"
_KNOWN = {ADDRESS_POSTGRESQL, ADDRESS_NATS, ADDRESS_EDGE, LOG_LEVEL, CONDITIONAL_DELETE, REINDEX_RATE, EXPLAIN}
_KNOWN |= {EVENT_TRIES, EVENT_PAUSE}
_KNOWN |= {finding.BINARIES, nats.BINARY, envoy.BINARY}
_PASSED_OVER = ("POLYCLINIC_TEST_", "POLYCLINIC_ENVIRONMENT")
"""Not of the platform: the test suite's and the wrapper's."""


def refuse_unknown_settings() -> None:
    """Refuse a ``POLYCLINIC_`` name in the environment that means nothing: it is a mistyped one."""
    for name in os.environ:
        if name.startswith("POLYCLINIC_") and name not in _KNOWN and not name.startswith(_PASSED_OVER):
            raise Fault(f"{name} is no setting of `polyclinic up`; known are {', '.join(sorted(_KNOWN))}.")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Let the command take the data folder."""
    parser.add_argument(
        "--data",
        type=Path,
        default=None,
        metavar="DIR",
        help=f"the data folder (default: {default_folder()})".replace("%", "%%"),
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let the command answer for machines."""
    parser.add_argument("--json", action="store_true", help="answer in JSON, a fault too (on standard error)")


def folder_of(options: argparse.Namespace) -> Path:
    """Return the data folder that is meant, absolute."""
    chosen: Path = options.data or default_folder()
    return Path(os.path.realpath(chosen.expanduser()))


def command() -> str:
    """Return how people call the command: by the wrapper in a checkout, by its name where it is installed."""
    wrapper = Path(polyclinic.__file__).parents[2] / "polyclinic"
    return "./polyclinic" if wrapper.is_file() else "polyclinic"


def default_folder() -> Path:
    """Return where data lies if nobody says: the user's data home (XDG base directories), else here."""
    named = os.environ.get("XDG_DATA_HOME", "")
    if named.startswith("/"):
        return Path(named) / "polyclinic"
    home = os.environ.get("HOME") or _home_of_user()
    if home.startswith("/") and os.access(home, os.W_OK):
        return Path(home) / ".local" / "share" / "polyclinic"
    return Path.cwd() / "polyclinic-data"


def _home_of_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return ""
