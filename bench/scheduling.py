#!/usr/bin/env python3
"""How fast times are found, held and booked.

    python bench/scheduling.py [--quick] [--what scheduling]

- $find over 31 days and 50 schedules, two thirds of them full: p50 and p95 one after the other
- $hold, then $book, 8 clients, each on free times of its own: p50 and p95 of both together
- $book over 8 schedules, 8 clients: bookings a second
Beside each the CPU of edge, scheduling and PostgreSQL, which holds on a shared machine.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import practice
import psutil
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from report import circumstances
from stage import Stage, stage

from polyclinic.kit import clock

PARTS = ("edge", "scheduling", "postgresql")
CLIENTS = 8
TARGETS = {"$find, 31 days, 50 schedules": "p95 under 150 ms", "$hold then $book": "p95 under 60 ms", "$book": "300/s"}


@dataclass
class Row:
    """One line of the table: latencies in seconds, and the CPU seconds of each part."""

    what: str
    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        ordered = sorted(self.seconds)
        p50, p95, p99 = (1000 * ordered[min(len(ordered) * share // 100, len(ordered) - 1)] for share in (50, 95, 99))
        each = " + ".join(f"{1000 * self.cpu[part] / len(ordered):.2f}" for part in PARTS)
        return (
            f"| {self.what} | {len(ordered):,} | {len(ordered) / self.wall:,.0f} | {p50:.1f} | {p95:.1f} | {p99:.1f} | "
            f"{each} | {TARGETS[self.what]} |"
        )


class Driver:
    """Sends to one platform."""

    def __init__(self, one: Stage, session: ClientSession) -> None:
        self.one, self.session = one, session

    async def send(self, method: str, address: str, body: dict) -> dict:
        url, headers = f"{self.one.base_url}/{address}", {"content-type": "application/fhir+json"}
        async with self.session.request(method, url, data=json.dumps(body).encode(), headers=headers) as answer:
            told = await answer.json(content_type=None)
            assert answer.status < 300, (address, answer.status, told)
            return told

    async def measured(self, what: str, deeds: list[Callable[[], Awaitable[object]]], clients: int) -> Row:
        """Do ``deeds``, so many at a time; return what it took."""
        row, waiting = Row(what), iter(deeds)
        before, begun = self.cpu(), time.perf_counter()

        async def client() -> None:
            for deed in waiting:
                at = time.perf_counter()
                await deed()
                row.seconds.append(time.perf_counter() - at)

        await asyncio.gather(*(client() for _ in range(clients)))
        row.wall = time.perf_counter() - begun
        row.cpu = {part: spent - before[part] for part, spent in self.cpu().items()}
        return row

    def cpu(self) -> dict[str, float]:
        processes = self.one.processes()
        return {part: _spent(processes[part]["pid"]) for part in PARTS}


def _spent(pid: int) -> float:
    """Return the CPU seconds of a process and its children, of those that are gone too."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    living = [child.cpu_times() for child in process.children(recursive=True)]
    return sum(each.user + each.system for each in (own, *living)) + own.children_user + own.children_system


async def driven(one: Stage, options: argparse.Namespace) -> list[Row]:
    chance = random.Random(1)
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=120)) as session:
        driver = Driver(one, session)
        for resource in practice.resources(50):
            await driver.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        begin, end = practice.days(31)
        await fill(driver, begin, end, chance)
        search = practice.asked(start=begin, end=end, _count=20)
        finds = [lambda: driver.send("POST", "Appointment/$find", search)] * (20 if options.quick else 100)
        rows = [await driver.measured("$find, 31 days, 50 schedules", finds, 1)]
        free = await openings(driver, range(33, 50), begin, end)
        chance.shuffle(free)
        number = 100 if options.quick else 600
        rows.append(
            await driver.measured("$hold then $book", [held_then_booked(driver, f) for f in free[:number]], CLIENTS)
        )
        free = await openings(driver, range(33, 41), begin, end)
        chance.shuffle(free)
        rows.append(await driver.measured("$book", [booked(driver, f) for f in free[: 2 * number]], CLIENTS))
    return rows


async def fill(driver: Driver, begin: str, end: str, chance: random.Random) -> None:
    """Book two thirds of the schedules nearly full, by transactions of plain Appointments."""
    for number in range(33):
        free = await openings(driver, [number], begin, end)
        visits = [{**each, "status": "booked"} for each in free if chance.random() < 0.97]
        for each in visits:
            each.pop("id")
        entries = [{"resource": each, "request": {"method": "POST", "url": "Appointment"}} for each in visits]
        await driver.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})


async def openings(driver: Driver, numbers: object, begin: str, end: str) -> list[dict]:
    found: list[dict] = []
    for number in numbers:
        search = practice.asked(start=begin, end=end, schedule=f"Schedule/bench-{number}", _count=1000)
        told = await driver.send("POST", "Appointment/$find", search)
        found += [entry["resource"] for entry in told.get("entry", [])]
    return found


def booked(driver: Driver, free: dict) -> Callable[[], Awaitable[object]]:
    body = practice.asked(appointment_reference=f"Appointment/{free['id']}", patient_reference=f"Patient/{free['id']}")
    return lambda: driver.send("POST", "Appointment/$book", body)


def held_then_booked(driver: Driver, free: dict) -> Callable[[], Awaitable[object]]:
    async def deed() -> None:
        held = await driver.send("POST", "Appointment/$hold", asked(free["id"]))
        await driver.send("POST", "Appointment/$book", asked(held["entry"][0]["resource"]["id"]))

    def asked(id: str) -> dict:
        return practice.asked(appointment_reference=f"Appointment/{id}", patient_reference=f"Patient/{free['id']}")

    return deed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--what", help="write the results as results/<today>-WHAT.md")
    options = parser.parse_args()
    with stage() as one:
        rows = asyncio.run(driven(one, options))
    head = ("what", "number", "a second", "p50 ms", "p95 ms", "p99 ms", f"CPU ms ({' + '.join(PARTS)})", "asked")
    told = "\n".join(
        [
            f"# Finding and booking, {clock.now():%Y-%m-%d}",
            "",
            json.dumps(circumstances()),
            "",
            f"| {' | '.join(head)} |",
            "|---" * len(head) + "|",
            *(row.text() for row in rows),
            "",
        ]
    )
    print(told)
    if options.what:
        (Path(__file__).parent / "results" / f"{clock.now():%Y-%m-%d}-{options.what}.md").write_text(told)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
