"""The lock names every package that is declared, and no address."""

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_lock_names_every_declared_package(lock, declared):
    locked = _names((HERE / lock).read_text())
    assert {re.split(r"[\s<>=\[]", package)[0] for package in declared} <= locked, "run tools/lock.py"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_names_no_address(lock):
    text = (HERE / lock).read_text()
    assert "://" not in text
    assert "--index" not in text


def test_both_locks_agree():
    run, test = ((HERE / lock).read_text() for lock in ("requirements.lock", "requirements-dev.lock"))
    both = _names(run) & _names(test)
    assert [_version(run, name) for name in both] == [_version(test, name) for name in both]


def _names(text):
    return set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))


def _version(text, name):
    return re.search(rf"^{re.escape(name)}==(\S+)", text, re.MULTILINE)[1]
