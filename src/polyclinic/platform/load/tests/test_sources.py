import gzip
import json
import os
from pathlib import Path

import pytest

from polyclinic.platform.load import sources
from polyclinic.platform.load.sources import Document, Source, Trouble, documents, find, look_through
from polyclinic.platform.load.tests.examples import tar_of, written


def source_of(path):
    source = look_through(path)
    assert isinstance(source, Source), source
    return source


def read_all(*paths):
    return list(documents([source_of(path) for path in find(paths)]))


def test_find_goes_through_folders_in_order_and_passes_hidden_files_over(tmp_path):
    for name in ("b.json", "a/2.ndjson", "a/1.json", ".git/c.json", "a/.x.json", "notes.txt"):
        written(tmp_path, name, {})
    assert [str(Path(str(path)).relative_to(tmp_path)) for path in find([tmp_path])] == [
        "a/1.json",
        "a/2.ndjson",
        "b.json",
        "notes.txt",
    ]


def test_find_refuses_what_is_not_there_or_of_no_kind(tmp_path):
    absent, unknown = find([tmp_path / "none.json", written(tmp_path, "notes.txt", "hello")])
    assert isinstance(absent, Trouble)
    assert isinstance(unknown, Trouble)
    assert "no such file" in absent.reason
    assert "neither .json, .ndjson nor an archive" in unknown.reason


def test_look_through_counts_members_and_bytes(tmp_path):
    path = tar_of(tmp_path / "a.tar.xz", a=b"12345", b=b"678")
    assert look_through(path) == Source(path, 2, 8, False, ())
    plain = written(tmp_path, "a.json", "{}")
    assert look_through(plain) == Source(plain, 1, 2, False, ())


def test_look_through_names_what_is_left_out(tmp_path):
    path = written(tmp_path, "notes.txt", "hello")
    source = source_of(path)
    assert (source.members, [str(place) for place in source.left_out]) == (0, [str(path)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_look_through_refuses_a_file_without_permission(tmp_path):
    path = written(tmp_path, "a.json", {})
    path.chmod(0)
    trouble = look_through(path)
    assert isinstance(trouble, Trouble)
    assert "Permission denied" in trouble.reason


def test_documents_bring_shared_files_first(tmp_path):
    path = tar_of(tmp_path / "a.tar.xz", Ann={}, hospitalInformation1={}, Bob={}, practitionerInformation1={})
    last = written(tmp_path, "z/hospitalInformation2.json", {})
    names = [document.place.member or document.place.file for document in read_all(path, last)]
    assert names == [
        "hospitalInformation1.json",
        "practitionerInformation1.json",
        str(last),
        "Ann.json",
        "Bob.json",
    ]


def test_documents_of_ndjson_are_its_lines_without_the_empty_ones(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"a":2}'))
    lines = [(document.place.line, document.body) for document in read_all(path)]
    assert lines == [(1, b'{"a":1}'), (4, b'{"a":2}')]


def test_documents_number_the_members(tmp_path):
    one, two = written(tmp_path, "1.ndjson", {}, {}), written(tmp_path, "2.json", {})
    assert [document.member_number for document in read_all(one, two)] == [1, 1, 2]


@pytest.mark.parametrize("name", ["a.json", "a.ndjson"])
def test_documents_refuse_a_text_too_large_to_hold(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sources, "LARGEST_DOCUMENT", 100)
    path = written(tmp_path, name, "{}" if name == "a.ndjson" else "", json.dumps({"a": "x" * 200}))
    trouble = read_all(path)[-1]
    assert isinstance(trouble, Trouble)
    assert "split it" in trouble.reason


def test_documents_tell_of_a_file_that_broke_since_it_was_looked_through(tmp_path):
    path = tar_of(tmp_path / "a.tar", "w", a=b"1", b=b"2")
    looked_through = [source_of(path)]
    path.write_bytes(path.read_bytes()[:1024])
    found = list(documents(looked_through))
    assert [type(one) for one in found] == [Document, Trouble]
