"""All SQL over `messages`, but for the lists. Encrypts on the way in, decrypts on the way out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.core.ids import MessageId
from paywright.crypto import KeyRing
from paywright.db.pool import Row, Tx
from paywright.notifications.model import Channel, Content, Draft, MessageStatus, OnFile


async def insert(
    tx: Tx, keys: KeyRing, drafts: Sequence[Draft], *, at: datetime
) -> list[MessageId]:
    """Those that were not known by their `dedupe_key`, in key order."""
    rows = await tx.fetch(
        """
        insert into messages (id, channel, recipient, content, purpose, dedupe_key, status,
                              not_after, created_at)
        select id, channel, recipient, content, purpose, dedupe_key, 'queued', not_after, $8
          from unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::text[],
                      $7::timestamptz[])
               as new (id, channel, recipient, content, purpose, dedupe_key, not_after)
         order by dedupe_key
            on conflict (dedupe_key) do nothing
        returning id
        """,
        [draft.id for draft in drafts],
        [draft.channel for draft in drafts],
        [_seal(keys, "recipient", draft.id, draft.recipient) for draft in drafts],
        [_seal(keys, "content", draft.id, _json(draft.content)) for draft in drafts],
        [draft.purpose for draft in drafts],
        [draft.dedupe_key for draft in drafts],
        [draft.not_after for draft in drafts],
        at,
    )
    return [MessageId.of(row["id"]) for row in rows]


async def lock(tx: Tx, keys: KeyRing, message_id: MessageId) -> OnFile | None:
    row = await tx.fetchrow("select * from messages where id = $1 for update", message_id)
    return None if row is None else message_of_row(keys, row)


async def set_sending(tx: Tx, message_id: MessageId) -> None:
    await tx.execute(
        "update messages set status = 'sending', attempts = attempts + 1 where id = $1",
        message_id,
    )


async def set_sent(
    tx: Tx, message_id: MessageId, *, at: datetime, provider_id: str | None, keep: bool
) -> bool:
    """Whether it was news. keep: what it says"""
    row = await tx.fetchrow(
        """
        update messages
           set status = 'sent', sent_at = $2, provider_id = $3, error = null,
               content = case when $4 then content end
         where id = $1 and status <> 'sent'
        returning 1
        """,
        message_id,
        at,
        provider_id,
        keep,
    )
    return row is not None


async def set_error(tx: Tx, message_id: MessageId, error: str) -> None:
    """One attempt failed; another will be made."""
    await tx.execute(
        """
        update messages set status = 'queued', error = $2
         where id = $1 and status = 'sending' and content is not null
        """,
        message_id,
        error,
    )


async def set_failed(tx: Tx, reason_of: Mapping[MessageId, str]) -> list[MessageId]:
    """Those that were not sent. What they say stays until their time is over: an operator may
    put the job back."""
    rows = await tx.fetch(
        """
        update messages
           set status = 'failed', error = left(new.reason, 500)
          from unnest($1::uuid[], $2::text[]) as new (id, reason)
         where messages.id = new.id and status in ('queued', 'sending')
        returning messages.id
        """,
        list(reason_of),
        list(reason_of.values()),
    )
    return [MessageId.of(row["id"]) for row in rows]


async def set_expired(tx: Tx, *, at: datetime, limit: int) -> list[MessageId]:
    """Erase what messages say whose time is over; those that were still to be sent."""
    rows = await tx.fetch(
        """
        with old as (
            select id, status from messages
             where content is not null and status <> 'sent' and not_after < $1
             limit $2
               for update skip locked
        ), erased as (
            update messages
               set content = null,
                   status = case messages.status when 'failed' then 'failed' else 'expired' end
              from old
             where messages.id = old.id
        )
        select id, status from old
        """,
        at,
        limit,
    )
    return [MessageId.of(row["id"]) for row in rows if row["status"] != MessageStatus.FAILED]


async def set_one_expired(tx: Tx, message_id: MessageId) -> None:
    await tx.execute(
        "update messages set status = 'expired', content = null where id = $1", message_id
    )


def message_of_row(keys: KeyRing, row: Row) -> OnFile:
    message_id = MessageId.of(row["id"])
    content = row["content"]
    return OnFile(
        id=message_id,
        channel=Channel(row["channel"]),
        recipient=_open(keys, "recipient", message_id, row["recipient"]),
        purpose=row["purpose"],
        status=MessageStatus(row["status"]),
        attempts=row["attempts"],
        content=None
        if content is None
        else msgspec.json.decode(_open(keys, "content", message_id, content), type=Content),
        not_after=row["not_after"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        provider_id=row["provider_id"],
        error=row["error"],
    )


def _json(content: Content) -> str:
    return msgspec.json.encode(content).decode()


def _seal(keys: KeyRing, field: str, message_id: MessageId, value: str) -> bytes:
    return keys.encrypt(value, context=f"messages.{field}:{message_id}")


def _open(keys: KeyRing, field: str, message_id: MessageId, token: bytes) -> str:
    return keys.decrypt(token, context=f"messages.{field}:{message_id}")
