"""The pool: a bounded number of connections, made when first needed, the last one used handed out first.

The driver has a pool of its own, which gives each connection back in a task that it shields, to clean a session that
nobody here leaves dirty. That was a quarter of what a read costs (docs/decisions/0010).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg


class Pool:
    """Up to ``size`` connections, each made by ``connect``. For one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._idle: list[asyncpg.Connection] = []
        self._leased: set[asyncpg.Connection] = set()
        self._making = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def lease(self) -> "Lease":
        """Return a context in which one connection is the caller's alone."""
        return Lease(self)

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run one statement and return all its rows."""
        async with Lease(self) as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """Run one statement and return its first row, if it has any."""
        async with Lease(self) as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """Run one statement and return the first value of its first row."""
        async with Lease(self) as connection:
            return await connection.fetchval(query, *arguments)

    def count(self) -> tuple[int, int]:
        """Return how many connections there are, and how many of them are idle."""
        return len(self._idle) + len(self._leased), len(self._idle)

    async def close(self, *, patience: float) -> None:
        """Close all connections; those in use get ``patience`` seconds to come back."""
        self._closed = True
        deadline = asyncio.get_running_loop().time() + patience
        while self._leased and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        for connection in self._leased:
            connection.terminate()
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close(timeout=max(patience, 1.0))
        self._wake()

    async def take(self) -> asyncpg.Connection:
        """Return a connection that nobody else has until it is given back.

        Raises: whatever ``connect`` raises; ``asyncpg.InterfaceError`` once the pool is closed.
        """
        while True:
            if self._closed:
                raise asyncpg.InterfaceError("the pool is closed")
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    self._leased.add(connection)
                    return connection
            if len(self._leased) + self._making < self._size:
                return await self._make()
            await self._wait()

    def give_back(self, connection: asyncpg.Connection, *, usable: bool) -> None:
        """Take ``connection`` back; one that may be in the middle of something is thrown away."""
        self._leased.discard(connection)
        if not usable or self._closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)
        if self._waiting:
            self._wake()

    async def _make(self) -> asyncpg.Connection:
        self._making += 1
        try:
            connection = await self._connect()
        except BaseException:
            self._making -= 1
            self._wake()  # let the next one try; it may be luckier, or say the same
            raise
        self._making -= 1
        self._leased.add(connection)
        return connection

    async def _wait(self) -> None:
        """Wait until a connection may be free. Whoever is woken and cannot go on wakes the next."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        """Give the one who waits longest a turn; when the pool is closed, everyone."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                if not self._closed:
                    return


class Lease:
    """One connection, given back when the context ends."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        """Take a connection."""
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Give it back; after a cancellation or time-out its answer may still be on the way, and it is not reused."""
        usable = not isinstance(error, asyncio.CancelledError | TimeoutError | GeneratorExit)
        self._pool.give_back(self._connection, usable=usable)
