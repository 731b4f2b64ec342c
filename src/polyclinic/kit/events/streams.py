"""Streams: where a telling service keeps its events on the bus, and what each hearer may take from there.

Both belong to the service that tells. It decides who hears what, so that a hearer needs no more than leave to take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StoreCompression, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from polyclinic.kit.events.bus import Bus
from polyclinic.kit.events.naming import subject
from polyclinic.repository.telling import Stream

AGE = 7 * 86400.0
"""Seconds that an event stays on the bus; ``repository.hearing`` knows it for longer."""
BYTES = 1 << 30
"""Bytes of one stream, at most; the oldest events go first."""
DUPLICATES = 300.0
"""Seconds in which the bus knows an event that is told again by its id, and does not keep it twice."""
MOST_TAKEN = 512
"""Events that a hearer may have taken and not settled."""
UNSETTLED = 3600.0
"""Seconds after which an event that was taken and not settled is handed out again. It is a last resort: a hearer that
begins anew has everything handed out again that it has not settled."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What a service tells, and who hears which of it."""

    service: str
    tells: Sequence[str]
    hearers: Mapping[str, Sequence[str]]

    @property
    def types(self) -> frozenset[str]:
        """The resource types whose changes may be told."""
        return frozenset(name.partition(".")[0] for name in self.tells)


@dataclass(frozen=True, slots=True)
class Standing:
    """When a stream was made, and the sequence of its last message."""

    made: Stream
    last: int


async def ensure(bus: Bus, voice: Voice) -> Standing:
    """Let the stream of a service and its hearers' consumers be as they have to be; return how it stands."""
    wanted = _stream(voice)
    try:
        found = await bus.streams.stream_info(voice.service)
        if not _is_as(found.config, wanted):
            found = await bus.streams.update_stream(wanted)
    except NotFoundError:
        found = await bus.streams.add_stream(wanted)
    for hearer, names in voice.hearers.items():
        await bus.streams.add_consumer(voice.service, _consumer(hearer, names))
    return _standing(found)


async def standing(bus: Bus, service: str) -> Standing:
    """Return how the stream of ``service`` stands. Raises: ``NotFoundError``."""
    return _standing(await bus.streams.stream_info(service))


def _standing(found: StreamInfo) -> Standing:
    return Standing(Stream(str(found.created)), found.state.last_seq)


def _stream(voice: Voice) -> StreamConfig:
    return StreamConfig(
        name=voice.service,
        subjects=[subject(name) for name in voice.tells],
        storage=StorageType.FILE,
        compression=StoreCompression.S2,
        max_age=AGE,
        max_bytes=BYTES,
        duplicate_window=DUPLICATES,
    )


def _is_as(found: StreamConfig, wanted: StreamConfig) -> bool:
    names = ("subjects", "max_age", "max_bytes", "duplicate_window")
    return all(getattr(found, name) == getattr(wanted, name) for name in names)


def _consumer(hearer: str, names: Sequence[str]) -> ConsumerConfig:
    return ConsumerConfig(
        name=hearer,
        durable_name=hearer,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=UNSETTLED,
        max_ack_pending=MOST_TAKEN,
        filter_subjects=[subject(name) for name in names],
    )
