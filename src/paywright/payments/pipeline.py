"""Moving money, step by step: ordered pure steps over a list, on facts that were loaded for all of
the list at once.

A step looks at every draft that nothing has been decided about, and may refuse it, or have it
wait. The last step applies what is left to the ledger. What comes between is one more function
in `STEPS`, and its facts one more field in `Facts`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from paywright.challenges.model import Challenge
from paywright.core.actor import Permission
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.idempotency.model import Answer
from paywright.ledger import refusals, rules
from paywright.ledger.model import HOUSE, Instruction, Standing, Transfer, TransferKind
from paywright.ledger.rules import Book
from paywright.payments.orders import Element, Order
from paywright.payments.refusals import OtpRequired, PaymentDeclined
from paywright.risk.assess import assess
from paywright.risk.model import Assessment, Background, Level, Movement
from paywright.screening.model import Match


class Draft(msgspec.Struct, eq=False):
    """An element on its way through the pipeline.

    instruction: what the ledger is asked to do, as it stands now
    problem:    it is refused; keeps_nothing: for a reason that says nothing about its accounts, so
                that its key stays free
    transfer:   it happened
    recalled:   its key is on file: the answer of the first time; nothing is done again
    completes:  the payment that waits for the code which this request brings, and which was
                first asked for at `first_asked_at`
    movement:   what of it there is to assess
    is_counted: it is one of the payer's payments of today
    weighed_minor: the amount that was assessed; of one that balances, the most that may move
    waits:      for a code, which `challenge` is about
    payee_matches: entries of sanctions lists that somebody at another bank may be
    """

    order: Order
    element: Element
    instruction: Instruction
    problem: Problem | None = None
    transfer: Transfer | None = None
    recalled: Answer | None = None
    keeps_nothing: bool = False
    completes: PaymentId | None = None
    first_asked_at: datetime | None = None
    assessment: Assessment | None = None
    movement: Movement | None = None
    weighed_minor: int = 0
    is_counted: bool = False
    waits: bool = False
    challenge: Challenge | None = None
    payee_matches: Sequence[Match] = ()

    @property
    def is_open(self) -> bool:
        return self.problem is None and self.recalled is None and not self.waits

    @property
    def payment_id(self) -> PaymentId:
        return PaymentId.of(self.instruction.id)

    @property
    def is_payment(self) -> bool:
        """Whether it has a row among the payments: a hold of somebody's own has none."""
        return self.instruction.kind is TransferKind.POST or self.element.payee is not None

    def refuse(self, problem: Problem, *, keeps_nothing: bool = True) -> None:
        self.problem = problem
        self.keeps_nothing = keeps_nothing

    def settled(self) -> Transfer:
        """The movement of a draft that went through."""
        if self.transfer is None:
            raise AssertionError(f"{self.instruction.id} came to nothing")
        return self.transfer


class Facts(msgspec.Struct, frozen=True):
    """All that the steps know, loaded set-wise before them, with the accounts locked.

    background: what risk rules ask about; None where nothing is to be assessed
    """

    book: Book
    background: Background | None = None


# Refusals that no change of the accounts could ever turn into a success.
_NONSENSE = (
    refusals.AmountInvalid,
    refusals.SameAccount,
    refusals.ExpiryInvalid,
    refusals.CurrencyMismatch,
)

Step = Callable[[Sequence[Draft], Facts], None]


def admit(drafts: Sequence[Draft]) -> None:
    """Only who may move money gets any further, and only what was sound to begin with. Before
    anything is loaded: what is refused here costs nothing."""
    for draft in drafts:
        try:
            draft.order.cause.actor.require(Permission.MOVE_MONEY)
        except Problem as problem:
            draft.problem = problem
        else:
            draft.problem = draft.element.problem
        draft.keeps_nothing = draft.problem is not None


def carry_out(drafts: Sequence[Draft], facts: Facts) -> None:
    """All steps, for one order after the other: each sees what those before it have done."""
    for order in _by_order(drafts):
        for step in STEPS:
            step(order, facts)


def _by_order(drafts: Sequence[Draft]) -> Iterator[Sequence[Draft]]:
    start = 0
    while start < len(drafts):
        end = start + 1
        while end < len(drafts) and drafts[end].order is drafts[start].order:
            end += 1
        yield drafts[start:end]
        start = end


