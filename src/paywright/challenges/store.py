"""All SQL over `challenges`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.challenges.model import Challenge, Method, Status, Subject
from paywright.core.ids import ChallengeId
from paywright.db.pool import Row, Tx
from paywright.notifications.model import Channel


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge as it stands in its row. binding, code_hash, recipient: tokens."""

    challenge: Challenge
    binding: bytes
    code_hash: bytes | None
    recipient: bytes | None
    created_at: datetime
    sent_at: datetime


class Ending(msgspec.Struct, frozen=True):
    """What became of a challenge that somebody tried to answer."""

    id: ChallengeId
    status: Status
    tries_left: int
    closed_at: datetime | None


async def insert(tx: Tx, rows: Sequence[Written]) -> None:
    """New challenges, all of them open."""
    made = [row.challenge for row in rows]
    await tx.execute(
        """
        insert into challenges (id, payment_id, subject_kind, subject_id, method, channel, status,
                                binding, code_hash, recipient, tries_left, resends_left,
                                created_at, sent_at, expires_at)
        select id, payment_id, kind, subject, method, channel, 'open', binding, code_hash,
               recipient, tries_left, resends_left, created_at, created_at, expires_at
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::bytea[], $8::bytea[], $9::bytea[], $10::smallint[], $11::smallint[],
                      $12::timestamptz[], $13::timestamptz[])
                    as new (id, payment_id, kind, subject, method, channel, binding, code_hash,
                            recipient, tries_left, resends_left, created_at, expires_at)
        """,
        [it.id for it in made],
        [it.payment_id for it in made],
        [it.subject.kind for it in made],
        [it.subject.id for it in made],
        [it.method for it in made],
        [it.channel for it in made],
        [row.binding for row in rows],
        [row.code_hash for row in rows],
        [row.recipient for row in rows],
        [it.tries_left for it in made],
        [it.resends_left for it in made],
        [row.created_at for row in rows],
        [it.expires_at for it in made],
    )


async def void_open(
    tx: Tx, payment_ids: Sequence[UUID], *, at: datetime
) -> list[tuple[UUID, ChallengeId]]:
    """Close what is open for these payments; which challenge of which payment was."""
    rows = await tx.fetch(
        """
        update challenges
           set status = 'void', code_hash = null, recipient = null, closed_at = $2
         where payment_id = any($1::uuid[]) and status = 'open'
        returning payment_id, id
        """,
        payment_ids,
        at,
    )
    return [(row["payment_id"], ChallengeId.of(row["id"])) for row in rows]


async def lock_newest(tx: Tx, payment_ids: Sequence[UUID]) -> list[Written]:
    """The newest challenge of each payment, in the order of their ids."""
    rows = await tx.fetch(
        """
        select id, payment_id, subject_kind, subject_id, method, channel, status, binding,
               code_hash, recipient, tries_left, resends_left, created_at, sent_at, expires_at
          from challenges
         where id in (select (select id from challenges
                               where payment_id = asked.id
                               order by id desc limit 1)
                        from unnest($1::uuid[]) as asked (id))
         order by id
           for update
        """,
        payment_ids,
    )
    return [_written(row) for row in rows]


async def newest(tx: Tx, payment_ids: Sequence[UUID]) -> list[Challenge]:
    """The same to look at, without a lock and without secrets."""
    rows = await tx.fetch(
        """
        select id, payment_id, subject_kind, subject_id, method, channel, status, tries_left,
               resends_left, expires_at
          from challenges
         where id in (select (select id from challenges
                               where payment_id = asked.id
                               order by id desc limit 1)
                        from unnest($1::uuid[]) as asked (id))
        """,
        payment_ids,
    )
    return [_challenge(row) for row in rows]


async def save(tx: Tx, endings: Sequence[Ending]) -> None:
    await tx.execute(
        """
        update challenges
           set status = new.status, tries_left = new.tries_left, closed_at = new.closed_at,
               code_hash = case when new.status = 'open' then code_hash end,
               recipient = case when new.status = 'open' then recipient end
          from unnest($1::uuid[], $2::text[], $3::smallint[], $4::timestamptz[])
                    as new (id, status, tries_left, closed_at)
         where challenges.id = new.id
        """,
        [it.id for it in endings],
        [it.status for it in endings],
        [it.tries_left for it in endings],
        [it.closed_at for it in endings],
    )


async def set_sent_again(
    tx: Tx, challenge: Challenge, *, code_hash: bytes, sent_at: datetime
) -> None:
    await tx.execute(
        """
        update challenges
           set code_hash = $2, resends_left = $3, expires_at = $4, sent_at = $5
         where id = $1
        """,
        challenge.id,
        code_hash,
        challenge.resends_left,
        challenge.expires_at,
        sent_at,
    )


async def set_expired(tx: Tx, *, at: datetime, limit: int) -> list[tuple[UUID, ChallengeId]]:
    """Close the open challenges whose time is over, the most overdue first. Those that somebody
    is answering right now are left to them."""
    rows = await tx.fetch(
        """
        update challenges
           set status = 'expired', code_hash = null, recipient = null, closed_at = $1
         where id in (select id from challenges
                       where status = 'open' and expires_at <= $1
                       order by expires_at
                       limit $2
                         for update skip locked)
        returning payment_id, id
        """,
        at,
        limit,
    )
    return [(row["payment_id"], ChallengeId.of(row["id"])) for row in rows]


def _written(row: Row) -> Written:
    return Written(
        challenge=_challenge(row),
        binding=row["binding"],
        code_hash=row["code_hash"],
        recipient=row["recipient"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
    )


def _challenge(row: Row) -> Challenge:
    return Challenge(
        id=ChallengeId.of(row["id"]),
        payment_id=row["payment_id"],
        subject=Subject(row["subject_kind"], row["subject_id"]),
        method=Method(row["method"]),
        channel=None if row["channel"] is None else Channel(row["channel"]),
        status=Status(row["status"]),
        expires_at=row["expires_at"],
        tries_left=row["tries_left"],
        resends_left=row["resends_left"],
    )
