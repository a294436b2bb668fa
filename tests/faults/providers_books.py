"""What has to be true in the end: our books, those of the outsides, and what clients were told."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
from tests.faults.providers_outside import Outside
from tests.faults.providers_plan import PROVIDERS
from tests.faults.providers_town import Town
from tests.simulator.striping import KEY as STRIPE_KEY

from paywright.cli import prepare
from paywright.core.ids import PaymentId, RefundId
from paywright.gateway.stripe.answers import KEY
from paywright.payments.verify import verify
from paywright.reconciliation.model import RunState, StatementSource
from paywright.reconciliation.run import reconcile_now

PAID = ("succeeded", "refunded", "partially_refunded")
_CONNECTED = ("acct_1", "acct_2", "acct_simulator_closed")


class Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an outside has really carried out."""

    provider: str
    key: str
    kind: str
    reference: str
    amount_minor: int
    currency: str


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """A payment or a refund on our books."""

    key: str
    kind: str
    status: str
    provider: str | None
    reference: str | None
    amount_minor: int
    currency: str
    request_key: str | None

    @property
    def carried_out(self) -> Theirs:
        """How it has to look there."""
        return Theirs(
            provider=self.provider or "",
            key=self.key,
            kind=self.kind,
            reference=self.reference or "",
            amount_minor=self.amount_minor,
            currency=self.currency,
        )


class Books(msgspec.Struct, frozen=True):
    ours: Sequence[Ours]
    theirs: Sequence[Theirs]
    wrong: Sequence[str]  # with the outsides' books alone


async def read_books(town: Town) -> Books:
    outside = await asyncio.gather(
        *(asyncio.to_thread(_executed, it, i) for i, it in enumerate(town.outsides))
    )
    return Books(
        await _ours(town),
        [it for theirs, _ in outside for it in theirs],
        [it for _, wrong in outside for it in wrong],
    )


