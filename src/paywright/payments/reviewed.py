"""What a person who reviews a payment has to know first."""

from collections.abc import Sequence

import msgspec

from paywright.core.ids import AccountId, PaymentId
from paywright.db.pool import Tx
from paywright.ledger import accounts_store
from paywright.ledger.model import HOUSE
from paywright.payments import waiting_store
from paywright.payments.refusals import NoSuchPayment
from paywright.risk.views import assessment_of


class ForReview(msgspec.Struct, frozen=True):
    """customer_id: of the payer, or of the payee where the payment is our own"""

    customer_id: str
    score: int | None
    rules: Sequence[str]


async def facts_for_review(tx: Tx, payment_id: PaymentId) -> ForReview:
    """Raises NoSuchPayment."""
    sides = await waiting_store.sides(tx, payment_id)
    if sides is None:
        raise NoSuchPayment(str(payment_id))
    debit, credit = (AccountId.of(side) for side in sides)
    accounts = await accounts_store.select(tx, [debit, credit])
    payer, payee = accounts[debit].owner, accounts[credit].owner
    found = await assessment_of(tx, payment_id)
    return ForReview(
        customer_id=payee if payer == HOUSE else payer,
        score=None if found is None else found.score,
        rules=[] if found is None else [it.rule_id for it in found.fired],
    )
