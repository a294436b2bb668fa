"""Payments to accounts at other banks: which of our accounts they leave through."""

from collections.abc import Sequence

import msgspec

from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.crypto import KeyRing
from paywright.db.pool import Tx
from paywright.ledger import accounts_store
from paywright.payments import waiting_store
from paywright.payments.beneficiary import Beneficiary
from paywright.payments.checks import Checks
from paywright.payments.pipeline import Draft
from paywright.payments.refusals import BankUnknown, HoldOfPayment


async def find_banks(tx: Tx, drafts: Sequence[Draft], checks: Checks | None) -> None:
    """Fill in the account that we have with the bank; refuse where there is none."""
    leaving = [it for it in drafts if it.is_open and it.element.payee is not None]
    if not leaving:
        return
    codes = {id(it): _code(it) for it in leaving}
    ids = await accounts_store.ids_by_code(tx, sorted(set(codes.values())))
    banks = {} if checks is None else checks.banks
    for draft in leaving:
        code, bank = codes[id(draft)], _payee(draft).bank
        if bank not in banks or code not in ids:
            draft.refuse(_unknown(bank, code, is_known=bank in banks))
        else:
            draft.instruction = msgspec.structs.replace(
                draft.instruction, credit_account_id=ids[code]
            )


async def guard_holds(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Refuse what would resolve the hold of a payment by hand, while a bank is paying it out."""
    resolving = [it for it in drafts if it.is_open and it.instruction.hold_id is not None]
    if not resolving:
        return
    ids = [it.instruction.hold_id for it in resolving if it.instruction.hold_id is not None]
    paid = await waiting_store.leaving(tx, [PaymentId.of(it) for it in ids])
    for draft in resolving:
        if draft.instruction.hold_id in paid:
            draft.refuse(HoldOfPayment(str(draft.instruction.hold_id)))


def seal(keys: KeyRing, payment_id: object, payee: Beneficiary) -> bytes:
    """A beneficiary as it is kept: only its own payment opens it."""
    return keys.encrypt(msgspec.json.encode(payee).decode(), context=_context(payment_id))


def unseal(keys: KeyRing, payment_id: object, token: bytes) -> Beneficiary:
    text = keys.decrypt(token, context=_context(payment_id))
    return msgspec.json.decode(text, type=Beneficiary)


def _context(payment_id: object) -> str:
    return f"payments.beneficiary:{payment_id}"


def _code(draft: Draft) -> str:
    return f"bank:{_payee(draft).bank}:{draft.instruction.currency}"


def _payee(draft: Draft) -> Beneficiary:
    payee = draft.element.payee
    if payee is None:
        raise AssertionError("it stays within our books")
    return payee


def _unknown(bank: str, code: str, *, is_known: bool) -> Problem:
    if is_known:
        return BankUnknown.field("currency", f"the books have no account {code}")
    return BankUnknown.field("beneficiary.bank", f"{bank!r} is no bank that money is sent through")
