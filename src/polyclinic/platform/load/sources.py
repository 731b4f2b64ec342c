"""What is to be loaded: files found, looked through and ordered, then read document by document.

A document is one JSON text: a whole .json file, or one line of NDJSON.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from polyclinic.platform.load.archives import Member, Unreadable, is_archive, is_packed, kind_of, members

LARGEST_DOCUMENT = 64 * 2**20
"""Bytes of one JSON text; it is the only thing held in memory whole."""

FIRST = ("hospitalinformation", "practitionerinformation")
"""Synthea's shared files, which the Bundles of patients refer to by identifier: they go in first."""

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, the member of an archive, the line (from 1), the entry (from 0)."""

    file: str
    member: str | None = None
    line: int | None = None
    entry: int | None = None

    def __str__(self) -> str:
        parts = [self.file if self.member is None else f"{self.file}: {self.member}"]
        parts += [f"line {self.line}"] if self.line is not None else []
        parts += [f"entry {self.entry}"] if self.entry is not None else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON text, where it stands, and how many members were begun up to it."""

    place: Place
    body: bytes
    member_number: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be read, and why."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was looked through: its JSON and NDJSON members, their bytes, what is left out."""

    path: Path
    members: int
    size: int
    has_first: bool
    left_out: tuple[Place, ...]


def find(paths: Iterable[Path]) -> Iterator[Path | Trouble]:
    """Yield the files that ``paths`` name, folders recursively in order; hidden ones are passed over.

    A file of an unknown kind is a trouble where it was named itself; from a folder it is passed on.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
        elif not path.exists():
            yield Trouble(Place(str(path)), "there is no such file or folder")
        elif not (kind_of(path.name) or is_archive(path)):
            yield Trouble(Place(str(path)), "it is neither .json, .ndjson nor an archive (.tar, .zip) of them")
        else:
            yield path


def look_through(path: Path) -> Source | Trouble:
    """Read an archive or compressed file once to its end, so that damage is known before anything is sent."""
    try:
        return _plain(path) if not is_packed(path) else _counted(path)
    except Unreadable as error:
        return Trouble(Place(str(path)), str(error))
    except OSError as error:
        return Trouble(Place(str(path)), f"it cannot be read: {error.strerror or error}")


def documents(sources: Sequence[Source]) -> Iterator[Document | Trouble]:
    """Yield every document: those of Synthea's shared files, then the others, in the order of the files."""
    number = 0
    for wanted, chosen in (
        (_goes_first, [source for source in sources if source.has_first]),
        (_goes_later, sources),
    ):
        for source in chosen:
            for document in _of_source(source.path, wanted, number):
                if isinstance(document, Document):
                    number = document.member_number
                yield document


def _of_source(path: Path, wanted: Callable[[str], bool], number: int) -> Iterator[Document | Trouble]:
    member: Member | None = None
    try:
        for member in members(path):
            if member.kind is None or not wanted(member.name or path.name):
                continue
            number += 1
            yield from _of_member(member, Place(str(path), member.name), number)
    except Unreadable as error:
        yield Trouble(Place(str(path), member.name if member else None), str(error))


def _of_member(member: Member, place: Place, number: int) -> Iterator[Document | Trouble]:
    if member.kind == "ndjson":
        yield from _lines(member.stream, place, number)
        return
    body = member.stream.read(LARGEST_DOCUMENT + 1)
    if len(body) > LARGEST_DOCUMENT:
        yield Trouble(place, _too_large())
    else:
        yield Document(place, body.removeprefix(b"\xef\xbb\xbf"), number)


def _lines(stream: IO[bytes], place: Place, number: int) -> Iterator[Document | Trouble]:
    line = 0
    while text := stream.readline(LARGEST_DOCUMENT + 1):
        line += 1
        here = Place(place.file, place.member, line)
        if len(text) > LARGEST_DOCUMENT:
            yield Trouble(here, _too_large() + "; the rest of the file is left out")
            return
        if stripped := text.removeprefix(b"\xef\xbb\xbf").strip():
            yield Document(here, stripped, number)


def _plain(path: Path) -> Source:
    place = Place(str(path))
    with path.open("rb"):
        known = kind_of(path.name) is not None
        size = path.stat().st_size if known else 0
    return Source(path, int(known), size, _goes_first(path.name), () if known else (place,))


def _counted(path: Path) -> Source:
    count, size, has_first, left_out = 0, 0, False, []
    for member in members(path):
        if member.kind is None:
            left_out.append(Place(str(path), member.name))
            continue
        count += 1
        has_first = has_first or _goes_first(member.name or path.name)
        while chunk := member.stream.read(_CHUNK):
            size += len(chunk)
    return Source(path, count, size, has_first, tuple(left_out))


def _goes_first(name: str) -> bool:
    return PurePosixPath(name).name.lower().startswith(FIRST)


def _goes_later(name: str) -> bool:
    return not _goes_first(name)


def _is_hidden(file: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(below).parts)


def _too_large() -> str:
    return f"one JSON text of more than {LARGEST_DOCUMENT // 2**20} MiB; split it, or write it as NDJSON"
