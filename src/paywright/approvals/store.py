"""All SQL over `approvals`."""

from collections.abc import Sequence
from uuid import UUID

from paywright.approvals.model import SubjectKind, Vote
from paywright.core.ids import ApprovalId, DelegationId
from paywright.db.pool import Row, Tx


async def votes_of(tx: Tx, subject_ids: Sequence[UUID]) -> dict[UUID, list[Vote]]:
    """All votes on each subject, the oldest first: those of other contents, too."""
    rows = await tx.fetch(
        """
        select id, subject_kind, subject_id, content_hash, person, actor, role, principal,
               delegation_id, comment, at, policy_version, carried_from
          from approvals
         where subject_id = any($1::uuid[])
         order by at, id
        """,
        subject_ids,
    )
    found: dict[UUID, list[Vote]] = {}
    for row in rows:
        found.setdefault(row["subject_id"], []).append(_vote(row))
    return found


async def insert_votes(tx: Tx, votes: Sequence[Vote]) -> None:
    """Put votes on file.

    Raises a duplicate (`db.pool.is_duplicate`) where a person, or somebody in the same stead, has
    approved the same contents: whoever casts votes holds a lock on the subject.
    """
    if not votes:
        return
    await tx.execute(
        """
        insert into approvals (id, subject_kind, subject_id, content_hash, person, actor, role,
                               principal, delegation_id, comment, at, policy_version, carried_from)
        select *
          from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[], $5::text[], $6::text[],
                      $7::text[], $8::text[], $9::uuid[], $10::text[], $11::timestamptz[],
                      $12::text[], $13::uuid[])
        """,
        [it.id for it in votes],
        [it.subject_kind for it in votes],
        [it.subject_id for it in votes],
        [it.content_hash for it in votes],
        [it.person for it in votes],
        [it.actor for it in votes],
        [it.role for it in votes],
        [it.principal for it in votes],
        [it.delegation_id for it in votes],
        [it.comment for it in votes],
        [it.at for it in votes],
        [it.policy_version for it in votes],
        [it.carried_from for it in votes],
    )


def _vote(row: Row) -> Vote:
    delegation_id = row["delegation_id"]
    return Vote(
        id=ApprovalId.of(row["id"]),
        subject_kind=SubjectKind(row["subject_kind"]),
        subject_id=row["subject_id"],
        content_hash=row["content_hash"],
        person=row["person"],
        actor=row["actor"],
        role=row["role"],
        principal=row["principal"],
        delegation_id=None if delegation_id is None else DelegationId.of(delegation_id),
        comment=row["comment"],
        at=row["at"],
        policy_version=row["policy_version"],
        carried_from=row["carried_from"],
    )
