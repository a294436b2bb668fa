"""Payers whose payments need codes or leave for another bank, over several doors; and the books
that have to agree in the end: what was answered, what is on file, and what the bank did."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from tests.faults.ledger_stage import Answered, Sent, Tellers, a_move
from tests.faults.stage import Stage
from tests.ledger.building import a_post, moved, opened
from tests.processes import KeptPort, until
from tests.simulator.simulating import IBAN, TOKEN, Simulator

from paywright.cli import prepare
from paywright.core.ids import AccountId, ChallengeId, PaymentId
from paywright.core.money import Money
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.ledger import accounts_store
from paywright.notifications.views import list_messages
from paywright.payments.verify import verify
from paywright.screening.load import load_list
from paywright.settings import Settings
from paywright.wiring import App, build

PATH = "/api/v1/transfers"
LISTED = "Ulric Casimir Morvane"
LIST = b"""id,name,kind,aliases,birth_date,country,programs,identifiers
1,"MORVANE, Ulric Casimir",person,Ulrich Morvane,,,TEST,
"""
PAID, REJECTED, LATER = "Nordlicht Bau GmbH", "Nordlicht Bau GmbH AC04", "Nordlicht Bau Later"
START = 1_000_000_000  # of each payer, in minor units
RISKY = 1_000_100  # from 10,001.00 on a code is needed
WRONG_MAX = 4  # wrong codes of one payer: fewer than lock anything
_BANK_TIMEOUT_MS = 700


class Bank:
    """The simulated bank at one port, killed and started again with the same books."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = KeptPort()
        port, books = str(self._port.number), str(folder / "books.jsonl")
        self._options = ("--port", port, "--books", books)
        self.now = Simulator(folder, *self._options)

    def settings(self) -> dict[str, Any]:
        return {
            "PARTNER_BANK_URL": self.now.urls["bank"],
            "PARTNER_BANK_TOKEN": TOKEN,
            "PARTNER_BANK_TIMEOUT_MS": _BANK_TIMEOUT_MS,
        }

    def kill(self) -> None:
        self.now.close()

    def close(self) -> None:
        """For good."""
        self.kill()
        self._port.close()

    def start(self) -> None:
        self.now = Simulator(self._folder, *self._options)


class Town:
    """Verified payers with money, a shop, and a list with somebody on it."""

    def __init__(self, app: App, payers: Sequence[str], shop: str) -> None:
        self.app, self.payers, self.shop = app, payers, shop

    async def code_for(self, amount: int) -> str | None:
        """The code that was sent for the payment of this amount: each has one of its own."""
        page = await list_messages(
            self.app.db, self.app.keys, prepare.system_cause(), reveal=True, limit=200
        )
        wanted = str(Money(amount, "EUR"))
        for message in page.items:
            text = "" if message.content is None else message.content.text
            if wanted in text and (found := re.search(r"\b\d{6}\b", text)):
                return found[0]
        return None


@asynccontextmanager
async def settled_town(stage: Stage, bank: Bank, *, payers: int) -> AsyncIterator[Town]:
    urls = {name.lower(): value for name, value in bank.settings().items()}
    settings = Settings(paywright_data_dir=stage.folder, **urls)
    app = await build(settings, url=stage.url, application="paywright-test")
    try:
        cause = prepare.system_cause()
        await load_list(app.db, cause, name="test", source=LIST)
        names = [f"payer_{i:02}" for i in range(payers)]
        for name in (*names, "shop"):
            customer = Customer(
                id=name,
                name=f"Ilse Tester {name}",
                email=f"{name}@example.com",
                customer_since=datetime(2025, 1, 1, tzinfo=UTC),
            )
            await register_customer(app.db, app.keys, cause, customer=customer)
            await decide_by_hand(
                app.db, app.keys, cause, customer_id=name, status=KycStatus.VERIFIED, reason="seen"
            )
        async with app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, ["bank:partner_bank:EUR"])
            (clearing,) = (await accounts_store.select(tx, list(ids.values()))).values()
        accounts = [await opened(app.db, owner=name) for name in names]
        shop = await opened(app.db, owner="shop")
        await moved(app.db, *(a_post(clearing, account, START) for account in accounts))
        yield Town(app, [str(it.id) for it in accounts], str(shop.id))
    finally:
        await app.close()


