import bz2
import gzip
import lzma
import tarfile
import zipfile
from random import Random

import pytest

from polyclinic.platform.load import archives
from polyclinic.platform.load.archives import Unreadable, kind_of, members
from polyclinic.platform.load.tests.examples import tar_of


def read_all(path):
    return [(member.name, member.kind, member.stream.read()) for member in members(path)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", "json"),
        ("A.JSON.GZ", "json"),
        ("a.ndjson.xz", "ndjson"),
        ("a.jsonl", "ndjson"),
        ("a.txt", None),
    ],
)
def test_kind_of_looks_below_the_compression(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_members_of_a_compressed_file_is_the_file(tmp_path, suffix, pack):
    path = tmp_path / f"one.json.{suffix}"
    path.write_bytes(pack(b"{}" * 1000))
    assert read_all(path) == [(None, "json", b"{}" * 1000)]


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_members_of_a_tar_come_in_order(tmp_path, name, mode):
    path = tar_of(tmp_path / name, mode, folder__b=b"[1]", a=b"x" * 512)
    assert read_all(path) == [("folder/b.json", "json", b"[1]"), ("a.json", "json", b"x" * 512)]


def test_members_of_a_tar_need_not_be_read(tmp_path):
    path = tar_of(tmp_path / "a.tar.xz", a=b"1" * 100_000, b=b"2" * 3_000_000, c=b"3")
    assert [member.name for member in members(path)] == ["a.json", "b.json", "c.json"]


def test_members_leave_out_what_is_no_regular_file(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("../../etc/passwd.json")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert read_all(tmp_path / "a.tar") == []


def test_members_of_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/a.ndjson", "{}\n" * 9)
        archive.writestr("readme.txt", "hello")
    assert read_all(tmp_path / "a.zip") == [
        ("folder/a.ndjson", "ndjson", b"{}\n" * 9),
        ("readme.txt", None, b"hello"),
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8])
def test_members_refuse_an_archive_cut_short(tmp_path, mode, keep):
    path = tar_of(tmp_path / f"a.tar.{mode[2:]}".rstrip("."), mode, a=_noise(40_000), b=_noise(40_000))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(Unreadable, match=r"damaged|too early"):
        read_all(path)


def test_members_refuse_a_tar_with_a_damaged_header(tmp_path):
    path = tar_of(tmp_path / "a.tar", "w", a=b"1" * 512, b=b"2" * 512)
    body = bytearray(path.read_bytes())
    body[1024:1100] = b"\xff" * 76
    path.write_bytes(body)
    with pytest.raises(Unreadable, match="header"):
        read_all(path)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.xz", "a.tgz", "a.zip", "a.json.gz"])
def test_members_refuse_what_only_has_the_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is no archive at all, it is a sentence " * 30)
    with pytest.raises(Unreadable, match="damaged"):
        read_all(tmp_path / name)


def test_members_refuse_a_damaged_zip_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.json", "0123456789" * 10)
    body = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(body.replace(b"0123456789", b"0123456780", 1))
    with pytest.raises(Unreadable, match="damaged"):
        read_all(tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["bomb.json.xz", "bomb.json.gz", "bomb.zip"])
def test_members_refuse_a_bomb(tmp_path, name, monkeypatch):
    monkeypatch.setattr(archives, "SUSPECT_AFTER", 2**20)
    zeros = b"\0" * 8 * 2**20
    if name.endswith("zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.json", zeros)
    else:
        (tmp_path / name).write_bytes((lzma if name.endswith("xz") else gzip).compress(zeros))
    with pytest.raises(Unreadable, match="bomb"):
        read_all(tmp_path / name)


def _noise(size):
    """Return bytes that do not compress, the same every time."""
    return Random(size).randbytes(size)
