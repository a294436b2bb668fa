"""What clients were told, against itself and against our books."""

from collections import Counter
from collections.abc import Sequence

from tests.faults.providers_books import PAID, Books, Ours
from tests.faults.providers_clients import Request, Told
from tests.faults.providers_plan import Asking, Plan

# What may be refused, of which kind, without anything being kept of it.
_REFUSALS = {
    "payout": {"insufficient-funds"},
    "connect": {"insufficient-funds"},
    "charge": set[str](),
    "refund": {"refund-too-large", "not-refundable", "insufficient-funds"},
}


def answers_wrong(plan: Plan, requests: Sequence[Request], books: Books) -> list[str]:
    """What clients were told is so, and each key has at most one payment."""
    wrong = _inconsistent(requests)
    by_id = {it.key: it for it in books.ours}
    asked = {f"s{plan.seed}-{it.number:04}": it for it in plan.askings}
    for request in requests:
        bound = [it for it in request.answers if it.about is not None]
        if bound:
            it = by_id.get(bound[0].about or "")
            if it is None:
                wrong.append(f"{request.key} was told of {bound[0].about}, which is not on file")
                continue
            for told in bound:
                statuses = {201: PAID, 422: ("failed",)}.get(told.status, (*PAID, "failed"))
                if it.status not in statuses:
                    wrong.append(f"{request.key} was told {told.status}, and it is {it.status}")
            last = bound[-1]
            if request.kind in ("charge", "refund") and not (request.gave_up or last.is_final):
                wrong.append(f"{request.key} was told {last.body!r} at last")
            if (asking := asked.get(request.key)) and not _is_as_asked(it, asking):
                wrong.append(f"{request.key} asked for {asking}, and it is {it}")
        refusals = {it.slug for it in request.answers if it.about is None}
        if refusals - _REFUSALS[request.kind]:
            wrong.append(f"{request.key} was refused: {[it.body for it in request.answers]}")
        if not (request.answers or request.gave_up):
            wrong.append(f"{request.key} has no answer")
    return wrong + _once(plan, books)


def _is_as_asked(it: Ours, asking: Asking) -> bool:
    return (it.amount_minor, it.currency) == (asking.amount_minor, asking.currency)


def _once(plan: Plan, books: Books) -> list[str]:
    """A payment is known by its amount, a refund by its key."""
    known = {(it.currency, it.amount_minor) for it in plan.askings}
    made = Counter((it.currency, it.amount_minor) for it in books.ours if it.kind != "refund")
    keys = Counter(it.request_key for it in books.ours if it.request_key is not None)
    wrong = [f"{money} was made {n} times" for money, n in made.items() if n > 1]
    wrong += [f"{key} was used {n} times" for key, n in keys.items() if n > 1]
    return wrong + [f"nobody asked for {money}" for money in made if money not in known]


def _inconsistent(requests: Sequence[Request]) -> list[str]:
    """Where one key was told what does not go together. What refuses a request and keeps nothing of
    it may be told until the key is used; never afterwards."""
    wrong = []
    for request in requests:
        ids = {it.about for it in request.answers if it.about is not None}
        if len(ids) > 1:
            wrong.append(f"{request.key} was told of {sorted(ids)}")
        wrong += [
            f"{request.key} was told {before.body!r}, then {after.body!r}"
            for before in request.answers
            for after in request.answers
            if before.heard_at < after.sent_at and not _goes_on(before, after)
        ]
    return wrong


def _goes_on(before: Told, after: Told) -> bool:
    """Whether one may be told after the other."""
    if before.is_final:
        return (after.status, after.body) == (before.status, before.body)
    return before.about is None or after.about == before.about
