"""Transactions, when the server goes away under them."""

import asyncio
from typing import Any

import pytest

from paywright.db.pool import Database, Tx, is_connection_lost


async def at_commit(tx: Tx, statements: str) -> None:
    await tx.execute(f"""
        create temporary table once (x int) on commit drop;
        create or replace function pg_temp.late() returns trigger language plpgsql as
            $$ begin {statements}; return null; end $$;
        create constraint trigger late after insert on once deferrable initially deferred
            for each row execute function pg_temp.late();
        insert into once values (1)""")


async def end_at_commit(tx: Tx) -> None:
    """As a server does that is killed just then."""
    await at_commit(tx, "perform pg_terminate_backend(pg_backend_pid()), pg_sleep(1)")


async def sleep_at_commit(tx: Tx) -> None:
    await at_commit(tx, "perform pg_sleep(0.5)")


async def end_now(tx: Tx) -> None:
    await tx.execute("select pg_terminate_backend(pg_backend_pid())")
    await tx.execute("select pg_sleep(1)")


@pytest.mark.parametrize("ending", [end_now, end_at_commit])
@pytest.mark.parametrize("wait_ms", [None, 1000])
async def test_a_connection_that_was_ended_is_given_back_without_complaint(
    database_url: str, wait_ms: int | None, ending: Any
) -> None:
    db = await Database.connect(database_url, connections_max=1)
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    try:
        for _ in range(10):
            error: Exception | None = None
            try:
                async with db.transaction(wait_ms=wait_ms) as tx:
                    await ending(tx)
            except Exception as raised:
                error = raised
            assert error is not None
            assert is_connection_lost(error), error
        async with db.transaction(wait_ms=wait_ms) as tx:
            assert await tx.fetchval("select 1") == 1
    finally:
        await db.close()
    assert not heard


@pytest.mark.parametrize("wait_ms", [None, 1000])
async def test_a_commit_that_was_given_up_leaves_no_transaction_behind(
    database_url: str, wait_ms: int | None
) -> None:
    db = await Database.connect(database_url, connections_max=1)
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    committing = asyncio.Event()

    async def slow() -> None:
        async with db.transaction(wait_ms=wait_ms) as tx:
            await sleep_at_commit(tx)
            committing.set()

    try:
        for _ in range(3):
            committing.clear()
            task = asyncio.create_task(slow())
            await committing.wait()
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with db.transaction(wait_ms=wait_ms) as tx:
                assert await tx.fetchval("select 1") == 1
    finally:
        await db.close()
    assert not heard
