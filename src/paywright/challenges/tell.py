"""The message that carries a code, and says what the code is for."""

from datetime import datetime, timedelta

from paywright.challenges.contacts import Contact
from paywright.challenges.model import Binding
from paywright.core.ids import ChallengeId
from paywright.core.money import Money
from paywright.notifications.model import Message


def message_of(
    contact: Contact,
    binding: Binding,
    *,
    challenge_id: ChallengeId,
    code: str,
    sending: int,
    at: datetime,
    expires_at: datetime,
) -> Message:
    """Names amount and payee, so that the payer sees what is confirmed by the code (PSD2 RTS,
    article 5).

    sending: 0 for the first, one more each time
    """
    return Message(
        channel=contact.channel,
        recipient=contact.recipient,
        purpose="otp",
        template="otp",
        values={
            "code": code,
            "amount": str(Money(binding.amount_minor, binding.currency)),
            "payee": binding.payee,
            "minutes": str(max(1, (expires_at - at) // timedelta(minutes=1))),
        },
        dedupe_key=f"otp:{challenge_id}:{sending}",
        not_after=expires_at,
    )
