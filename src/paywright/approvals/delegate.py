"""Let somebody else approve in one's stead, for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from paywright.approvals import delegations_store
from paywright.approvals.model import Delegation
from paywright.approvals.voters import is_in_person, user_id_of
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Forbidden, Invalid
from paywright.core.ids import DelegationId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.idempotency import Answer, Claim, claim, fingerprint
from paywright.identity import users_store

SCOPE = "approvals.delegate"
LONGEST = timedelta(days=90)
LATEST = timedelta(days=365)
_SUBJECT_MAX = 255  # of another issuer's, as in `identity.oidc`


class DelegationInvalid(Invalid):
    """The delegation makes no sense, or goes too far.

    A delegation is for somebody else, who is an active user (`usr_…`) or known to another issuer
    (`oidc:…`); it has a reason, begins within a year, and ends within 90 days of that.
    """


class NotInPerson(Forbidden):
    """Only who has signed in can delegate.

    A key may be in many hands. Sign in, and delegate with the access token.
    """


class NewDelegation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for. starts_at: None: now"""

    delegate: str
    reason: str
    expires_at: datetime
    starts_at: datetime | None = None
    limit: Money | None = None

    def claim(self, key: str, delegator: str, answer: Answer) -> Claim:
        asked = {**msgspec.structs.asdict(self), "delegator": delegator}
        return Claim(SCOPE, key, *fingerprint(asked), answer)


class Granted(msgspec.Struct, frozen=True):
    """`replayed`: it was granted by an earlier request with the same key."""

    answer: Answer
    replayed: bool


# How a delegation is told to the caller. Part of the transaction: the answer is kept with it.
Render = Callable[[Delegation], bytes]


async def delegate(
    db: Database, cause: Cause, *, wanted: NewDelegation, key: str, render: Render
) -> Granted:
    """From `starts_at` until `expires_at`, `delegate` may approve in the caller's stead and role.

    Only a right of one's own can be delegated. Safe to repeat with the same key.
    Raises PermissionMissing, NotInPerson, DelegationInvalid, KeyReused.
    """
    actor = cause.actor
    actor.require(Permission.APPROVE)
    if not is_in_person(actor):
        raise NotInPerson("sign in to delegate")
    made = Delegation(
        id=DelegationId.new(cause.at),
        delegator=actor.person,
        delegate=wanted.delegate,
        role=actor.role,
        reason=wanted.reason.strip(),
        starts_at=wanted.starts_at or cause.at,
        expires_at=wanted.expires_at,
        created_at=cause.at,
        limit=wanted.limit,
    )
    answer = Answer(201, render(made))
    async with db.transaction() as tx:
        (earlier,) = await claim(tx, [wanted.claim(key, actor.person, answer)], at=cause.at)
        if isinstance(earlier, Answer):
            return Granted(earlier, replayed=True)
        if earlier is not None:
            raise earlier
        # A refusal takes the key back with it: a corrected request may use it.
        check_delegation(made)
        await _check_delegate(tx, made.delegate)
        await delegations_store.insert(tx, made)
        await emit(tx, cause, Event("delegation.granted", str(made.id), _facts(made)))
    return Granted(answer, replayed=False)


def check_delegation(it: Delegation) -> None:
    """Raises DelegationInvalid."""
    if it.delegate == it.delegator:
        raise DelegationInvalid.field("delegate", "must be somebody else")
    if not 1 <= len(it.reason) <= 500:
        raise DelegationInvalid.field("reason", "must have 1 to 500 characters")
    if not it.created_at <= it.starts_at <= it.created_at + LATEST:
        raise DelegationInvalid.field("starts_at", f"must be within {LATEST.days} days from now")
    if it.expires_at <= it.starts_at:
        raise DelegationInvalid.field("expires_at", "is before it begins")
    if it.expires_at > it.starts_at + LONGEST:
        message = f"is more than {LONGEST.days} days after it begins"
        raise DelegationInvalid.field("expires_at", message)
    if it.limit is not None and it.limit.minor <= 0:
        raise DelegationInvalid.field("amount_max_minor", "must be above 0")


async def _check_delegate(tx: Tx, delegate: str) -> None:
    """Raises DelegationInvalid for who is nobody that could sign in."""
    if delegate.startswith("oidc:"):
        # Whether its issuer knows it nobody can be asked.
        subject = delegate.removeprefix("oidc:")
        if not 0 < len(subject) <= _SUBJECT_MAX or not (
            subject.isascii() and subject.isprintable()
        ):
            raise DelegationInvalid.field("delegate", "is not a subject of another issuer")
        return
    user_id = user_id_of(delegate)
    if user_id is None or not await users_store.active_roles(tx, [user_id]):
        raise DelegationInvalid.field("delegate", "is not an active user")


def _facts(it: Delegation) -> dict[str, object]:
    return {
        "delegator": it.delegator,
        "delegate": it.delegate,
        "role": it.role,
        "starts_at": it.starts_at,
        "expires_at": it.expires_at,
        "amount_max_minor": None if it.limit is None else it.limit.minor,
        "currency": None if it.limit is None else it.limit.currency,
    }
