"""One service tells of its patients and another hears: on a real PostgreSQL and a real NATS."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import asyncpg
import nats
import pytest
from nats.js.errors import NotFoundError

from polyclinic.kit.app import Deeds, assemble
from polyclinic.kit.events import hearing
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.settings import Misconfigured, Settings
from polyclinic.kit.testing import bus, database, running
from polyclinic.repository.model import Create

TELLS = ("Patient.created", "Patient.updated", "Patient.deleted")
TELLER = Manifest(name="teller", owns=("Patient", "Observation"), tells=TELLS)
HEARER = Manifest(name="hearer", owns=("Basic",), hears=TELLS)
OWNERS = {"Patient": "teller", "Observation": "teller", "Basic": "hearer"}


class Ears:
    """Keeps a Basic resource for each event, and fails where it is told to."""

    def __init__(self):
        self.heard = []
        self.fails = {}

    async def hear(self, event, transaction, neighbours):
        assert neighbours.names == ("hearer", "teller")
        version = f"{event.reference}/{event.version}"
        if self.fails.get(version, 0):
            self.fails[version] -= 1
            raise ValueError("a name nobody may read in a log")
        text = f"{event.name} {event.reference} {event.version}"
        await transaction.write([Create({"resourceType": "Basic", "code": {"text": text}})])
        self.heard.append(text)


class House:
    """The two services, their databases and their bus."""

    def __init__(self, stack, address, databases, ears):
        self.stack, self.address, self.databases, self.ears = stack, address, databases, ears

    def create(self, manifest):
        handlers = dict.fromkeys(manifest.hears, self.ears.hear)
        return partial(assemble, manifest, deeds=Deeds(handlers=handlers))

    async def open(self, manifest, **more):
        settings = {
            "postgresql": self.databases[manifest.name],
            "nats": self.address,
            "owners": OWNERS,
            "hearers": {"hearer": TELLS} if manifest is TELLER else {},
            "services": {"hearer": "http://127.0.0.1:9", "teller": "http://127.0.0.1:9"},
            "event_pause": 10,
            "event_tries": 3,
            "log_level": "error",
            **more,
        }
        return await self.stack.enter_async_context(running(self.create(manifest), **settings))

    async def streams(self):
        """What an administrator of the bus has in hand."""
        client = await nats.connect(self.address)
        self.stack.push_async_callback(client.close)
        return client.jetstream()

    async def effects(self):
        """What took effect, from the hearer's own database, in its order."""
        connection = await asyncpg.connect(self.databases["hearer"])
        rows = await connection.fetch("select body from resource where type = 'Basic' order by updated, key")
        await connection.close()
        return [json.loads(row["body"])["code"]["text"] for row in rows]

    async def until(self, count):
        async with asyncio.timeout(20):
            while len(await self.effects()) < count:
                await asyncio.sleep(0.02)
        return await self.effects()


@asynccontextmanager
async def house():
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(bus())
        databases = {name: await stack.enter_async_context(database()) for name in ("teller", "hearer")}
        yield House(stack, address, databases, Ears())


@pytest.fixture
async def empty():
    async with house() as opened:
        yield opened


async def patient(client, id, **more):
    answer = await client.put(f"/fhir/Patient/{id}", {"resourceType": "Patient", "id": id, **more})
    assert answer.status in (200, 201), answer.said


async def letters(client):
    answer = await client.get("/events/letters")
    assert answer.status == 200, answer.body
    return answer.json["letters"]


async def until(condition):
    async with asyncio.timeout(20):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
    return found


async def test_each_change_takes_effect_once_and_those_of_a_resource_in_their_order(empty):
    teller = await empty.open(TELLER)
    await empty.open(HEARER)
    for version in range(1, 6):
        await asyncio.gather(*(patient(teller, f"p{each}", birthDate=f"198{version}") for each in range(10)))
    await asyncio.gather(*(teller.delete(f"/fhir/Patient/p{each}") for each in range(10)))
    await teller.post("/fhir/Observation", {"resourceType": "Observation", "status": "final", "code": {"text": "x"}})
    found = await empty.until(60)
    await asyncio.sleep(0.3)
    assert len(await empty.effects()) == 60
    for each in range(10):
        of_one = [text.split() for text in found if f"/p{each} " in text]
        assert [version for _, _, version in of_one] == list("123456")
        assert [name for name, _, _ in of_one] == [TELLS[0], *[TELLS[1]] * 4, TELLS[2]]


async def test_what_was_written_before_anybody_heard_is_heard(empty):
    teller = await empty.open(TELLER, nats=None)
    assert "POLYCLINIC_NATS" in (await teller.get("/health/ready")).json["misses"][0]
    await patient(teller, "early")
    await empty.open(HEARER)
    await empty.open(TELLER)
    assert await empty.until(1) == ["Patient.created Patient/early 1"]


