"""One real PostgreSQL and one real NATS for the whole test session, unless the environment names others."""

import contextlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

POSTGRESQL = "POLYCLINIC_TEST_POSTGRESQL"
NATS = "POLYCLINIC_TEST_NATS"
OUTSIDE = Path(__file__).parent.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Start what is not named yet; tests and the processes they start read the environment."""
    if config.option.collectonly or config.option.help or hasattr(config, "workerinput"):
        return
    with contextlib.ExitStack() as started:
        if POSTGRESQL not in os.environ:
            os.environ[POSTGRESQL] = started.enter_context(_postgresql())
            started.callback(os.environ.pop, POSTGRESQL, None)
        if NATS not in os.environ:
            os.environ[NATS] = started.enter_context(_nats())
            started.callback(os.environ.pop, NATS, None)
        config.add_cleanup(started.pop_all().close)


@contextlib.contextmanager
def _temporary():
    from polyclinic.platform.folder import Folder

    root = Path(tempfile.mkdtemp(prefix="polyclinic-test-"))
    root.chmod(0o755)
    try:
        yield Folder(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def _postgresql():
    from polyclinic.platform import postgresql

    with _temporary() as folder, postgresql.running(folder, durable=False) as dsn:
        yield dsn


@contextlib.contextmanager
def _nats():
    from polyclinic.platform import nats

    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    with _temporary() as folder, nats.running(folder, port) as url:
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what was not tested, and why."""
    left_out: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        left_out[reason] = left_out.get(reason, 0) + 1
    if not OUTSIDE.exists():
        terminalreporter.section("outside cases left out")
        terminalreporter.line(f"{OUTSIDE} is absent: nothing of the outside test data was run")
    if left_out:
        terminalreporter.section("left out")
        for reason, count in sorted(left_out.items()):
            terminalreporter.line(f"{count} x {reason.removeprefix('Skipped: ')}")
