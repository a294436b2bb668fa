"""Moving money, step by step: ordered pure steps over a list, on facts that were loaded for all of
the list at once.

A step looks at every draft that nothing has been decided about, and may refuse it. The last step
applies what is left to the ledger. What comes between (risk, a challenge, approval) is one
more function in `STEPS`, and its facts one more field in `Facts`.
"""

from collections.abc import Callable, Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.errors import Problem
from paywright.idempotency.model import Answer
from paywright.ledger import refusals, rules
from paywright.ledger.model import Instruction, Transfer
from paywright.ledger.rules import Book
from paywright.payments.orders import Element, Order


class Draft(msgspec.Struct, eq=False):
    """An element on its way through the pipeline.

    problem:  it is refused; keeps_nothing: for a reason that says nothing about its accounts, so
              that its key stays free
    transfer: it happened
    recalled: its key is on file: the answer of the first time; nothing is done again
    """

    order: Order
    element: Element
    problem: Problem | None = None
    transfer: Transfer | None = None
    recalled: Answer | None = None
    keeps_nothing: bool = False

    @property
    def is_open(self) -> bool:
        return self.problem is None and self.recalled is None

    def settled(self) -> Transfer:
        """The movement of a draft that went through."""
        if self.transfer is None:
            raise AssertionError(f"{self.element.instruction.id} came to nothing")
        return self.transfer


class Facts(msgspec.Struct, frozen=True):
    """All that the steps know, loaded set-wise before them, with the accounts locked."""

    book: Book


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


def post_to_ledger(drafts: Sequence[Draft], facts: Facts) -> None:
    """Move the money, each order on its own: a chain ends where its order ends."""
    start = 0
    while start < len(drafts):
        end = start + 1
        while end < len(drafts) and drafts[end].order is drafts[start].order:
            end += 1
        _post_order(drafts[start:end], facts.book)
        start = end


def _post_order(drafts: Sequence[Draft], book: Book) -> None:
    live: list[Draft] = []
    instructions: list[Instruction] = []
    refused: dict[int, Problem] = {}
    for draft in drafts:
        instruction = draft.element.instruction
        if draft.recalled is not None and draft.recalled.status < 300:
            # It has happened. A chain that ends with it ends before it.
            if not instruction.linked and instructions and instructions[-1].linked:
                instructions[-1] = msgspec.structs.replace(instructions[-1], linked=False)
            continue
        if draft.problem is not None:
            refused[len(live)] = draft.problem
        elif draft.recalled is not None:
            refused[len(live)] = refusals.LinkedFailed("was refused when it was first sent")
        live.append(draft)
        instructions.append(instruction)
    for draft, outcome in zip(live, rules.apply(book, instructions, refused), strict=True):
        if isinstance(outcome, Transfer):
            draft.transfer = outcome
        elif draft.recalled is None:
            draft.problem = outcome
            draft.keeps_nothing = draft.keeps_nothing or isinstance(outcome, _NONSENSE)


# In this order.
STEPS: tuple[Step, ...] = (post_to_ledger,)
