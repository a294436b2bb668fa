"""Forward migrations in plain SQL: numbered files, each one transaction, run by one process at a
time."""

import hashlib
from importlib.resources import files

import asyncpg
import msgspec

from paywright.db.pool import DatabaseUnavailable, is_connection_lost

# Any number will do, as long as nobody else in the database uses it.
_LOCK = 0x5041_5957_5249  # "PAYWRI"


class Migration(msgspec.Struct, frozen=True):
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


class SchemaMismatch(Exception):
    """The database was migrated by another, incompatible version of Paywright."""


def migrations() -> list[Migration]:
    """All migrations that this version knows, in order."""
    found = [
        Migration(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8"))
        for file in files("paywright.db").joinpath("migrations").iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.version)


def pending(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """What is still to be run. `applied`: checksum by version.

    Raises SchemaMismatch when the database has a migration that we do not know, or one that
    was edited after it had been applied.
    """
    by_version = {migration.version: migration for migration in known}
    for version, checksum in applied.items():
        if version not in by_version:
            raise SchemaMismatch(
                f"the database has migration {version:04}, which this version of Paywright does "
                "not know: it is older than the one that migrated the database"
            )
        if by_version[version].checksum != checksum:
            raise SchemaMismatch(
                f"migration {version:04}_{by_version[version].name} was changed after it had been "
                "applied; add a new migration instead"
            )
    return [migration for migration in known if migration.version not in applied]


async def migrate(url: str) -> list[Migration]:
    """Bring the schema up to date and return what was run.

    Safe to call from many processes at once: one works, the others wait and find nothing to do.
    Raises SchemaMismatch, and DatabaseUnavailable when the server cannot be reached.
    """
    connection = await _connect(url)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        todo = pending(migrations(), await _applied(connection))
        for migration in todo:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
                    migration.version,
                    migration.name,
                    migration.checksum,
                )
    finally:
        await connection.close()  # gives up the lock, too
    return todo


async def missing(url: str) -> list[Migration]:
    """What `migrate` would run, without running it."""
    connection = await _connect(url)
    try:
        if await connection.fetchval("select to_regclass('schema_migrations')") is None:
            return migrations()
        return pending(migrations(), await _applied(connection))
    finally:
        await connection.close()


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=10)
    except Exception as error:
        if not is_connection_lost(error):
            raise
        raise DatabaseUnavailable(f"cannot connect: {error}") from error


async def _applied(connection: asyncpg.Connection) -> dict[int, str]:
    await connection.execute(
        """
        create table if not exists schema_migrations (
            version    integer     primary key,
            name       text        not null,
            checksum   text        not null,
            applied_at timestamptz not null default now()
        )
        """
    )
    rows = await connection.fetch("select version, checksum from schema_migrations")
    return {row["version"]: row["checksum"] for row in rows}
