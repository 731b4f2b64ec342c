#!/usr/bin/env python3
"""A small closed-loop load driver for any FHIR R4 REST endpoint.

One workload, any server: Medplum, HAPI FHIR, Blaze, our own. Prints one JSON
line per (scenario, concurrency) to stdout; progress goes to stderr.

    # 1. load data: import Synthea-style transaction bundles and remember the ids
    fhir_bench.py --base-url http://127.0.0.1:8103/fhir/R4 --token "$T" \\
        --data-dir /path/to/bundles --max-bundles 150 --state run/state.json \\
        --scenarios import --concurrency 1,8

    # 2. measure
    fhir_bench.py --base-url ... --token ... --data-dir ... --max-bundles 150 \\
        --state run/state.json --scenarios all --concurrency 1,8 \\
        --warmup 3 --duration 8 --runs 3 \\
        --proc server:1234 --proc postgres:2345 | tee run/result.jsonl

How it measures
* Closed loop: each of C workers sends its next request as soon as the previous
  answer has been read in full. One connection per worker, kept alive.
* Every (scenario, concurrency) gets one warm-up, then `--runs` timed runs; the
  line reports every run and the median over runs of req/s, p50 and p99.
* Requests come from a per-scenario pool drawn with `--seed`, so the same data
  and seed give the same requests on every server (ids differ, subjects do not).
* In the warm-up some answers are parsed: `entries`, `total` and `bytes` in the
  output show whether two servers returned the same thing. `--check N` requests.
* Any status outside 2xx counts as an error; `errors` must be 0 for a number to
  mean anything.
* `--proc name:pid` (repeatable) samples that process and its children: CPU in
  cores, RSS and PSS in MB. The driver's own CPU is always reported: it shares
  the machine with the server. `other` in cpu_cores is everything else on the
  machine: a run with a large `other` was disturbed; with `--max-other` such runs
  are repeated and the quietest kept (import cannot repeat, it only waits).

State. Server ids are taken from the transaction responses of `import`, or, with
no state file, discovered by Patient?identifier= (so data loaded in some other
way can be measured too).

Needs: aiohttp, orjson; psutil for --proc; uvloop is used when installed.
"""

from __future__ import annotations

import argparse
import asyncio
import bz2
import collections
import gzip
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

FHIR_JSON = "application/fhir+json"
LOINC = "http://loinc.org"


# ---------------------------------------------------------------- data set


def bundle_paths(data_dir: str, limit: int | None) -> list[Path]:
    """Bundle files below data_dir, in a stable order, without Synthea's shared files."""
    root = Path(data_dir)
    paths = sorted(
        p
        for p in root.rglob("*")
        if p.name.endswith((".json", ".json.gz", ".json.bz2"))
        and not p.name.startswith(("hospitalInformation", "practitionerInformation"))
    )
    return paths[:limit] if limit else paths


def shared_paths(data_dir: str) -> list[Path]:
    """Synthea's hospital and practitioner bundles, to be loaded before patients."""
    root = Path(data_dir)
    return sorted(root.rglob("hospitalInformation*.json*")) + sorted(root.rglob("practitionerInformation*.json*"))


def load_json(path: Path) -> dict:
    raw = path.read_bytes()
    if path.suffix == ".bz2":
        raw = bz2.decompress(raw)
    elif path.suffix == ".gz":
        raw = gzip.decompress(raw)
    return orjson.loads(raw)


@dataclass
class PatientFacts:
    """What the workload needs to know about one patient of the data set."""

    identifiers: list[tuple[str, str]]
    family: str
    gender: str
    loinc: list[str]  # codes of this patient's observations, most frequent first
    encounter_dates: list[str]
    server_id: str | None = None


@dataclass
class Facts:
    patients: list[PatientFacts] = field(default_factory=list)
    observation_codes: collections.Counter = field(default_factory=collections.Counter)
    condition_codes: collections.Counter = field(default_factory=collections.Counter)
    observations: list[dict] = field(default_factory=list)  # templates for create
    patient_bodies: list[dict] = field(default_factory=list)  # parallel to patients
    resources: int = 0


