"""Enter vendor payments: any number in one transaction, each with an answer of its own."""

from collections.abc import Callable, Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.errors import Forbidden, Problem
from paywright.core.ids import PaymentId
from paywright.db.pool import Database, Tx, is_duplicate
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.idempotency import Answer, Claim, claim_fresh, recall
from paywright.incidents.take_up import take_up
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Answered
from paywright.payments.vendor import create_store
from paywright.payments.vendor.candidates_store import resembling
from paywright.payments.vendor.checks import (
    Background,
    contents_of,
    due_date_of,
    incident_closed,
    wrong_fields,
    wrong_parties,
)
from paywright.payments.vendor.contents import content_hash
from paywright.payments.vendor.duplicates import Bill, Resemblance, bill_key
from paywright.payments.vendor.known import load_known
from paywright.payments.vendor.model import Contents, Terms, VendorPayment
from paywright.payments.vendor.new import NewPayment
from paywright.payments.vendor.overriding import Override, unexplained
from paywright.payments.vendor.policing import approvals_needed
from paywright.rulesets.cache import RuleSetCache
from paywright.rulesets.compile import RuleSet

__all__ = ["NewPayment", "Override", "create_payments"]

_TRIES = 10

Render = Callable[[VendorPayment], bytes]


async def create_payments(
    db: Database,
    rules: RuleSetCache,
    terms: Terms,
    requests: Sequence[NewPayment],
    *,
    render: Render,
) -> list[Answered | Problem]:
    """Put each payment on file, waiting for approval, or say why not; one that is refused does not
    touch the others.

    Refusals, of which nothing is kept: VendorPaymentInvalid, VendorBlocked, ReferenceInUse,
    PaymentOpen, DuplicateBill. Raises NoActiveRuleSet. Safe to repeat.
    """
    claims = [it.claim for it in requests]
    answers: dict[int, Answered | Problem] = {}
    left = list(range(len(requests)))
    while left:
        # Of those that share a key, an incident or a bill one goes first; the others find it there.
        now = _apart(requests, claims, left)
        batch = [(requests[i], claims[i]) for i in now]
        told = await _create_apart(db, rules, terms, batch, render)
        answers.update(zip(now, told, strict=True))
        left = [i for i in left if i not in answers]
    return [answers[i] for i in range(len(requests))]


def _apart(
    requests: Sequence[NewPayment], claims: Sequence[Claim], left: Sequence[int]
) -> list[int]:
    """Those that have nothing in common with an earlier one that only one payment should have."""
    seen: set[tuple[str, ...]] = set()
    now = []
    for i in left:
        it = requests[i]
        marks: list[tuple[str, ...]] = [("key", claims[i].scope, claims[i].key)]
        if it.reference is not None:
            marks.append(("reference", it.reference))
        if it.incident_id is not None:
            marks.append(("incident", it.incident_id, it.vendor_id))
        currency, minor = it.amount.currency, str(it.amount.minor)
        if it.bill_number is not None:
            marks.append(("bill", it.vendor_id, currency, bill_key(it.bill_number)))
        else:
            marks.append(("amount", it.vendor_id, currency, minor))
        if seen.isdisjoint(marks):
            now.append(i)
        seen.update(marks)
    return now


async def _create_apart(
    db: Database,
    rules: RuleSetCache,
    terms: Terms,
    batch: Sequence[tuple[NewPayment, Claim]],
    render: Render,
) -> list[Answered | Problem]:
    for _ in range(_TRIES):
        try:
            async with db.transaction() as tx:
                drafts = [_Draft(it, claim, PaymentId.new(it.cause.at)) for it, claim in batch]
                await _create(tx, rules, terms, drafts, render)
            return [it.outcome() for it in drafts]
        except Exception as error:
            if not is_duplicate(error):
                raise
            # Somebody else has just used a key or a reference, or entered a payment for the same
            # incident: the next run finds it.
    raise AssertionError(f"keys, references or incidents were taken under us {_TRIES} times")


class _Draft(msgspec.Struct, eq=False):
    asked: NewPayment
    claim: Claim
    id: PaymentId
    problem: Problem | None = None
    recalled: Answer | None = None
    contents: Contents | None = None
    resembled: Resemblance | None = None
    answer: Answer | None = None

    @property
    def is_open(self) -> bool:
        return self.problem is None and self.recalled is None

    def sound(self) -> Contents:
        if self.contents is None:
            raise AssertionError(f"{self.id} was not checked")
        return self.contents

    def outcome(self) -> Answered | Problem:
        if self.recalled is not None:
            return Answered(self.recalled, replayed=True)
        if self.answer is not None:
            return Answered(self.answer)
        if self.problem is None:
            raise AssertionError(f"nothing became of {self.id}")
        return self.problem


