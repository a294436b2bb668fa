"""Deliver one message: intend, act, record."""

from paywright.core.cause import Cause
from paywright.core.ids import MessageId
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.jobs.model import GiveUp
from paywright.notifications import store
from paywright.notifications.channels import Channels
from paywright.notifications.channels.model import Delivered, DeliveryFailed, Outgoing
from paywright.notifications.model import Content, MessageStatus, OnFile

_OVER = (MessageStatus.SENT, MessageStatus.EXPIRED)


async def deliver_message(
    db: Database, keys: KeyRing, channels: Channels, cause: Cause, *, message_id: MessageId
) -> None:
    """Send a message, unless it was sent, or its time is over.

    Whoever dies between sending and recording it leaves it to be sent once more, under the same
    id. Raises DeliveryFailed, and GiveUp where trying again would be pointless.
    """
    async with db.transaction() as tx:
        message = await store.lock(tx, keys, message_id)
        if message is None or message.status in _OVER or message.content is None:
            return
        if cause.at > message.not_after:
            await store.set_one_expired(tx, message_id)
            await emit(tx, cause, Event("message.expired", str(message_id), {}))
            return
        await store.set_sending(tx, message_id)
    try:
        delivered = await _send(channels, cause, message, message.content)
    except DeliveryFailed as failure:
        async with db.transaction() as tx:
            await store.set_error(tx, message_id, str(failure))
        if failure.is_final:
            raise GiveUp(str(failure)) from None
        raise
    async with db.transaction() as tx:
        is_news = await store.set_sent(
            tx,
            message_id,
            at=cause.at,
            provider_id=delivered.provider_id,
            keep=delivered.keeps_content,
        )
        if is_news:
            facts = {"channel": message.channel, "purpose": message.purpose}
            await emit(tx, cause, Event("message.sent", str(message_id), facts))


async def _send(channels: Channels, cause: Cause, message: OnFile, content: Content) -> Delivered:
    outgoing = Outgoing(message.id, message.recipient, content, cause.at)
    return await channels.of(message.channel).send(outgoing)