def first_coding(concept: dict | None) -> dict:
    return ((concept or {}).get("coding") or [{}])[0]


def collect_facts(paths: Iterable[Path], max_templates: int = 2000) -> Facts:
    facts = Facts()
    for path in paths:
        bundle = load_json(path)
        patient = None
        codes: collections.Counter = collections.Counter()
        dates: list[str] = []
        for entry in bundle.get("entry", []):
            res = entry["resource"]
            facts.resources += 1
            kind = res["resourceType"]
            if kind == "Patient" and patient is None:
                patient = res
            elif kind == "Observation":
                coding = first_coding(res.get("code"))
                if coding.get("system") == LOINC and coding.get("code"):
                    codes[coding["code"]] += 1
                if "valueQuantity" in res and len(facts.observations) < max_templates:
                    facts.observations.append(res)
            elif kind == "Condition":
                code = first_coding(res.get("code")).get("code")
                if code:
                    facts.condition_codes[code] += 1
            elif kind == "Encounter":
                start = (res.get("period") or {}).get("start")
                if start:
                    dates.append(start[:10])
        if patient is None:
            continue
        facts.observation_codes.update(codes)
        facts.patients.append(
            PatientFacts(
                identifiers=[
                    (i["system"], i["value"])
                    for i in patient.get("identifier", [])
                    if i.get("system") and i.get("value")
                ],
                family=((patient.get("name") or [{}])[0]).get("family", ""),
                gender=patient.get("gender", ""),
                loinc=[c for c, _ in codes.most_common()],
                encounter_dates=sorted(dates),
            )
        )
        facts.patient_bodies.append(patient)
    return facts


# ---------------------------------------------------------------- HTTP


@dataclass
class Request:
    method: str
    url: str
    body: bytes | None = None
    weight: int = 1  # resources in a bundle


@dataclass
class Reply:
    status: int
    body: bytes
    seconds: float


class Client:
    def __init__(self, args: argparse.Namespace):
        self.base = args.base_url.rstrip("/")
        self.headers = {"Accept": FHIR_JSON, "Accept-Encoding": args.accept_encoding}
        if args.token:
            self.headers["Authorization"] = "Bearer " + args.token
        if args.prefer:
            self.headers["Prefer"] = args.prefer
        for header in args.header:
            name, _, value = header.partition(":")
            self.headers[name.strip()] = value.strip()
        self.timeout = aiohttp.ClientTimeout(total=args.timeout)
        self.session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        self.session = aiohttp.ClientSession(
            headers=self.headers,
            timeout=self.timeout,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=120),
            auto_decompress=True,
        )
        return self

    async def __aexit__(self, *exc) -> None:
        await self.session.close()

    async def send(self, request: Request) -> Reply:
        start = time.perf_counter()
        headers = {"Content-Type": FHIR_JSON} if request.body is not None else None
        try:
            url = URL(self.base + request.url, encoded=True)
            async with self.session.request(request.method, url, data=request.body, headers=headers) as resp:
                body = await resp.read()
                return Reply(resp.status, body, time.perf_counter() - start)
        except (TimeoutError, aiohttp.ClientError) as error:
            return Reply(0, repr(error).encode(), time.perf_counter() - start)


def search(kind: str, *params: tuple[str, str]) -> Request:
    return Request("GET", f"/{kind}?" + urlencode(params, safe="|,:/", quote_via=quote))


# ---------------------------------------------------------------- scenarios

Maker = Callable[[Facts, random.Random], Request]
SCENARIOS: dict[str, Maker] = {}


def scenario(name: str):
    def add(make: Maker) -> Maker:
        SCENARIOS[name] = make
        return make

    return add


def any_patient(facts: Facts, rng: random.Random) -> PatientFacts:
    return rng.choice([p for p in facts.patients if p.server_id])


