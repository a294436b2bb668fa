"""Approve a change of where a vendor's money goes."""

from datetime import timedelta

from paywright.approvals import decide, policy
from paywright.approvals import store as approvals
from paywright.approvals.model import Vote
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import VendorChangeId
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.rulesets.cache import RuleSetCache
from paywright.vendors import rules, sealing, store
from paywright.vendors.deciding import end, lock_pending, subject_of, voter_behind
from paywright.vendors.model import ChangeStatus, Vendor, VendorChange, VendorStatus
from paywright.vendors.refusals import ChangeDiffers, VendorNotActive
from paywright.vendors.seeing import opened


async def approve_change(
    db: Database,
    keys: KeyRing,
    policies: RuleSetCache,
    cause: Cause,
    *,
    change_id: VendorChangeId,
    content_hash: bytes,
    comment: str | None = None,
    pause: timedelta,
) -> VendorChange:
    """Give one approval; with the last that is needed, money goes to the new account, once `pause`
    is over. The change as it is then: pending as long as others have to approve it, too.

    content_hash: of what the approver has looked at
    Raises NoSuchVendorChange, ChangeNotPending, ChangeDiffers, VendorNotActive, and what
    `approvals.decide.cast` refuses with.
    """
    async with db.transaction() as tx:
        voter = await voter_behind(tx, cause)
        vendor, change = await lock_pending(tx, change_id, at=cause.at)
        _check_contents(keys, change, content_hash)
        if vendor.status is not VendorStatus.ACTIVE:
            raise VendorNotActive(vendor.id)
        policies_now = await policies.current(tx)
        known_for = policy.change_facts(vendor_days=(cause.at - vendor.created_at).days)
        required = policy.requirements(policies_now, policy.VENDOR_CHANGE, known_for)
        subject = subject_of(change)
        cast = await approvals.votes_of(tx, [change.id])
        votes = decide.counting(subject, cast.get(change.id, ()))
        vote = decide.cast(
            voter,
            subject,
            decide.asked_of_the_next(required, votes),
            votes,
            policy_version=policies_now.version,
            at=cause.at,
            comment=comment,
        )
        if isinstance(vote, Problem):
            raise vote
        await approvals.insert_votes(tx, [vote])
        await emit(tx, cause, _given(change, vote))
        if decide.missing(required, [*votes, vote]) == 0:
            change = await _take(tx, cause, vendor, change, pause)
    return change


def _given(change: VendorChange, vote: Vote) -> Event:
    delegation_id = vote.delegation_id
    facts = {
        "subject": str(change.id),
        "content_hash": vote.content_hash.hex(),
        "role": vote.role,
        "principal": vote.principal,
        "delegation_id": None if delegation_id is None else str(delegation_id),
        "policy_version": vote.policy_version,
    }
    return Event("approval.given", str(change.id), facts)


def _check_contents(keys: KeyRing, change: VendorChange, content_hash: bytes) -> None:
    if content_hash == change.content_hash:
        before, after = opened(keys, change)
        # What is on file is what was asked for, whoever may write into the table.
        if sealing.is_content_hash(
            keys, content_hash, change.id, change.vendor_id, before=before, after=after
        ):
            return
    raise ChangeDiffers("the content_hash is that of something else")


async def _take(
    tx: Tx, cause: Cause, vendor: Vendor, change: VendorChange, pause: timedelta
) -> VendorChange:
    until = rules.paused_by_approval(change.paused_before, at=cause.at, pause=pause)
    await store.take_payout(tx, change.id, paused_until=until, at=cause.at)
    taken = await end(tx, cause, change, ChangeStatus.APPROVED, why=None)
    facts = {
        "vendor_id": vendor.id,
        "content_hash": change.content_hash.hex(),
        "paused_until": until,
    }
    versions = {
        "before": {"payout_version": vendor.payout_version},
        "after": {"payout_version": vendor.payout_version + 1},
    }
    await emit(tx, cause, Event("vendor_change.approved", str(change.id), facts, **versions))
    return taken
