"""All SQL over `rule_sets` and `rule_set_activations`."""

from datetime import datetime

import msgspec

from paywright.core.cause import Cause
from paywright.db.pool import Tx


class StoredVersion(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    loaded_by: str
    loaded_at: datetime
    is_active: bool


async def lock_name(tx: Tx, name: str) -> None:
    """Until the transaction ends, nobody else loads or activates a set of this name."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('rule_sets/' || $1, 0))", name)


async def insert_version(tx: Tx, cause: Cause, *, name: str, version: str, source: str) -> bool:
    """Whether it was not there already."""
    inserted = await tx.fetchval(
        """
        insert into rule_sets (name, version, source, loaded_by, loaded_at)
        values ($1, $2, $3, $4, $5)
        on conflict do nothing
        returning true
        """,
        name,
        version,
        source,
        cause.actor.id,
        cause.at,
    )
    return inserted is True


async def insert_activation(tx: Tx, cause: Cause, *, name: str, version: str) -> None:
    await tx.execute(
        """
        insert into rule_set_activations (name, version, activated_by, activated_at)
        values ($1, $2, $3, $4)
        """,
        name,
        version,
        cause.actor.id,
        cause.at,
    )


async def find_source(tx: Tx, *, name: str, version: str) -> str | None:
    return await tx.fetchval(
        "select source from rule_sets where name = $1 and version = $2", name, version
    )


async def find_active(tx: Tx, name: str) -> str | None:
    """The version in force."""
    return await tx.fetchval(
        """
        select version from rule_set_activations where name = $1 order by sequence desc limit 1
        """,
        name,
    )


async def active_version(tx: Tx, name: str) -> tuple[str, str] | None:
    """The version in force and its source."""
    row = await tx.fetchrow(
        """
        select version, source
          from rule_set_activations
          join rule_sets using (name, version)
         where name = $1
         order by sequence desc
         limit 1
        """,
        name,
    )
    return None if row is None else (row["version"], row["source"])


async def versions(tx: Tx, name: str) -> list[StoredVersion]:
    """Every version that was ever loaded, newest first."""
    rows = await tx.fetch(
        """
        select version, loaded_by, loaded_at,
               version = (select version from rule_set_activations
                           where name = $1 order by sequence desc limit 1) as is_active
          from rule_sets
         where name = $1
         order by loaded_at desc, version
        """,
        name,
    )
    return [
        StoredVersion(
            name=name,
            version=row["version"],
            loaded_by=row["loaded_by"],
            loaded_at=row["loaded_at"],
            is_active=bool(row["is_active"]),
        )
        for row in rows
    ]