def any_code(counter: collections.Counter, rng: random.Random, top: int = 20) -> str:
    return rng.choice([code for code, _ in counter.most_common(top)])


@scenario("create_observation")
def create_observation(facts, rng):
    res = dict(rng.choice(facts.observations))
    for key in ("id", "meta", "encounter", "performer", "text"):
        res.pop(key, None)
    res["subject"] = {"reference": "Patient/" + any_patient(facts, rng).server_id}
    return Request("POST", "/Observation", orjson.dumps(res))


@scenario("update_patient")
def update_patient(facts, rng):
    index = rng.choice([i for i, p in enumerate(facts.patients) if p.server_id])
    res = dict(facts.patient_bodies[index])
    res.pop("meta", None)
    res.pop("text", None)
    res["id"] = facts.patients[index].server_id
    res["telecom"] = [{"system": "phone", "value": f"555-{rng.randrange(10**7):07d}"}]  # so that it changes
    return Request("PUT", "/Patient/" + res["id"], orjson.dumps(res))


@scenario("read_patient")
def read_patient(facts, rng):
    return Request("GET", "/Patient/" + any_patient(facts, rng).server_id)


@scenario("search_patient_name")
def search_patient_name(facts, rng):
    return search("Patient", ("name", any_patient(facts, rng).family))


@scenario("search_obs_patient_code_sort")
def search_obs_patient_code_sort(facts, rng):
    patient = any_patient(facts, rng)
    code = rng.choice(patient.loinc[:8] or ["8302-2"])
    return search(
        "Observation", ("patient", patient.server_id), ("code", f"{LOINC}|{code}"), ("_sort", "-date"), ("_count", "50")
    )


@scenario("search_obs_code")
def search_obs_code(facts, rng):
    return search("Observation", ("code", any_code(facts.observation_codes, rng)), ("_count", "50"))


@scenario("search_condition_code")
def search_condition_code(facts, rng):
    return search("Condition", ("code", any_code(facts.condition_codes, rng)), ("_count", "50"))


@scenario("search_encounter_patient_date")
def search_encounter_patient_date(facts, rng):
    patient = any_patient(facts, rng)
    since = patient.encounter_dates[len(patient.encounter_dates) // 2] if patient.encounter_dates else "2015-01-01"
    return search("Encounter", ("patient", patient.server_id), ("date", "ge" + since), ("_count", "50"))


@scenario("search_obs_chained_name")
def search_obs_chained_name(facts, rng):
    return search("Observation", ("patient.name", any_patient(facts, rng).family), ("_count", "50"))


@scenario("search_include")
def search_include(facts, rng):
    code = any_code(facts.observation_codes, rng)
    return search("Observation", ("code", code), ("_include", "Observation:patient"), ("_count", "50"))


@scenario("search_revinclude")
def search_revinclude(facts, rng):
    return search("Patient", ("_id", any_patient(facts, rng).server_id), ("_revinclude", "Condition:patient"))


@scenario("search_count")
def search_count(facts, rng):
    return search("Observation", ("code", any_code(facts.observation_codes, rng)), ("_summary", "count"))


@scenario("everything")
def everything(facts, rng):
    return Request("GET", f"/Patient/{any_patient(facts, rng).server_id}/$everything")


# ---------------------------------------------------------------- process sampling


class Procs:
    """CPU and memory of named process trees (and of this driver)."""

    def __init__(self, specs: list[str]):
        self.roots: dict[str, int] = {}
        for spec in specs:
            name, _, pid = spec.partition(":")
            self.roots[name] = int(pid)
        if self.roots:
            import psutil

            self.psutil = psutil

    def _tree(self, pid: int):
        try:
            root = self.psutil.Process(pid)
            return [root, *root.children(recursive=True)]
        except self.psutil.NoSuchProcess:
            return []

    @staticmethod
    def _machine() -> float:
        """Busy CPU seconds of the whole machine since boot (Linux)."""
        try:
            with open("/proc/stat") as f:
                user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, f.readline().split()[1:])
        except OSError:
            return 0.0
        return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")

    def cpu(self) -> dict[str, float]:
        out = {"machine": self._machine(), "driver": time.process_time()}
        for name, pid in self.roots.items():
            total = 0.0
            for proc in self._tree(pid):
                try:
                    t = proc.cpu_times()  # children_*: children that have already ended
                    total += t.user + t.system + t.children_user + t.children_system
                except self.psutil.Error:
                    pass
            out[name] = total
        return out

    def memory(self) -> dict[str, dict[str, float]]:
        out = {}
        for name, pid in self.roots.items():
            rss = pss = 0
            for proc in self._tree(pid):
                try:
                    info = proc.memory_full_info()
                    rss += info.rss
                    pss += getattr(info, "pss", 0)
                except self.psutil.Error:
                    pass
            out[name] = {"rss_mb": round(rss / 2**20, 1), "pss_mb": round(pss / 2**20, 1)}
        return out


