"""Queue messages, with the change that they tell of."""

from collections.abc import Sequence

from paywright.core.cause import Cause
from paywright.core.ids import MessageId
from paywright.crypto import KeyRing
from paywright.db.pool import Tx
from paywright.notifications import store
from paywright.notifications.fill import fill
from paywright.notifications.model import Draft, Message
from paywright.notifications.recipients import checked
from paywright.notifications.tasks import ask_for_delivery


async def queue_messages(tx: Tx, keys: KeyRing, cause: Cause, messages: Sequence[Message]) -> None:
    """Put messages on file, each with a job that delivers it. One whose key is known is left out.

    Raises BadRecipient for an address or number that cannot be one, and TemplateMisused for
    values that are not the template's: then none of them is queued.
    """
    drafts = [
        Draft(
            MessageId.new(cause.at),
            message.channel,
            checked(message.channel, message.recipient),
            message.purpose,
            fill(message.channel, message.template, message.language, message.values),
            message.dedupe_key,
            message.not_after,
        )
        for message in messages
    ]
    if drafts:
        queued = await store.insert(tx, keys, drafts, at=cause.at)
        await ask_for_delivery(tx, cause, queued)