class Wanted(msgspec.Struct):
    """One payment that somebody wants, and what was answered to the request with the code."""

    key: str
    kind: str
    body: dict[str, Any]
    first: Answered | None = None
    last: Answered | None = None
    wrong_sent: int = 0
    wrong_told: list[int] = []


class Payers:
    """They ask until they are answered, with the same key; and confirm what has to be."""

    def __init__(self, town: Town, tellers: Tellers) -> None:
        self.town, self.tellers = town, tellers
        self.wanted: list[Wanted] = []
        self._wrong_of: dict[str, int] = {}

    def want(self, kind: str) -> Wanted:
        number, dice = len(self.wanted), self.tellers.dice
        body = a_move(dice.choice(self.town.payers), self.town.shop, 100 + number)
        if kind in ("risky", "abandoned", "risky_outside"):
            body["amount_minor"] = RISKY + number
        if kind in ("outside", "rejected", "later", "listed", "risky_outside"):
            name = {"rejected": REJECTED, "later": LATER, "listed": LISTED}.get(kind, PAID)
            body["beneficiary"] = {"name": name, "iban": IBAN}
            del body["credit_account_id"]
        it = Wanted(f"confirm-{number:05}", kind, body)
        self.wanted.append(it)
        return it

    def any_wanted(self) -> Wanted:
        kinds = {"small": 5, "risky": 6, "risky_outside": 3, "outside": 5, "rejected": 2}
        kinds |= {"later": 1, "listed": 1, "abandoned": 1}
        return self.want(self.tellers.dice.choices(list(kinds), list(kinds.values()))[0])

    async def carry_through(self, it: Wanted) -> None:
        """From the first request to the last answer."""
        it.first = await self.insist(it, it.body)
        waits = it.kind in ("risky", "risky_outside", "abandoned")
        if not waits:
            it.last = it.first
            return
        assert (it.first.status, it.first.read()["status"]) == (202, "requires_otp"), it
        code = await until(lambda: self.town.code_for(it.body["amount_minor"]), what="a code")
        if self.tellers.dice.random() < 0.4:
            await self.try_wrong(it, code)
        if it.kind != "abandoned":
            it.last = await self.insist(it, it.body | {"otp": code})

    async def try_wrong(self, it: Wanted, code: str) -> None:
        """Once: whether it counted is not known when the answer is lost."""
        payer = it.body["debit_account_id"]
        if self._wrong_of.get(payer, 0) >= WRONG_MAX:
            return
        self._wrong_of[payer] = self._wrong_of.get(payer, 0) + 1
        it.wrong_sent += 1
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        answer = await self.tellers.ask_once(Sent(PATH, it.body | {"otp": wrong}), it.key)
        if answer is not None:
            assert (answer.status_code, answer.json()["title"]) == (422, "The code is not right")
            it.wrong_told.append(answer.json()["tries_left"])

    async def insist(self, it: Wanted, body: dict[str, Any], door: int | None = None) -> Answered:
        doors = None if door is None else [door]
        while True:
            answer = await self.tellers.ask_once(Sent(PATH, body), it.key, doors)
            if answer is not None:
                assert answer.status_code in (201, 202, 422), answer.text
                return Answered(answer.status_code, answer.content)
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def at_work(self, *, callers: int) -> AsyncIterator[None]:
        """They pay without pause while the block runs, and leave with an answer to everything."""
        leaving = asyncio.Event()

        async def call() -> None:
            while not leaving.is_set():
                await self.carry_through(self.any_wanted())

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(call())
            try:
                yield
            finally:
                leaving.set()

    async def paid_beyond(self, more: int, *, seconds: float = 90) -> None:
        """Wait until so many more payments have their last answer."""
        goal = self._answered() + more

        async def enough() -> bool:
            return self._answered() >= goal

        await until(enough, seconds=seconds, what=f"{more} more payments", every=0.01)

    def _answered(self) -> int:
        return sum(it.last is not None for it in self.wanted)

    async def ask_again(self) -> None:
        """Everything once more at every door, with a code that is wrong by now: the same bytes."""
        for door in range(len(self.tellers.doors)):
            done = [it for it in self.wanted if it.last is not None]
            bodies = [
                it.body if it.first is it.last else it.body | {"otp": "000000"} for it in done
            ]
            asks = [self.insist(it, body, door) for it, body in zip(done, bodies, strict=True)]
            for it, answer in zip(done, await asyncio.gather(*asks), strict=True):
                assert answer == it.last, (it.key, answer, it.last)


