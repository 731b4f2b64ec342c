"""Writes of SearchParameters, which may change what resources are indexed by."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from polyclinic.fhir.search.defined import defined_by
from polyclinic.repository.ids import new_id
from polyclinic.repository.model import Create, Delete, Write, Written
from polyclinic.repository.vocabularies import Definitions


def defines(write: Write) -> bool:
    """Whether ``write`` is of a SearchParameter."""
    type = write.type if isinstance(write, Delete) else write.resource["resourceType"]
    return bool(type == "SearchParameter")


def named(write: Write | Written, now: datetime) -> Write | Written:
    """Return ``write`` with the id that a new SearchParameter gets: it is known by it from now on."""
    if isinstance(write, Create) and write.id is None and defines(write):
        return replace(write, id=new_id(now))
    return write


def definitions_of(writes: Iterable[Write], types: frozenset[str]) -> Mapping[str, Definitions]:
    """Return what SearchParameters define once ``writes`` are done, by their ids; ``types`` are those kept here.

    Refuses: ``NotSupported`` naming what cannot be followed.
    """
    found: dict[str, Definitions] = {}
    for write in writes:
        if isinstance(write, Delete):
            found[write.id] = {}
        else:
            id = write.id if isinstance(write, Create) else write.resource["id"]
            found[str(id)] = defined_by(write.resource, types)
    return found
