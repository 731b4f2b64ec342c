"""The parts of telling and hearing by themselves: names, written events, waves, lanes, patience."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.kit.events.event import Event, event_of, name_of, read, written
from polyclinic.kit.events.handling import LONGEST_PAUSE, Patience
from polyclinic.kit.events.lanes import Lanes
from polyclinic.kit.events.telling import waves
from polyclinic.repository.model import Change

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def change(version, method="PUT", event=None, id="7"):
    return Change("Appointment", id, version, method, NOON, event)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (change(1, "POST"), "Appointment.created"),
        (change(1, "PUT"), "Appointment.created"),
        (change(2, "PUT"), "Appointment.updated"),
        (change(3, "DELETE"), "Appointment.deleted"),
        (change(4, "PUT"), "Appointment.updated"),
        (change(1, "POST", "booked"), "Appointment.booked"),
    ],
)
def test_a_change_is_named_by_its_service_or_by_what_it_did(changed, name):
    assert name_of(changed) == name


def test_an_event_is_read_as_it_was_written():
    event = event_of(change(3, event="booked"), service="scheduling")
    assert read(written(event)) == event
    traced = Event(**{name: getattr(event, name) for name in Event.__slots__} | {"traceparent": "00-a-b-01"})
    assert read(written(traced)) == traced


WHOLE = {
    "specversion": '"1.0"',
    "id": '"a/Patient/1/2"',
    "source": '"/a"',
    "type": '"Patient.updated"',
    "subject": '"Patient/1"',
    "time": '"2026-11-25T12:00:00Z"',
    "data": '{"reference": "Patient/1/_history/2"}',
}


def json_of(parts):
    return "{" + ", ".join(f'"{name}": {value}' for name, value in parts.items()) + "}"


def test_an_event_that_somebody_else_wrote_is_read():
    assert read(json_of(WHOLE)).reference == "Patient/1"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("specversion", '"0.3"', "specversion"),
        ("id", '""', "1 to 256"),
        ("id", f'"{"x" * 300}"', "1 to 256"),
        ("id", "7", "id"),
        ("type", '"Patient"', "named by what happened"),
        ("type", '"Slot.updated"', "named by what happened"),
        ("time", '"2026-11-25T12:00:00"', "offset"),
        ("time", '"noon"', "time"),
        ("data", "{}", "refers to a version"),
        ("data", '{"reference": "Patient/1"}', "refers to a version"),
        ("data", '{"reference": "Patient/1/_history/0"}', "refers to a version"),
        ("data", "[]", "data"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(name, value, sentence):
    with pytest.raises(Unacceptable, match=sentence):
        read(json_of({**WHOLE, name: value}))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[]", b"null"])
def test_what_is_no_json_object_is_no_event(text):
    with pytest.raises(Unacceptable):
        read(text)


def test_a_wave_has_each_resource_once_and_waves_keep_the_order():
    spoken = [event_of(change(version, id=id), service="s") for version, id in [(1, "a"), (1, "b"), (2, "a"), (1, "c")]]
    assert [[event.id[-3:] for event in wave] for wave in waves(spoken, 9)] == [["a/1", "b/1"], ["a/2", "c/1"]]
    assert [len(wave) for wave in waves(spoken, 1)] == [1, 1, 1, 1]
    assert list(waves([], 9)) == []


async def test_a_lane_keeps_its_order_and_waits_for_no_other():
    done, gate = [], asyncio.Event()

    async def work(name):
        if name == "a1":
            await gate.wait()
        done.append(name)

    async with Lanes() as lanes:
        for name in ("a1", "a2", "b1", "b2"):
            lanes.put(name[0], partial(work, name))
        await asyncio.sleep(0.01)
        assert done == ["b1", "b2"]
        gate.set()
        await asyncio.sleep(0.01)
        assert done == ["b1", "b2", "a1", "a2"]
        lanes.put("a", partial(work, "a3"))
        await asyncio.sleep(0.01)
        assert done[-1] == "a3"


async def test_what_a_lane_raises_is_told_and_the_rest_is_given_up():
    async def fail():
        raise ValueError("broken")

    async with Lanes() as lanes:
        lanes.put("b", partial(asyncio.sleep, 60))
        lanes.put("a", fail)
        with pytest.raises(ValueError, match="broken"):
            await lanes.failed


def test_pauses_double_up_to_a_bound_and_are_never_the_same():
    patience = Patience(tries=8, pause=0.1)
    for failures, longest in [(1, 0.1), (2, 0.2), (5, 1.6), (40, LONGEST_PAUSE), (10**6, LONGEST_PAUSE)]:
        pauses = {patience.after(failures) for _ in range(20)}
        assert len(pauses) > 1
        assert all(longest / 2 <= pause <= longest for pause in pauses)