class Mixture:
    """Requests of every sort that are made at once: codes, a wrong code, and new payments."""

    def __init__(self, payers: Payers, requests: list[tuple[Wanted, dict[str, Any]]]) -> None:
        self._payers = payers
        self._requests = requests
        self._answers: list[httpx2.Response | None] = []

    @classmethod
    async def of(cls, payers: Payers, *, door: int) -> "Mixture":
        """What waits for its code is asked for at this door, and answered."""
        waiting = [payers.want(kind) for kind in ("risky", "risky_outside", "risky")]
        for it in waiting:
            it.first = await payers.insist(it, it.body, door)
        codes = [await payers.town.code_for(it.body["amount_minor"]) for it in waiting[:2]]
        waiting[2].wrong_sent = 1
        pairs = zip(waiting, [*codes, "no code"], strict=True)
        requests = [(it, it.body | {"otp": code}) for it, code in pairs]
        for kind in ("small", "risky", "outside", "risky_outside"):
            fresh = payers.want(kind)
            requests.append((fresh, fresh.body))
        return cls(payers, requests)

    async def ask(self, *, door: int) -> None:
        """All at once, and once."""
        ask_once = self._payers.tellers.ask_once
        asks = [ask_once(Sent(PATH, body), it.key, [door]) for it, body in self._requests]
        self._answers = await asyncio.gather(*asks)

    async def finish(self, *, door: int) -> int:
        """Repeat all that was asked, with the same keys, and confirm what waits. What had been
        answered is answered so again. How many had lost their answer."""
        payers, lost = self._payers, 0
        for (it, body), answer in zip(self._requests, self._answers, strict=True):
            lost += answer is None
            if body.get("otp") == "no code":
                it.wrong_told += [4] if answer is not None else []
            else:
                again = await payers.insist(it, body, door)
                assert answer is None or answer.content == again.body, (it, answer)
                it.first = it.first or again
            if it.kind.startswith("risky"):
                code = await payers.town.code_for(it.body["amount_minor"])
                it.last = await payers.insist(it, it.body | {"otp": code}, door)
            else:
                it.last = it.first
        return lost


# --- the end -----------------------------------------------------------------------------------


async def drive(town: Town, *, seconds: float = 60) -> None:
    """Let the turns that are due in minutes come now, until the bank has settled everything."""
    app = town.app

    async def all_ended() -> bool:
        rows = await app.db.pool.fetch(
            "select id from payments where status in ('processing', 'unknown')"
        )
        for row in rows:
            await app.settling.settle(prepare.system_cause(), PaymentId.of(row["id"]), turn=1)
        return not rows

    await until(all_ended, seconds=seconds, what="the bank to settle all", every=0.3)


async def no_job_is_due(town: Town, *, seconds: float = 60) -> None:
    async def idle() -> bool:
        due = "select count(*) from pgqueuer where status = 'picked' or execute_after <= now()"
        return await town.app.db.pool.fetchval(due) == 0

    await until(idle, seconds=seconds, what="every job")


_ENDS = {
    "small": {"succeeded"},
    "risky": {"succeeded"},
    "risky_outside": {"succeeded"},
    "outside": {"succeeded"},
    "later": {"succeeded"},
    "rejected": {"failed"},
    "listed": {"declined"},
    "abandoned": {"requires_otp"},
}


