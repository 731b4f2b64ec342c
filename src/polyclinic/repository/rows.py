"""Rows: what one version of a resource becomes in the tables."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from polyclinic.fhir.json import encode
from polyclinic.fhir.search.extract import Entries, extract
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository.keys import identity_of, key_of, pack
from polyclinic.repository.model import Kept, Method

NO_DATE = -(2**63)
"""``resource.at`` of a resource without a clinical date: older than any."""


@dataclass(slots=True)
class Row:
    """One version about to be written, with the keys and values it is found by; ``event`` names it in the feed."""

    key: int
    kept: Kept
    at: int
    keys: frozenset[int]
    entries: Entries
    indexed: int
    event: str | None = None

    @property
    def terms(self) -> bytes:
        """The keys as ``resource.terms`` holds them."""
        return pack(self.keys)

    @property
    def identity(self) -> int:
        """What references to it say."""
        return identity_of(f"{self.kept.type}/{self.kept.id}")


def row(
    resource: dict[str, Any], vocabulary: Vocabulary, *, key: int, version: int, updated: datetime, method: Method
) -> Row:
    """Return the row of ``resource``, its ``id`` set, with ``meta`` saying version and time."""
    body = encode(stamped(resource, version=version, updated=updated))
    kept = Kept(resource["resourceType"], resource["id"], version, updated, method, body)
    return indexed_row(resource, kept, vocabulary, key=key)


def indexed_row(resource: dict[str, Any], kept: Kept, vocabulary: Vocabulary, *, key: int) -> Row:
    """Return the row of ``kept``, which holds ``resource``, with what it is found by under ``vocabulary``."""
    entries = extract(resource, vocabulary)
    at = NO_DATE if entries.at is None else int(entries.at)
    return Row(key, kept, at, frozenset(map(key_of, entries.terms)), entries, vocabulary.number)


def tombstone(stood: Kept, *, key: int, at: int, updated: datetime) -> Row:
    """Return the row of a deletion: no body, found by nothing."""
    kept = Kept(stood.type, stood.id, stood.version + 1, updated, "DELETE", None)
    return Row(key, kept, at, frozenset(), Entries(), indexed=0)


def stamped(resource: dict[str, Any], *, version: int, updated: datetime) -> dict[str, Any]:
    """Return ``resource`` with type, id and meta first, and meta telling version and time (UTC, milliseconds)."""
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": instant(updated)}
    first = {"resourceType": None, "id": None, "meta": None}
    return {**first, **resource, "meta": meta}


@lru_cache(maxsize=16)  # all versions of a transaction have the same
def instant(moment: datetime) -> str:
    """Return ``moment`` as a FHIR instant in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
