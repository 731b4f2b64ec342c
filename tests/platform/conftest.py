"""Whole platforms for the tests of the platform, and what they wait for."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polyclinic.platform.testing import Platform, surroundings, temporary_folder

NOBODY = 65534
_DEADLINE = 60.0


def until(condition: Callable[[], Any], *, patience: float = _DEADLINE) -> Any:
    """Wait until ``condition`` is truthy and return it."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return found


@pytest.fixture(name="until")
def _until() -> Callable[..., Any]:
    return until


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform that is not started yet; what the test leaves running is stopped."""
    with temporary_folder() as folder:
        platform = Platform(folder / "data")
        yield platform
        platform.run("down", "--data", str(platform.data))


@pytest.fixture(scope="module")
def running() -> Iterator[Platform]:
    """A running platform that the tests of one module share."""
    with temporary_folder() as folder:
        platform = Platform(folder / "data")
        platform.up()
        yield platform
        platform.down()


@pytest.fixture
def ordinary() -> Iterator[Platform]:
    """A platform of an ordinary user: ourselves, or nobody where we are root."""
    with temporary_folder() as folder:
        if os.geteuid() != 0:
            platform = Platform(folder / "data")
        else:
            os.chown(folder, NOBODY, NOBODY)
            platform = Platform(folder / "data", python=_python_for_everyone(), user=NOBODY)
        yield platform
        platform.run("down", "--data", str(platform.data))


def _python_for_everyone() -> str:
    """Return an interpreter of our version that nobody may run; ours may lie in root's home."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        words = [python, "-P", "-c", "import asyncpg, msgspec, polyclinic"]
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                words, env=surroundings(), user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, check=False
            )
            if tried.returncode == 0:
                return python
    pytest.skip("an ordinary user can run no Python of this version with our packages")
