"""How fast a platform starts and stops and how little it takes: one JSON line per figure.

    python bench/start_bench.py [--rounds 3] [--port 21500]

First start (a folder made anew), later starts, with all services in one process; memory as PSS after a rest.
Run it alone: pages that other platforms share with this one would count for less.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent.parent
REST = 5.0
"""Seconds without a question before memory is read."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=21500)
    options = parser.parse_args()
    tell("import of a service process", seconds=import_time("polyclinic.services.records.main"))
    tell("import of the command", seconds=import_time("polyclinic.__main__"))
    for mode in ([], ["--together"]):
        with tempfile.TemporaryDirectory(prefix="polyclinic-bench-") as folder:
            os.chmod(folder, 0o755)
            measure(Path(folder) / "data", options.port, options.rounds, mode)


def measure(data: Path, port: int, rounds: int, mode: list[str]) -> None:
    """Start and stop it, and look at it while it rests."""
    started, stopped = [], []
    for number in range(rounds + 1):
        started.append(timed("up", "--data", str(data), "--port", str(port), "--detach", *mode))
        if number == rounds:
            time.sleep(REST)
            tell_memory(data, mode)
        stopped.append(timed("down", "--data", str(data)))
    tell("up to all-ready, first", mode=mode, seconds=started[0])
    tell("up to all-ready, again", mode=mode, seconds=min(started[1:]), all=started[1:])
    tell("down", mode=mode, seconds=min(stopped), all=stopped)


def tell_memory(data: Path, mode: list[str]) -> None:
    status = json.loads(run("status", "--data", str(data), "--json"))
    each = {row["name"]: round(row["memory"] / 2**20, 1) for row in status["processes"] if row["memory"] is not None}
    tell("memory at rest, PSS", mode=mode, megabytes=round(status["memory"] / 2**20, 1), each=each)


def import_time(module: str) -> float:
    best = 9.0
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=surroundings())
        best = min(best, time.perf_counter() - begun)
    return round(best, 3)


def timed(*words: str) -> float:
    begun = time.perf_counter()
    run(*words)
    return round(time.perf_counter() - begun, 2)


def run(*words: str) -> str:
    command = [sys.executable, "-P", "-m", "polyclinic", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=surroundings()).stdout


def surroundings() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE / "src")}


def tell(what: str, **figures: object) -> None:
    print(
        json.dumps({"what": what, **figures, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}), flush=True
    )


if __name__ == "__main__":
    main()