def cpu_cores(before: dict, after: dict, wall: float) -> dict[str, float]:
    used = {name: (after[name] - before[name]) / wall for name in before}
    machine = used.pop("machine")
    used["other"] = max(0.0, machine - sum(used.values()))
    return {name: round(value, 2) for name, value in used.items()}


async def wait_quiet(args: argparse.Namespace, procs: Procs) -> None:
    """Wait until the rest of the machine uses less than --max-other cores (at most --quiet-wait seconds)."""
    if args.max_other is None:
        return
    give_up = time.perf_counter() + args.quiet_wait
    while time.perf_counter() < give_up:
        before = procs.cpu()
        await asyncio.sleep(1.0)
        if cpu_cores(before, procs.cpu(), 1.0)["other"] <= args.max_other:
            return


# ---------------------------------------------------------------- running


def percentile(sorted_values: list[float], q: float) -> float:
    if not sorted_values:
        return float("nan")
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


@dataclass
class Run:
    seconds: float
    latencies: list[float]
    errors: int
    bytes: int
    resources: int
    cpu: dict[str, float]
    first_error: str = ""

    def summary(self) -> dict:
        lat = sorted(self.latencies)
        n = len(lat)
        out = {
            "n": n,
            "seconds": round(self.seconds, 3),
            "rps": round(n / self.seconds, 2) if self.seconds else 0.0,
            "p50_ms": round(percentile(lat, 0.50) * 1e3, 2),
            "p95_ms": round(percentile(lat, 0.95) * 1e3, 2),
            "p99_ms": round(percentile(lat, 0.99) * 1e3, 2),
            "max_ms": round(lat[-1] * 1e3, 2) if lat else None,
            "errors": self.errors,
            "mb_per_s": round(self.bytes / self.seconds / 1e6, 2) if self.seconds else 0.0,
            "cpu_cores": self.cpu,
        }
        if self.resources:
            out["resources"] = self.resources
            out["resources_per_s"] = round(self.resources / self.seconds, 1)
        if self.first_error:
            out["first_error"] = self.first_error
        return out


async def drive(
    client: Client,
    next_request: Callable[[], Request | None],
    concurrency: int,
    deadline: float | None,
    procs: Procs,
    on_reply: Callable[[Request, Reply], None] | None = None,
) -> Run:
    """C workers pulling requests until the pool is empty or the time is up."""
    latencies: list[float] = []
    state = {"errors": 0, "bytes": 0, "resources": 0, "first_error": ""}

    async def worker() -> None:
        while deadline is None or time.perf_counter() < deadline:
            request = next_request()
            if request is None:
                return
            reply = await client.send(request)
            if 200 <= reply.status < 300:
                latencies.append(reply.seconds)
                state["bytes"] += len(reply.body)
                state["resources"] += request.weight if request.weight > 1 else 0
            else:
                state["errors"] += 1
                if not state["first_error"]:
                    state["first_error"] = (
                        f"{reply.status} {request.url[:120]} {reply.body[:300].decode(errors='replace')}"
                    )
                if reply.status in (0, 429, 502, 503):
                    await asyncio.sleep(0.1)
            if on_reply:
                on_reply(request, reply)

    before = procs.cpu()
    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    seconds = time.perf_counter() - start
    cpu = cpu_cores(before, procs.cpu(), seconds)
    return Run(seconds, latencies, state["errors"], state["bytes"], state["resources"], cpu, state["first_error"])


