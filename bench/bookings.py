#!/usr/bin/env python3
"""Try to book hot times twice, on every path there is, while processes are killed; then count.

    python bench/bookings.py --attempts 1000000

64 clients fight for the same few times by $book, $hold and $confirm, POST, PUT, PATCH, transaction Bundles, $series,
$reschedule and the seats of groups; some cancel, so that times are fought for again. One request in thirteen is sent
twice. On the way scheduling and PostgreSQL are killed (kill -9). At the end all Appointments are read back over REST
and reckoned with here: nobody may have more visits at once than places, every loser must have got a 409 with other
times, every repeated request one Appointment, and every booking that was answered must be there.
Exit codes: 0 it is so, 1 it is not.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import practice
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from report import circumstances
from stage import Stage, stage

from polyclinic.kit import clock

PHYSICIANS, GROUPS, PLACES = 8, 2, 5
ALIVE = {"pending", "booked", "arrived", "checked-in", "fulfilled"}
JSON = {"content-type": "application/fhir+json"}
TRIES = 400
"""How often a request is sent again while it meets a dead process; half a minute of dying is survived."""


@dataclass
class Tally:
    """What came of it: answers by path and status, and whatever is not as it should be."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    alternatives: Counter[bool] = field(default_factory=Counter)
    repeated: Counter[bool] = field(default_factory=Counter)
    pairs: list[set[str]] = field(default_factory=list)
    again: int = 0
    won: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Fight:
    """All clients of one run."""

    base: str
    session: ClientSession
    hot: list[dict]
    tally: Tally
    left: int
    chance: random.Random

    async def send(self, path: str, method: str, address: str, body: object, **headers: str) -> tuple[int, dict]:
        """Send a request until it is answered by somebody who lives; return status and body."""
        content = json.dumps(body).encode()
        for _ in range(TRIES):
            begun = time.perf_counter()
            try:
                async with self.session.request(
                    method, f"{self.base}/{address}", data=content, headers={**JSON, **headers}
                ) as answer:
                    status, told = answer.status, await answer.read()
            except (ClientError, TimeoutError, OSError):
                status, told = 0, b""
            if status not in (0, 502, 503, 504):
                self.tally.answers[path, status] += 1
                self.tally.seconds.append(time.perf_counter() - begun)
                return status, json.loads(told) if told else {}
            self.tally.again += 1
            await asyncio.sleep(0.1)
        self.tally.wrong.append(f"{path}: nobody answered")
        return 0, {}

    async def client(self, number: int) -> None:
        while self.left > 0:
            self.left -= 1
            patient = f"Patient/bench-{number}-{self.chance.randrange(50)}"
            attempt = self.chance.choice(ATTEMPTS)
            await attempt(self, self.chance.choice(self.hot), patient)

    def judge(self, path: str, status: int, told: dict) -> str | None:
        """Note what an attempt came to; return the id of the Appointment that it won, if it did."""
        if status in (200, 201):
            resource = told["entry"][0].get("resource", {}) if told.get("resourceType") == "Bundle" else told
            id = resource.get("id") or told["entry"][0]["response"]["location"].split("Appointment/")[1].split("/")[0]
            self.tally.won[id] = path
            return str(id)
        if status == 409:
            self.tally.alternatives[bool(told.get("contained"))] += 1
        elif status not in (412, 404):  # somebody else changed it first; a hold that was cancelled
            self.tally.wrong.append(f"{path}: {status} {json.dumps(told)[:300]}")
        return None

    async def repeated(self, path: str, body: dict) -> None:
        """Send a booking twice, at once or one after the other."""
        sends = [self.send(path, "POST", "Appointment/$book", body) for _ in range(2)]
        answers = await asyncio.gather(*sends)
        won = {id for status, told in answers if (id := self.judge(path, status, told))}
        if won:
            self.tally.repeated[len(won) == 1] += 1
            if len(won) > 1:
                self.tally.pairs.append(won)


async def by_book(fight: Fight, hot: dict, patient: str) -> None:
    body = practice.asked(appointment_reference=f"Appointment/{hot['id']}", patient_reference=patient)
    if fight.chance.random() < 0.25:
        await fight.repeated("$book twice", body)
        return
    fight.judge("$book", *await fight.send("$book", "POST", "Appointment/$book", body))


async def by_hold(fight: Fight, hot: dict, patient: str) -> None:
    body = practice.asked(appointment_reference=f"Appointment/{hot['id']}", patient_reference=patient)
    id = fight.judge("$hold", *await fight.send("$hold", "POST", "Appointment/$hold", body))
    if id is not None:
        await fight.send("$confirm", "POST", f"Appointment/{id}/$confirm", practice.asked())