def movement_of(draft: Draft, book: Book) -> Movement | None:
    """What there is to assess about a draft: nothing between accounts of our own, and nothing about
    an account that does not exist, which the ledger will say."""
    it = draft.instruction
    if it.kind not in (TransferKind.POST, TransferKind.HOLD):
        return None  # what resolves a hold was assessed when it was held
    if it.debit_account_id is None or it.credit_account_id is None:
        return None
    debit, credit = book.accounts.get(it.debit_account_id), book.accounts.get(it.credit_account_id)
    if debit is None or credit is None:
        return None
    amount = _amount(it, debit)
    outside = draft.element.payee is not None
    if amount == 0 or (debit.owner == HOUSE and credit.owner == HOUSE and not outside):
        return None
    return Movement(
        payment_id=it.id,
        payer=None if debit.owner == HOUSE else debit.owner,
        payee=None if credit.owner == HOUSE else credit.owner,
        payee_matches=draft.payee_matches,
        amount_minor=amount,
        currency=it.currency or debit.currency,
        kind="transfer" if it.kind is TransferKind.POST or outside else "hold",
        channel="bank" if outside else "ledger",
        at=it.at,
    )


def _amount(it: Instruction, debit: Standing) -> int:
    """The most that may move: of one that balances, what there is."""
    if it.balancing_debit:
        there = max(debit.balances().available, 0)
        return there if it.amount_minor is None else min(there, it.amount_minor)
    return it.amount_minor or 0


def weigh(drafts: Sequence[Draft], facts: Facts) -> None:
    """Decline what must not be, and have what is risky wait for a code."""
    background = facts.background
    if background is None:
        return
    in_chain = False
    for draft in drafts:
        starts_in_chain, in_chain = in_chain, draft.instruction.linked
        if not draft.is_open:
            continue
        movement = draft.movement
        if movement is not None and draft.instruction.balancing_debit:
            movement = movement_of(draft, facts.book)  # there may be less by now
        if movement is None:
            continue
        if draft.completes is not None:  # it was loaded under the id of the request
            movement = msgspec.structs.replace(movement, payment_id=draft.instruction.id)
        found = assess(movement, background)
        if found.level is not Level.LOW and rules.objection(facts.book, draft.instruction):
            continue  # the ledger will say so: nobody is asked for a code, or told of risks
        draft.movement = movement
        draft.weighed_minor = movement.amount_minor
        draft.assessment = found
        if found.level is Level.BLOCKED:
            draft.refuse(declined(draft), keeps_nothing=False)
        elif found.level is Level.HIGH and draft.completes is None:
            if starts_in_chain or in_chain or not _can_wait(draft):
                draft.refuse(OtpRequired(f"it is of {movement.kind} {draft.payment_id}"))
            else:
                draft.waits = True
        if draft.is_open:
            background.count(movement)
            draft.is_counted = True


def declined(draft: Draft) -> PaymentDeclined:
    return PaymentDeclined(
        "it does not meet the conditions for payments",
        payment_id=str(draft.payment_id),
        payment_status="declined",
    )


def _can_wait(draft: Draft) -> bool:
    """Whether the caller can come back with a code: under the key of this very payment."""
    it = draft.instruction
    if it.balancing_debit or it.balancing_credit:
        return False  # the amount would be another by then
    return draft.is_payment and draft.element.claim is not None


def post_to_ledger(drafts: Sequence[Draft], facts: Facts) -> None:
    """Move the money of one order."""
    live: list[Draft] = []
    instructions: list[Instruction] = []
    refused: dict[int, Problem] = {}
    for draft in drafts:
        if draft.waits:
            continue
        instruction = draft.instruction
        if draft.recalled is not None and draft.recalled.status in _HAPPENED:
            # A chain that ends with it ends before it.
            if not instruction.linked and instructions and instructions[-1].linked:
                instructions[-1] = msgspec.structs.replace(instructions[-1], linked=False)
            continue
        if draft.problem is not None:
            refused[len(live)] = draft.problem
        elif draft.recalled is not None:
            refused[len(live)] = refusals.LinkedFailed("was refused when it was first sent")
        live.append(draft)
        instructions.append(instruction)
    for draft, outcome in zip(live, rules.apply(facts.book, instructions, refused), strict=True):
        if isinstance(outcome, Transfer):
            draft.transfer = outcome
        elif draft.recalled is None:
            draft.problem = outcome
            draft.keeps_nothing = draft.keeps_nothing or isinstance(outcome, _NONSENSE)


_HAPPENED = (200, 201)


def count_what_moved(drafts: Sequence[Draft], facts: Facts) -> None:
    """What the ledger has refused is none of the payer's payments of today."""
    for draft in drafts:
        if draft.is_counted and draft.transfer is None:
            if facts.background is not None and draft.movement is not None:
                facts.background.discount(draft.movement)
            draft.is_counted = False


# In this order.
STEPS: tuple[Step, ...] = (weigh, post_to_ledger, count_what_moved)
