"""Migrations: numbered SQL files, applied once each, in order, by one process at a time."""

from importlib.resources import files

from polyclinic.fhir.outcome import Refusal
from polyclinic.repository.connect import Session

LOCK = 0x706F6C79  # "poly": any process that migrates this database takes this advisory lock
_FOLDER = files("polyclinic.repository") / "migrations"
_LEDGER = """
create table if not exists migration (
    number  integer primary key,
    name    text not null,
    applied timestamptz not null default now()
)"""


class NewerDatabase(Refusal):
    """The database was migrated by a newer release; an older one must not write to it."""

    code = "exception"


async def migrate(connection: Session) -> tuple[str, ...]:
    """Bring the database up to this release and return the names of the migrations that were applied now.

    All or nothing; safe to run twice and by several processes at once. Raises: ``NewerDatabase``.
    """
    known = {int(file.name[:4]): file for file in _FOLDER.iterdir() if file.name.endswith(".sql")}
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(_LEDGER)
        applied = {row["number"] for row in await connection.fetch("select number from migration")}
        if unknown := applied - known.keys():
            raise NewerDatabase(f"the database has migration {max(unknown)}, which this release does not know")
        due = sorted(known.keys() - applied)
        for number in due:
            await connection.execute(known[number].read_text())
            await connection.execute("insert into migration (number, name) values ($1, $2)", number, known[number].name)
    return tuple(known[number].name for number in due)
