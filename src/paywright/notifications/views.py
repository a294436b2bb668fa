"""Read messages. Recipients are masked, always."""

from typing import Any

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import MessageId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Row
from paywright.notifications.model import Channel, MessageStatus, OnFile
from paywright.notifications.recipients import masked
from paywright.notifications.store import message_of_row


class NoSuchMessage(NotFound):
    """There is no such message."""


async def list_messages(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    *,
    reveal: bool,
    channel: Channel | None = None,
    status: MessageStatus | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[OnFile]:
    """Messages, newest first. reveal: what they say, where it is still known. Raises BadCursor."""
    cause.actor.require(Permission.READ_MESSAGES)
    try:
        before = None if cursor is None else MessageId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select * from messages
             where ($1::text is null or channel = $1)
               and ($2::text is null or status = $2)
               and ($3::uuid is null or id < $3)
             order by id desc
             limit $4
            """,
            channel,
            status,
            before,
            limit + 1,
        )
    messages = [_shown(keys, row, reveal=reveal) for row in rows]
    return page_of(messages, limit=limit, position=lambda message: str(message.id))


async def get_message(
    db: Database, keys: KeyRing, cause: Cause, *, message_id: MessageId, reveal: bool
) -> OnFile:
    """Raises NoSuchMessage."""
    cause.actor.require(Permission.READ_MESSAGES)
    async with db.snapshot() as tx:
        row = await tx.fetchrow("select * from messages where id = $1", message_id)
    if row is None:
        raise NoSuchMessage(f"there is no message {message_id}")
    return _shown(keys, row, reveal=reveal)


def _shown(keys: KeyRing, row: Row, *, reveal: bool) -> OnFile:
    message = message_of_row(keys, row)
    changes: dict[str, Any] = {"recipient": masked(message.channel, message.recipient)}
    if not reveal:
        changes["content"] = None
    return msgspec.structs.replace(message, **changes)
