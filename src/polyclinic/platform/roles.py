"""Who may use which database: one role and one database of its name for every service that keeps data."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import asyncpg

from polyclinic.platform.fault import Fault

_ITERATIONS = 4096
"""PBKDF2 rounds of a SCRAM verifier, PostgreSQL's scram_iterations; the passwords are random, not chosen."""


async def provision(dsn: str, passwords: Mapping[str, str]) -> str:
    """Make what is missing so that each service of ``passwords`` has role and database; return the version.

    A role owns its database and can connect to no other. ``dsn`` is of a superuser, or of one who may create
    both. Raises ``Fault`` where the server does not answer, is too old, or does not allow it.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (OSError, asyncpg.PostgresError, ValueError, TimeoutError) as problem:
        raise Fault(
            f"PostgreSQL does not answer ({problem or 'no answer in 10 s'}); "
            "correct the address given with --postgresql."
        ) from problem
    try:
        await _refuse_old(connection)
        for name, password in passwords.items():
            await _provision(connection, name, password)
        return str(await connection.fetchval("SHOW server_version")).split()[0]
    except asyncpg.InsufficientPrivilegeError as problem:
        raise Fault(
            f"The PostgreSQL user may not make roles and databases ({problem}); "
            "give --postgresql a superuser, or one with CREATEROLE and CREATEDB."
        ) from problem
    finally:
        await connection.close()


async def close_others(dsn: str) -> None:
    """Let nobody but superusers connect to the databases that belong to no service."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close()


async def _refuse_old(connection: asyncpg.Connection) -> None:
    if connection.get_server_version().major < 15:
        version = await connection.fetchval("SHOW server_version")
        raise Fault(f"PostgreSQL {version} is too old; give --postgresql the address of version 15 or newer.")


async def _provision(connection: asyncpg.Connection, name: str, password: str) -> None:
    role = f'"{name}"'
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await connection.execute(f"CREATE ROLE {role} LOGIN")
    await connection.execute(f"ALTER ROLE {role} PASSWORD '{_verifier(password)}'")
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            await connection.execute(f"GRANT {role} TO CURRENT_USER")
        await connection.execute(f"CREATE DATABASE {role} OWNER {role} TEMPLATE template0 ENCODING 'UTF8'")
    await connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {role} FROM PUBLIC")


def _verifier(password: str) -> str:
    """Return what PostgreSQL keeps of a password (RFC 5803), so that the password itself never travels."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
