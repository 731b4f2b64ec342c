"""Pulling: messages of a durable consumer as they come, by one request that is always open.

The client's own ``fetch`` waits until a batch is full or its time is over, which would be the delay of every event
(https://docs.nats.io/reference/reference-protocols/nats_api_reference, CONSUMER.MSG.NEXT).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic

from nats.aio.msg import Msg

from polyclinic.fhir.outcome import Unavailable
from polyclinic.kit.events.bus import Bus

BATCH = 128
"""Messages that one request asks for."""
EXPIRES = 30.0
"""Seconds that a request stays open."""
HEARTBEAT = 5.0
"""Seconds after which the bus says that a request is still open."""
_OVER = ("404", "408")
"""What the bus says at the end of a request that there was nothing wrong with."""
_BEATS = "100"


class Pull:
    """The messages that ``consumer`` of ``stream`` has for us."""

    def __init__(self, bus: Bus, stream: str, consumer: str) -> None:
        self._bus = bus
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue()

    async def messages(self) -> AsyncIterator[Msg]:
        """Yield messages as they come. Refuses: ``Unavailable`` where the bus ends the request or falls silent."""
        inbox = self._bus.client.new_inbox()
        subscription = await self._bus.client.subscribe(inbox, cb=self._arrived.put)
        try:
            while True:
                await self._ask(inbox)
                async for message in self._answers():
                    yield message
        finally:
            if not self._bus.client.is_closed:
                await subscription.unsubscribe()

    async def _ask(self, inbox: str) -> None:
        asked = {"batch": BATCH, "expires": _nanoseconds(EXPIRES), "idle_heartbeat": _nanoseconds(HEARTBEAT)}
        await self._bus.client.publish(self._request, json.dumps(asked).encode(), reply=inbox)

    async def _answers(self) -> AsyncIterator[Msg]:
        """Yield the messages of one request, until it is over."""
        taken, begun = 0, monotonic()
        while taken < BATCH:
            try:
                async with asyncio.timeout(3 * HEARTBEAT):
                    message = await self._arrived.get()
            except TimeoutError:
                raise Unavailable("the event bus has fallen silent") from None
            status = (message.headers or {}).get("Status")
            if status is None:
                taken += 1
                yield message
            elif status in _OVER:
                return
            elif status != _BEATS:
                raise Unavailable(f"the event bus has ended a request ({status})")
            elif monotonic() - begun > 2 * EXPIRES:
                return  # its end was lost


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