def emit(args: argparse.Namespace, name: str, concurrency: int, runs: list[Run], extra: dict) -> None:
    rows = [r.summary() for r in runs]

    def median(key: str):
        values = [row[key] for row in rows if row.get(key) is not None and row.get("n")]
        return round(statistics.median(values), 2) if values else None

    line = {
        "label": args.label,
        "scenario": name,
        "concurrency": concurrency,
        "rps": median("rps"),
        "p50_ms": median("p50_ms"),
        "p99_ms": median("p99_ms"),
        "errors": sum(row["errors"] for row in rows),
    }
    if rows and "resources_per_s" in rows[0]:
        line["resources_per_s"] = median("resources_per_s")
    line["cpu_cores"] = {
        k: round(statistics.median(row["cpu_cores"][k] for row in rows), 2)
        for k in (rows[0]["cpu_cores"] if rows else {})
    }
    line.update(extra)
    line["runs"] = rows
    print(orjson.dumps(line).decode(), flush=True)
    shown = f"{line.get('resources_per_s')} res/s" if "resources_per_s" in line else f"{line['rps']} req/s"
    print(
        f"  {name:32s} c={concurrency:<3d} {shown:>16s}  p50 {line['p50_ms']} ms  p99 {line['p99_ms']} ms"
        f"  errors {line['errors']}  cpu {line['cpu_cores']}",
        file=sys.stderr,
        flush=True,
    )


async def run_scenario(args, client: Client, facts: Facts, procs: Procs, name: str, concurrency: int) -> None:
    rng = random.Random(f"{args.seed}/{name}")  # same requests at every concurrency
    pool = [SCENARIOS[name](facts, rng) for _ in range(args.pool)]
    cursor = iter(())

    def next_request() -> Request:
        nonlocal cursor
        request = next(cursor, None)
        if request is None:
            cursor = iter(pool)
            request = next(cursor)
        return request

    checked = {"entries": [], "total": [], "bytes": []}

    def check(request: Request, reply: Reply) -> None:
        if len(checked["bytes"]) >= args.check or not 200 <= reply.status < 300:
            return
        checked["bytes"].append(len(reply.body))
        try:
            body = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return
        if body.get("resourceType") == "Bundle":
            checked["entries"].append(len(body.get("entry", [])))
            if "total" in body:
                checked["total"].append(body["total"])

    first = next_request()
    reply = await client.send(first)
    if not 200 <= reply.status < 300:
        print(
            orjson.dumps(
                {
                    "label": args.label,
                    "scenario": name,
                    "concurrency": concurrency,
                    "unsupported": reply.status,
                    "url": first.url,
                    "body": reply.body[:300].decode(errors="replace"),
                }
            ).decode(),
            flush=True,
        )
        print(f"  {name:32s} unsupported: {reply.status}", file=sys.stderr)
        return
    await drive(client, next_request, concurrency, time.perf_counter() + args.warmup, procs, check)
    runs: list[Run] = []
    for _ in range(args.runs + (args.retries if args.max_other is not None else 0)):
        if sum(1 for r in runs if args.max_other is None or r.cpu["other"] <= args.max_other) >= args.runs:
            break
        await wait_quiet(args, procs)
        runs.append(await drive(client, next_request, concurrency, time.perf_counter() + args.duration, procs))
    runs = sorted(runs, key=lambda r: r.cpu["other"])[: args.runs] if args.max_other is not None else runs

    extra = {f"{name}_mean": round(statistics.mean(values), 1) if values else None for name, values in checked.items()}
    if procs.roots:
        extra["memory"] = procs.memory()
    emit(args, name, concurrency, runs, extra)


