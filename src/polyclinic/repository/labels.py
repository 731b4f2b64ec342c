"""Labels in use: the profiles, security labels and tags of all resources of some types, by the index alone.

What a type was ever labelled with is listed among the spellings; whether anything has the label now, its postings tell.
"""

from collections.abc import Sequence

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.labels import KINDS, Label, labels_path
from polyclinic.repository.connect import Database
from polyclinic.repository.keys import key_of

MOST_LABELS = 2_000
"""Labels, in use now or once, that one answer may have to look at."""

_LISTED = "select path, text from spelling where path = any($1::bigint[]) limit $2"
_IN_USE = """
select l.number from unnest($1::integer[], $2::bigint[], $3::text[], $4::text[]) as l(number, key, type, exactly)
where (
    select true from posting p join resource r on r.key = p.resource
    where p.key = l.key and r.type = l.type
      and case when l.exactly is null then true
               else convert_from(r.body, 'UTF8')::jsonb #> '{meta,profile}' ? l.exactly end
    limit 1) is not null"""
"""LIMIT keeps the planner from making a join of it: each label is looked up, and the first that has it is enough."""


async def labels(connection: Database, types: Sequence[str]) -> tuple[Label, ...]:
    """Return the labels that any resource of ``types`` has. Refuses: ``TooCostly`` beyond ``MOST_LABELS``."""
    named = {key_of(labels_path(type, kind)): (type, kind) for type in types for kind in KINDS}
    rows = await connection.fetch(_LISTED, list(named), MOST_LABELS + 1)
    if len(rows) > MOST_LABELS:
        raise TooCostly(f"more than {MOST_LABELS} profiles, labels and tags are or were in use there; ask for one type")
    listed = [Label(*named[row["path"]], row["text"]) for row in rows]
    found = await connection.fetch(
        _IN_USE,
        list(range(len(listed))),
        [key_of(each.term) for each in listed],
        [each.type for each in listed],
        _to_be_exact(listed),
    )
    return tuple(listed[row["number"]] for row in found)


def _to_be_exact(listed: Sequence[Label]) -> list[str | None]:
    """Return the profiles that the index cannot tell from versions of them, which are found by them too."""
    versions = {(each.type, each.spelled.partition("|")[0]) for each in listed if "|" in each.spelled}
    return [
        each.spelled if each.kind == "profile" and (each.type, each.spelled) in versions else None for each in listed
    ]
