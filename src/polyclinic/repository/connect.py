"""Connections: how the repository speaks to PostgreSQL, and what it says when PostgreSQL is away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from polyclinic.fhir.outcome import Conflict, Unavailable
from polyclinic.repository.pool import Pool

Session = asyncpg.Connection
"""One connection, for statements that belong together."""
Database = Session | Pool
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

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says of a connection that ends while it is being asked
    ConnectionError,
)
_AWAY = (
    *_LOST,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    OSError,
    TimeoutError,
)
_RACED = (
    asyncpg.UniqueViolationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # the vocabulary changed, see migration 0003
)


def open_pool(dsn: str, *, connections: int, password: Callable[[], str] | None) -> Pool:
    """Return a pool of ``connections`` to ``dsn``; ``password`` is asked whenever one is made."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            dsn,
            password=password,
            server_settings=SETTINGS,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            timeout=10,
            command_timeout=60,
        )

    return Pool(connect, connections)


class refusing:
    """A context that says in FHIR's words what PostgreSQL could not do.

    Raises: ``Unavailable`` when it is away, full or stopping; ``Conflict`` when another writer was first or what
    excludes one another would be there at once.
    """

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Say what went wrong, if anything did."""
        if isinstance(error, _RACED):
            raise Conflict("somebody else changed the same resource at the same time; read it again") from error
        if isinstance(error, asyncpg.ExclusionViolationError):
            raise Conflict("somebody else has just taken what excludes this") from error
        if isinstance(error, _AWAY):
            raise Unavailable(f"the database does not answer now ({type(error).__name__})") from error


async def again_if_lost(read: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return what ``read`` returns, asked once more where the connection was lost on the way. Only for reads."""
    try:
        return await read()
    except _LOST:
        return await read()
