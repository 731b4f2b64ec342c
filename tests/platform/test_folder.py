"""The data folder refuses in one sentence what it cannot be."""

import os
import subprocess

import pytest

from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder

NOBODY = 65534


def test_folder_is_made_with_its_parts(tmp_path):
    folder = Folder(tmp_path / "data")
    folder.prepare()
    assert folder.secrets.stat().st_mode & 0o777 == 0o700
    assert folder.sockets().stat().st_mode & 0o777 == 0o700


def test_secret_is_made_once(tmp_path):
    folder = Folder(tmp_path)
    folder.prepare()
    first = folder.secret("records.password").read_text()
    assert len(first) >= 40
    assert folder.secret("records.password").read_text() == first


def test_second_holder_is_told_who_holds_it(tmp_path):
    folder = Folder(tmp_path)
    folder.prepare()
    with folder.hold(), pytest.raises(Fault, match=f"process {os.getpid()}"), Folder(tmp_path).hold():
        pass
    with folder.hold():
        pass


def test_long_path_has_its_sockets_elsewhere(tmp_path):
    folder = Folder(tmp_path / ("long" * 30))
    folder.prepare()
    assert len(str(folder.sockets())) < 80
    assert folder.sockets() == Folder(folder.root).sockets()
    assert folder.sockets() != Folder(tmp_path / ("long" * 31)).sockets()
    folder.sockets().rmdir()


def test_sockets_of_somebody_else_are_refused(tmp_path):
    folder = Folder(tmp_path / ("long" * 30))
    folder.sockets().symlink_to(tmp_path)
    try:
        with pytest.raises(Fault, match="somebody else"):
            folder.prepare()
    finally:
        folder.sockets().unlink()


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(Fault, match=r"cannot be written .*--data DIR"):
        Folder(tmp_path / "data").prepare()


def test_read_only_folder_is_refused(tmp_path):
    said = _prepare_as_nobody(tmp_path) if os.geteuid() == 0 else _prepare(_read_only(tmp_path))
    assert str(tmp_path) in said
    assert "cannot be written" in said
    assert "--data DIR" in said


def test_read_only_disk_is_refused(tmp_path):
    if os.geteuid() != 0 or not _mount(tmp_path, "4m,ro"):
        pytest.skip("a read-only disk can be mounted by root only")
    try:
        said = _prepare(tmp_path / "data")
        assert "Read-only file system" in said
        assert "--data DIR" in said
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_full_disk_is_refused(tmp_path):
    if os.geteuid() != 0 or not _mount(tmp_path, "4m"):
        pytest.skip("a small disk can be mounted by root only")
    try:
        said = _prepare(tmp_path)
        assert "is full" in said
        assert "--data DIR" in said
        (tmp_path / "filler").write_bytes(b"x" * (3 << 20))
        assert "is full" in _prepare(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def _read_only(folder):
    folder.chmod(0o500)
    return folder


def _prepare(root):
    with pytest.raises(Fault) as refused:
        Folder(root).prepare()
    return str(refused.value)


def _prepare_as_nobody(root):
    """Do it in a child that is nobody; the folder is root's."""
    for folder in (root, *root.parents[: len(root.parents) - 1]):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    listening, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os.write(telling, _prepare(root).encode())
        os._exit(0)
    os.close(telling)
    with os.fdopen(listening) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def _mount(folder, size):
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0
