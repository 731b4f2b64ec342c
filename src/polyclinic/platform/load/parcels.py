"""What is sent: each parcel is one Bundle whose every entry may arrive twice and still is there once.

A created resource gets an id made of the content it came in (docs/decisions/0007-load-exactly-once.md).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from polyclinic.fhir import json
from polyclinic.platform.load.sources import Document, Place, Trouble

GROUP = 200
"""Single resources that go together in one Bundle."""

GROUP_BYTES = 2 * 2**20

_LOADED = ("transaction", "batch", "collection")
_ID_NEAR_THE_FRONT = re.compile(rb'\{\s*(?:"resourceType"\s*:\s*"[^"\\]*"\s*,\s*)?"id"\s*:\s*"([^"\\]*)"')
_BYTE = re.compile(r"\(byte (\d+)\)")


class _Request(msgspec.Struct):
    method: str
    url: str
    ifNoneExist: str | None = None


class _Entry(msgspec.Struct):
    fullUrl: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    request: msgspec.Raw = msgspec.Raw()


class _Head(msgspec.Struct):
    resourceType: str = ""
    id: str | None = None


class _Bundle(msgspec.Struct):
    type: str = ""
    entry: list[_Entry] = []


_head = msgspec.json.Decoder(_Head)
_bundle = msgspec.json.Decoder(_Bundle)
_request = msgspec.json.Decoder(_Request)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One Bundle to send.

    ``entries`` says where each entry came from. ``witness`` is a resource ``Type/id`` that exists only if
    this whole Bundle was committed before; None where no such resource can be named. A ``divisible`` Bundle
    was put together here: if one entry is refused, the others may go in without it.
    """

    type: str
    body: tuple[bytes, ...]
    entries: tuple[Place, ...]
    witness: str | None
    divisible: bool
    size: int
    member_number: int

    def as_bundle(self, type: str | None = None) -> bytes:
        """Return the Bundle's JSON, of this parcel's type or of ``type``."""
        opening = b'{"resourceType":"Bundle","type":"%b","entry":[' % (type or self.type).encode()
        return opening + b",".join(self.body) + b"]}"

    def halves(self) -> tuple["Parcel", "Parcel"]:
        """Return two parcels of half the entries each."""
        middle = len(self.entries) // 2
        return (
            replace(self, body=self.body[:middle], entries=self.entries[:middle]),
            replace(self, body=self.body[middle:], entries=self.entries[middle:]),
        )


