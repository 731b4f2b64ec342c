"""Migrations: numbered SQL files, applied once each, in order, by one process at a time."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from polyclinic.fhir.outcome import Refusal
from polyclinic.repository.connect import Session

LOCK = 0x706F6C79  # "poly": any process that migrates this database takes this advisory lock
_FOLDER = files("polyclinic.repository") / "migrations"
OURS = "repository"
"""What the ledger calls the repository's own migrations; those of a service have its name."""
_LEDGER = """
create table if not exists migration (
    part    text not null default 'repository',
    number  integer not null,
    name    text not null,
    applied timestamptz not null default now()
)"""
_BY_PART = """ -- a ledger of an earlier release knows no parts
alter table migration add column if not exists part text not null default 'repository';
alter table migration drop constraint if exists migration_pkey;
create unique index if not exists migration_part on migration (part, number)"""


class NewerDatabase(Refusal):
    """The database was migrated by a newer release; an older one must not write to it."""

    code = "exception"


async def migrate(connection: Session, parts: Mapping[str, Traversable] | None = None) -> tuple[str, ...]:
    """Bring the database up to this release and return the names of the migrations that were applied now.

    ``parts`` are folders of migrations beside the repository's own, by what the ledger calls them.
    All or nothing; safe to run twice and by several processes at once. Raises: ``NewerDatabase``.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(_LEDGER)
        await connection.execute(_BY_PART)
        applied: list[str] = []
        for part, folder in {OURS: _FOLDER, **(parts or {})}.items():
            applied += await _migrate(connection, part, folder)
    return tuple(applied)


async def _migrate(connection: Session, part: str, folder: Traversable) -> list[str]:
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    known = {int(file.name[:4]): file for file in files}
    if len(known) < len(files):
        raise ValueError(f"two migrations of {part} have the same number")
    applied = {row["number"] for row in await connection.fetch("select number from migration where part = $1", part)}
    if unknown := applied - known.keys():
        raise NewerDatabase(f"the database has migration {max(unknown)} of {part}, which this release does not know")
    due = sorted(known.keys() - applied)
    for number in due:
        name = known[number].name
        await connection.execute(known[number].read_text())
        await connection.execute("insert into migration (part, number, name) values ($1, $2, $3)", part, number, name)
    return [known[number].name for number in due]
