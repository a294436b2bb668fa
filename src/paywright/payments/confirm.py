"""The second half of a payment that needed a code: the same request again, with the code."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.challenges.answer import Held, load_for_answer, save_answers, try_code
from paywright.challenges.model import Binding, Challenge, Passed, Subject
from paywright.challenges.open import open_challenges
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId, TransferId
from paywright.db.pool import Tx
from paywright.idempotency import Answer, recall
from paywright.ledger.model import HOUSE
from paywright.ledger.rules import Book
from paywright.payments import waiting_store
from paywright.payments.checks import Checks
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import ACCEPTED
from paywright.payments.pipeline import Draft
from paywright.payments.refusals import OtpNotAsked, PaymentNotWaiting


def take_up(draft: Draft, stored: Answer | None) -> None:
    """Of a request that brings a code: go on with the payment that waits for it.

    stored: what its key was answered, if it was
    """
    if stored is None:
        draft.refuse(OtpNotAsked.field("otp", "no payment under this key waits for a code"))
        return
    draft.completes = _waiting(stored)
    if draft.completes is None:
        draft.recalled = stored  # it is settled: the answer of the first time


class _Told(msgspec.Struct):
    """What matters of an answer to a transfer."""

    id: str
    status: str


def _waiting(stored: Answer) -> PaymentId | None:
    """The payment that an answer told to wait for a code."""
    if stored.status != ACCEPTED or stored.is_recipe:
        return None
    told = msgspec.json.decode(stored.body, type=_Told)
    is_waiting = told.status == PaymentStatus.REQUIRES_OTP
    return PaymentId.parse(told.id) if is_waiting else None


async def try_codes(
    tx: Tx, checks: Checks | None, drafts: Sequence[Draft], book: Book, *, at: datetime
) -> dict[UUID, Held]:
    """Try the code of each draft that brings one; refuse those that are wrong.

    Returns the challenges, to be saved in this transaction whatever becomes of the payments.
    """
    ids = [it.completes for it in drafts if it.completes is not None and it.problem is None]
    if not ids:
        return {}
    if checks is None:
        for draft in drafts:
            if draft.completes is not None and draft.problem is None:
                draft.refuse(OtpNotAsked.field("otp", "nothing asks for codes here"))
        return {}
    locked = await waiting_store.lock(tx, ids)
    held = await load_for_answer(tx, ids)
    ended: list[Draft] = []
    for draft in drafts:
        payment_id = draft.completes
        if payment_id is None or draft.problem is not None:
            continue
        draft.instruction = msgspec.structs.replace(draft.instruction, id=TransferId.of(payment_id))
        found = held.get(payment_id)
        waiting = locked.get(payment_id)
        if waiting is None or waiting.status is not PaymentStatus.REQUIRES_OTP or found is None:
            ended.append(draft)
            continue
        draft.first_asked_at = waiting.created_at
        code = draft.element.otp or ""
        outcome = try_code(found, code, binding_of(draft, book), checks.keys, at)
        if not isinstance(outcome, Passed):
            draft.refuse(outcome)
    await _tell_of(tx, ended)
    return held


async def _tell_of(tx: Tx, ended: Sequence[Draft]) -> None:
    """Answer those whose payments wait no longer.

    Another process may have confirmed one after its key was recalled here: who repeats a request
    is told what came of it, and not to try anew.
    """
    claims = [it.element.claim for it in ended if it.element.claim is not None]
    if not claims:
        return
    for draft, answer in zip(ended, await recall(tx, claims), strict=True):
        if isinstance(answer, Answer) and _waiting(answer) is None:
            draft.completes, draft.recalled = None, answer
        else:
            draft.refuse(PaymentNotWaiting(str(draft.completes)))


async def save_tries(tx: Tx, drafts: Sequence[Draft], held: Mapping[UUID, Held]) -> None:
    causes = {it.completes: it.order.cause for it in drafts if it.completes is not None}
    if held:
        await save_answers(tx, lambda payment_id: causes[PaymentId.of(payment_id)], held)


async def challenge(tx: Tx, checks: Checks | None, drafts: Sequence[Draft], book: Book) -> None:
    """Send a code for each draft that is to wait for one. Refuses it where nobody can be asked."""
    waiting = [draft for draft in drafts if draft.waits]
    if not waiting or checks is None:
        return
    wanted = [(it.order.cause, binding_of(it, book), subject_of(it, book)) for it in waiting]
    for draft, made in zip(waiting, await open_challenges(tx, checks.keys, wanted), strict=True):
        if isinstance(made, Problem):
            draft.waits = False
            draft.refuse(made)
        elif isinstance(made, Challenge):
            draft.challenge = made


def binding_of(draft: Draft, book: Book) -> Binding:
    """What a code is good for: this payment, this amount, this payee."""
    it = draft.instruction
    payee = draft.element.payee
    return Binding(
        payment_id=it.id,
        amount_minor=it.amount_minor or 0,
        currency=it.currency or "",
        payee=str(it.credit_account_id) if payee is None else payee.account,
        payer=_owner(draft, book),
    )


def subject_of(draft: Draft, book: Book) -> Subject:
    """Who is asked: whose money it is; of our own money, who moves it."""
    owner = _owner(draft, book)
    if owner == HOUSE:
        return Subject(kind="user", id=draft.order.cause.actor.id)
    return Subject(kind="customer", id=owner)


def _owner(draft: Draft, book: Book) -> str:
    account_id = draft.instruction.debit_account_id
    account = None if account_id is None else book.accounts.get(account_id)
    return "" if account is None else account.owner
