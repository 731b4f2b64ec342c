#!/usr/bin/env python3
"""How much of cancelled time a waitlist that works alone refills, how soon, and how fairly: a clinic's month.

    python bench/waitlist.py [--seeds 3] [--what waitlist]

The month is in clinic_month.py. Written to results/ with seeds and assumptions.
"""

import argparse
import asyncio
import json
import secrets
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from clinic_month import (
    ANSWER_MINUTES,
    BEGIN,
    CALLS_A_DAY,
    CANCELS,
    CLINICIANS,
    DAYS,
    LEAD_DAYS,
    VISITS,
    WAIT_AT_FIRST,
    WAKING,
    WANT_EARLIER,
    Month,
    Person,
    Way,
    by_waiting_alone,
)
from report import circumstances

from polyclinic.kit import clock
from polyclinic.platform import postgresql
from polyclinic.platform.folder import Folder

WAYS = (
    Way("nobody is asked", ranking=None),
    Way("first come, first served", ranking=by_waiting_alone),
    Way("by rank, as it comes"),
    Way("by rank, 12 tries", settings={"offerTries": 12}),
    Way("by rank, 3 at once, 12 tries", settings={"offersAtOnce": 3, "offerTries": 12}),
)
ACCEPTANCE = (0.11, 0.4)
ASSUMED = (
    (
        "visits",
        f"{CLINICIANS} clinicians, {VISITS} visits of half an hour a day, {DAYS} days, all booked at the begin",
        "assumed",
    ),
    (
        "a booked visit is cancelled",
        f"{CANCELS:.1%}; whoever gets a visit cancels as all others",
        "46,710 primary care appointments of diabetics, J Med Syst 2017, doi 10.1007/s10916-017-0700-0",
    ),
    (
        "how long before",
        f"exponential, mean {LEAD_DAYS:.0f} days, from {WAKING.start} to {WAKING.stop} o'clock",
        "assumed",
    ),
    (
        "an offer would be accepted",
        "11 %",
        "60,660 offers of 21,978 times, 6,603 accepted (so 30 % of the times): J Med Internet Res 2024, e52071;"
        " 8.3 % of 177,311 offers: J Med Internet Res 2020, e16451",
    ),
    ("", "40 %", "assumed, of those who asked to be told"),
    (
        "answers",
        f"exponential, mean {ANSWER_MINUTES:.0f} minutes, awake from {WAKING.start} to {WAKING.stop} o'clock; half of"
        " those who do not accept say so",
        "assumed",
    ),
    (
        "who waits at the begin",
        f"{WAIT_AT_FIRST} without a visit, since up to 60 days; {WANT_EARLIER:.1%} of those booked from the second week"
        " on",
        "assumed",
    ),
    (
        "callers",
        f"{CALLS_A_DAY:.0f} a day; they book the first time within 14 days that suits them, else they wait",
        "assumed",
    ),
    ("priority", "2, 5, 8 for 10, 60, 30 %", "assumed"),
    (
        "wishes",
        "30 % mornings or afternoons only, 30 % three days of the week, 30 % one clinician; must know it 1, 4, 24 hours"
        " before: 25, 50, 25 %",
        "assumed",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--what", default="waitlist")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="polyclinic-bench-") as name:
        Path(name).chmod(0o755)
        with postgresql.running(Folder(Path(name)), durable=False) as dsn:
            rows = asyncio.run(measured(dsn, options.seeds))
    stem = Path(__file__).with_name("results") / f"{clock.now():%Y-%m-%d}-{options.what}"
    found = {"circumstances": circumstances(), "seeds": list(range(options.seeds)), "rows": rows}
    stem.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    stem.with_suffix(".md").write_text(report(found))
    print(stem.with_suffix(".md").read_text())


async def measured(superuser: str, seeds: int) -> list[dict]:
    rows = []
    for acceptance in ACCEPTANCE:
        for way in WAYS:
            if acceptance != ACCEPTANCE[0] and (way.ranking is None or "offersAtOnce" in way.settings):
                continue  # whether they would accept does not matter where nobody is asked, and several need not be
            months = []
            for seed in range(seeds):
                month = Month(seed, way, acceptance)
                await lived(month, superuser)
                months.append(month)
            rows.append({"way": way.name, "acceptance": acceptance if way.ranking else None, **figures(months)})
            print(rows[-1], flush=True)
    return rows


async def lived(month: Month, superuser: str) -> None:
    name = f"month_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(f"create database {name}")
        await month.run(urlunsplit(urlsplit(superuser)._replace(path=f"/{name}")))
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


def figures(months: Sequence[Month]) -> dict:
    """Return the figures of some months of the same way together."""
    gaps = [gap for month in months for gap in month.gaps]
    cancelled = [gap for gap in gaps if gap.cancelled]
    in_time = [gap for gap in cancelled if gap.start - gap.given_back >= timedelta(hours=24)]
    took = sorted((gap.refilled - gap.given_back) / timedelta(hours=1) for gap in cancelled if gap.refilled)
    people = [person for month in months for person in month.people.values()]
    served = [person for person in people if person.served]
    replaced = [gap for gap in gaps if not gap.cancelled]
    offers = sum(person.offers for person in people)
    return {
        "cancelled": len(cancelled),
        "refilled": share(sum(1 for gap in cancelled if gap.refilled), len(cancelled)),
        "refilled of 24 h": share(sum(1 for gap in in_time if gap.refilled), len(in_time)),
        "replaced": len(replaced),
        "refilled of replaced": share(sum(1 for gap in replaced if gap.refilled), len(replaced)),
        "hours": {"median": middle(took), "p90": round(took[len(took) * 9 // 10], 1) if took else None},
        "used": share(sum(len(month.booked) for month in months), len(months) * DAYS * CLINICIANS * VISITS),
        "offers": offers,
        "accepted": share(len(served), offers),
        "waited": len(people),
        "served": {priority: of_priority(people, priority) for priority in (2, 5, 8)},
        "days waited when served": {
            priority: middle([_days(person) for person in served if person.priority == priority])
            for priority in (2, 5, 8)
        },
        "waited over 30 days before": of_long(people),
        "never asked": share(sum(1 for person in people if not person.offers), len(people)),
        "gini of offers": gini([person.offers for person in people]),
        "days sooner": middle([person.sooner / timedelta(days=1) for person in people if person.sooner]),
    }


def of_priority(people: Sequence[Person], priority: int) -> float | None:
    theirs = [person for person in people if person.priority == priority]
    return share(sum(1 for person in theirs if person.served), len(theirs))


def of_long(people: Sequence[Person]) -> float | None:
    """Return the share served of those who had waited more than 30 days when the month began."""
    theirs = [person for person in people if person.name.startswith("first") and _before(person) > 30]
    return share(sum(1 for person in theirs if person.served), len(theirs))


def _before(person: Person) -> float:
    return (BEGIN - person.since) / timedelta(days=1)


def _days(person: Person) -> float:
    return (person.served - person.since) / timedelta(days=1)


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def middle(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None


def gini(values: Sequence[int]) -> float | None:
    """Return how unevenly ``values`` are spread: 0 where all are equal, towards 1 where one has all."""
    ordered, total = sorted(values), sum(values)
    if not total:
        return None
    weighted = sum(rank * value for rank, value in enumerate(ordered, 1))
    return round(2 * weighted / (len(ordered) * total) - (len(ordered) + 1) / len(ordered), 2)


def report(found: dict) -> str:
    machine = found["circumstances"]["machine"]
    lines = [
        "# The waitlist over a clinic's month",
        "",
        f"`python bench/waitlist.py`, seeds {found['seeds']}, figures of all together; commit "
        f"{found['circumstances']['commit']}, {machine['cores']} cores of {machine['processor']}. The clock and the",
        "people are simulated, the service is the real one: repository, companion, rules and actions on PostgreSQL.",
        "",
        "## Refilled",
        "",
        "| gaps are filled | would accept | cancelled | refilled | of those 24 h ahead | hours to refill, median / p90"
        " | given back for an earlier one, refilled | offers | of them accepted | visits that are booked at the end |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_refilled(row) for row in found["rows"]),
        "",
        "## Fairly",
        "",
        "| gaps are filled | would accept | waited | got a visit: priority 2 / 5 / 8 | days waited by then |"
        " of those 30 days and more | never asked | Gini of offers | days sooner, who had a visit |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_fair(row) for row in found["rows"] if row["offers"]),
        "",
        "## Assumptions",
        "",
        "| assumption | value | source |",
        "|---|---|---|",
        *(f"| {' | '.join(each)} |" for each in ASSUMED),
    ]
    return "\n".join(lines) + "\n"


def _refilled(row: dict) -> str:
    hours = row["hours"]
    return (
        f"| {row['way']} | {percent(row['acceptance'])} | {row['cancelled']} | **{percent(row['refilled'])}** |"
        f" {percent(row['refilled of 24 h'])} | {hours['median']} / {hours['p90']} |"
        f" {row['replaced']}, {percent(row['refilled of replaced'])} | {row['offers']} |"
        f" {percent(row['accepted'])} | {percent(row['used'])} |"
    )


def _fair(row: dict) -> str:
    served = " / ".join(percent(each) for each in row["served"].values())
    days = " / ".join(str(each) for each in row["days waited when served"].values())
    return (
        f"| {row['way']} | {percent(row['acceptance'])} | {row['waited']} | {served} | {days} |"
        f" {percent(row['waited over 30 days before'])} | {percent(row['never asked'])} | {row['gini of offers']} |"
        f" {row['days sooner']} |"
    )


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


if __name__ == "__main__":
    main()
