"""All SQL over `challenge_subjects`."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from paywright.challenges.model import Subject
from paywright.challenges.rules import Strikes
from paywright.db.pool import Tx


async def ensure(tx: Tx, subjects: Iterable[Subject]) -> dict[Subject, datetime | None]:
    """Have a row for each subject, and see until when it is locked. Takes no locks of rows that
    are there."""
    asked = sorted(set(subjects))
    rows = await tx.fetch(
        """
        select challenge_subjects.kind, challenge_subjects.id, locked_until
          from challenge_subjects
          join unnest($1::text[], $2::text[]) as asked (kind, id)
            on challenge_subjects.kind = asked.kind and challenge_subjects.id = asked.id
        """,
        [it.kind for it in asked],
        [it.id for it in asked],
    )
    known: dict[Subject, datetime | None] = {
        Subject(row["kind"], row["id"]): row["locked_until"] for row in rows
    }
    if new := [it for it in asked if it not in known]:
        await tx.execute(
            """
            insert into challenge_subjects (kind, id)
            select * from unnest($1::text[], $2::text[])
                on conflict do nothing
            """,
            [it.kind for it in new],
            [it.id for it in new],
        )
    return {it: known.get(it) for it in asked}


async def lock(tx: Tx, subjects: Iterable[Subject]) -> dict[Subject, Strikes]:
    """The wrong codes of subjects that have a row."""
    asked = sorted(set(subjects))
    rows = await tx.fetch(
        """
        select kind, id, wrong_at, locked_until
          from challenge_subjects
         where (kind, id) in (select * from unnest($1::text[], $2::text[]))
         order by kind, id
           for update
        """,
        [it.kind for it in asked],
        [it.id for it in asked],
    )
    return {
        Subject(row["kind"], row["id"]): Strikes(row["wrong_at"], row["locked_until"])
        for row in rows
    }


async def save(tx: Tx, strikes: Mapping[Subject, Strikes]) -> None:
    """Those that have changed."""
    changed = {subject: it for subject, it in strikes.items() if it.changed}
    if not changed:
        return
    await tx.execute(
        """
        update challenge_subjects
           set wrong_at = new.wrong_at::timestamptz[], locked_until = new.locked_until
          from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
                    as new (kind, id, wrong_at, locked_until)
         where challenge_subjects.kind = new.kind and challenge_subjects.id = new.id
        """,
        [subject.kind for subject in changed],
        [subject.id for subject in changed],
        # As text: arrays of different lengths make no array of arrays.
        ["{" + ",".join(at.isoformat() for at in it.wrong_at) + "}" for it in changed.values()],
        [it.locked_until for it in changed.values()],
    )
