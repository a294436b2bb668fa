"""Payments to accounts at other banks: which of our accounts they leave through."""

from collections.abc import Mapping, Sequence

import msgspec

from paywright.core.beneficiary import Beneficiary
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.db.pool import Tx
from paywright.gateway.model import OrderKind, Provider
from paywright.ledger import accounts_store
from paywright.payments import waiting_store
from paywright.payments.checks import Checks
from paywright.payments.operations import account_code
from paywright.payments.pipeline import Draft
from paywright.payments.refusals import BankUnknown, HoldOfPayment


async def find_banks(tx: Tx, drafts: Sequence[Draft], checks: Checks | None) -> None:
    """Fill in the account that we have with the bank; refuse where there is none."""
    leaving = [it for it in drafts if it.is_open and it.element.payee is not None]
    if not leaving:
        return
    banks = {} if checks is None else checks.banks
    codes = {id(it): code for it in leaving if (code := _code(it, banks)) is not None}
    ids = await accounts_store.ids_by_code(tx, sorted(set(codes.values())))
    for draft in leaving:
        code = codes.get(id(draft))
        if code is None or code not in ids:
            draft.refuse(_unknown(_payee(draft).bank, code))
        elif wrong := cannot_reach(banks[_payee(draft).bank], _payee(draft)):
            draft.refuse(wrong)
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


def _code(draft: Draft, banks: Mapping[str, Provider]) -> str | None:
    """The account through which the money leaves; None where nobody can send it."""
    bank = _payee(draft).bank
    if bank not in banks:
        return None
    return account_code(banks[bank], bank, OrderKind.PAYOUT, draft.instruction.currency or "")


def cannot_reach(provider: Provider, payee: Beneficiary) -> Problem | None:
    """A bank pays to accounts at banks, Stripe Connect to accounts that Stripe keeps."""
    if provider.pays_own_accounts and payee.provider_account is None:
        return BankUnknown.field("beneficiary.provider_account", f"is needed with {payee.bank}")
    if not provider.pays_own_accounts and payee.provider_account is not None:
        return BankUnknown.field("beneficiary.provider_account", f"says nothing to {payee.bank}")
    return None


def _payee(draft: Draft) -> Beneficiary:
    payee = draft.element.payee
    if payee is None:
        raise AssertionError("it stays within our books")
    return payee


def _unknown(bank: str, code: str | None) -> Problem:
    if code is not None:
        return BankUnknown.field("currency", f"the books have no account {code}")
    return BankUnknown.field("beneficiary.bank", f"{bank!r} is no bank that money is sent through")