async def test_an_event_holds_no_data_of_a_patient(empty):
    teller = await empty.open(TELLER)
    await patient(teller, "p", name=[{"family": "Secret"}], birthDate="1970-01-01")
    streams = await empty.streams()

    async def kept():
        with suppress(NotFoundError):
            return (await streams.stream_info("teller")).state.messages

    await until(kept)
    message = await streams.get_msg("teller", 1)
    assert message.data and message.headers
    event = json.loads(message.data)
    assert event.pop("time")
    assert event == {
        "specversion": "1.0",
        "id": "teller/Patient/p/1",
        "source": "/teller",
        "type": "Patient.created",
        "subject": "Patient/p",
        "datacontenttype": "application/json",
        "data": {"reference": "Patient/p/_history/1"},
    }
    assert message.headers["Content-Type"] == "application/cloudevents+json"
    assert message.subject == "event.Patient.created"


async def test_the_trace_of_a_request_goes_on_in_what_its_event_brings_about(empty):
    teller = await empty.open(TELLER)
    await empty.open(HEARER)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for version in (1, 2):
        body = {"resourceType": "Patient", "id": "p", "multipleBirthInteger": version}
        await teller.put("/fhir/Patient/p", body, traceparent=trace)
    await patient(teller, "untraced")
    await empty.until(3)
    for service, type in (("teller", "Patient"), ("hearer", "Basic")):
        connection = await asyncpg.connect(empty.databases[service])
        rows = await connection.fetch("select trace from change where type = $1", type)
        await connection.close()
        assert sorted(row["trace"] or "" for row in rows) == ["", trace, trace]


async def test_what_fails_is_tried_again_while_what_comes_after_it_waits(empty):
    teller = await empty.open(TELLER)
    await empty.open(HEARER)
    empty.ears.fails["Patient/a/1"] = 2
    await patient(teller, "a")
    await patient(teller, "a", birthDate="1990")
    await patient(teller, "b")
    found = await empty.until(3)
    assert [text for text in found if "/a " in text] == ["Patient.created Patient/a 1", "Patient.updated Patient/a 2"]


async def test_what_always_fails_becomes_a_letter_that_is_read_edited_and_replayed(empty):
    teller, hearer = await empty.open(TELLER), await empty.open(HEARER)
    empty.ears.fails |= {"Patient/bad/1": 4, "Patient/worse/1": 99}
    await patient(teller, "bad")
    await patient(teller, "worse")
    await patient(teller, "bad", birthDate="1990")  # goes on once the first is laid aside

    async def both_are_aside():
        return sum(letter["dead"] for letter in await letters(hearer)) == 2

    await until(both_are_aside)
    assert await empty.until(1) == ["Patient.updated Patient/bad 2"]
    bad, worse = sorted(await letters(hearer), key=lambda letter: letter["event"])
    assert (bad["event"], bad["tries"], bad["content"]["subject"]) == ("teller/Patient/bad/1", 3, "Patient/bad")
    assert "ValueError" in bad["reason"]
    assert "nobody" not in json.dumps(bad["reason"])
    assert (await hearer.get("/events")).json == {"dead": 2, "retried": 0, "unheard": {"teller": 0}}
    as_json = {"content_type": "application/json"}
    again = await hearer.post(f"/events/letters/{bad['number']}/replay", {}, **as_json)
    assert (again.status, "ValueError" in again.said) == (422, True)
    assert (await hearer.get(f"/events/letters/{bad['number']}")).json["tries"] == 4
    assert (await hearer.post(f"/events/letters/{bad['number']}/replay", {}, **as_json)).status == 200
    edited = {**worse["content"], "subject": "Patient/well", "data": {"reference": "Patient/well/_history/1"}}
    assert (await hearer.put(f"/events/letters/{worse['number']}", {"no": "event"}, **as_json)).status == 400
    assert (await hearer.put(f"/events/letters/{worse['number']}", edited, **as_json)).status == 200
    assert (await hearer.post(f"/events/letters/{worse['number']}/replay", {}, **as_json)).status == 200
    assert await letters(hearer) == []
    assert (await empty.effects())[1:] == ["Patient.created Patient/bad 1", "Patient.created Patient/well 1"]
    for path in (f"/events/letters/{bad['number']}", "/events/letters/99999999999999999999"):
        assert (await hearer.get(path)).status == 404
        assert (await hearer.delete(path, **as_json)).status == 404


