"""The session's own PostgreSQL and NATS are real."""

import os

import asyncpg
import nats


async def test_postgresql_of_the_session_answers():
    connection = await asyncpg.connect(os.environ["POLYCLINIC_TEST_POSTGRESQL"])
    try:
        assert await connection.fetchval("SHOW max_prepared_transactions") == "50"
        assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()


async def test_nats_of_the_session_keeps_streams():
    client = await nats.connect(os.environ["POLYCLINIC_TEST_NATS"])
    try:
        stream = await client.jetstream().add_stream(name="session", subjects=["session.>"])
        assert stream.config.name == "session"
        await client.jetstream().delete_stream("session")
    finally:
        await client.close()