async def run_import(args, client: Client, facts: Facts, procs: Procs, paths: list[Path]) -> None:
    """Import every bundle exactly once, dealt into runs x concurrencies of like size."""
    segments: dict[tuple[int, int], list[tuple[int, Request]]] = {}
    slots = [(c, r) for c in args.concurrency for r in range(args.runs)]
    loaded = []
    by_identifier = {ident: i for i, p in enumerate(facts.patients) for ident in p.identifiers}
    for path in paths:
        bundle = load_json(path)
        patient = next((e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"), {})
        index = next(
            (
                by_identifier[(i.get("system"), i.get("value"))]
                for i in patient.get("identifier", [])
                if (i.get("system"), i.get("value")) in by_identifier
            ),
            -1,
        )
        loaded.append((index, Request("POST", "/", orjson.dumps(bundle), weight=len(bundle["entry"]))))
    for path in shared_paths(args.data_dir) if args.shared else []:
        reply = await client.send(Request("POST", "/", orjson.dumps(load_json(path))))
        print(f"  shared {path.name}: {reply.status}", file=sys.stderr)
    # snake deal by size: segments get nearly the same number of resources
    loaded.sort(key=lambda item: item[1].weight)
    for n, item in enumerate(loaded):
        row, col = divmod(n, len(slots))
        segments.setdefault(slots[col if row % 2 == 0 else len(slots) - 1 - col], []).append(item)

    warm = args.import_warmup  # bundles of the first segment sent before the clock starts
    owner = {}
    resources_ok = collections.Counter()

    def on_reply(request: Request, reply: Reply) -> None:
        if not 200 <= reply.status < 300:
            return
        answer = orjson.loads(reply.body)
        for entry in answer.get("entry", []):
            resp = entry.get("response", {})
            resources_ok[str(resp.get("status", ""))[:3]] += 1
            location = resp.get("location", "")
            if "Patient/" in location:
                index = owner.get(id(request), -1)
                if index >= 0:
                    facts.patients[index].server_id = location.split("Patient/")[1].split("/")[0]

    for concurrency in args.concurrency:
        runs = []
        for r in range(args.runs):
            items = segments.get((concurrency, r), [])
            random.Random(args.seed).shuffle(items)
            owner.update({id(req): index for index, req in items})
            if warm and r == 0:
                cut, items = items[:warm], items[warm:]
                pending = iter([req for _, req in cut])
                await drive(client, partial(next, pending, None), concurrency, None, procs, on_reply)
            pending = iter([req for _, req in items])
            await wait_quiet(args, procs)
            runs.append(await drive(client, partial(next, pending, None), concurrency, None, procs, on_reply))
        extra = {"bundles": sum(len(r.latencies) for r in runs), "entry_statuses": dict(resources_ok)}
        if procs.roots:
            extra["memory"] = procs.memory()
        emit(args, "import", concurrency, runs, extra)


async def discover(client: Client, facts: Facts) -> None:
    """Find the server ids of the data set's patients by identifier."""
    gate = asyncio.Semaphore(4)

    async def one(patient: PatientFacts) -> None:
        for system, value in patient.identifiers[:2]:
            async with gate:
                reply = await client.send(search("Patient", ("identifier", f"{system}|{value}"), ("_count", "1")))
            if reply.status == 200:
                entries = orjson.loads(reply.body).get("entry") or []
                if entries:
                    patient.server_id = entries[0]["resource"]["id"]
                    return

    await asyncio.gather(*(one(p) for p in facts.patients))


def state_load(path: str | None, facts: Facts) -> None:
    if path and os.path.exists(path):
        ids = orjson.loads(Path(path).read_bytes())
        for patient in facts.patients:
            for system, value in patient.identifiers:
                if f"{system}|{value}" in ids:
                    patient.server_id = ids[f"{system}|{value}"]


def state_save(path: str | None, facts: Facts) -> None:
    if path:
        ids = {f"{s}|{v}": p.server_id for p in facts.patients if p.server_id for s, v in p.identifiers}
        Path(path).write_bytes(orjson.dumps(ids, option=orjson.OPT_INDENT_2))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="scenarios: import, " + ", ".join(SCENARIOS)
    )
    parser.add_argument("--base-url", required=True, help="FHIR base, e.g. http://127.0.0.1:8103/fhir/R4")
    parser.add_argument("--token", default=os.environ.get("FHIR_TOKEN"), help="bearer token (or $FHIR_TOKEN)")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    parser.add_argument("--prefer", help="Prefer header, e.g. return=minimal")
    parser.add_argument("--accept-encoding", default="identity", help="identity (default) or gzip")
    parser.add_argument("--data-dir", required=True, help="folder of transaction bundles (.json, .json.gz, .json.bz2)")
    parser.add_argument("--max-bundles", type=int, help="use only the first N patient bundles (sorted by path)")
    parser.add_argument("--shared", action="store_true", help="import: send hospital/practitioner bundles first")
    parser.add_argument("--state", help="file with the server's patient ids: written by import, read by the others")
    parser.add_argument("--scenarios", default="all", help="comma list, 'all' (all but import), or 'list'")
    parser.add_argument("--concurrency", default="1,8", help="comma list of worker counts")
    parser.add_argument("--warmup", type=float, default=3.0, help="seconds")
    parser.add_argument("--import-warmup", type=int, default=2, help="bundles sent before timing import")
    parser.add_argument("--duration", type=float, default=8.0, help="seconds a timed run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--max-other", type=float, help="cores the rest of the machine may use during a timed run")
    parser.add_argument("--quiet-wait", type=float, default=60.0, help="with --max-other: wait this long for quiet")
    parser.add_argument("--retries", type=int, default=3, help="with --max-other: extra runs; the quietest are kept")
    parser.add_argument("--pool", type=int, default=2000, help="distinct requests prepared per scenario")
    parser.add_argument("--check", type=int, default=50, help="warm-up answers parsed for entries/total/bytes")
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--seed", default="fhir-bench-1")
    parser.add_argument("--label", default="", help="copied into every line, e.g. medplum-5.1.23")
    parser.add_argument("--proc", action="append", default=[], metavar="NAME:PID", help="sample this process tree")
    args = parser.parse_args()
    args.concurrency = [int(c) for c in args.concurrency.split(",")]
    return args


async def main() -> int:
    args = arguments()
    names = list(SCENARIOS) if args.scenarios == "all" else [s.strip() for s in args.scenarios.split(",")]
    if names == ["list"]:
        print("\n".join(["import", *SCENARIOS]))
        return 0
    unknown = [n for n in names if n != "import" and n not in SCENARIOS]
    if unknown:
        print(f"unknown scenarios: {unknown}", file=sys.stderr)
        return 2
    paths = bundle_paths(args.data_dir, args.max_bundles)
    facts = collect_facts(paths)
    procs = Procs(args.proc)
    print(f"{len(paths)} bundles, {facts.resources} resources, {len(facts.patients)} patients", file=sys.stderr)
    async with Client(args) as client:
        if "import" in names:
            await run_import(args, client, facts, procs, paths)
            state_save(args.state, facts)
            names = [n for n in names if n != "import"]
        if names:
            state_load(args.state, facts)
            if not any(p.server_id for p in facts.patients):
                await discover(client, facts)
            known = sum(1 for p in facts.patients if p.server_id)
            print(f"{known} patients known on the server", file=sys.stderr)
            if not known:
                print("no patients found: import first", file=sys.stderr)
                return 1
        for name in names:
            for concurrency in args.concurrency:
                await run_scenario(args, client, facts, procs, name, concurrency)
    return 0


if __name__ == "__main__":
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run
    raise SystemExit(runner(main()))
