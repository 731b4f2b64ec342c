#!/usr/bin/env python3
"""The limit of an import: the same bodies into PostgreSQL by COPY and nothing else.

    python bench/copy_limit.py          # one JSON line

One table (type, id, body), one primary key, the platform's own PostgreSQL with its own settings, durable: no HTTP, no
validation, no index of anything, no history. Once with a commit per Bundle over 4 connections, as `polyclinic load`
commits, once all in one COPY.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import inputs
import msgspec

from polyclinic.platform import postgresql
from polyclinic.platform.folder import Folder
from polyclinic.platform.load.parcels import parcels
from polyclinic.platform.load.sources import documents, find, look_through

CLIENTS = 4
TABLE = 'create table copied (type text collate "C", id text collate "C", body bytea, primary key (type, id))'

Row = tuple[str, str, bytes]


class _Entry(msgspec.Struct):
    resource: msgspec.Raw
    request: dict[str, str]


_entry = msgspec.json.Decoder(_Entry)


def rows(path: Path) -> Iterator[list[Row]]:
    """Yield the rows of each Bundle, as load would send them."""
    for parcel in parcels(documents([look_through(one) for one in find([path])])):
        entries = [_entry.decode(entry) for entry in parcel.body]
        yield [(*entry.request["url"].split("/"), bytes(entry.resource)) for entry in entries]


async def copy(dsn: str, batches: list[list[Row]], clients: int) -> float:
    """Copy the batches, a commit each, over ``clients`` connections; return the seconds it took."""
    pool = await asyncpg.create_pool(dsn, min_size=clients, max_size=clients)
    async with pool:
        await pool.execute("drop table if exists copied")
        await pool.execute(TABLE)
        await pool.execute("checkpoint")
        waiting = iter(batches)

        async def work() -> None:
            async with pool.acquire() as connection:
                for batch in waiting:
                    await connection.copy_records_to_table("copied", records=batch)

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        seconds = time.perf_counter() - begun
        there = await pool.fetchval("select count(*) from copied")
        assert there == sum(map(len, batches)), f"{there} rows are there"
    return seconds


def measure(path: Path) -> dict:
    """Return the rates, in resources a second."""
    batches = list(rows(path))
    count, size = sum(map(len, batches)), sum(len(row[2]) for batch in batches for row in batch)
    with tempfile.TemporaryDirectory(prefix="polyclinic-copy-") as root:
        Path(root).chmod(0o755)
        with postgresql.running(Folder(Path(root)), durable=True) as dsn:
            each = asyncio.run(copy(dsn, batches, CLIENTS))
            whole = asyncio.run(copy(dsn, [[row for batch in batches for row in batch]], 1))
    return {
        "scenario": "copy_limit",
        "resources": count,
        "megabytes": round(size / 1e6, 1),
        "commit_per_bundle_per_s": round(count / each),
        "one_copy_per_s": round(count / whole),
    }


def main() -> int:
    source = inputs.archive()
    if source is not None:
        print(msgspec.json.encode(measure(source)).decode())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        print(inputs.unpack(Path(folder)), file=sys.stderr)
        print(msgspec.json.encode(measure(Path(folder))).decode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
