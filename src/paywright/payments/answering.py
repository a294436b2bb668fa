"""What each order is answered, and what is kept of that under its key."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.core.errors import Problem
from paywright.idempotency import Answer, Claim
from paywright.payments.orders import (
    Answered,
    Beneficiary,
    Element,
    Order,
    Receipt,
    Waiting,
    receipt_of,
)
from paywright.payments.pipeline import Draft, Facts
from paywright.payments.recipes import Ingredient, recipe_of


class Render(msgspec.Struct, frozen=True):
    """How outcomes are told to the caller. Part of the transaction: answers are stored with it.

    happened: of a movement, alone or in a batch. Of the receipt alone: it is told again for a
              repetition, and must be the same then
    refused:  of one that was refused
    whole:    of a batch, from the answers of its elements
    waits:    of a payment that waits for a code
    sent:     of one whose money is on hold, on its way to another bank
    confirmed: of one that had been waiting for its code since the time that is given
    """

    happened: Callable[[Receipt], Answer]
    refused: Callable[[Order, Element, Problem], Answer]
    whole: Callable[[Sequence[Answered]], Answer]
    waits: Callable[[Waiting], Answer]
    sent: Callable[[Receipt, Beneficiary, datetime], Answer]
    confirmed: Callable[[Receipt, datetime], Answer]


class Told(msgspec.Struct):
    """The answer to each order; the keys that are new, and those that had an answer before: they
    wait no longer."""

    answers: list[Answered | Problem]
    fresh: list[Claim]
    amended: list[Claim]


def tell(
    orders: Sequence[Order],
    drafts: Sequence[Draft],
    known: Mapping[int, Answered | Problem],
    facts: Facts,
    render: Render,
) -> Told:
    """known: orders that have their answer already, by identity; none of `drafts` is theirs"""
    parts: dict[int, list[tuple[Answered | Problem, Ingredient]]] = {}
    told = Told([], [], [])
    for draft in drafts:
        answered, part = _of_draft(draft, facts, render)
        _keep(told, draft, answered.answer)
        is_refusal = draft.keeps_nothing and draft.problem is not None
        alone = draft.problem if is_refusal and not draft.order.is_batch else answered
        parts.setdefault(id(draft.order), []).append((alone or answered, part))
    for order in orders:
        if (earlier := known.get(id(order))) is not None:
            told.answers.append(earlier)
        elif not order.is_batch:
            told.answers.append(parts[id(order)][0][0])
        else:
            _tell_whole(told, order, parts[id(order)], render)
    return told


def _tell_whole(
    told: Told,
    order: Order,
    parts: Sequence[tuple[Answered | Problem, Ingredient]],
    render: Render,
) -> None:
    whole = render.whole([it for it, _ in parts if isinstance(it, Answered)])
    told.answers.append(Answered(whole))
    if (claim := order.claim) is not None:
        kept = recipe_of([part for _, part in parts], status=whole.status)
        told.fresh.append(_answered(claim, kept))


def _keep(told: Told, draft: Draft, answer: Answer) -> None:
    claim = draft.element.claim
    if claim is None or draft.keeps_nothing or draft.recalled is not None:
        return
    is_plain = draft.transfer is not None and draft.element.payee is None
    is_plain = is_plain and draft.completes is None
    kept = recipe_of([Ingredient(draft.settled().id)], status=answer.status) if is_plain else answer
    (told.fresh if draft.completes is None else told.amended).append(_answered(claim, kept))


def _answered(claim: Claim, answer: Answer) -> Claim:
    return Claim(claim.scope, claim.key, claim.fields, claim.fingerprint, answer)


def _of_draft(draft: Draft, facts: Facts, render: Render) -> tuple[Answered, Ingredient]:
    """What is told of an element, and what is kept of that."""
    if draft.recalled is not None:
        it = draft.recalled
        return Answered(it, replayed=True), Ingredient(None, it.status, it.body, True)
    if draft.problem is not None:
        it = render.refused(draft.order, draft.element, draft.problem)
        return Answered(it), Ingredient(None, it.status, it.body)
    payee = draft.element.payee
    if draft.challenge is not None:
        it = render.waits(Waiting(draft.payment_id, draft.instruction, payee, draft.challenge))
        return Answered(it), Ingredient(None, it.status, it.body)
    receipt = receipt_of(draft.settled(), facts.book.accounts)
    asked_at = draft.first_asked_at
    if payee is not None:
        it = render.sent(receipt, payee, asked_at or draft.order.cause.at)
        return Answered(it), Ingredient(None, it.status, it.body)
    if asked_at is not None:
        it = render.confirmed(receipt, asked_at)
        return Answered(it), Ingredient(None, it.status, it.body)
    return Answered(render.happened(receipt)), Ingredient(receipt.transfer.id)