async def agree(town: Town, payers: Payers) -> dict[str, int]:
    """Answers, payments, ledger and the rest tell the same. What left for the bank, by payment."""
    fetch = town.app.db.pool.fetch
    rows = await fetch(
        "select id, status, amount_minor, debit_account_id, beneficiary is not null as leaves"
        "  from payments where kind = 'transfer'"
    )
    on_file = {str(PaymentId.of(row["id"])): row for row in rows}
    spent = dict.fromkeys(town.payers, 0)
    left: dict[str, int] = {}
    ids: set[str] = set()
    for it in payers.wanted:
        answer = it.last or it.first
        assert answer is not None, it.key
        told = answer.read()
        payment_id = told["payment_id"] if it.kind == "listed" else told["id"]
        ids.add(payment_id)
        row = on_file[payment_id]
        assert row["status"] in _ENDS[it.kind], (it.key, it.kind, row["status"])
        assert row["amount_minor"] == it.body["amount_minor"], it.key
        if it.first is not it.last and it.kind != "abandoned":
            assert it.first is not None
            assert it.first.read()["id"] == payment_id, it.key
        if row["status"] == "succeeded":
            spent[it.body["debit_account_id"]] += row["amount_minor"]
            if row["leaves"]:
                left[payment_id] = row["amount_minor"]
    assert len(ids) == len(payers.wanted), "two keys were told of one payment"
    assert ids == on_file.keys(), "a key has two payments"
    async with town.app.db.snapshot() as tx:
        balances = await tx.fetch("select id, credits_posted, debits_posted from accounts")
    have = {
        str(AccountId.of(row["id"])): row["credits_posted"] - row["debits_posted"]
        for row in balances
    }
    for account_id, minor in spent.items():
        assert have[account_id] == START - minor, account_id
    await _tries_are_counted(town, payers)
    report = await verify(town.app.db, at=prepare.system_cause().at)
    assert report.is_sound, [check for check in report.checks if check.broken]
    await whole(town)
    return left


async def _tries_are_counted(town: Town, payers: Payers) -> None:
    rows = await town.app.db.pool.fetch(
        "select payment_id, 5 - tries_left as wrong, status from challenges"
    )
    wrong = {str(PaymentId.of(row["payment_id"])): row for row in rows}
    assert len(wrong) == len(rows), "a payment has two challenges"
    for it in payers.wanted:
        if it.kind in ("risky", "risky_outside", "abandoned"):
            assert it.first is not None
            row = wrong[it.first.read()["id"]]
            assert len(it.wrong_told) <= row["wrong"] <= it.wrong_sent, it
            assert row["status"] == ("open" if it.kind == "abandoned" else "passed")


_NEVER = {
    "a payment waits without a challenge": """
        select 1 from payments where status = 'requires_otp' and not exists
            (select 1 from challenges where payment_id = payments.id and status = 'open')""",
    "a code is used up and its payment waits": """
        select 1 from payments join challenges on payment_id = payments.id
         where challenges.status = 'passed' and payments.status = 'requires_otp'""",
    "a challenge has no payment": """
        select 1 from challenges where not exists (select 1 from payments where id = payment_id)""",
    "a payment was confirmed without its code": """
        select 1 from payment_transitions as t
         where reason = 'otp_passed' and not exists
            (select 1 from challenges where payment_id = t.payment_id and status = 'passed')""",
    "a payment has no assessment": """
        select 1 from payments where kind = 'transfer' and not exists
            (select 1 from risk_assessments where payment_id = payments.id)""",
}


async def whole(town: Town) -> None:
    """What belongs together is there together."""
    fetchval = town.app.db.pool.fetchval
    for what, query in _NEVER.items():
        assert await fetchval(f"select count(*) from ({query}) as found") == 0, what
    payments = await fetchval("select count(*) from payments where kind = 'transfer'")
    keys = await fetchval("select count(*) from idempotency_keys where scope = 'transfers.create'")
    assert keys == payments
    rows = await town.app.db.pool.fetch("select id, status from challenges")
    messages = await town.app.db.pool.fetch("select dedupe_key from messages")
    codes = sorted(f"otp:{ChallengeId.of(row['id'])}:0" for row in rows)
    assert sorted(row["dedupe_key"] for row in messages) == codes
    told = "select count(*) from events where type = $1"
    assert await fetchval(told, "payment.challenged") == len(rows)
    passed = sum(row["status"] == "passed" for row in rows)
    assert await fetchval(told, "challenge.passed") == passed


def the_bank_agrees(bank: Bank, left: dict[str, int]) -> None:
    """What the bank has executed is what we say has left; each once, with the same amount."""
    books = bank.now.books()
    keys = [it["idempotency_key"] for it in books["payments"]]
    assert len(set(keys)) == len(keys) == books["payments_total"]
    settled = {
        it["idempotency_key"]: it["amount_minor"]
        for it in books["payments"]
        if it["status"] == "settled"
    }
    assert settled == left


async def sign_in(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    """From now on as this user, with a token instead of a key."""
    body = {"email": user["email"], "password": user["password"]}
    answer = await client.post("/api/v1/sessions", json=body)
    assert answer.status_code == 201, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
