"""Every family at two data sizes, ten times apart: does a question cost what it answers, or what is stored?"""

import tempfile
from pathlib import Path

import disk
import inputs
from driving import WRITING, drive, watched, with_cpu
from families import COUNTS
from fhir_bench import SCENARIOS
from stage import stage

SIZES = (60, 600)
"""Patients. The questions are about the first 60 at either size, so they are the same."""
LIMIT, LIMIT_OF_COUNTS = 1.5, 3.0
"""How much dearer a family may be at ten times the data."""


def measured(effort: list[str], scenarios: list[str]) -> dict:
    """Return the lines of each size, and how many resources it has."""
    names = scenarios or [name for name in SCENARIOS if name not in WRITING]
    found = [_at(size, effort, names) for size in SIZES]
    return {"sizes": found, "growth": growth(found)}


def _at(patients: int, effort: list[str], names: list[str]) -> dict:
    with tempfile.TemporaryDirectory(prefix="polyclinic-bench-data-") as folder, stage() as one:
        inputs.unpack(Path(folder), patients)
        empty = disk.used(one.data)
        common = ["--state", f"{folder}/state", "--data-dir", folder, *watched(one)]
        (loaded,) = drive(one, [*common, "--scenarios", "import", "--concurrency", "4", "--runs", "1"])
        resources = loaded["entry_statuses"].get("201", 0)
        asked = [*common, "--max-bundles", str(SIZES[0]), *effort, "--scenarios", ",".join(names), "--concurrency", "8"]
        lines = [with_cpu(line) for line in [loaded, *drive(one, asked)]]
        return {
            "patients": patients,
            "resources": resources,
            "disk": disk.line(one.data, resources, empty),
            "lines": lines,
        }


def growth(found: list[dict]) -> list[dict]:
    """Return for each family that both sizes answer what it costs at either, and whether that is within its limit."""
    small, large = ({line["scenario"]: line for line in one["lines"]} for one in found)
    compared = []
    for name, before in small.items():
        after = large.get(name, {})
        if name == "import" or not (before.get("cpu_ms") and after.get("cpu_ms")):
            continue
        ratio = after["cpu_ms"] / before["cpu_ms"]
        limit = LIMIT_OF_COUNTS if name in COUNTS else LIMIT
        compared.append({"scenario": name, "small": before, "large": after, "ratio": round(ratio, 2), "limit": limit})
    return compared


def unsupported(found: list[dict]) -> list[str]:
    """Return the names of the families that the product refuses."""
    return sorted({line["scenario"] for one in found for line in one["lines"] if "unsupported" in line})
