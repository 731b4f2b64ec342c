#!/usr/bin/env python3
"""Kill who tells, who hears, the bus and the database, again and again, while patients change; then count effects.

    python bench/events_chaos.py [--minutes 10] [--every 3] [--rate 50] [--write FILE]

kill -9 of a process chosen at random every few seconds; the supervisor starts it again. Writers go on
whether they are answered or not. At the end each version of each patient must have had its effect in the listener once,
in the order of versions.
Exit codes: 0 nothing lost, doubled or out of order, 1 it is.
"""

import argparse
import json
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from listening import effects, lag, listening

from polyclinic.platform.testing import Platform

VICTIMS = ("records", "listener", "nats", "postgresql")
PATIENTS = 40
WRITERS = 4
BACK_WITHIN = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=3, help="seconds between two kills")
    parser.add_argument("--rate", type=int, default=50, help="changes a second that are tried, at most")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--write", type=Path, help="write the account there as JSON")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with listening() as platform:
        stop = threading.Event()
        writers = [threading.Thread(target=write, args=(platform, each, asked.rate, stop)) for each in range(WRITERS)]
        for writer in writers:
            writer.start()
        killed = kill(platform, chance, asked.minutes * 60, asked.every)
        stop.set()
        for writer in writers:
            writer.join()
        versions = {id: last_version(platform, id) for id in ids(range(PATIENTS))}
        settled = settle(platform)
        account = {"minutes": asked.minutes, "killed": dict(killed), **judge(versions, effects(platform))}
        account["settled_seconds"] = round(settled, 1)
        account["dead_letters"] = letters(platform)
    print(json.dumps(account, indent=1))
    if asked.write:
        asked.write.write_text(json.dumps(account, indent=1) + "\n")
    return 1 if account["lost"] or account["doubled"] or account["out_of_order"] or account["dead_letters"] else 0


def ids(numbers) -> list[str]:
    return [f"c{number}" for number in numbers]


def write(platform: Platform, writer: int, rate: int, stop: threading.Event) -> None:
    """Change this writer's patients, one after the other, and delete one now and then."""
    mine, number = ids(range(writer, PATIENTS, WRITERS)), 0
    while not stop.wait(WRITERS / rate):
        number += 1
        id = mine[number % len(mine)]
        change(platform, id, None if number % 37 == 0 else number)


def change(platform: Platform, id: str, number: int | None) -> int | None:
    """Put or delete a patient; return the version, None where nobody answered."""
    body = {"resourceType": "Patient", "id": id, "multipleBirthInteger": number}
    try:
        if number is None:
            platform.ask(f"/Patient/{id}", method="DELETE", patience=30)
            return None
        status, answer = platform.ask(f"/Patient/{id}", body, method="PUT", patience=30)
        return int(answer["meta"]["versionId"]) if status in (200, 201) else None
    except (OSError, ValueError, KeyError):
        return None


def kill(platform: Platform, chance: random.Random, seconds: float, every: float) -> Counter[str]:
    killed: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(0.3, 2 * every - 0.3))
        name = chance.choice(VICTIMS)
        process = next((one for one in platform.status()["processes"] if one["name"] == name), None)
        if process and process["pid"]:
            try:
                os.kill(process["pid"], signal.SIGKILL)
                killed[name] += 1
            except ProcessLookupError:
                continue
    return killed


def last_version(platform: Platform, id: str) -> int:
    """Change a patient a last time and return the number of its versions."""
    deadline = time.monotonic() + BACK_WITHIN
    while time.monotonic() < deadline:
        if version := change(platform, id, time.time_ns() // 1_000_000 % 1_000_000_000):
            return version
        time.sleep(0.2)
    raise SystemExit(f"the platform did not come back within {BACK_WITHIN:.0f} s")


def settle(platform: Platform) -> float:
    """Wait until the listener has settled everything for a while; return the seconds it took."""
    began = quiet = time.monotonic()
    while time.monotonic() - quiet < 5 and time.monotonic() - began < 300:
        if lag(platform) != 0:
            quiet = time.monotonic()
        time.sleep(0.25)
    return quiet - began


def judge(versions: dict[str, int], found: list[str]) -> dict:
    """Hold the effects against the versions that there are."""
    noted = defaultdict(list)
    for text in found:
        _, reference, version = text.split()
        noted[reference.partition("/")[2]].append(int(version))
    return {
        "changes": sum(versions.values()),
        "effects": len(found),
        "lost": sum(len(set(range(1, last + 1)) - set(noted[id])) for id, last in versions.items()),
        "doubled": sum(len(each) - len(set(each)) for each in noted.values()),
        "out_of_order": sum(each != sorted(each) for each in noted.values()),
    }


def letters(platform: Platform) -> list[str]:
    """Return what could not be handled: nothing, in a run that only kills."""
    done = platform.run("events", "list", "--data", str(platform.data), "--json")
    return [letter["reason"] for letter in json.loads(done.stdout)]


if __name__ == "__main__":
    raise SystemExit(main())
