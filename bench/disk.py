#!/usr/bin/env python3
"""What a resource takes on disk: the whole Synthea set in a platform of its own, all files but logs and WAL.

python bench/disk.py            # one JSON line, about two minutes
"""

import json
import sys
from collections import Counter
from pathlib import Path

import inputs
from stage import stage

ASIDE = ("logs", "postgresql/pg_wal")
"""Folders that are not counted: their size is a setting, not a matter of how much is stored."""
TARGET = 5_000
"""Bytes per resource that are promised."""


def used(data: Path) -> dict[str, int]:
    """Return the bytes of each part of a data folder."""
    sizes: Counter[str] = Counter()
    for path in data.rglob("*"):
        part = path.relative_to(data)
        if path.is_file() and not any(part.is_relative_to(aside) for aside in ASIDE):
            sizes[part.parts[0]] += path.stat().st_size
    return dict(sizes)


def line(data: Path, resources: int, empty: dict[str, int]) -> dict:
    """Return the figures of a data folder that was ``empty`` and now keeps ``resources``."""
    sizes = used(data)
    return {
        "scenario": "disk",
        "resources": resources,
        "bytes": sizes,
        "bytes_before": empty,
        "bytes_per_resource": round(sum(sizes.values()) / resources),
        "target": TARGET,
    }


def main() -> int:
    source = inputs.archive()
    if source is None:
        print("the Synthea set is not here", file=sys.stderr)
        return 1
    with stage() as one:
        empty = used(one.data)
        told = one.load(source)
        print(json.dumps(line(one.data, told["resources"]["created"], empty)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
