"""Driving a platform with the load driver, and what it spent on each request."""

import json
import subprocess
import sys
from pathlib import Path

from stage import MEASURED, Stage

DRIVER = Path(__file__).with_name("families.py")
"""fhir_bench.py with our own families beside its scenarios."""
WRITING = frozenset({"create_observation", "update_patient"})
"""Scenarios that are measured last: what they leave behind would make the others' answers longer."""


def drive(one: Stage, words: list[str]) -> list[dict]:
    command = [sys.executable, str(DRIVER), "--base-url", one.base_url, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def watched(one: Stage) -> list[str]:
    found = {name: process for name, process in one.processes().items() if name in MEASURED}
    return [word for name, process in found.items() for word in ("--proc", f"{name}:{process['pid']}")]


def memory(one: Stage) -> dict[str, float]:
    """Return the PSS of each process of an idle platform, in MiB."""
    return {name: round((process["memory"] or 0) / 2**20, 1) for name, process in one.processes().items()}


def with_cpu(line: dict) -> dict:
    """Add what one request (or one imported resource) costs, in ms of CPU."""
    rate = line.get("resources_per_s") or line.get("rps")
    if rate:
        cores = sum(cores for name, cores in line["cpu_cores"].items() if name in MEASURED)
        line["cpu_ms"] = round(cores / rate * 1000, 3)
    return line
