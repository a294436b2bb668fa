"""Migrations run once, in order, by one process, and are never edited."""

import asyncio

import asyncpg
import pytest
from tests.schema_dump import SCHEMA, dump

from paywright.db.migrate import Migration, SchemaMismatch, migrate, migrations, missing, pending
from paywright.db.pool import Database, DatabaseUnavailable


def test_numbers_have_no_gap() -> None:
    found = migrations()
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))


def test_what_is_applied_is_not_pending() -> None:
    first, second = Migration(1, "a", "select 1"), Migration(2, "b", "select 2")
    assert pending([first, second], {1: first.checksum}) == [second]


def test_an_edited_migration_is_refused() -> None:
    with pytest.raises(SchemaMismatch, match="0001_a was changed"):
        pending([Migration(1, "a", "select 1")], {1: "other"})


def test_a_database_from_the_future_is_refused() -> None:
    with pytest.raises(SchemaMismatch, match="0002"):
        pending([Migration(1, "a", "select 1")], {2: "unknown"})


async def test_many_processes_migrate_at_once(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("drop schema public cascade; create schema public")
    await connection.close()
    done = await asyncio.gather(*(migrate(database_url) for _ in range(5)))
    assert sorted(len(part) for part in done) == [0, 0, 0, 0, len(migrations())]
    assert await missing(database_url) == []


async def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable):
        await migrate("postgresql://nobody@127.0.0.1:1/none")


def test_schema_sql_is_what_the_migrations_make(database_url: str) -> None:
    assert SCHEMA.read_text() == dump(database_url), "run `make schema`"


@pytest.mark.parametrize(
    "change",
    ["update events set type = 'a.b'", "delete from events", "truncate events",
     "delete from events_default", "truncate events_default"],
)  # fmt: skip
async def test_events_cannot_be_changed(db: Database, change: str) -> None:
    async with db.transaction() as tx:
        await tx.execute(
            """
            insert into events (id, at, type, subject, actor, request_id, data)
            values (gen_random_uuid(), '2020-01-01', 'a.happened', 's', 'x', 'r', '{}'),
                   (gen_random_uuid(), now(), 'a.happened', 's', 'x', 'r', '{}')
            """
        )
    async with db.pool.acquire() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await connection.execute(change)
        assert await connection.fetchval("select count(*) from events") == 2
