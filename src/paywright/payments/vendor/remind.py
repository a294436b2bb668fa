"""Remind approvers of payments that have waited for a while: a message each, not one a payment."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from paywright.approvals import store as approvals
from paywright.approvals.model import Vote
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Row
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.identity import users_store
from paywright.identity.model import User
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.notifications.model import Channel, Message
from paywright.notifications.send import queue_messages
from paywright.payments.vendor import waiting_store

_CHUNK = 1_000
_APPROVERS = tuple(role for role in Role if Permission.APPROVE in PERMISSIONS[role])


async def remind_approvers(
    db: Database, keys: KeyRing, cause: Cause, *, after: timedelta | None
) -> int:
    """Tell who may approve what is waiting for them; of how many payments somebody was reminded.

    after: of its creation, and again each time; None: never
    """
    if after is None:
        return 0
    async with db.transaction() as tx:
        rows = await waiting_store.unreminded(tx, before=cause.at - after, limit=_CHUNK)
        if not rows:
            return 0
        votes = await approvals.votes_of(tx, [row["id"] for row in rows])
        people = await users_store.active_with(tx, keys, _APPROVERS)
        messages = [
            _message(person, theirs, cause, after)
            for person in people
            if (theirs := _theirs(person, rows, votes))
        ]
        await queue_messages(tx, keys, cause, messages)
        await waiting_store.set_reminded(tx, [row["id"] for row in rows], at=cause.at)
        await emit_all(
            tx,
            [(cause, Event("payment.reminded", str(PaymentId.of(row["id"])), {})) for row in rows],
        )
    return len(rows)


def _theirs(person: User, rows: Sequence[Row], votes: Mapping[UUID, Sequence[Vote]]) -> list[Row]:
    """What this person may still approve: nothing of their own making, and nothing twice."""
    name = str(person.id)
    return [
        row
        for row in rows
        if name not in row["makers"]
        and not any(
            name in (it.person, it.principal)
            for it in votes.get(row["id"], ())
            if it.content_hash == row["content_hash"]
        )
    ]


def _message(person: User, rows: Sequence[Row], cause: Cause, after: timedelta) -> Message:
    oldest = rows[0]
    return Message(
        channel=Channel.EMAIL,
        recipient=person.email,
        purpose="approval_reminder",
        template="approval_reminder",
        values={
            "count": "1 payment is" if len(rows) == 1 else f"{len(rows)} payments are",
            "since": _span(after),
            "payment": str(PaymentId.of(oldest["id"])),
            "amount": str(Money(oldest["amount_minor"], oldest["currency"])),
            "vendor": oldest["vendor_id"],
            "age": _span(cause.at - oldest["created_at"]),
        },
        dedupe_key=f"approval_reminder:{person.id}:{cause.at.isoformat()}",
        not_after=cause.at + max(after, timedelta(hours=1)),
    )


def _span(length: timedelta) -> str:
    if length.days > 1:
        return f"{length.days} days"
    hours = length // timedelta(hours=1)
    return f"{hours} hours" if hours > 1 else f"{max(1, length // timedelta(minutes=1))} minutes"
