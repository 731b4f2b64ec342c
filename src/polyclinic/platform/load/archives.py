"""Files and archives as members that are read once, in order: nothing is unpacked to disk or held whole.

Knows no FHIR. Whatever is damaged, encrypted or unreasonably large ends as one ``Unreadable``.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

Kind = Literal["json", "ndjson"]

KINDS: dict[str, Kind] = {".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}
UNPACKERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb")),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
TARS = {".tgz": ".tar.gz", ".tbz2": ".tar.bz2", ".txz": ".tar.xz"}

SUSPECT_AFTER = 256 * 2**20
"""Bytes that may come out of a stream before its ratio is looked at."""

MOST_EXPANSION = 250
"""What JSON may expand to; Synthea's Bundles as .tar.xz expand 27-fold, a file of zeros over 1000-fold."""

_CHUNK = 2**20
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)


class Unreadable(Exception):
    """A file that cannot be read to its end; says why, without the file's name."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file, or one file of an archive (``name`` is its path there), readable until the next is taken.

    ``kind`` is None where the name says neither JSON nor NDJSON.
    """

    name: str | None
    kind: Kind | None
    stream: IO[bytes]


class Bounded(io.RawIOBase):
    """An unpacking stream that only goes forward, and refuses damage and what expands beyond reason."""

    def __init__(self, unpacked: IO[bytes], packed_bytes: Callable[[], int]) -> None:
        self._unpacked = unpacked
        self._packed_bytes = packed_bytes
        self._position = 0
        self.tail = b""

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def tell(self) -> int:
        """Return how many unpacked bytes were read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go forward to ``offset``."""
        if whence != io.SEEK_SET or offset < self._position:
            raise io.UnsupportedOperation("this stream only goes forward")
        while self._position < offset and self.read(min(_CHUNK, offset - self._position)):
            pass
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill ``buffer``; fewer bytes than it holds mean the end."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            chunk = self._unpacked.read(len(view))
        except _DAMAGE as error:
            raise Unreadable(_damage(error)) from error
        view[: len(chunk)] = chunk
        self._position += len(chunk)
        self.tail = (self.tail + chunk[-tarfile.BLOCKSIZE :])[-tarfile.BLOCKSIZE :]
        self._judge_expansion()
        return len(chunk)

    def close(self) -> None:
        """Close the stream below."""
        self._unpacked.close()
        super().close()

    def _judge_expansion(self) -> None:
        if self._position > SUSPECT_AFTER and self._position > MOST_EXPANSION * self._packed_bytes():
            raise Unreadable(
                f"it expands more than {MOST_EXPANSION}-fold, as a decompression bomb does; "
                "unpack it yourself if you trust it"
            )


def is_archive(path: Path) -> bool:
    """Whether ``path`` is named like a tar or zip archive."""
    name = _plain_name(path.name)
    return name.endswith((".zip", ".tar")) or name.endswith(tuple(f".tar{packed}" for packed in UNPACKERS))


def kind_of(name: str) -> Kind | None:
    """Return what a file of this name holds, looking below a suffix of compression."""
    name = name.lower()
    for packed in UNPACKERS:
        name = name.removesuffix(packed)
    return next((kind for suffix, kind in KINDS.items() if name.endswith(suffix)), None)


def is_packed(path: Path) -> bool:
    """Whether ``path`` has to be unpacked to be read."""
    return is_archive(path) or path.name.lower().endswith(tuple(UNPACKERS))


def members(path: Path) -> Iterator[Member]:
    """Yield the files of ``path`` in their order: the one it is, or all regular ones of an archive.

    Raises: ``Unreadable``, also from reading a member's stream.
    """
    name = _plain_name(path.name)
    try:
        if name.endswith(".zip"):
            yield from _of_zip(path)
        elif is_archive(path):
            yield from _of_tar(path, name)
        else:
            with path.open("rb") as file, _unpacking(file, name) as stream:
                yield Member(None, kind_of(name), stream)
    except (*_DAMAGE, NotImplementedError) as error:
        raise Unreadable(_damage(error)) from error


def _of_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise Unreadable(f"{info.filename} in it is encrypted; unpack it with its password first")
            inner = Bounded(archive.open(info), lambda packed=info.compress_size: packed)  # type: ignore[misc]
            with io.BufferedReader(inner, _CHUNK) as stream:
                yield Member(info.filename, kind_of(info.filename), stream)


def _of_tar(path: Path, name: str) -> Iterator[Member]:
    # tarfile reads, seeks and tells, nothing else; forward only, as the members are taken in order
    with (
        path.open("rb") as file,
        closing(_bounded(file, name)) as stream,
        tarfile.open(fileobj=stream, mode="r:") as archive,
    ):
        while (info := archive.next()) is not None:
            content = archive.extractfile(info) if info.isreg() else None
            if content is not None:
                with io.BufferedReader(Bounded(content, file.tell), _CHUNK) as content:
                    yield Member(info.name, kind_of(info.name), content)
            archive.members.clear()  # type: ignore[attr-defined]  # or a million of them stay in memory
        _must_end(stream)


def _must_end(stream: Bounded) -> None:
    """Refuse a tar that stops early, or goes on after its end: tarfile takes a damaged header for the end."""
    while rest := stream.read(_CHUNK):
        if rest.strip(b"\0"):
            raise Unreadable("a header in it is damaged; make or copy the archive again")
    if stream.tail.strip(b"\0"):
        raise Unreadable("it ends too early; make or copy the archive again")


def _unpacking(file: IO[bytes], name: str) -> IO[bytes]:
    return io.BufferedReader(_bounded(file, name), _CHUNK) if name.endswith(tuple(UNPACKERS)) else file


def _bounded(file: IO[bytes], name: str) -> Bounded:
    unpack = next((open_ for suffix, open_ in UNPACKERS.items() if name.endswith(suffix)), None)
    return Bounded(unpack(file) if unpack else file, file.tell)


def _plain_name(name: str) -> str:
    name = name.lower()
    return next((name.removesuffix(short) + long for short, long in TARS.items() if name.endswith(short)), name)


def _damage(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be read: {error.strerror}"
    words = str(error).rstrip(".") or type(error).__name__
    return f"it is damaged or incomplete ({words}); make or copy it again"
