"""Connections: how the repository speaks to PostgreSQL, and what it says when PostgreSQL is away."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from polyclinic.fhir.outcome import Conflict, Unavailable

Session = asyncpg.Connection | PoolConnectionProxy
"""One connection, for statements that belong together."""
Database = Session | asyncpg.Pool
"""Anything that runs one statement."""

SETTINGS = {
    "application_name": "polyclinic",
    "plan_cache_mode": "force_generic_plan",  # every statement has one good plan
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
}
Answer = TypeVar("Answer")

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    OSError,
    TimeoutError,
)
_RACED = (asyncpg.UniqueViolationError, asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class Connection(asyncpg.Connection):
    """A connection that is handed back to its pool without a round trip: nothing here leaves a session changed."""

    def get_reset_query(self) -> str:
        """Return nothing to run."""
        return ""


async def open_pool(dsn: str, *, connections: int, password: Callable[[], str] | None) -> asyncpg.Pool:
    """Return a pool of ``connections`` to ``dsn``; ``password`` is asked whenever one is made."""
    return await asyncpg.create_pool(
        dsn,
        password=password,
        min_size=1,
        max_size=connections,
        connection_class=Connection,
        server_settings=SETTINGS,
        statement_cache_size=1000,
        max_cached_statement_lifetime=0,
        max_inactive_connection_lifetime=0,
        timeout=10,
        command_timeout=60,
    )


@asynccontextmanager
async def refusing() -> AsyncIterator[None]:
    """Say in FHIR's words what PostgreSQL could not do.

    Raises: ``Unavailable`` when it is away, full or stopping; ``Conflict`` when another writer was first.
    """
    try:
        yield
    except _RACED as error:
        raise Conflict("somebody else changed the same resource at the same time; read it again") from error
    except _AWAY as error:
        raise Unavailable(f"the database does not answer now ({type(error).__name__})") from error


async def again_if_lost(read: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return what ``read`` returns, asked once more where the connection was lost on the way. Only for reads."""
    try:
        return await read()
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError):
        return await read()
