"""All SQL over `idempotency_keys`."""

from collections.abc import Sequence
from datetime import datetime

from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Tx
from paywright.idempotency.model import Answer, Claim

_COLUMNS = ("scope", "key", "fingerprint", "status", "body", "is_recipe", "created_at")


async def insert(tx: Tx, claims: Sequence[Claim], *, at: datetime) -> set[tuple[str, str]]:
    """Store the claims whose key is free; the (scope, key) pairs that were."""
    # In key order: two batches that share keys then wait for each other, and never in a circle.
    ordered = sorted(claims, key=lambda claim: (claim.key, claim.scope))
    answers = [claim.answer for claim in ordered if claim.answer is not None]
    rows = await tx.fetch(
        """
        insert into idempotency_keys (scope, key, fingerprint, status, body, created_at)
        select scope, key, fingerprint, status, body, $6
          from unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::bytea[])
            as new (scope, key, fingerprint, status, body)
         order by key, scope
            on conflict do nothing
        returning scope, key
        """,
        [claim.scope for claim in ordered],
        [claim.key for claim in ordered],
        [claim.fingerprint for claim in ordered],
        [answer.status for answer in answers],
        [answer.body for answer in answers],
        at,
    )
    return {(row["scope"], row["key"]) for row in rows}


async def insert_fresh(tx: Tx, claims: Sequence[Claim], *, at: datetime) -> None:
    """Store claims that are known to be free; breaks the transaction when one is not."""
    ordered = sorted(claims, key=lambda claim: (claim.key, claim.scope))
    stamp = copy.timestamptz(at)
    rows = [_row(it, it.answer, stamp) for it in ordered if it.answer is not None]
    await copy_rows(tx, "idempotency_keys", _COLUMNS, rows)


def _row(it: Claim, answer: Answer, stamp: bytes) -> bytes:
    return b"".join(
        (
            copy.row(7),
            copy.word(it.scope),
            copy.text(it.key),
            copy.bytea(it.fingerprint),
            copy.smallint(answer.status),
            copy.bytea(answer.body),
            copy.boolean(answer.is_recipe),
            stamp,
        )
    )


async def update(tx: Tx, claims: Sequence[Claim]) -> None:
    """Replace the answers of keys that are on file."""
    answers = [claim.answer for claim in claims if claim.answer is not None]
    await tx.execute(
        """
        update idempotency_keys as old
           set status = new.status, body = new.body, is_recipe = new.is_recipe
          from unnest($1::text[], $2::text[], $3::smallint[], $4::bytea[], $5::boolean[])
            as new (scope, key, status, body, is_recipe)
         where old.scope = new.scope and old.key = new.key
        """,
        [claim.scope for claim in claims],
        [claim.key for claim in claims],
        [answer.status for answer in answers],
        [answer.body for answer in answers],
        [answer.is_recipe for answer in answers],
    )


async def select(tx: Tx, claims: Sequence[Claim]) -> dict[tuple[str, str], tuple[bytes, Answer]]:
    """Fingerprint and answer stored under each key, by (scope, key)."""
    rows = await tx.fetch(
        """
        select wanted.scope, wanted.key, fingerprint, status, body, is_recipe
          from unnest($1::text[], $2::text[]) as wanted (scope, key)
         -- Not a join: a plan from when there were few keys would read all of them.
         cross join lateral (
               select fingerprint, status, body, is_recipe from idempotency_keys
                where scope = wanted.scope and key = wanted.key limit 1) as kept
        """,
        [claim.scope for claim in claims],
        [claim.key for claim in claims],
    )
    return {
        (row["scope"], row["key"]): (
            row["fingerprint"],
            Answer(row["status"], row["body"], row["is_recipe"]),
        )
        for row in rows
    }


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` keys that are older than `before`; how many were.

    One that tells of something still under way stays until that has come to its end: its answer is
    going to change, and must not be another request's by then.
    """
    return await tx.fetchval(
        """
        with old as (
            select scope, key from idempotency_keys
             where created_at < $1 and not (is_recipe and status = 202)
             limit $2
        ), gone as (
            delete from idempotency_keys using old
             where idempotency_keys.scope = old.scope and idempotency_keys.key = old.key
            returning 1
        )
        select count(*) from gone
        """,
        before,
        limit,
    )


async def delete(tx: Tx, scope: str, keys: Sequence[str]) -> list[Answer]:
    """Give keys up; the answers that they had."""
    rows = await tx.fetch(
        """
        delete from idempotency_keys
         where scope = $1 and key = any($2::text[])
        returning status, body
        """,
        scope,
        keys,
    )
    return [Answer(row["status"], row["body"]) for row in rows]