async def by_post(fight: Fight, hot: dict, patient: str) -> None:
    fight.judge("POST", *await fight.send("POST", "POST", "Appointment", visit(hot, patient)))


async def by_put(fight: Fight, hot: dict, patient: str) -> None:
    id = f"put-{fight.chance.getrandbits(60):x}"
    body = {**visit(hot, patient), "id": id}
    fight.judge("PUT", *await fight.send("PUT", "PUT", f"Appointment/{id}", body))


async def by_patch(fight: Fight, hot: dict, patient: str) -> None:
    status, made = await fight.send("proposed", "POST", "Appointment", {**visit(hot, patient), "status": "proposed"})
    if status == 201:
        patch = [{"op": "replace", "path": "/status", "value": "booked"}]
        header = {"content-type": "application/json-patch+json"}
        fight.judge("PATCH", *await fight.send("PATCH", "PATCH", f"Appointment/{made['id']}", patch, **header))


async def by_bundle(fight: Fight, hot: dict, patient: str) -> None:
    entry = {"resource": visit(hot, patient), "request": {"method": "POST", "url": "Appointment"}}
    body = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    fight.judge("transaction", *await fight.send("transaction", "POST", "", body))


async def by_move(fight: Fight, hot: dict, patient: str) -> None:
    if not fight.tally.won:
        return
    id = fight.chance.choice(list(fight.tally.won)[-200:])
    body = practice.asked(appointment_reference=f"Appointment/{hot['id']}")
    status, told = await fight.send("$reschedule", "POST", f"Appointment/{id}/$reschedule", body)
    if status == 409 and "cannot be moved" not in json.dumps(told):
        fight.tally.alternatives[bool(told.get("contained"))] += 1


async def by_cancel(fight: Fight, hot: dict, patient: str) -> None:
    if fight.tally.won:
        id = fight.chance.choice(list(fight.tally.won)[-200:])
        await fight.send("$cancel", "POST", f"Appointment/{id}/$cancel", practice.asked())


async def by_series(fight: Fight, hot: dict, patient: str) -> None:
    """Ask for the hot time and the same a week later, both or none."""
    body = practice.asked(appointment_reference=f"Appointment/{hot['id']}", patient_reference=patient)
    weekly = {"coding": [{"system": practice.UCUM, "code": "wk"}]}
    parts = [
        {"name": "recurrenceType", "valueCodeableConcept": weekly},
        {"name": "occurrenceCount", "valuePositiveInt": 2},
    ]
    body["parameter"].append({"name": "recurrence", "part": parts})
    status, told = await fight.send("$series", "POST", "Appointment/$series", body)
    if status == 200:
        fight.tally.won |= {entry["resource"]["id"]: "$series" for entry in told["entry"]}
    else:
        fight.judge("$series", status, told)


ATTEMPTS = [by_book, by_book, by_book, by_hold, by_post, by_put, by_patch, by_bundle, by_move, by_series, by_cancel]


def visit(hot: dict, patient: str) -> dict:
    """Return a hot time as an Appointment that a client writes itself."""
    participants = [each for each in hot["participant"] if not each["actor"]["reference"].startswith("Patient/")]
    people = [{"actor": {"reference": patient}}, *participants]
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": hot["start"],
        "end": hot["end"],
        "participant": [{"actor": each["actor"], "status": "accepted"} for each in people],
    }


