#!/usr/bin/env python3
"""How long an event takes from the change to its effect in another service, at a given rate.

    python bench/events.py [--rate 200] [--seconds 30] [--write FILE]

A whole platform; patients are put through the edge at fixed moments whether or not earlier ones are answered, and a
listener keeps one resource for each event. The delay is the service's own figure: from the time of the version (before
its commit) to after the commit of its effect. Exit codes: 0 p99 within 100 ms, 1 not.
"""

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

import aiohttp
from listening import cpu, delays, effects, lag, listening, within

PATIENTS = 200
AIM = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="changes a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--write", type=Path, help="write the figures there as JSON")
    asked = parser.parse_args()
    with listening() as platform:
        asyncio.run(drive(platform.base_url, asked.rate, 5))
        settle(platform)
        before, were, used = delays(platform), len(effects(platform)), cpu(platform)
        refused = asyncio.run(drive(platform.base_url, asked.rate, asked.seconds))
        settle(platform)
        used = {name: seconds - used.get(name, 0) for name, seconds in cpu(platform).items()}
        after, found = delays(platform), effects(platform)
    figures = {
        "changes_per_second": asked.rate,
        "changes": asked.rate * asked.seconds,
        "refused": refused,
        "effects": len(found) - were,
        "doubled": len(found) - len(set(found)),
        **{f"p{share}_ms_at_most": 1000 * within(before, after, share / 100) for share in (50, 90, 99)},
        "load_average": os.getloadavg()[0],
        "cpu_ms_per_change": {
            name: round(1000 * seconds / asked.rate / asked.seconds, 2) for name, seconds in used.items()
        },
    }
    print(json.dumps(figures, indent=1))
    if asked.write:
        asked.write.write_text(json.dumps(figures, indent=1) + "\n")
    well = figures["p99_ms_at_most"] <= 1000 * AIM and not figures["doubled"]
    return 0 if well and figures["effects"] == figures["changes"] - refused else 1


async def drive(base: str, rate: int, seconds: int) -> int:
    """Send changes at their moments; return how many were not taken."""
    refused = 0

    async def put(session: aiohttp.ClientSession, number: int) -> None:
        nonlocal refused
        id = f"p{number % PATIENTS}"
        born = f"{1900 + number // PATIENTS % 100}-{1 + time.time_ns() // 1000 % 12:02}-{1 + number % 28:02}"
        body = {"resourceType": "Patient", "id": id, "birthDate": born, "multipleBirthInteger": number}
        async with session.put(f"{base}/Patient/{id}", json=body, headers=as_fhir) as answer:
            refused += answer.status not in (200, 201)

    as_fhir = {"Content-Type": "application/fhir+json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session, asyncio.TaskGroup() as group:
        started = time.monotonic()
        for number in range(rate * seconds):
            await asyncio.sleep(max(0, started + number / rate - time.monotonic()))
            group.create_task(put(session, number))
    return refused


def settle(platform) -> None:
    deadline = time.monotonic() + 60
    while lag(platform) != 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(0.5)


if __name__ == "__main__":
    raise SystemExit(main())
