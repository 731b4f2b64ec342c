#!/usr/bin/env python3
"""Our own families of questions beside the scenarios of fhir_bench.py, driven and reported by it in the same way.

    python bench/families.py --base-url http://127.0.0.1:8080/fhir --data-dir FOLDER --scenarios has,chain_few

The scenarios that the peers were measured with stay as they are; these have no peer.
"""

import json
import urllib.error
import urllib.request
from functools import cache

import fhir_bench
import uvloop
from fhir_bench import LOINC, Request, any_code, any_patient, scenario, search

PAGE = 5
"""Resources per page of what is paged through: a thousand pages fit into the smaller data size."""
DEEP = 1000
"""The page that is asked for again and again."""
FIFTY = ("_count", "50")


def loinc(facts, rng):
    return f"{LOINC}|{any_code(facts.observation_codes, rng)}"


@scenario("has")
def has(facts, rng):
    return search("Patient", ("_has:Observation:patient:code", loinc(facts, rng)), FIFTY)


@scenario("chain_few")
def chain_few(facts, rng):
    system, value = rng.choice(any_patient(facts, rng).identifiers)
    return search("Observation", ("patient.identifier", f"{system}|{value}"), FIFTY)


@scenario("chain_many")
def chain_many(facts, rng):
    return search("Observation", ("patient.gender", rng.choice(["female", "male"])), FIFTY)


@scenario("composite")
def composite(facts, rng):
    quantity = rng.choice(facts.observations)
    least = quantity["valueQuantity"]["value"]
    code = quantity["code"]["coding"][0]["code"]
    return search("Observation", ("code-value-quantity", f"{LOINC}|{code}$ge{least}"), FIFTY)


@scenario("missing")
def missing(facts, rng):
    return search("Patient", ("death-date:missing", rng.choice(["true", "false"])), FIFTY)


@scenario("sort_family")
def sort_family(facts, rng):
    return search("Patient", ("gender", any_patient(facts, rng).gender), ("_sort", "family"), FIFTY)


@scenario("sort_birthdate")
def sort_birthdate(facts, rng):
    return search("Patient", ("gender", any_patient(facts, rng).gender), ("_sort", "birthdate"), FIFTY)


@scenario("sort_last_updated")
def sort_last_updated(facts, rng):
    return search("Observation", ("code", loinc(facts, rng)), ("_sort", "-_lastUpdated"), FIFTY)


@scenario("quantity")
def quantity(facts, rng):
    value = rng.choice(facts.observations)["valueQuantity"]
    asked = f"{value['value']}|{value.get('system', '')}|{value.get('code', '')}"
    return search("Observation", ("value-quantity", asked), FIFTY)


@scenario("token_without_system")
def token_without_system(facts, rng):
    return search("Observation", ("code", any_code(facts.observation_codes, rng)), FIFTY)


@scenario("date_range")
def date_range(facts, rng):
    dates = any_patient(facts, rng).encounter_dates or ["2015-01-01"]
    year = int(rng.choice(dates)[:4])
    return search("Encounter", ("date", f"ge{year}-01-01"), ("date", f"lt{year}-02-01"), FIFTY)


@scenario("name_contains")
def name_contains(facts, rng):
    return search("Patient", ("name:contains", any_patient(facts, rng).family[1:5].lower()), FIFTY)


@scenario("include_iterate")
def include_iterate(facts, rng):
    further = (("_include", "Observation:encounter"), ("_include:iterate", "Encounter:subject"))
    return search("Observation", ("code", loinc(facts, rng)), *further, ("_count", "20"))


@scenario("compartment")
def compartment(facts, rng):
    return Request("GET", f"/Patient/{any_patient(facts, rng).server_id}/Condition?_count=50")


@scenario("history_instance")
def history_instance(facts, rng):
    return Request("GET", f"/Patient/{any_patient(facts, rng).server_id}/_history")


@scenario("history_type")
def history_type(facts, rng):
    return Request("GET", "/Observation/_history?_count=50")


@scenario("total_accurate")
def total_accurate(facts, rng):
    return search("Observation", ("code", loinc(facts, rng)), ("_total", "accurate"), ("_count", "1"))


@scenario("page_first")
def page_first(facts, rng):
    return Request("GET", page(1))


@scenario("page_thousandth")
def page_thousandth(facts, rng):
    return Request("GET", page(DEEP))


@cache
def page(number: int) -> str:
    """Return the address of a page below the base, found by the links of those before it.

    Where there are fewer pages it is the last one, where one is refused it is that one.
    """
    url = f"/Observation?_count={PAGE}"
    for _ in range(1, number):
        following = next_link(url)
        if following is None:
            break
        url = following
    return url


def next_link(url: str) -> str | None:
    base = fhir_bench.arguments().base_url.rstrip("/")
    try:
        with urllib.request.urlopen(base + url, timeout=60) as answer:
            links = json.load(answer).get("link", [])
    except urllib.error.HTTPError:
        return None
    following = next((link["url"] for link in links if link["relation"] == "next"), None)
    return following and following.removeprefix(base)


OWN = [name for name, make in fhir_bench.SCENARIOS.items() if make.__module__ == __name__]
"""The names of the families that are defined here."""
COUNTS = frozenset({"search_count", "total_accurate"})
"""Families that count exactly: their cost may grow more with what is stored."""


if __name__ == "__main__":
    raise SystemExit(uvloop.run(fhir_bench.main()))
