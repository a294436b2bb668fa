"""Messages over HTTP: what was sent to people, and how that went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import Parameter

from paywright.api.requests import read_id
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import MessageId
from paywright.notifications import views
from paywright.notifications.model import Channel, MessageStatus, OnFile
from paywright.wiring import App


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """`recipient` is masked. `subject` and `text` are shown in development only, and only while
    they are known: what was delivered is erased, unless the outbox took it."""

    id: str
    channel: Channel
    recipient: str
    purpose: str
    status: MessageStatus
    attempts: int
    subject: str | None
    text: str | None
    not_after: datetime
    created_at: datetime
    sent_at: datetime | None
    provider_id: str | None
    error: str | None

    @classmethod
    def of(cls, message: OnFile) -> "MessageView":
        content = message.content
        return cls(
            id=str(message.id),
            channel=message.channel,
            recipient=message.recipient,
            purpose=message.purpose,
            status=message.status,
            attempts=message.attempts,
            subject=None if content is None else content.subject,
            text=None if content is None else content.text,
            not_after=message.not_after,
            created_at=message.created_at,
            sent_at=message.sent_at,
            provider_id=message.provider_id,
            error=message.error,
        )


class MessagePage(msgspec.Struct, frozen=True):
    items: Sequence[MessageView]
    next_cursor: str | None


@get("/messages", opt={"permission": Permission.READ_MESSAGES})
async def get_messages(
    app: App,
    cause: Cause,
    channel: Channel | None = None,
    status: MessageStatus | None = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> MessagePage:
    """Messages to people, newest first. In development the outbox shows what they say."""
    page = await views.list_messages(
        app.db,
        app.keys,
        cause,
        reveal=app.settings.environment == "development",
        channel=channel,
        status=status,
        cursor=cursor,
        limit=limit,
    )
    return MessagePage([MessageView.of(message) for message in page.items], page.next_cursor)


@get("/messages/{message_id:str}", opt={"permission": Permission.READ_MESSAGES})
async def get_message(app: App, cause: Cause, message_id: str) -> MessageView:
    """One message."""
    found = await views.get_message(
        app.db,
        app.keys,
        cause,
        message_id=read_id(MessageId, message_id, field="message_id"),
        reveal=app.settings.environment == "development",
    )
    return MessageView.of(found)


ROUTES = [get_messages, get_message]
