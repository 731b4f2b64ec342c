"""PostgreSQL alone: ``python -m polyclinic.platform.postgresql --data DIR``."""

import argparse
import contextlib
import signal
from pathlib import Path

from polyclinic.platform.folder import Folder
from polyclinic.platform.postgresql import running


def main() -> None:
    """Run PostgreSQL alone until interrupted and print its address: for tests and for looking around."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder to keep the cluster in")
    parser.add_argument("--forgetful", action="store_true", help="do not wait for the disk (fsync off)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        running(Folder(options.data.resolve()), durable=not options.forgetful) as dsn,
    ):
        print(dsn, flush=True)  # noqa: T201 - what this command is for
        signal.pause()


if __name__ == "__main__":
    main()
