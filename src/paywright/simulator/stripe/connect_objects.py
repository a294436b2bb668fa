"""How transfers, their reversals and payouts look from outside, at a moment.

Source of the shapes: docs.stripe.com/api.
"""

from datetime import datetime
from typing import Any

from paywright.simulator.stripe.accounts import Account
from paywright.simulator.stripe.entries import Payout, Reversal, Transfer
from paywright.simulator.stripe.journal import transaction_id
from paywright.simulator.stripe.moments import second

View = dict[str, Any]


def transfer_view(account: Account, transfer: Transfer, at: datetime) -> View:
    reversals = [
        it for it in account.reversals.labelled("transfer", transfer.id) if it.created_at <= at
    ]
    taken_back = sum(it.amount for it in reversals)
    return {
        "id": transfer.id,
        "object": "transfer",
        "amount": transfer.amount,
        "amount_reversed": taken_back,
        "balance_transaction": transaction_id(transfer.id),
        "created": second(transfer.created_at),
        "currency": transfer.currency,
        "description": transfer.description,
        "destination": transfer.destination,
        "destination_payment": transfer.destination_payment,
        "livemode": False,
        "metadata": transfer.metadata,
        "reversals": {
            "object": "list",
            "data": [reversal_view(it) for it in reversals[::-1][:10]],
            "has_more": len(reversals) > 10,
            "url": f"/v1/transfers/{transfer.id}/reversals",
        },
        "reversed": taken_back == transfer.amount,
        "source_transaction": transfer.source_transaction,
        "source_type": "card",
        "transfer_group": transfer.transfer_group,
    }


def reversal_view(reversal: Reversal) -> View:
    return {
        "id": reversal.id,
        "object": "transfer_reversal",
        "amount": reversal.amount,
        "balance_transaction": transaction_id(reversal.id),
        "created": second(reversal.created_at),
        "currency": reversal.currency,
        "destination_payment_refund": "pyr_" + reversal.id.removeprefix("trr_"),
        "metadata": reversal.metadata,
        "source_refund": None,
        "transfer": reversal.transfer,
    }


def payout_view(payout: Payout, at: datetime) -> View:
    status = payout.status(at)
    has_failed = status == "failed"
    return {
        "id": payout.id,
        "object": "payout",
        "amount": payout.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": second(payout.final_at),
        "automatic": False,
        "balance_transaction": transaction_id(payout.id),
        "created": second(payout.created_at),
        "currency": payout.currency,
        "description": payout.description,
        "destination": "ba_sim" + payout.account.removeprefix("acct_"),
        "failure_balance_transaction": (
            transaction_id(payout.id, back=True) if has_failed else None
        ),
        "failure_code": payout.failure_code if has_failed else None,
        "failure_message": "The bank account has been closed." if has_failed else None,
        "livemode": False,
        "metadata": payout.metadata,
        "method": payout.method,
        "original_payout": None,
        "reconciliation_status": "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": payout.statement_descriptor,
        "status": status,
        "type": "bank_account",
    }
