"""The pool hands out no connection twice, no broken one, and keeps nobody waiting for ever."""

import asyncio

import asyncpg
import pytest

from polyclinic.repository.pool import Pool


@pytest.fixture
async def pool(dsn):
    made = Pool(lambda: asyncpg.connect(dsn, command_timeout=20), 3)
    yield made
    await made.close(patience=5)


async def backend(connection):
    return await connection.fetchval("select pg_backend_pid()")


async def test_never_more_connections_than_allowed_and_never_one_for_two(pool):
    busy = set()

    async def use(number):
        async with pool.lease() as connection:
            assert connection not in busy
            busy.add(connection)
            assert await connection.fetchval("select $1::int", number) == number
            busy.discard(connection)

    await asyncio.gather(*(use(number) for number in range(200)))
    assert pool.count() == (3, 3)


async def test_the_last_one_used_is_used_again(pool):
    async with pool.lease() as first:
        async with pool.lease() as second:
            pass
        async with pool.lease() as again:
            assert again is second
    async with pool.lease() as latest:
        assert latest is first


async def test_a_connection_that_was_cut_is_replaced(pool):
    async with pool.lease() as victim, pool.lease() as other:
        victims = await backend(victim)
        await other.execute("select pg_terminate_backend($1)", victims)
        with pytest.raises(
            (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError)
        ):
            await victim.fetchval("select 1")
    assert await pool.fetchval("select 1") == 1
    assert victims not in {await pool.fetchval("select pg_backend_pid()") for _ in range(3)}


async def test_a_cancelled_question_leaves_no_answer_to_the_next(pool):
    for _ in range(6):
        asking = asyncio.create_task(pool.fetchval("select pg_sleep(5)"))
        await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert await pool.fetchval("select 7") == 7


async def test_a_transaction_that_was_left_open_is_not_handed_on(pool):
    async with pool.lease() as connection:
        await connection.execute("begin")
        left = await backend(connection)
    assert await pool.fetchval("select pg_backend_pid()") != left


async def test_who_waits_is_served_in_turn_even_if_the_one_before_gives_up(pool):
    leases = [pool.lease() for _ in range(3)]
    for lease in leases:
        await lease.__aenter__()
    first, second = (asyncio.create_task(pool.fetchval("select 1")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    for lease in leases:
        await lease.__aexit__(None, None, None)
    assert await asyncio.wait_for(second, 5) == 1


async def test_a_database_that_is_away_is_told_to_all_who_wait():
    async def fail():
        await asyncio.sleep(0.01)
        raise ConnectionRefusedError

    pool = Pool(fail, 2)
    answers = await asyncio.wait_for(
        asyncio.gather(*(pool.fetchval("select 1") for _ in range(10)), return_exceptions=True), 5
    )
    assert all(isinstance(answer, ConnectionRefusedError) for answer in answers)
    assert pool.count() == (0, 0)
    await pool.close(patience=0)


async def test_a_closed_pool_refuses_those_who_wait_and_those_who_come(dsn):
    pool = Pool(lambda: asyncpg.connect(dsn), 1)
    async with pool.lease():
        waiting = asyncio.create_task(pool.fetchval("select 1"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close(patience=1))
        await asyncio.sleep(0)
    await closing
    for late in (waiting, pool.fetchval("select 1")):
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            await late


async def test_a_connection_that_ended_while_it_was_leased_is_not_handed_on(pool):
    async with pool.lease() as connection:
        connection.terminate()
    assert await pool.fetchval("select 1") == 1
