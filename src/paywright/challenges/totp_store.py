"""All SQL over `totp_enrolments`."""

from collections.abc import Iterable, Sequence

from paywright.challenges.model import Subject
from paywright.challenges.rules import Enrolment
from paywright.db.pool import Row, Tx


async def confirmed(tx: Tx, subjects: Iterable[Subject]) -> set[Subject]:
    """Those who have an authenticator app."""
    asked = list(subjects)
    rows = await tx.fetch(
        """
        select subject_kind, subject_id
          from totp_enrolments
          join unnest($1::text[], $2::text[]) as asked (kind, id)
            on subject_kind = asked.kind and subject_id = asked.id
         where secret is not null
        """,
        [it.kind for it in asked],
        [it.id for it in asked],
    )
    return {Subject(row["subject_kind"], row["subject_id"]) for row in rows}


async def lock(tx: Tx, subjects: Iterable[Subject]) -> dict[Subject, Enrolment]:
    asked = sorted(set(subjects))
    rows = await tx.fetch(
        """
        select subject_kind, subject_id, secret, confirmed_at, pending_secret, pending_since,
               last_step
          from totp_enrolments
         where (subject_kind, subject_id) in (select * from unnest($1::text[], $2::text[]))
         order by subject_kind, subject_id
           for update
        """,
        [it.kind for it in asked],
        [it.id for it in asked],
    )
    return {it.subject: it for it in map(_enrolment, rows)}


async def save_steps(tx: Tx, enrolments: Sequence[Enrolment]) -> None:
    """That codes of theirs were used."""
    await tx.execute(
        """
        update totp_enrolments
           set last_step = new.step
          from unnest($1::text[], $2::text[], $3::bigint[]) as new (kind, id, step)
         where subject_kind = new.kind and subject_id = new.id
        """,
        [it.subject.kind for it in enrolments],
        [it.subject.id for it in enrolments],
        [it.last_step for it in enrolments],
    )


async def put(tx: Tx, it: Enrolment) -> None:
    """Insert, or replace what was there."""
    await tx.execute(
        """
        insert into totp_enrolments (subject_kind, subject_id, secret, confirmed_at,
                                     pending_secret, pending_since, last_step)
        values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (subject_kind, subject_id) do update
           set secret = excluded.secret, confirmed_at = excluded.confirmed_at,
               pending_secret = excluded.pending_secret,
               pending_since = excluded.pending_since, last_step = excluded.last_step
        """,
        it.subject.kind,
        it.subject.id,
        it.secret,
        it.confirmed_at,
        it.pending,
        it.pending_since,
        it.last_step,
    )


async def delete(tx: Tx, subject: Subject) -> None:
    await tx.execute(
        "delete from totp_enrolments where subject_kind = $1 and subject_id = $2",
        subject.kind,
        subject.id,
    )


def _enrolment(row: Row) -> Enrolment:
    return Enrolment(
        subject=Subject(row["subject_kind"], row["subject_id"]),
        secret=row["secret"],
        confirmed_at=row["confirmed_at"],
        pending=row["pending_secret"],
        pending_since=row["pending_since"],
        last_step=row["last_step"],
    )