async def _create(
    tx: Tx, rules: RuleSetCache, terms: Terms, drafts: Sequence[_Draft], render: Render
) -> None:
    for it in drafts:
        it.problem = _forbidden(it.asked) or wrong_fields(it.asked, terms)
    # Before anything is read: who sends the same request twice is told of the first, and not that
    # it resembles it.
    sound = {it.asked.vendor_id for it in drafts if it.is_open}
    if sound:
        await create_store.take_turns(tx, list(sound))
    for draft, found in zip(drafts, await recall(tx, [it.claim for it in drafts]), strict=True):
        if isinstance(found, Answer):
            draft.recalled = found
        draft.problem = found if isinstance(found, Problem) else draft.problem
    if not (fresh := _open(drafts)):
        return
    asked = [it.asked for it in fresh]
    known = await load_known(tx, asked, [it.debit_account_id for it in asked])
    _check(fresh, known)
    await _compare(tx, _open(fresh), terms)
    named = [it for it in _open(fresh) if it.asked.incident_id is not None]
    if named:
        closed = await take_up(tx, [(it.asked.cause, it.asked.incident_id or "") for it in named])
        for it in named:
            if it.asked.incident_id in closed:
                it.problem = incident_closed(it.asked.incident_id or "")
    if made := _open(fresh):
        await _save(tx, await rules.current(tx), made, known, render)


def _open(drafts: Sequence[_Draft]) -> list[_Draft]:
    return [it for it in drafts if it.is_open]


def _forbidden(it: NewPayment) -> Problem | None:
    try:
        it.cause.actor.require(Permission.CREATE_PAYMENTS)
    except Forbidden as problem:
        return problem
    return None


def _check(drafts: Sequence[_Draft], known: Background) -> None:
    """Say what is wrong with whom they name; of the others, what is to be paid."""
    for draft in drafts:
        it = draft.asked
        account_id = it.debit_account_id or known.defaults.get(it.amount.currency)
        draft.problem = wrong_parties(it, account_id, known)
        if draft.problem is None and account_id is not None:
            due = due_date_of(it, known.vendors[it.vendor_id], it.cause.at.date())
            draft.contents = contents_of(it, account_id, due)


async def _compare(tx: Tx, drafts: Sequence[_Draft], terms: Terms) -> None:
    """Refuse bills that were entered before, unless somebody has said why each is another one."""
    if not drafts:
        return
    bills = [_bill(it) for it in drafts]
    found = await resembling(tx, bills, window=terms.duplicate_window)
    for draft, resembled in zip(drafts, found, strict=True):
        draft.problem = unexplained(resembled, draft.asked.override)
        draft.resembled = resembled


def _bill(draft: _Draft) -> Bill:
    it = draft.asked
    return Bill(
        vendor_id=it.vendor_id,
        amount=it.amount,
        bill_number=it.bill_number,
        bill_date=it.bill_date,
        at=it.cause.at,
        payment_id=None,
        incident_id=it.incident_id,
    )


async def _save(
    tx: Tx, rules: RuleSet, drafts: Sequence[_Draft], known: Background, render: Render
) -> None:
    made = [_payment(it, rules, known) for it in drafts]
    await create_store.insert(tx, made)
    claims = []
    for draft, payment in zip(drafts, made, strict=True):
        draft.answer = Answer(201, render(payment))
        claims.append(msgspec.structs.replace(draft.claim, answer=draft.answer))
    await claim_fresh(tx, claims, at=max(it.asked.cause.at for it in drafts))
    told = [(draft.asked.cause, _created(it)) for draft, it in zip(drafts, made, strict=True)]
    await emit_all(tx, told)


def _payment(draft: _Draft, rules: RuleSet, known: Background) -> VendorPayment:
    it, contents, resembled = draft.asked, draft.sound(), draft.resembled
    vendor, person = known.vendors[it.vendor_id], it.cause.actor.person
    return VendorPayment(
        id=draft.id,
        status=PaymentStatus.PENDING_APPROVAL,
        contents=contents,
        content_hash=content_hash(contents, payout_version=vendor.payout_version, revision=1),
        revision=1,
        created_by=person,
        created_at=it.cause.at,
        makers=(person,),
        payout_version=vendor.payout_version,
        approvals_needed=approvals_needed(
            rules, contents, vendor, resembles_other=resembled is not None, at=it.cause.at
        ),
        resembles=None if resembled is None else resembled.payment_id,
        override_reason=None if resembled is None or it.override is None else it.override.reason,
    )


def _created(payment: VendorPayment) -> Event:
    """No free text of it: what people write may be personal."""
    it = payment.contents
    facts = {
        "kind": "vendor_payment",
        "status": payment.status.value,
        "vendor_id": it.vendor_id,
        "amount_minor": it.amount.minor,
        "currency": it.amount.currency,
        "payer_type": it.payer_type,
        "debit_account_id": str(it.debit_account_id),
        "lines": len(it.lines),
        "incident_id": it.incident_id,
        "bill_date": it.bill_date,
        "due_date": it.due_date,
        "reference": it.reference,
        "content_hash": payment.content_hash.hex(),
        "approvals_needed": payment.approvals_needed,
        "resembles": None if payment.resembles is None else str(payment.resembles),
    }
    return Event("payment.created", str(payment.id), facts)