async def test_a_letter_is_dropped_only_by_who_means_it(empty):
    teller, hearer = await empty.open(TELLER), await empty.open(HEARER)
    empty.ears.fails["Patient/bad/1"] = 99
    await patient(teller, "bad")

    async def laid_aside():
        return [letter for letter in await letters(hearer) if letter["dead"]]

    (letter,) = await until(laid_aside)
    path = f"/events/letters/{letter['number']}"
    assert (await hearer.delete(path)).status >= 400
    assert (await hearer.post(f"{path}/replay", {}, content_type="text/plain")).status >= 400
    assert (await hearer.delete(path, content_type="application/json")).status == 200
    assert await letters(hearer) == []


async def test_two_processes_of_a_service_tell_and_hear_as_one(empty):
    tellers = [await empty.open(TELLER) for _ in range(2)]
    for _ in range(2):
        await empty.open(HEARER)
    for version in range(1, 5):
        await asyncio.gather(*(patient(tellers[p % 2], f"p{p}", birthDate=f"198{version}") for p in range(8)))
    found = await empty.until(32)
    assert len(found) == len(set(found)) == 32
    for each in range(8):
        assert [text[-1] for text in found if f"/p{each} " in text] == list("1234")


async def test_another_process_takes_over_when_one_ends(empty):
    async with AsyncExitStack() as first:
        empty.stack, whole = first, empty.stack
        teller = await empty.open(TELLER)
        await empty.open(HEARER)
        await patient(teller, "p", multipleBirthInteger=1)
        await empty.until(1)
        empty.stack = whole
        second = await empty.open(TELLER)
        await empty.open(HEARER)
        await patient(second, "p", multipleBirthInteger=2)
        assert len(await empty.until(2)) == 2  # one tells for both
    for version in (3, 4):
        await patient(second, "p", multipleBirthInteger=version)
    assert [text[-1] for text in await empty.until(4)] == list("1234")


async def test_a_stream_that_somebody_deletes_is_made_anew_and_nothing_is_lost(empty):
    teller = await empty.open(TELLER)
    await patient(teller, "before")
    streams = await empty.streams()

    async def told():
        with suppress(NotFoundError):
            return (await streams.stream_info("teller")).state.messages == 1

    await until(told)
    await streams.delete_stream("teller")
    await patient(teller, "after")
    await empty.open(HEARER)
    found = await empty.until(2)
    await streams.delete_stream("teller")
    await patient(teller, "last")
    await empty.until(3)
    await asyncio.sleep(0.5)
    assert len(await empty.effects()) == len(set(found)) + 1 == 3


async def test_what_was_handed_to_somebody_who_is_gone_is_handed_out_again(empty, monkeypatch):
    monkeypatch.setattr(hearing, "LOOK", 0.1)
    teller = await empty.open(TELLER)
    await patient(teller, "stray")
    streams = await empty.streams()

    async def opened():
        with suppress(NotFoundError):
            return (await streams.consumer_info("teller", "hearer")).num_pending

    await until(opened)
    thief = await streams.pull_subscribe_bind("hearer", "teller")
    assert await thief.fetch(1, timeout=10)
    await empty.open(HEARER)
    assert await empty.until(1) == ["Patient.created Patient/stray 1"]
    asking = asyncio.create_task(thief.fetch(1, timeout=10))
    await asyncio.sleep(0.3)
    for version in range(1, 9):
        await patient(teller, "later", multipleBirthInteger=version)
    assert len(await empty.until(9)) == 9
    assert [text[-1] for text in await empty.effects() if "later" in text] == list("12345678")
    assert await asking


async def test_the_figures_tell_what_was_told_and_handled(empty):
    teller, hearer = await empty.open(TELLER), await empty.open(HEARER)
    await patient(teller, "p")
    await empty.until(1)

    async def line(client, name):
        text = (await client.get("/metrics")).body.decode()
        return [each for each in text.splitlines() if each.startswith(f"polyclinic_events_{name}")]

    (told,) = await line(teller, "told_total")
    assert told == 'polyclinic_events_told_total{event="Patient.created",service="teller"} 1.0'
    (handled,) = await until(partial(line, hearer, "handled_total"))
    assert handled == 'polyclinic_events_handled_total{event="Patient.created",service="hearer"} 1.0'
    assert await line(hearer, "hearing{") == ['polyclinic_events_hearing{service="hearer"} 1.0']


@pytest.mark.parametrize(
    ("manifest", "handlers", "owners"),
    [
        (HEARER, {}, OWNERS),
        (TELLER, dict.fromkeys(TELLS), OWNERS),
        (HEARER, dict.fromkeys(TELLS), {}),
    ],
)
def test_promises_without_handlers_and_handlers_without_promises_do_not_start(manifest, handlers, owners):
    settings = Settings(postgresql="postgresql://nowhere/x", nats="nats://127.0.0.1:9", owners=owners)
    with pytest.raises(Misconfigured):
        assemble(manifest, settings, deeds=Deeds(handlers=handlers))
