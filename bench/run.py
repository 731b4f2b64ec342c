#!/usr/bin/env python3
"""All benchmarks against a platform of its own; writes bench/results/<date>-<what>.json and a table beside it.

    just bench                      # about 12 minutes
    just bench --quick              # about 4 minutes, one short run each
    python bench/run.py --what after-caching --scenarios read_patient,search_obs_code

The figure that holds on a shared machine is CPU per request, summed over edge, services and database.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import inputs
import report
from fhir_bench import SCENARIOS, Procs
from stage import MEASURED, Stage, stage

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH / "results"
WRITING = {"create_observation", "update_patient"}
"""Measured last: what they leave behind would make the others' answers longer."""
CAREFUL = ["--runs", "3", "--duration", "6", "--max-other", "0.3", "--quiet-wait", "20", "--retries", "2"]
"""Three runs; one that other work on the machine disturbed is done again, and the quietest are kept."""


def main() -> int:
    options = arguments()
    today = datetime.datetime.now(datetime.UTC).date()  # noqa: TID251 - a benchmark has no clock of its own
    with tempfile.TemporaryDirectory(prefix="polyclinic-bench-data-") as folder:
        data = inputs.unpack(Path(folder))
        lines = measured(Path(folder), options)
    if not options.scenarios:
        lines += whole_set()
        lines.append(copy_limit())
    result = {"what": options.what, "date": str(today), "data": data, **report.circumstances(), "lines": lines}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{today}-{options.what}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    path.with_suffix(".md").write_text(report.table(result))
    print(path.with_suffix(".md").read_text())
    return 1 if any(line.get("errors") for line in lines) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", default="bench", help="names the result (default: bench)")
    parser.add_argument("--scenarios", default="", help="comma list; only these, and import before them")
    parser.add_argument("--quick", action="store_true", help="one short run of each")
    return parser.parse_args()


def measured(folder: Path, options: argparse.Namespace) -> list[dict]:
    """Run the scenarios of fhir_bench against one platform."""
    with stage() as one, tempfile.TemporaryDirectory() as state:
        idle = memory(one)
        common = ["--state", f"{state}/state.json", "--data-dir", str(folder), *watched(one)]
        lines = drive(one, [*common, "--scenarios", "import", "--concurrency", "1,4,8", "--runs", "1"])
        effort = ["--runs", "1", "--duration", "3", "--warmup", "1"] if options.quick else CAREFUL
        names = options.scenarios or ",".join([*(n for n in SCENARIOS if n not in WRITING), *sorted(WRITING)])
        lines += drive(one, [*common, *effort, "--scenarios", names, "--concurrency", "1,8"])
        return [{"scenario": "idle_memory", "megabytes": idle}, *map(with_cpu, lines)]


def drive(one: Stage, words: list[str]) -> list[dict]:
    command = [sys.executable, str(BENCH / "fhir_bench.py"), "--base-url", one.base_url, *words]
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


def whole_set() -> list[dict]:
    """Load the whole Synthea set with `polyclinic load`, into a platform that has nothing."""
    source = inputs.archive()
    if source is None:
        return []
    with stage() as one:
        procs = Procs([word for word in watched(one) if word != "--proc"])
        before = procs.cpu()
        told = one.load(source)
        after = procs.cpu()
    if told["exit"]:
        raise RuntimeError(f"the load ended with {told['exit']}: {told['refused'][:3]}")
    resources = told["resources"]["created"]
    spent = {name: after[name] - before[name] for name in procs.roots}
    return [
        {
            "scenario": "load",
            "concurrency": 4,
            "resources": resources,
            "resources_per_s": told["resourcesPerSecond"],
            "cpu_cores": {name: round(seconds / told["seconds"], 2) for name, seconds in spent.items()},
            "cpu_ms": round(sum(spent.values()) / resources * 1000, 3),
            "errors": 0,
        }
    ]


def copy_limit() -> dict:
    done = subprocess.run([sys.executable, str(BENCH / "copy_limit.py")], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
