"""The bus: one connection to NATS at a time, which is given up at the first sign of trouble and made anew.

The client would mend a connection by itself. We do not let it: whoever speaks over a new connection must know that it
is new, and begin where nothing can have been lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from polyclinic.fhir.outcome import Unavailable

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
AWAY = (NatsError, OSError, TimeoutError)
"""What the client raises where the bus does not do what it was asked."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bus is; ``password`` is asked whenever a connection is made."""

    url: str
    password: Callable[[], str]

    @property
    def user(self) -> str:
        """The name that the bus knows us by."""
        return urlsplit(self.url).username or ""


@dataclass(frozen=True, slots=True)
class Bus:
    """A connection; ``lost`` is set when it, or whatever else the work on it depends on, has ended."""

    client: Client
    streams: JetStreamContext
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def while_connected(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Return what ``work`` returns. Refuses: ``Unavailable`` when ``lost`` comes first; ``work`` is over then."""
        doing, waiting = asyncio.create_task(work), asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise Unavailable("the connection to the event bus was lost")
            return doing.result()
        finally:
            await end(doing, waiting)


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Bus]:
    """Open a connection to the bus for as long as the block runs.

    Refuses: ``Unavailable`` where the bus does not answer, also within the block.
    """
    lost = asyncio.Event()

    async def note() -> None:
        lost.set()

    async def overlook(error: Exception) -> None:
        """Say nothing: whoever asked is told."""

    with away():
        parts = urlsplit(address.url)
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    address.url if parts.password else f"nats://{parts.netloc.rpartition('@')[2]}",
                    user=None if parts.password else parts.username,
                    password=None if parts.password else address.password(),
                    inbox_prefix=f"_INBOX.{address.user}" if address.user else "_INBOX",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    closed_cb=note,
                    disconnected_cb=note,
                    error_cb=overlook,
                )
            yield Bus(client, client.jetstream(timeout=ANSWER_SECONDS), lost)
        finally:
            with suppress(*AWAY):
                await client.close()


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel ``tasks`` until they are over: ``asyncio.wait_for`` of Python 3.11 may swallow a cancellation."""
    while any(not task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=1.0)
    await asyncio.gather(*tasks, return_exceptions=True)


class away:
    """A context that says in FHIR's words that the bus did not do what it was asked."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Say what went wrong, if anything did."""
        if isinstance(error, AWAY):
            reason = f" ({error.description})" if isinstance(error, APIError) and error.description else ""
            raise Unavailable(f"the event bus does not answer now: {type(error).__name__}{reason}") from error