async def _ours(town: Town) -> list[Ours]:
    rows = await town.app.db.pool.fetch(
        """
        select id, kind, status, provider, provider_reference, amount_minor, currency, request_key
          from payments
         union all
        select id, 'refund', status, provider, provider_reference, amount_minor, currency,
               request_key
          from refunds
        """
    )
    return [
        Ours(
            key=str((RefundId if row["kind"] == "refund" else PaymentId).of(row["id"])),
            kind="payout" if row["kind"] == "transfer" else row["kind"],
            status=row["status"],
            provider=row["provider"],
            reference=row["provider_reference"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            request_key=row["request_key"],
        )
        for row in rows
    ]


def _executed(outside: Outside, number: int) -> tuple[list[Theirs], list[str]]:
    bank, stripe = (("partner_bank", "stripe"), ("backup_bank", "stripe_backup"))[number]
    found, wrong = [], []
    for it in outside.now.books()["payments"]:
        if it["status"] == "settled":
            found.append(_theirs(bank, "payout", it["idempotency_key"], it["id"], it))
        elif it["status"] != "rejected":
            wrong.append(f"{bank}: {it['id']} is {it['status']}")
    charges, refunds = (_stripe(outside, kind) for kind in ("charges", "refunds"))
    for kind, entries in (("charge", charges), ("refund", refunds)):
        for it in entries:
            reference = it["intent"] if kind == "charge" else it["id"]
            if it["status"] == "succeeded":
                found.append(_theirs(stripe, kind, it["metadata"][KEY], reference, it))
            elif it["status"] != "failed":
                wrong.append(f"{stripe}: {it['id']} is {it['status']}")
    connected, more = _connected(outside, stripe)
    return found + connected, wrong + more


def _connected(outside: Outside, stripe: str) -> tuple[list[Theirs], list[str]]:
    """Payouts in two steps: what came to nothing must have been fetched back."""
    transfers, reversals = (_stripe(outside, kind) for kind in ("transfers", "reversals"))
    named = {it["metadata"][KEY]: it["id"] for it in transfers}
    left: Counter[str] = Counter()
    for sign, entries in ((1, transfers), (-1, reversals)):
        for it in entries:
            left[it["metadata"][KEY]] += sign * it["amount"]
    found, wrong = [], []
    for account in _CONNECTED:
        for it in _stripe(outside, "payouts", account):
            key = it["metadata"][KEY]
            if it["status"] == "paid":
                found.append(_theirs(stripe, "payout", key, named[key], it))
                left[key] -= it["amount"]
            elif it["status"] != "failed":
                wrong.append(f"{stripe}: {it['id']} is {it['status']}")
    wrong += [f"{stripe}: {key} has {minor} on its way" for key, minor in left.items() if minor]
    return found, wrong


def _stripe(outside: Outside, kind: str, account: str = "") -> list[dict[str, Any]]:
    params = {"kind": kind, "api_key": STRIPE_KEY, "account": account}
    return outside.now.http.get("/control/books/stripe", params=params).json()["entries"]


def _theirs(provider: str, kind: str, key: str, reference: str, entry: dict[str, Any]) -> Theirs:
    minor = entry["amount_minor"] if "amount_minor" in entry else entry["amount"]
    return Theirs(
        provider=provider,
        key=key,
        kind=kind,
        reference=reference,
        amount_minor=minor,
        currency=entry["currency"].upper(),
    )


def compare(books: Books) -> list[str]:
    """Each that succeeded was carried out once, at the provider that we say, and as we say; nothing
    else was carried out."""
    wrong = list(books.wrong)
    there: dict[str, list[Theirs]] = {}
    for it in books.theirs:
        there.setdefault(it.key, []).append(it)
    for it in books.ours:
        done = there.pop(it.key, [])
        if it.status not in (*PAID, "failed"):
            wrong.append(f"{it.key} is still {it.status}")
        if done != ([it.carried_out] if it.status in PAID else []):
            wrong.append(f"{it} was carried out as {done}")
    wrong += [f"{done} is not on our books" for done in there.values()]
    return wrong


async def money(town: Town, books: Books) -> list[str]:
    """Accounts of banks and providers have moved by what was carried out there; none of a customer
    is below zero."""
    expected: Counter[str] = Counter()
    for it in books.theirs:
        is_bank = it.provider.endswith("bank")
        kind = f"bank:{it.provider}" if is_bank else f"provider:{it.provider}:receivable"
        sign = 1 if it.kind == "charge" else -1
        expected[f"{kind}:{it.currency}"] += sign * it.amount_minor
    rows = await town.app.db.pool.fetch(
        """
        select id, code, may_go_negative, debits_posted - credits_posted as minor,
               credits_posted - debits_posted - debits_pending as left_minor, debits_pending,
               credits_pending
          from accounts
        """
    )
    wrong = []
    for row in rows:
        code = row["code"] or ""
        is_theirs = code.startswith("bank:") or ":receivable:" in code
        if is_theirs and row["minor"] != expected.pop(code, 0):
            wrong.append(f"{code} is {row['minor']}, which is not what was carried out")
        if not row["may_go_negative"] and row["left_minor"] < 0:
            wrong.append(f"{row['id']} is below zero")
        if row["debits_pending"] or row["credits_pending"]:
            wrong.append(f"{code or row['id']} has money on hold")
    return wrong + [f"the books have no account {code}" for code in expected]


async def soundness(town: Town) -> list[str]:
    """The ledger, events, jobs and reviews."""
    fetch = town.app.db.pool.fetch
    report = await verify(town.app.db, at=prepare.system_cause().at)
    wrong = [f"verify: {it.invariant}: {it.rows}" for it in report.checks if it.broken]
    wrong += [
        f"a job of {row['entrypoint']} is dead: {row['payload']!r}"
        for row in await fetch("select entrypoint, payload from pgqueuer where status = 'failed'")
    ]
    for table in ("issues", "reviews"):
        if (count := await town.app.db.pool.fetchval(f"select count(*) from {table}")) > 0:
            wrong.append(f"{count} {table} were opened")
    ended = await fetch(
        """
        select subject, count(*) as n from events
         where type in ('payment.completed', 'payment.failed', 'refund.succeeded', 'refund.failed')
         group by subject
        """
    )
    told = {row["subject"]: row["n"] for row in ended}
    expected = dict.fromkeys([it.key for it in await _ours(town)], 1)
    if told != expected:
        wrong.append(f"events of what ended: {sorted(told.items() ^ expected.items())}")
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    if count := await town.app.db.pool.fetchval(deadlocks):
        wrong.append(f"{count} deadlocks")
    return wrong


async def reconciled(town: Town, books: Books) -> list[str]:
    """Each provider's own statement says the same."""
    wrong = []
    first = await town.app.db.pool.fetchval("select min(created_at) from payments")
    today = prepare.system_cause().at.date()
    days = sorted({today, today if first is None else first.date()})
    for name, day in product(PROVIDERS, days):
        cause = prepare.system_cause()
        run = await reconcile_now(
            town.app.db,
            cause,
            provider=name,
            day=day,
            source=StatementSource.PROVIDER,
            statement=town.app.gateway.providers[name].statement,
        )
        if run.state is not RunState.COMPLETED or run.differences:
            wrong.append(f"reconciliation with {name}: {run}")
        matched = run.outcomes.get("matched", 0) + run.outcomes.get("other_day", 0)
        expected = sum(it.provider == name for it in books.theirs)
        if matched != expected and len(days) == 1:  # else each day has a part
            wrong.append(f"reconciliation with {name} matched {matched} of {expected}: {run}")
    return wrong
