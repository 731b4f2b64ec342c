"""Bundles of 10,000 entries: they are done, and what a service keeps in memory for them follows their size."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ENTRIES = 10_000
PER_PATIENT = 100
SLACK = 8 << 20
"""Bytes that a service may grow by whatever it serves: what the allocator rounds up, caches that fill."""

MOST = {
    ("transaction", "records"): 16,
    ("batch", "records"): 10,
    ("transaction", "gateway"): 5,
    ("batch", "gateway"): 5,
}
"""How many times its size in JSON a Bundle may take in the memory of a service, at the most, while it is served.

Measured on two cores, 4.7 MB: 11 and 6 in records, which has the resources in hand, 3 and 2 in the gateway, which has
the bytes. A batch takes less as its entries are kept a few at a time.
"""


def entry(address, resource):
    return {"fullUrl": address, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def bundle(kind, mark, size):
    """Return a Bundle of ``size`` small entries: weights first, then the patients they refer to."""
    value = {"value": 70.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    weight = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "identifier": [{"system": "mark", "value": mark}],
        "valueQuantity": value,
    }
    people = size // PER_PATIENT
    subjects = ({"reference": f"urn:uuid:{mark}-{number % people}"} for number in range(size - people))
    entries = [entry(f"urn:uuid:{mark}-w{n}", weight | {"subject": subject}) for n, subject in enumerate(subjects)]
    entries += [entry(f"urn:uuid:{mark}-{n}", {"resourceType": "Patient", "active": True}) for n in range(people)]
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()


def post(platform, body):
    headers = {"Content-Type": "application/fhir+json"}
    with urllib.request.urlopen(urllib.request.Request(platform.base_url, body, headers), timeout=300) as answer:
        return json.load(answer)


def resident(pid, what):
    """Return ``VmRSS``, the resident memory of a process, or ``VmHWM``, the most it had; bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def forget_the_most(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_ten_thousand_entries_are_kept_in_memory_that_follows_their_size(kind, platform):
    post(platform, bundle(kind, f"warm-{kind}", 500))
    body = bundle(kind, f"large-{kind}", ENTRIES)
    pids = {name: platform.pids()[name] for name in ("records", "gateway")}
    before = {name: resident(pid, "VmRSS") for name, pid in pids.items()}
    for pid in pids.values():
        forget_the_most(pid)
    answer = post(platform, body)
    assert {item["response"]["status"] for item in answer["entry"]} == {"201 Created"}
    assert len(answer["entry"]) == ENTRIES
    for name, pid in pids.items():
        grown = resident(pid, "VmHWM") - before[name]
        assert grown < MOST[kind, name] * len(body) + SLACK, f"{name} grew by {grown / len(body):.1f} bodies"
    assert platform.count(f"Observation?identifier=mark|large-{kind}") == ENTRIES - ENTRIES // PER_PATIENT


def test_transaction_of_ten_thousand_entries_is_all_or_nothing_and_tells_the_one_fault(platform):
    content = json.loads(bundle("transaction", "faulty", ENTRIES))
    content["entry"][7_777]["resource"]["status"] = "no such status"
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(platform, json.dumps(content).encode())
    with refused.value as answer:
        (issue,) = json.load(answer)["issue"]
    assert issue["expression"] == ["Bundle.entry[7777].resource.status"]
    assert platform.count("Observation?identifier=mark|faulty") == 0


def test_transactions_one_after_another_leave_nothing_behind_in_memory(platform):
    pid = platform.pids()["records"]
    post(platform, bundle("transaction", "first", ENTRIES // 2))
    after_one = resident(pid, "VmRSS")
    for number in range(3):
        body = bundle("transaction", f"again-{number}", ENTRIES // 2)
        post(platform, body)
    assert resident(pid, "VmRSS") - after_one < 2 * len(body) + SLACK
