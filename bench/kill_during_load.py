#!/usr/bin/env python3
"""Kill every process in turn while the whole Synthea set is loaded; then count.

    python bench/kill_during_load.py

kill -9 of each process that serves (records, gateway, edge, NATS, PostgreSQL), then of `polyclinic load` and of
`polyclinic up` themselves, a new `up` on the same folder, and the same load again. At the end every type must have
as many resources as counts.json says. Prints a table. Exit codes: 0 all is there once, 1 it is not, 2 no Synthea set.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from stage import ROOT, SYNTHEA, Stage, stage

VICTIMS = ("records", "scheduling", "gateway", "edge", "nats", "postgresql", "records", "postgresql")
PAUSE = 3.0
"""Seconds that the load goes on between two kills."""

BACK_WITHIN = 60.0


@dataclass
class Account:
    """What was killed, and how long it took to be back."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, seconds: float | None, remark: str = "") -> None:
        self.rows.append((what, "never" if seconds is None else f"{seconds:.1f} s", remark))
        if seconds is None:
            self.wrong.append(f"{what} did not come back within {BACK_WITHIN:.0f} s")


def main() -> int:
    archives = sorted(SYNTHEA.glob("*.tar.xz"))
    if not archives:
        print(f"no Synthea set in {SYNTHEA}: nothing to load", file=sys.stderr)
        return 2
    expected = json.loads((SYNTHEA / "counts.json").read_text())
    account = Account()
    with stage() as one:
        kill_each(one, archives[0], account)
        kill_the_whole(one, account)
        begun = time.monotonic()
        report = one.load(archives[0])
        account.note("the same load again", time.monotonic() - begun, f"exit {report['exit']}, {report['resources']}")
        if report["exit"] or report["refused"]:
            account.wrong.append(f"the last load ended with {report['exit']}: {report['refused'][:3]}")
        compare(one, expected, account)
    show(account)
    return 1 if account.wrong else 0


def kill_each(one: Stage, archive: Path, account: Account) -> None:
    """Load in the background and kill what serves, one after the other; then the load itself."""
    loading = start_load(one, archive)
    for name in VICTIMS:
        time.sleep(PAUSE)
        if loading.poll() is not None:
            account.wrong.append(f"the load ended with {loading.returncode} before {name} was killed")
            return
        before = one.processes().get(name)
        if before is None:
            account.note(name, None, "did not run")
            continue
        begun = time.monotonic()
        os.kill(before["pid"], signal.SIGKILL)
        account.note(name, seconds_until_back(one, name, before, begun), f"kill -9 {before['pid']}")
    time.sleep(PAUSE)
    if loading.poll() is not None:
        account.wrong.append(f"the load ended with {loading.returncode} before it was killed itself")
        return
    loading.kill()
    loading.wait()


def kill_the_whole(one: Stage, account: Account) -> None:
    """Kill the supervisor alone, and start a new one on what it left behind."""
    before = one.processes()["supervisor"]
    begun = time.monotonic()
    os.kill(before["pid"], signal.SIGKILL)
    one.up()
    account.note("up and load", time.monotonic() - begun, "kill -9 of both, then up again")


def start_load(one: Stage, archive: Path) -> subprocess.Popen[bytes]:
    words = ["load", str(archive), "--url", one.base_url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen([sys.executable, "-m", "polyclinic", *words], env=environment)


def seconds_until_back(one: Stage, name: str, before: dict, begun: float) -> float | None:
    """Wait until another process of this name is ready."""
    while time.monotonic() - begun < BACK_WITHIN:
        now = one.processes().get(name, {})
        if now.get("pid") not in (None, before["pid"]) and now["health"] == "ready":
            return time.monotonic() - begun
        time.sleep(0.05)
    return None


def compare(one: Stage, expected: dict[str, int], account: Account) -> None:
    for type, count in sorted(expected.items()):
        with urllib.request.urlopen(f"{one.base_url}/{type}?_summary=count") as answer:
            there = json.load(answer)["total"]
        if there != count:
            account.wrong.append(f"{type}: {there} are there, {count} were loaded")
    account.note(f"{len(expected)} types counted", 0, f"{sum(expected.values()):,} resources expected")


def show(account: Account) -> None:
    for row in [("killed", "back in", ""), *account.rows]:
        print(f"{row[0]:22} {row[1]:>8}  {row[2]}")
    for sentence in account.wrong:
        print(f"WRONG: {sentence}")
    print("All is there, once." if not account.wrong else "Not as it should be.")


if __name__ == "__main__":
    raise SystemExit(main())
