"""The connection pool and the transaction. Whoever holds a `Tx` reads and writes; nobody else
commits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from paywright.core.errors import Unavailable

log = structlog.get_logger()

# A connection inside a transaction.
Tx = asyncpg.Connection | PoolConnectionProxy
Row = asyncpg.Record


def is_connection_lost(error: BaseException) -> bool:
    """Whether the server, or the way to it, went away.

    A transaction that ended so may have been committed: it may only be run again where that is
    harmless.
    """
    if isinstance(error, asyncpg.DataError):  # an InterfaceError by birth, a caller's bug by nature
        return False
    return isinstance(error, _CONNECTION_LOST)


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction, run once more, may well succeed."""
    return isinstance(
        error, (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
    ) or is_connection_lost(error)


def is_lock_timeout(error: BaseException) -> bool:
    """Whether somebody else held a lock for longer than we wait for one."""
    return isinstance(error, asyncpg.LockNotAvailableError)


def on_stray_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The exception handler of a loop, for errors that nobody waits for.

    A lost connection leaves such errors behind in the driver, when a statement was canceled just
    before: the loss is known to all whom it concerns, and is no failure of ours.
    """
    error = context.get("exception")
    if error is not None and is_connection_lost(error):
        log.warning("database.connection_lost", error=f"{type(error).__name__}: {error}")
    else:
        loop.default_exception_handler(context)


def is_duplicate(error: BaseException) -> bool:
    """Whether a row under the same unique key came first."""
    return isinstance(error, asyncpg.UniqueViolationError)


_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.OperatorInterventionError,  # class 57: shutting down, starting up, killed
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,  # the connection was closed under us
    asyncpg.InternalClientError,  # … while the pool was taking it back
    OSError,  # refused, reset, timed out
)


class DatabaseUnavailable(Unavailable):
    """The database does not answer.

    Nothing was changed unless the request carried an idempotency key, in which case sending it
    again with the same key is safe in any case.
    """


class DatabaseBusy(Unavailable):
    """Something else keeps a row locked that is needed here.

    Nothing was changed. Send the request again in a moment.
    """


def to_jsonb(value: object) -> str:
    """A value as the text of a `jsonb` parameter."""
    return msgspec.json.encode(value).decode()


def from_jsonb(text: str | None, type: Any = Any) -> Any:
    """What a `jsonb` column holds, read as `type`; None for SQL null."""
    return None if text is None else msgspec.json.decode(text, type=type)


async def _nothing_to_forget(_: object) -> None:
    """What a connection is given back with. We only ever say `set local`, so there is nothing that
    would have to be undone, and asking the server to do so would cost a round trip each time."""


_FRESH_PLANS = "; set local plan_cache_mode = force_custom_plan"
_BY_KEY = (
    "set local enable_seqscan = off; "
    "set local enable_hashjoin = off; "
    "set local enable_mergejoin = off"
)


@asynccontextmanager
async def _begun(connection: PoolConnectionProxy, begin: str) -> AsyncGenerator[None]:
    await _command(connection, begin)
    try:
        yield
    except BaseException:
        if not connection.is_closed():
            await _command(connection, "rollback")
        raise
    await _command(connection, "commit")


async def _command(connection: PoolConnectionProxy, command: str) -> None:
    """Begin or end a transaction.

    When the server never answered, be it that it died or that we were canceled, nobody knows
    whether the connection is in a transaction: such a one is closed, not given back.
    """
    try:
        await connection.execute(command)
    except BaseException as error:
        if not isinstance(error, asyncpg.PostgresError) or is_connection_lost(error):
            connection.terminate()
        raise


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @classmethod
    async def connect(
        cls, url: str, *, connections_max: int, application: str = "paywright"
    ) -> "Database":
        """Open the pool. Raises DatabaseUnavailable when the server cannot be reached."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections_max,
                command_timeout=60,
                reset=_nothing_to_forget,
                max_inactive_connection_lifetime=300,
                server_settings={
                    "application_name": application,
                    "idle_in_transaction_session_timeout": "60000",
                    "lock_timeout": "20000",
                    "timezone": "UTC",
                },
            )
        except _CONNECTION_LOST as error:
            raise DatabaseUnavailable(f"cannot connect: {error}") from error
        return cls(pool)

    @asynccontextmanager
    async def transaction(self, *, wait_ms: int | None = None) -> AsyncGenerator[Tx]:
        """Commit when the block ends, roll back when it raises.

        wait_ms: for a lock that somebody else holds, before it raises (`is_lock_timeout`); None:
                 20 seconds. A transaction that is in such a hurry finds all its rows by key, and
                 is planned so: a plan that was made, and kept, while a table was small would read
                 all of it
        """
        async with self.pool.acquire() as connection:
            # In one round trip with the begin.
            hurry = f"; set local lock_timeout = {wait_ms:d}; {_BY_KEY}" if wait_ms else ""
            async with _begun(connection, "begin" + hurry):
                yield connection

    @asynccontextmanager
    async def snapshot(self, *, has_fresh_plans: bool = False) -> AsyncGenerator[Tx]:
        """A read-only transaction that sees one moment: for answers made of several queries.

        has_fresh_plans: each statement is planned for its very arguments. A plan for any would not
                         know which filters of a list are asked for, and one that was made, and
                         kept, while a table was small would read all of it
        """
        begin = "begin isolation level repeatable read read only"
        if has_fresh_plans:  # in one round trip
            begin += _FRESH_PLANS
        async with self.pool.acquire() as connection, _begun(connection, begin):
            yield connection

    async def close(self) -> None:
        """Give running queries a moment, then close every connection."""
        try:
            await self.pool.close()
        except _CONNECTION_LOST:
            self.pool.terminate()
