"""The rulebook: what Schedules and HealthcareServices say, numbered in the order in which changes became real."""

from collections.abc import Sequence
from typing import NamedTuple

from polyclinic.repository.connect import Session

_NEXT = "update rule_number set number = number + 1 returning number"
_KEEP = """
insert into rule (name, number, body) select name, $3, body from unnest($1::text[], $2::bytea[]) as r(name, body)
on conflict (name) do update set number = excluded.number, body = excluded.body"""


class Rule(NamedTuple):
    """What one Schedule or HealthcareService says; no ``body`` where it was deleted."""

    key: int
    name: str
    number: int
    body: bytes | None


async def keep(session: Session, rules: Sequence[tuple[str, bytes | None]]) -> None:
    """Keep what ``rules`` (names and bodies) say from now on. Whoever else changes rules waits until the end."""
    number = await session.fetchval(_NEXT)
    await session.execute(_KEEP, [name for name, _ in rules], [body for _, body in rules], number)


async def number(session: Session) -> tuple[int, bool]:
    """Return the number of the last change, and whether this very transaction has made it and may yet take it back."""
    row = await session.fetchrow(
        "select number, coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false) as ours from rule_number"
    )
    assert row is not None  # the migration has made it
    return row["number"], row["ours"]


async def since(session: Session, number: int) -> list[Rule]:
    """Return the rules that changed after ``number``."""
    rows = await session.fetch("select key, name, number, body from rule where number > $1", number)
    return [Rule(row["key"], row["name"], row["number"], row["body"]) for row in rows]


async def bodies(session: Session, names: Sequence[str]) -> dict[str, bytes]:
    """Return the resources of those names that stand."""
    rows = await session.fetch("select name, body from rule where name = any($1) and body is not null", list(names))
    return {row["name"]: row["body"] for row in rows}