def parcels(documents: Iterable[Document | Trouble]) -> Iterator[Parcel | Trouble]:
    """Yield the documents as Bundles to send, in their order; what is no FHIR is a trouble."""
    group = _Group()
    for document in documents:
        if isinstance(document, Trouble):
            yield document
            continue
        try:
            head = _head.decode(document.body)
            if head.resourceType == "Bundle":
                yield from group.close()
                yield from _of_bundle(document)
            else:
                group.add(document, head)
                yield from group.close() if group.is_full() else ()
        except _NotLoadable as error:
            yield Trouble(document.place, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield Trouble(document.place, _no_json(document, error))
        except RecursionError:
            yield Trouble(document.place, "it is nested too deeply")
    yield from group.close()


class _NotLoadable(Exception):
    """JSON, but nothing that can be loaded."""


class _Group:
    """Single resources on their way into one transaction of PUTs."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self.entries: list[bytes] = []
        self.places: list[Place] = []
        self.size = 0
        self.member_number = 0

    def add(self, document: Document, head: _Head) -> None:
        _must_be_resource(head)
        self.entries.append(_put_single(document, head))
        self.places.append(document.place)
        self.size += len(document.body)
        self.member_number = document.member_number

    def is_full(self) -> bool:
        return len(self.entries) >= GROUP or self.size >= GROUP_BYTES

    def close(self) -> Iterator[Parcel]:
        """Yield the parcel of what was added, if anything was, and begin anew."""
        if self.entries:
            yield Parcel(
                type="transaction",
                body=tuple(self.entries),
                entries=tuple(self.places),
                witness=None,
                divisible=True,
                size=self.size,
                member_number=self.member_number,
            )
        self._empty()


def _put_single(document: Document, head: _Head) -> bytes:
    if head.id is not None:
        return _put(None, document.body, f"{head.resourceType}/{head.id}")
    # two equal lines are two resources, and the same file under another name is the same file
    id = _id(_digest(document.body), document.place.line or 0)
    return _put(None, _with_id(document.body, head, id), f"{head.resourceType}/{id}")


def _of_bundle(document: Document) -> Iterator[Parcel]:
    bundle = _bundle.decode(document.body)
    if bundle.type not in _LOADED:
        raise _NotLoadable(f"a Bundle of type {bundle.type or '(none)'} is not loaded, only {', '.join(_LOADED)}")
    if not bundle.entry:
        return
    digest = _digest(document.body)
    body, witness = [], None
    for number, entry in enumerate(bundle.entry):
        try:
            written, created = _once(entry, _id(digest, number), collected=bundle.type == "collection")
        except (_NotLoadable, msgspec.ValidationError) as error:
            raise _NotLoadable(f"entry {number} is no FHIR resource: {error}") from error
        body.append(written)
        witness = witness or created
    place = document.place
    yield Parcel(
        type="batch" if bundle.type == "batch" else "transaction",
        body=tuple(body),
        entries=tuple(Place(place.file, place.member, place.line, number) for number in range(len(body))),
        witness=witness if bundle.type == "transaction" else None,
        divisible=bundle.type == "collection",
        size=len(document.body),
        member_number=document.member_number,
    )


def _once(entry: _Entry, id: str, *, collected: bool) -> tuple[bytes, str | None]:
    """Return the entry such that sending it twice is sending it once, and the ``Type/id`` that it makes."""
    head = _head.decode(entry.resource) if entry.resource else _Head()
    if collected:
        _must_be_resource(head)
        if head.id is not None:
            return _put(entry.fullUrl, bytes(entry.resource), f"{head.resourceType}/{head.id}"), None
    elif not _creates(entry, head):
        return _as_it_is(entry), None
    url = f"{head.resourceType}/{id}"
    return _put(entry.fullUrl, _with_id(bytes(entry.resource), head, id), url), url


def _creates(entry: _Entry, head: _Head) -> bool:
    """Whether the entry is a plain create; a conditional one is done once by the server anyway."""
    if not entry.request:
        return False
    request = _request.decode(entry.request)
    plain = request.method == "POST" and not request.ifNoneExist
    return plain and bool(head.resourceType) and request.url.strip("/") == head.resourceType


def _put(full_url: str | None, resource: bytes, url: str) -> bytes:
    named = b'"fullUrl":%b,' % json.encode(full_url) if full_url else b""
    return b'{%b"resource":%b,"request":{"method":"PUT","url":%b}}' % (named, resource, json.encode(url))


def _as_it_is(entry: _Entry) -> bytes:
    parts = [b'"fullUrl":%b' % json.encode(entry.fullUrl)] if entry.fullUrl else []
    parts += [b'"resource":%b' % bytes(entry.resource)] if entry.resource else []
    parts += [b'"request":%b' % bytes(entry.request)] if entry.request else []
    return b"{%b}" % b",".join(parts)


def _with_id(resource: bytes, head: _Head, id: str) -> bytes:
    """Return the resource with this id, its other bytes untouched where the id stands at the front."""
    if head.id is None:
        opening, _, rest = resource.partition(b"{")
        return b'%b{"id":"%b",%b' % (opening, id.encode(), rest)
    front = _ID_NEAR_THE_FRONT.match(resource)
    if front and front[1] == head.id.encode():
        return resource[: front.start(1)] + id.encode() + resource[front.end(1) :]
    return json.encode({**json.decode(resource), "id": id})


def _must_be_resource(head: _Head) -> None:
    if not head.resourceType:
        raise _NotLoadable("this is JSON but no FHIR, as it has no resourceType")


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=32).digest()


def _id(digest: bytes, number: int) -> str:
    """Return a UUID made of a text and a number in it (version 8: RFC 9562, section 5.8)."""
    made = hashlib.blake2b(b"%d" % number, key=digest, digest_size=16).hexdigest()
    return f"{made[:8]}-{made[8:12]}-8{made[13:16]}-a{made[17:20]}-{made[20:]}"


def _no_json(document: Document, error: Exception) -> str:
    """Return the sentence for a text that msgspec refused, with the line and column for a person's editor."""
    if isinstance(error, msgspec.ValidationError):
        return f"this is JSON but no FHIR resource: {error}"
    at = _BYTE.search(str(error))
    if at is None or document.place.line is not None:
        return f"this is no JSON: {error}"
    before = document.body[: int(at[1])]
    line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
    return f"this is no JSON: {_BYTE.sub(f'(line {line}, column {column})', str(error))}"
