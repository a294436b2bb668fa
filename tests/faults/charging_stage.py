"""Somebody at the till: charges, refunds and payouts, asked for until they are answered; and what
must never be seen on file, not even right after a kill."""

import asyncio
from typing import Any

import httpx2
import msgspec
from tests.faults.providers_books import compare, money, read_books, soundness
from tests.faults.providers_scenario import all_ended, complaints
from tests.faults.providers_town import Town
from tests.processes import until
from tests.simulator.simulating import IBAN

from paywright.core.ids import PaymentId, RefundId

CHARGES, TRANSFERS = "/api/v1/charges", "/api/v1/transfers"
_PAYEE = "Nordlicht Bau GmbH"


class Ask(msgspec.Struct):
    """A request under a key of its own. heard: every answer to it, in order"""

    key: str
    path: str
    body: dict[str, Any]
    heard: list[httpx2.Response] = []

    @property
    def told(self) -> dict[str, Any]:
        return self.heard[-1].json()


class Till:
    """It asks at one door or the other, with the same key until it is answered."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.asks: list[Ask] = []

    def charge(self, method: str = "pm_card_visa") -> Ask:
        body = {
            "customer_id": "payer_0",
            "payment_method": method,
            "credit_account_id": self.town.wallets["EUR"][0],
        }
        return self._new(CHARGES, body | self._money())

    def refund(self, charge: Ask, minor: int) -> Ask:
        return self._new(f"{CHARGES}/{charge.told['id']}/refunds", {"amount_minor": minor})

    def payout(self, name: str = _PAYEE) -> Ask:
        wallets = self.town.wallets["EUR"]
        body = {
            "debit_account_id": wallets[len(self.asks) % len(wallets)],
            "beneficiary": {"name": name, "iban": IBAN},
        }
        return self._new(TRANSFERS, body | self._money())

    async def once(self, it: Ask, *, door: int = 0) -> httpx2.Response | None:
        """None: the connection broke."""
        try:
            async with self.town.caller(self.town.doors[door], timeout_s=20) as caller:
                answer = await caller.post(
                    it.path, json=it.body, headers={"Idempotency-Key": it.key}
                )
        except httpx2.TransportError:
            return None
        if answer.status_code != 503:
            it.heard.append(answer)
        return answer

    async def insist(self, *asks: Ask, door: int = 0) -> None:
        async def answered(it: Ask) -> bool:
            answer = await self.once(it, door=door)
            assert answer is None or answer.status_code in (201, 202, 422, 503), answer.text
            return answer is not None and answer.status_code != 503

        for start in range(0, len(asks), 20):
            some = asks[start : start + 20]
            await asyncio.gather(
                *(until(lambda it=it: answered(it), what=it.key, every=0.1) for it in some)
            )

    def _new(self, path: str, body: dict[str, Any]) -> Ask:
        it = Ask(f"till-{len(self.asks):04}", path, body)
        self.asks.append(it)
        return it

    def _money(self) -> dict[str, Any]:
        return {"amount_minor": 1_000 + len(self.asks), "currency": "EUR"}


async def calls_under_way(town: Town, count: int) -> None:
    """Wait until so many calls have begun and have not ended."""

    async def enough() -> bool:
        open_now = "select count(*) from provider_attempts where ended_at is null"
        return await town.app.db.pool.fetchval(open_now) >= count

    await until(enough, what=f"{count} calls under way", every=0.01)


async def day_has_begun(town: Town) -> None:
    """Wait until a worker has done what it does of its own accord when it starts: asking each
    provider for its statement."""

    async def idle() -> bool:
        fetchval = town.app.db.pool.fetchval
        begun = await fetchval("select count(*) from reconciliations")
        left = await fetchval("select count(*) from pgqueuer where entrypoint = 'reconcile'")
        return begun and not left

    await until(idle, what="the reconciliations of yesterday")


async def all_is_well(town: Town, till: Till, *, door: int = 0) -> None:
    """Once everything has ended: our books are those of the outsides, each key has one payment,
    and whoever asks again is told how it ended."""
    await all_ended(town)
    await whole(town)
    books = await read_books(town)
    wrong = [*compare(books), *await money(town, books), *await soundness(town)]
    wrong += complaints(town.stage.processes)
    assert not wrong, "\n".join(wrong)
    await till.insist(*till.asks, door=door)
    statuses = {it.key: it.status for it in books.ours}
    ids = []
    for it in till.asks:
        about = {_about(answer.json()) for answer in it.heard}
        assert len(about) == 1, (it.key, about)
        ids += about
        if it.path != TRANSFERS:
            is_failed = statuses[ids[-1]] == "failed"
            assert it.heard[-1].status_code == (422 if is_failed else 201), it.heard[-1].text
    assert len(set(ids)) == len(ids) == len(books.ours)


def _about(told: dict[str, Any]) -> str:
    return told.get("refund_id") or told.get("id") or told["payment_id"]


_OPEN = "status in ('processing', 'unknown')"
_OPERATIONS = """
    with operations as (
        select id, id as payment_id, status, kind, request_key from payments
         where payment_method is not null or beneficiary is not null
         union all
        select id, payment_id, status, 'refund', request_key from refunds)
    """
_NEVER = {
    "a charge or a refund was opened without its call": f"""{_OPERATIONS}
        select id from operations where kind <> 'transfer' and not exists
            (select 1 from provider_attempts where operation_id = operations.id)""",
    "a charge or a refund has no key": f"""{_OPERATIONS}
        select id from operations where kind <> 'transfer' and not exists
            (select 1 from idempotency_keys where key = request_key)""",
    "an answer is on file, and was not acted upon": f"""{_OPERATIONS}
        select operations.id from operations
          join provider_attempts on operation_id = operations.id
         where {_OPEN} and outcome in ('approved', 'declined')""",
    "money waits for nothing": f"""{_OPERATIONS}
        select id from open_holds where not exists
            (select 1 from operations where operations.id = open_holds.id and {_OPEN})""",
    "a refund or a payout has nothing on hold": f"""{_OPERATIONS}
        select id from operations where kind <> 'charge' and {_OPEN} and not exists
            (select 1 from open_holds where open_holds.id = operations.id)""",
    "a charge is booked that has not succeeded, or the other way around": f"""{_OPERATIONS}
        select id from operations where kind = 'charge'
           and (status in ('succeeded', 'partially_refunded', 'refunded'))
            <> exists (select 1 from ledger_transfers where ledger_transfers.id = operations.id)""",
    "a status changed, and nobody knows why": f"""{_OPERATIONS}
        select id from operations where kind <> 'refund' and status <> 'processing' and not exists
            (select 1 from payment_transitions where payment_id = operations.id)""",
}


async def whole(town: Town) -> None:
    """What belongs together is there together, or none of it."""
    fetch = town.app.db.pool.fetch
    for what, query in _NEVER.items():
        assert not await fetch(query), what
    rows = await fetch(f"{_OPERATIONS} select id, kind, {_OPEN} as is_open from operations")
    targets = {
        str((RefundId if row["kind"] == "refund" else PaymentId).of(row["id"])): row["is_open"]
        for row in rows
    }
    queued = await fetch("select dedupe_key from pgqueuer where status in ('queued', 'picked')")
    turns = {(row["dedupe_key"] or "::").split(":")[1] for row in queued}
    lost = [it for it, is_open in targets.items() if is_open and it not in turns]
    assert not lost, f"nobody will find out about {lost}"
    told = await fetch(
        "select subject from events where type in ('payment.processing', 'refund.processing')"
    )
    assert {row["subject"] for row in told} == targets.keys()
