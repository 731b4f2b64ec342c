#!/usr/bin/env python3
"""All benchmarks against a platform of its own; writes bench/results/<date>-<what>.json and a table beside it.

    just bench                      # about 12 minutes
    just bench --quick              # about 4 minutes, one short run each
    just bench --sizes              # every family at two data sizes, about 25 minutes; with --quick about 8
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

import disk
import families
import growth
import inputs
import plot
import report
import sizes
from driving import WRITING, drive, memory, watched, with_cpu
from fhir_bench import SCENARIOS, Procs
from stage import stage

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH / "results"
CAREFUL = ["--runs", "3", "--duration", "6", "--max-other", "0.3", "--quiet-wait", "20", "--retries", "2"]
"""Three runs; one that other work on the machine disturbed is done again, and the quietest are kept."""


def main() -> int:
    options = arguments()
    names = [name for name in options.scenarios.split(",") if name]
    today = datetime.datetime.now(datetime.UTC).date()  # noqa: TID251 - a benchmark has no clock of its own
    result = {"what": options.what, "date": str(today)}
    result |= grown(options, names) if options.sizes else whole(options, names)
    result |= report.circumstances()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{today}-{options.what}{'-sizes' if options.sizes else ''}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    if options.sizes:
        path.with_suffix(".svg").write_text(plot.svg(result))
    path.with_suffix(".md").write_text(growth.table(result, path.stem) if options.sizes else report.table(result))
    print(path.with_suffix(".md").read_text())
    return 1 if any(line.get("errors") for line in report.all_lines(result)) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", default="bench", help="names the result (default: bench)")
    parser.add_argument("--scenarios", default="", help="comma list; only these, and import before them")
    parser.add_argument("--quick", action="store_true", help="one short run of each")
    parser.add_argument("--sizes", action="store_true", help="compare two data sizes, ten times apart")
    return parser.parse_args()


def effort(options: argparse.Namespace) -> list[str]:
    return ["--runs", "1", "--duration", "3", "--warmup", "1"] if options.quick else CAREFUL


def grown(options: argparse.Namespace, names: list[str]) -> dict:
    """Return every family at two data sizes."""
    return sizes.measured(effort(options), names)


def whole(options: argparse.Namespace, names: list[str]) -> dict:
    """Return every family at the size that the peers were measured with, and the load of the whole set."""
    with tempfile.TemporaryDirectory(prefix="polyclinic-bench-data-") as folder:
        data = inputs.unpack(Path(folder))
        lines = measured(Path(folder), options, names)
    if not names:
        lines += [*whole_set(), copy_limit()]
    return {"data": data, "lines": lines}


def measured(folder: Path, options: argparse.Namespace, names: list[str]) -> list[dict]:
    """Run the scenarios of fhir_bench and our own families against one platform."""
    with stage() as one, tempfile.TemporaryDirectory() as state:
        idle = memory(one)
        common = ["--state", f"{state}/state.json", "--data-dir", str(folder), *watched(one)]
        lines = drive(one, [*common, "--scenarios", "import", "--concurrency", "1,4,8", "--runs", "1"])
        wanted = names or [*(n for n in SCENARIOS if n not in WRITING), *sorted(WRITING)]
        for clients, some in (("1,8", [n for n in wanted if n not in families.OWN]), ("8", families.OWN)):
            asked = ",".join(name for name in some if name in wanted)
            if asked:
                lines += drive(one, [*common, *effort(options), "--scenarios", asked, "--concurrency", clients])
        return [{"scenario": "idle_memory", "megabytes": idle}, *map(with_cpu, lines)]


def whole_set() -> list[dict]:
    """Load the whole Synthea set with `polyclinic load`, into a platform that has nothing."""
    source = inputs.archive()
    if source is None:
        return []
    with stage() as one:
        empty = disk.used(one.data)
        procs = Procs([word for word in watched(one) if word != "--proc"])
        before = procs.cpu()
        told = one.load(source)
        after = procs.cpu()
        taken = disk.line(one.data, told["resources"]["created"], empty)
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
        },
        taken,
    ]


def copy_limit() -> dict:
    done = subprocess.run([sys.executable, str(BENCH / "copy_limit.py")], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