async def fought(one: Stage, options: argparse.Namespace) -> Tally:
    tally = Tally()
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=60)) as session:
        fight = Fight(one.base_url, session, [], tally, options.attempts, random.Random(options.seed))
        for resource in practice.resources(PHYSICIANS, groups=GROUPS, places=PLACES):
            await fight.send("rules", "PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        fight.hot = await hot_times(fight)
        clients = [asyncio.create_task(fight.client(number)) for number in range(options.clients)]
        killing = asyncio.create_task(kill(one, fight, options.attempts, tally))
        progress = asyncio.create_task(show_progress(fight, options.attempts))
        await asyncio.gather(*clients)
        await killing
        progress.cancel()
        appointments = await read_back(fight)
    check(appointments, tally)
    return tally


async def hot_times(fight: Fight) -> list[dict]:
    begin, end = practice.days(7)
    found = []
    for name in [*(f"bench-{n}" for n in range(PHYSICIANS)), *(f"bench-group-{n}" for n in range(GROUPS))]:
        body = practice.asked(start=begin, end=end, schedule=f"Schedule/{name}", _count=3)
        status, told = await fight.send("$find", "POST", "Appointment/$find", body)
        assert status == 200, told
        found += [entry["resource"] for entry in told["entry"]]
    return found


async def kill(one: Stage, fight: Fight, attempts: int, tally: Tally) -> None:
    for name, share in (("scheduling", 0.7), ("postgresql", 0.4), ("scheduling", 0.2)):
        while fight.left > attempts * share:
            await asyncio.sleep(0.2)
        pid = (await asyncio.to_thread(one.processes))[name]["pid"]
        os.kill(pid, signal.SIGKILL)
        print(f"killed {name} ({pid}) with {fight.left:,} attempts left", file=sys.stderr)


async def show_progress(fight: Fight, attempts: int) -> None:
    begun = time.monotonic()
    while True:
        await asyncio.sleep(10)
        done = attempts - fight.left
        rate = done / (time.monotonic() - begun)
        print(f"{done:,} of {attempts:,} attempts, {rate:,.0f}/s, {len(fight.tally.won):,} won", file=sys.stderr)


async def read_back(fight: Fight) -> list[dict]:
    """Return all Appointments, page by page."""
    found: list[dict] = []
    url: str | None = f"{fight.base}/Appointment?_count=1000&_sort=_id"
    while url:
        async with fight.session.get(url) as answer:
            page = await answer.json(content_type=None)
        found += [entry["resource"] for entry in page.get("entry", [])]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return found


def check(appointments: list[dict], tally: Tally) -> None:
    """Reckon with every Appointment that is alive: who has how many visits at each moment."""
    moments: dict[str, list[tuple[float, int]]] = {}
    for each in appointments:
        if each["status"] in ALIVE:
            for participant in each["participant"]:
                steps = moments.setdefault(participant["actor"]["reference"], [])
                steps += [(instant(each["start"]), 1), (instant(each["end"]), -1)]
    for actor, steps in moments.items():
        if actor.startswith("HealthcareService/"):
            continue
        places = PLACES if "group" in actor else 1
        at_once = most = 0
        for _, step in sorted(steps):
            at_once += step
            most = max(most, at_once)
        if most > places:
            tally.wrong.append(f"{actor} has {most} visits at once and {places} places: DOUBLE BOOKING")
    alive = {each["id"] for each in appointments if each["status"] in ALIVE}
    for pair in tally.pairs:  # the second is right where somebody had cancelled the first before it came
        if pair <= alive:
            tally.wrong.append(f"one request sent twice made {pair}, and both are there")
    lost = tally.won.keys() - {each["id"] for each in appointments}
    if lost:
        tally.wrong.append(f"{len(lost)} bookings were answered and are not there: {sorted(lost)[:5]}")


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--what", help="write the results as results/<today>-WHAT.md")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    begun = time.monotonic()
    with stage() as one:
        tally = asyncio.run(fought(one, options))
    told = told_of(tally, options, time.monotonic() - begun)
    print(told)
    if options.what:
        target = Path(__file__).parent / "results" / f"{clock.now():%Y-%m-%d}-{options.what}.md"
        target.write_text(told)
    return 1 if tally.wrong else 0


def told_of(tally: Tally, options: argparse.Namespace, seconds: float) -> str:
    around = circumstances()
    lines = [
        f"# Double bookings, {clock.now():%Y-%m-%d}",
        "",
        f"{options.attempts:,} attempts by {options.clients} clients in {seconds:,.0f} s, seed {options.seed}; "
        f"kill -9 of scheduling, PostgreSQL and scheduling again on the way; {tally.again:,} requests were sent again.",
        "",
        f"{around}",
        "",
        "| path | " + " | ".join(statuses := [str(s) for s in sorted({s for _, s in tally.answers})]) + " |",
        "|---" * (len(statuses) + 1) + "|",
    ]
    for path in sorted({path for path, _ in tally.answers}):
        lines.append(f"| {path} | " + " | ".join(f"{tally.answers[path, int(s)]:,}" for s in statuses) + " |")
    latencies = sorted(tally.seconds)
    lines += [
        "",
        f"- won: {len(tally.won):,}; losers with other times: {tally.alternatives[True]:,}, "
        f"without: {tally.alternatives[False]:,}",
        f"- requests sent twice that won: {sum(tally.repeated.values()):,}, of which "
        f"{tally.repeated[True]:,} made one Appointment and {len(tally.pairs)} two, not both of them alive at the end",
        f"- latency p50 {1000 * latencies[len(latencies) // 2]:.1f} ms, "
        f"p99 {1000 * latencies[len(latencies) * 99 // 100]:.1f} ms",
        f"- wrong: {len(tally.wrong)}",
        *(f"  - {each}" for each in tally.wrong[:20]),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
