"""One load from beginning to end: several parcels on their way at once, until all are in."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from polyclinic.platform.load.delivery import Server, Unreachable
from polyclinic.platform.load.parcels import Parcel, parcels
from polyclinic.platform.load.progress import Watcher
from polyclinic.platform.load.sources import Place, Source, Trouble, documents, find, look_through
from polyclinic.platform.load.tally import Tally

GREETING_WITHIN = 5.0
"""Seconds that a server may take to show itself before a load begins."""

FINISH_WITHIN = 20.0
"""Seconds that an interrupted load waits for the answers it is owed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a load is asked for: where to, how many Bundles at once, how long to wait out a silence (seconds).

    ``fresh`` sends also what the server has already, over whatever it has become since.
    """

    url: str
    clients: int = 4
    patience: float = 120.0
    fresh: bool = False


async def load(paths: Sequence[Path], wish: Wish, watcher: Watcher) -> Tally:
    """Load the files, archives and folders ``paths``; nothing is sent if one of them cannot be read."""
    tally = Tally()
    # one thread reads, so that the members of an archive come in order and never more than one is held
    with ThreadPoolExecutor(1, "read") as reader, watcher:
        sources = await asyncio.get_running_loop().run_in_executor(reader, survey, paths, tally)
        if not tally.unreadable:
            watcher.expect(files=sum(one.members for one in sources), size=sum(one.size for one in sources))
            await bring(parcels(documents(sources)), wish, watcher, tally=tally, reader=reader)
        if not (tally.unreadable or tally.interrupted or tally.unreachable):
            tally.files = sum(one.members for one in sources)
    return tally


def survey(paths: Sequence[Path], tally: Tally) -> list[Source]:
    """Return the sources below ``paths``; what cannot be read or is left out goes into the tally."""
    sources = []
    for path in find(paths):
        source = path if isinstance(path, Trouble) else look_through(path)
        if isinstance(source, Trouble):
            tally.unreadable.append(source)
        else:
            tally.left_out += source.left_out
            sources.append(source)
    if not tally.unreadable and not any(source.members for source in sources):
        places = ", ".join(map(str, paths))
        tally.unreadable.append(Trouble(Place(places), "there is no .json and no .ndjson in it"))
    return sources


async def bring(
    stream: Iterator[Parcel | Trouble],
    wish: Wish,
    watcher: Watcher,
    *,
    tally: Tally,
    reader: ThreadPoolExecutor,
) -> None:
    """Send all of ``stream``, counting in ``tally``; SIGINT, SIGTERM or an absent server end it early."""
    begun = monotonic()
    server = Server(wish.url, connections=wish.clients, patience=wish.patience, ask=not wish.fresh)
    server.on_wait = watcher.wait
    courier = _Courier(server, stream, watcher, tally, reader)
    async with server:
        try:
            await server.greet(within=min(GREETING_WITHIN, wish.patience))
            with _interrupting(courier):
                await courier.run(wish.clients)
        except Unreachable as error:
            tally.unreachable = str(error)
    tally.seconds = monotonic() - begun


class _Courier:
    """The workers of one load."""

    def __init__(
        self,
        server: Server,
        stream: Iterator[Parcel | Trouble],
        watcher: Watcher,
        tally: Tally,
        reader: ThreadPoolExecutor,
    ) -> None:
        self._server = server
        self._stream = stream
        self._watcher = watcher
        self._tally = tally
        self._reader = reader
        self._stopping = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    async def run(self, clients: int) -> None:
        """Work until the stream ends or ``stop`` was called; Raises: what a worker failed with."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(clients)]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await self._first_failure_or(stopping)
            if self._stopping.is_set():
                await asyncio.wait(self._workers, timeout=FINISH_WITHIN)
        finally:
            ends = await _ended(*self._workers, stopping)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def stop(self) -> None:
        """Take no more parcels; a second call does not wait for those on their way."""
        if self._stopping.is_set():
            for worker in self._workers:
                worker.cancel()
        self._tally.interrupted = True
        self._stopping.set()

    async def _first_failure_or(self, stopping: asyncio.Task[bool]) -> None:
        working: set[asyncio.Task[None]] = set(self._workers)
        while working and not stopping.done():
            done, _ = await asyncio.wait({*working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            working -= done
            if any(task.exception() for task in done):
                return

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            parcel = await loop.run_in_executor(self._reader, next, self._stream, None)
            if parcel is None:
                return
            if isinstance(parcel, Trouble):
                self._tally.refuse(parcel)
                continue
            self._tally.add(await self._server.deliver(parcel))
            self._tally.files = max(self._tally.files, parcel.member_number)
            self._watcher.move(self._tally, size=parcel.size)


async def _ended(*tasks: asyncio.Task[Any]) -> list[Any]:
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


class _interrupting:
    """While inside, SIGINT and SIGTERM stop the courier; outside of the main thread nothing is changed."""

    def __init__(self, courier: _Courier) -> None:
        self._courier = courier

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError, RuntimeError, NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(number, self._courier.stop)

    def __exit__(self, *error: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError, RuntimeError, NotImplementedError):
                asyncio.get_running_loop().remove_signal_handler(number)
