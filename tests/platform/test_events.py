"""Events in a whole platform: records tells, a listener hears, operators look after what could not be handled."""

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import nats
import pytest

from polyclinic.platform.testing import Platform, temporary_folder

LAUNCH = Path(__file__).parent.parent / "services" / "launch.py"
VICTIMS = ("records", "nats", "listener", "postgresql", "nats", "records", "listener")


@pytest.fixture(scope="module")
def house():
    with temporary_folder() as folder:
        platform = Platform(folder / "data", program=[str(LAUNCH)])
        platform.up(POLYCLINIC_EVENT_TRIES="3", POLYCLINIC_EVENT_PAUSE="20")
        yield platform
        platform.down()


def events(house, *words, code=0):
    done = house.run("events", *words, "--data", str(house.data), "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else json.loads(done.stderr)


def put(house, id, **more):
    status, answer = house.ask(f"/Patient/{id}", {"resourceType": "Patient", "id": id, **more}, method="PUT")
    assert status in (200, 201), answer
    return int(answer["meta"]["versionId"])


def effects(house, of):
    """The effects of events of patients whose id begins with ``of``, in the order they were written."""
    found, path = [], "/Basic?_count=1000&_sort=_lastUpdated"
    status, page = house.ask(path)
    assert status == 200, page
    while True:
        found += [entry["resource"]["code"]["text"] for entry in page.get("entry", ())]
        links = {link["relation"]: link["url"] for link in page["link"]}
        if "next" not in links:
            return [text for text in found if f" Patient/{of}" in text]
        status, page = house.ask(links["next"].removeprefix(house.base_url))


def test_a_change_through_the_edge_takes_effect_in_another_service(house, until):
    put(house, "plain")
    put(house, "plain", birthDate="1980")
    assert house.ask("/Patient/plain", method="DELETE")[0] in (200, 204)
    expected = ["Patient.created Patient/plain 1", "Patient.updated Patient/plain 2", "Patient.deleted Patient/plain 3"]
    assert until(lambda: len(found := effects(house, "plain")) == 3 and found) == expected


def test_dead_letters_are_listed_read_edited_replayed_and_dropped(house, until, tmp_path):
    for id in ("poison-1", "poison-2", "poison-3"):
        put(house, id)
    letters = until(lambda: len(found := [each for each in events(house, "list") if each["dead"]]) == 3 and found)
    first, second, third = (letter["id"] for letter in sorted(letters, key=lambda letter: letter["event"]))
    assert first.startswith("listener/")
    assert "dead letter" in house.run("events", "list", "--data", str(house.data)).stdout
    letter = events(house, "read", first)
    assert letter["content"]["data"] == {"reference": "Patient/poison-1/_history/1"}
    assert events(house, "replay", first, code=1)[first].startswith("listener: it failed again: ValueError")
    mended = tmp_path / "event.json"
    mended.write_text(json.dumps(letter["content"]).replace("poison-1", "healed-1"))
    assert events(house, "edit", first, "--file", str(mended)) == {"edited": first}
    assert events(house, "replay", first) == {first: "replayed"}
    assert effects(house, "healed") == ["Patient.created Patient/healed-1 1"]
    assert events(house, "drop", second) == {second: "dropped"}
    assert set(events(house, "replay", "--all", code=1)) == {third}
    assert events(house, "drop", third, second, code=1)[third] == "dropped"
    assert events(house, "list") == []
    (lag,) = (each for each in events(house, "lag") if each["service"] == "listener")
    assert (lag["service"], lag["dead"], set(lag["unheard"])) == ("listener", 0, {"records"})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["read", "listener/999"], "no dead letter 999"),
        (["read", "nobody/1"], "No service 'nobody'"),
        (["read", "12"], "is no letter"),
        (["replay"], "or give --all"),
        (["edit", "listener/999", "--file", "/nowhere"], "no dead letter 999"),
    ],
)
def test_what_cannot_be_done_is_said(house, words, sentence):
    assert sentence in events(house, *words, code=1)["fault"]


def test_the_catalog_names_who_tells_and_who_hears(house):
    row = next(each for each in events(house, "catalog") if each["event"] == "Patient.deleted")
    assert row == {"event": "Patient.deleted", "teller": "records", "hearers": ["listener", "scheduling"]}


def test_without_a_platform_the_exit_code_says_so(tmp_path):
    platform = Platform(tmp_path)
    assert "Nothing runs" in events(platform, "list", code=3)["fault"]


def test_operators_doors_are_not_reachable_through_the_edge(house):
    root = house.base_url.removesuffix("/fhir")
    for path in ("/health/ready", "/metrics", "/events", "/events/letters", "/fhir/../events/letters"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{root}{path}", timeout=10)
        with refusal.value as answer:
            assert (answer.code, json.load(answer)["resourceType"]) == (404, "OperationOutcome")


async def test_a_service_may_only_do_with_the_bus_what_it_promises(house):
    denied = []

    async def overlook(error):
        denied.append(str(error))

    async def may(user, subject):
        secret = (house.data / "secrets" / f"{user}.nats").read_text()
        client = await nats.connect(
            f"nats://127.0.0.1:{house.port + 90}",
            user=user,
            password=secret,
            inbox_prefix=f"_INBOX.{user}",
            error_cb=overlook,
        )
        denied.clear()
        await client.publish(subject, b"{}", reply=client.new_inbox())
        await client.flush()
        await asyncio.sleep(0.2)  # a refusal may come after the answer to a later question
        await client.close()
        return not denied

    assert await may("records", "$JS.API.STREAM.INFO.records")
    assert await may("listener", "$JS.API.CONSUMER.INFO.records.listener")
    for user, subject in [
        ("listener", "event.Patient.created"),
        ("listener", "$JS.API.CONSUMER.CREATE.records.listener"),
        ("listener", "$JS.API.STREAM.DELETE.records"),
        ("listener", "$JS.API.STREAM.MSG.GET.records"),
        ("records", "event.Appointment.booked"),
        ("records", "$JS.API.STREAM.DELETE.records"),
        ("records", "$JS.API.CONSUMER.MSG.NEXT.records.listener"),
        ("gateway", "event.Patient.created"),
        ("gateway", "$JS.API.STREAM.INFO.records"),
    ]:
        assert not await may(user, subject), (user, subject)


def test_nothing_is_lost_or_doubled_when_everything_is_killed_in_turn(house, until):
    versions = dict.fromkeys((f"killed-{each}" for each in range(8)), 0)
    for victim in VICTIMS:
        for again in range(2):
            for id in versions:
                versions[id] = until(lambda id=id: _tried(house, id))
            if not again:
                os.kill(house.process(victim)["pid"], signal.SIGKILL)
    total = sum(versions.values())
    found = until(lambda: len(found := effects(house, "killed")) >= total and found)
    asyncio.run(asyncio.sleep(1))
    found = effects(house, "killed")
    for id, version in versions.items():
        assert [int(text.split()[2]) for text in found if f"/{id} " in text] == list(range(1, version + 1))


def _tried(house, id):
    """Write a patient unless something is away; return its version, which others before may have made."""
    try:
        return put(house, id, birthDate=f"{1900 + len(id)}-01-01", multipleBirthInteger=os.urandom(1)[0])
    except (AssertionError, OSError, ValueError):
        return None
