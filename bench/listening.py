"""A platform with one service more, that hears every change of a patient, and what it has heard: for events*.py."""

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from polyclinic.platform.testing import Platform, temporary_folder

LAUNCH = Path(__file__).resolve().parent.parent / "tests" / "services" / "launch.py"
_LINE = re.compile(r'polyclinic_events_delay_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\S+)')


@contextmanager
def listening() -> Iterator[Platform]:
    """Yield a running platform with a listener."""
    with temporary_folder() as folder:
        platform = Platform(folder / "data", program=[str(LAUNCH)])
        platform.up()
        try:
            yield platform
        finally:
            platform.down()


def door(platform: Platform, name: str) -> str:
    return next(process["doors"][name] for process in platform.state["processes"] if name in process["doors"])


def lag(platform: Platform) -> int | None:
    """Return how many events the listener has not settled, None while it does not say."""
    try:
        with urllib.request.urlopen(f"{door(platform, 'listener')}/events", timeout=10) as answer:
            return sum(json.load(answer)["unheard"].values())
    except (OSError, ValueError):
        return None


def delays(platform: Platform) -> dict[float, float]:
    """Return how many events were handled within how many seconds of their change, by the service's own figures."""
    with urllib.request.urlopen(f"{door(platform, 'listener')}/metrics", timeout=10) as answer:
        found: dict[float, float] = {}
        for bound, count in _LINE.findall(answer.read().decode()):
            found[float(bound)] = found.get(float(bound), 0) + float(count)
    return found


def within(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """Return the seconds within which ``share`` of the events between two looks were handled: a bucket's bound."""
    counts = {bound: count - before.get(bound, 0) for bound, count in sorted(after.items())}
    wanted = share * counts[float("inf")]
    return next(bound for bound, count in counts.items() if count >= wanted)


def effects(platform: Platform) -> list[str]:
    """Return what the listener has noted, oldest first."""
    found, path = [], "/Basic?_count=1000&_sort=_lastUpdated"
    while path:
        status, page = platform.ask(path)
        assert status == 200, page
        found += [entry["resource"]["code"]["text"] for entry in page.get("entry", ())]
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix(platform.base_url)
    return found


def cpu(platform: Platform) -> dict[str, float]:
    """Return the seconds of CPU that each process has used, its children's included."""
    used = {}
    for process in platform.state["processes"]:
        one = psutil.Process(process["pid"])
        times = [each.cpu_times() for each in (one, *one.children(recursive=True))]
        used[process["name"]] = sum(each.user + each.system for each in times)
    return used
