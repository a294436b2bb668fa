"""What somebody asks for: one movement of money, or a batch of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from paywright.challenges.model import Challenge
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId, PaymentId
from paywright.idempotency.model import Answer, Claim, quick_fingerprint
from paywright.ledger.model import Balances, Instruction, Standing, Transfer, TransferKind, before

SCOPE = "transfers.create"
BATCH_SCOPE = "transfers.batch"
BATCH_MAX = 1_000
ACCEPTED = 202  # taken in, not done yet: it waits for a code, or for another bank


class Element(msgspec.Struct, frozen=True):
    """One movement of an order.

    claim:   of its idempotency key, where it has one of its own
    problem: what was wrong with it to begin with; it is refused, and nothing is kept of it
    payee:   who is paid at another bank. The instruction is then a hold whose credit account is
             still open: it will be that of the bank
    otp:     the code that was sent for this payment, when it was first asked for
    """

    instruction: Instruction
    claim: Claim | None = None
    problem: Problem | None = None
    payee: Beneficiary | None = None
    otp: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One request. A batch has a claim for the whole of it, unless each element has its own."""

    cause: Cause
    elements: Sequence[Element]
    claim: Claim | None = None
    is_batch: bool = False


class Receipt(msgspec.Struct, frozen=True):
    """A movement that happened, and what its accounts had before it."""

    transfer: Transfer
    debit_before: Balances
    credit_before: Balances


def receipt_of(transfer: Transfer, accounts: Mapping[AccountId, Standing]) -> Receipt:
    debit = accounts[transfer.debit_account_id]
    credit = accounts[transfer.credit_account_id]
    return Receipt(
        transfer,
        before(transfer, transfer.debit, grew=debit.grows_by_debits),
        before(transfer, transfer.credit, grew=not credit.grows_by_debits),
    )


class Waiting(msgspec.Struct, frozen=True):
    """A payment that waits for a code."""

    id: PaymentId
    asked: Instruction
    payee: Beneficiary | None
    challenge: Challenge


class Answered(msgspec.Struct, frozen=True):
    """`replayed`: the answer was given before, to an earlier request with the same key."""

    answer: Answer
    replayed: bool = False


def claim_of(instruction: Instruction, key: str, payee: Beneficiary | None = None) -> Claim:
    """The claim of one movement: the same whether it comes alone or in a batch, with a code or
    without one."""
    asked = {
        "amount_minor": instruction.amount_minor,
        "credit_account_id": instruction.credit_account_id,
        "currency": instruction.currency,
        "debit_account_id": instruction.debit_account_id,
        "description": instruction.description,
        "type": instruction.kind,
    }
    if instruction.kind is not TransferKind.POST:
        asked["expires_in_s"] = instruction.expires_in_s
        asked["hold_id"] = instruction.hold_id
    if instruction.balancing_debit or instruction.balancing_credit:
        asked["balancing_debit"] = instruction.balancing_debit
        asked["balancing_credit"] = instruction.balancing_credit
    if payee is not None:
        asked["beneficiary"] = msgspec.to_builtins(payee)
    fields, digest = quick_fingerprint(asked)
    return Claim(SCOPE, key, fields, digest)


def batch_claim_of(transfers: Any, key: str) -> Claim:
    """The claim of a batch as a whole. `transfers`: the elements as they were sent, decoded."""
    fields, digest = quick_fingerprint({"transfers": transfers})
    return Claim(BATCH_SCOPE, key, fields, digest)
