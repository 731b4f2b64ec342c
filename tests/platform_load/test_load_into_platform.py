"""Load as people use it: the command, a whole platform, real archives."""

import io
import json
import os
import signal
import subprocess
import tarfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from polyclinic.fhir import json as fhir_json
from polyclinic.platform import demo

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
TODAY = date(2026, 11, 22)


def as_creates(number, seed):
    """Return a patient of the demonstration as a Bundle of creates, as Synthea writes them."""
    bundle = list(demo.bundles(today=TODAY, patients=number, seed=seed))[number]
    text = fhir_json.encode(bundle).decode()
    for entry in bundle["entry"]:
        name = entry["request"]["url"]
        text = text.replace(f'"reference":"{name}"', f'"reference":"urn:uuid:{name}"')
    bundle = json.loads(text)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        entry["fullUrl"] = f"urn:uuid:{entry['request']['url']}"
        entry["request"] = {"method": "POST", "url": resource["resourceType"]}
        if resource["resourceType"] == "Patient":
            resource["address"][0]["city"] = f"Town {seed}"
    return bundle


def tar_of(path, bundles):
    with tarfile.open(path, "w:xz") as archive:
        for number, bundle in enumerate(bundles):
            body = json.dumps(bundle).encode()
            info = tarfile.TarInfo(f"patients/{number}.json")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def counted(bundles):
    return Counter(entry["resource"]["resourceType"] for bundle in bundles for entry in bundle["entry"])


def test_what_is_loaded_twice_is_there_once_with_its_references(platform, tmp_path):
    bundles = [as_creates(number, seed=11) for number in range(1, 6)]
    path = tar_of(tmp_path / "five.tar.xz", bundles)
    before = Counter({type: platform.count(type) for type in counted(bundles)})
    assert platform.load(path)["resources"]["created"] == sum(counted(bundles).values())
    again = platform.load(path)
    assert (again["resources"]["created"], again["exit"]) == (0, 0)
    after = Counter({type: platform.count(type) for type in counted(bundles)})
    assert after - before == counted(bundles)
    patients = platform.ask("Patient?address-city=Town 11&_count=10".replace(" ", "%20"))["entry"]
    assert len(patients) == 5
    observations = [platform.count(f"Observation?patient={one['resource']['id']}") for one in patients]
    assert sorted(observations) == sorted(counted([bundle])["Observation"] for bundle in bundles)


def test_what_changed_since_stays_changed(platform, tmp_path):
    path = tar_of(tmp_path / "one.tar.xz", [as_creates(1, seed=12)])
    platform.load(path)
    (entry,) = platform.ask("Patient?address-city=Town%2012")["entry"]
    patient = entry["resource"]
    edited = tmp_path / "edited.ndjson"
    edited.write_text(json.dumps(patient | {"active": False}) + "\n")
    assert platform.load(edited)["resources"]["updatedOrUnchanged"] == 1
    platform.load(path)
    kept = platform.ask(f"Patient/{patient['id']}")
    assert (kept["active"], kept["meta"]["versionId"]) == (False, "2")


def test_a_refused_resource_is_named_and_the_others_go_in(platform, tmp_path):
    people = [{"resourceType": "Patient", "id": f"line-{number}", "active": True} for number in range(1, 4)]
    people[1]["birthDate"] = "yesterday"
    path = tmp_path / "people.ndjson"
    path.write_text("\n".join(map(json.dumps, people)))
    report = platform.load(path)
    assert report["exit"] == 1
    (refused,) = report["refused"]
    assert (refused["file"], refused["line"]) == (str(path), 2)
    assert "birthDate" in refused["location"]
    assert [platform.count(f"Patient?_id=line-{number}") for number in (1, 2, 3)] == [1, 0, 1]


def test_a_refused_bundle_leaves_nothing_and_names_the_entry(platform, tmp_path):
    bundle = as_creates(2, seed=13)
    bundle["entry"][3]["resource"]["status"] = "no such status"
    report = platform.load(tar_of(tmp_path / "bad.tar.xz", [bundle]))
    assert (report["exit"], report["resources"]["created"]) == (1, 0)
    assert (report["refused"][0]["member"], report["refused"][0]["entry"]) == ("patients/0.json", 3)
    assert report["refused"][0]["location"].endswith("status")
    assert platform.count("Patient?address-city=Town%2013") == 0


def test_a_load_outlives_the_death_of_every_server_process_and_its_own(platform, tmp_path):
    bundles = [as_creates(number, seed=14) for number in range(1, 26)] * 6
    for number, bundle in enumerate(bundles):
        bundles[number] = bundle | {"timestamp": f"2026-01-01T00:00:{number % 60:02}.{number:03}Z"}
    path = tar_of(tmp_path / "many.tar.xz", bundles)
    before = platform.count("Observation")
    words = platform.words("load", path, "--url", platform.base_url)
    for victims in (["records", "postgresql"], ["edge", "gateway"]):
        loading = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for name in victims:
                time.sleep(0.8)
                os.kill(platform.pids()[name], signal.SIGKILL)
            time.sleep(0.5)
        finally:
            loading.kill()
            loading.wait()
    report = platform.load(path)
    assert (report["exit"], report["refused"]) == (0, [])
    assert platform.count("Observation") - before == counted(bundles)["Observation"]


def test_the_demonstration_comes_in_once(platform):
    # a thread of its own, as `load` of the demonstration runs its own event loop
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        first, again = (thread.submit(demo.load, platform.base_url, today=TODAY, patients=4).result() for _ in range(2))
    assert (first.exit, again.exit, again.created) == (0, 0, 0)
    assert platform.ask("Patient/demo-04")["name"][0]["family"]
    assert platform.count("Observation?patient=demo-04") > 0


def test_a_piece_of_the_synthea_set_comes_in_whole(platform, tmp_path):
    archives = list(SYNTHEA.glob("*.tar.xz"))
    if not archives:
        pytest.skip("the Synthea set is not beside the project")
    bundles = []
    with tarfile.open(archives[0], mode="r|xz") as archive:
        for member in archive:
            if content := archive.extractfile(member) if member.isreg() else None:
                bundles.append(json.loads(content.read()))
            if len(bundles) == 12:
                break
    before = Counter({type: platform.count(type) for type in counted(bundles)})
    report = platform.load(tar_of(tmp_path / "piece.tar.xz", bundles))
    assert report["refused"] == []
    after = Counter({type: platform.count(type) for type in counted(bundles)})
    assert after - before == counted(bundles)
