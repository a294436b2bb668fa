"""Tellers: callers who move money over several doors at once, repeat what was lost under the same
key, and remember every answer. In the end the books have to agree with them."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx2
import msgspec
from tests.faults.stage import Stage
from tests.processes import Process, until

from paywright.api.movement_answers import RENDER
from paywright.core.ids import AccountId, TransferId
from paywright.db.pool import Database
from paywright.idempotency import Answer
from paywright.identity.permissions import Role
from paywright.ledger.model import HOUSE
from paywright.payments.recipes import made_again

_PAUSE_S = 0.05  # before the same request is sent again
_OUTAGE = 503


class Sent(msgspec.Struct, frozen=True):
    path: str
    body: dict[str, Any]


class Answered(msgspec.Struct, frozen=True):
    status: int
    body: bytes

    def read(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)


class Tellers:
    """What was asked under each key, and the first answer to it."""

    def __init__(self, stage: Stage, ports: Sequence[int], *, seed: int = 7) -> None:
        self.sent: dict[str, Sent] = {}
        self.answers: dict[str, Answered] = {}
        self.unavailable: list[httpx2.Response] = []
        self.broken = 0
        self.fresh: Counter[str] = Counter()
        self.dice = random.Random(seed)
        self._numbers = itertools.count()
        headers = {"Authorization": f"Bearer {stage.keys[Role.OPERATOR]}"}
        limits = httpx2.Limits(max_connections=200)
        self.doors = [
            httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30, limits=limits
            )
            for port in ports
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for door in self.doors:
            await door.aclose()

    async def open(self, currency: str = "EUR", **fields: Any) -> str:
        """An account, once it is open for sure."""
        body = {"owner": HOUSE, "currency": currency, "kind": "liability"} | fields
        key = f"account-{next(self._numbers):06}"
        while True:
            answer = await self.ask_once(Sent("/api/v1/accounts", body), key)
            if answer is not None:
                assert answer.status_code == 201, answer.text
                return answer.json()["id"]
            await asyncio.sleep(_PAUSE_S)

    async def move(self, path: str, body: dict[str, Any]) -> Answered:
        """Ask, under a new key, until there is an answer."""
        return await self.insist(self.plan(path, body))

    def plan(self, path: str, body: dict[str, Any]) -> str:
        """The key of a request that is to be made."""
        key = f"money-{next(self._numbers):06}"
        self.sent[key] = Sent(path, body)
        return key

    async def insist(self, key: str, *, doors: Sequence[int] | None = None) -> Answered:
        """Ask under this key, at any door, until there is an answer. All answers are the same."""
        while (answer := await self.ask_once(self.sent[key], key, doors)) is None:
            await asyncio.sleep(_PAUSE_S)
        told = Answered(answer.status_code, answer.content)
        assert told.status in (200, 201, 404, 409, 422), answer.text
        self.fresh[key] += "idempotency-replayed" not in answer.headers
        assert self.fresh[key] <= 1, key
        first = self.answers.setdefault(key, told)
        assert told == first, f"{key} was told {first.body!r}, then {told.body!r}"
        return first

    async def ask_once(
        self, it: Sent, key: str, doors: Sequence[int] | None = None
    ) -> httpx2.Response | None:
        """None: the connection broke, or the database was away."""
        door = self.doors[self.dice.choice(doors or range(len(self.doors)))]
        try:
            answer = await door.post(it.path, json=it.body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            self.broken += 1
            return None
        if answer.status_code == _OUTAGE:
            assert int(answer.headers["retry-after"]) >= 1
            self.unavailable.append(answer)
            return None
        return answer

    async def send_again(self) -> None:
        """Everything that was ever asked, at every door: the same bytes, as replays."""
        for index in range(len(self.doors)):
            await asyncio.gather(*(self.insist(key, doors=[index]) for key in self.sent))

    async def count_beyond(self, count: int, *, seconds: float = 60) -> None:
        async def enough() -> bool:
            return len(self.answers) > count

        await until(enough, seconds=seconds, what=f"more than {count} answers", every=0.005)


def a_move(debit: str, credit: str, amount: int, currency: str = "EUR") -> dict[str, Any]:
    return {
        "debit_account_id": debit,
        "credit_account_id": credit,
        "amount_minor": amount,
        "currency": currency,
    }


class Crowd:
    """Tellers at work on a few accounts, that may not go negative, filled from one that may."""

    def __init__(self, tellers: Tellers, bank: str, purses: list[str]) -> None:
        self.tellers, self.bank, self.purses = tellers, bank, purses
        self.holds: list[str] = []

    @classmethod
    async def of(cls, tellers: Tellers, *, purses: int, each: int) -> "Crowd":
        bank = await tellers.open(kind="asset", may_go_negative=True)
        crowd = cls(tellers, bank, [await tellers.open() for _ in range(purses)])
        for purse in crowd.purses:
            await tellers.move("/api/v1/transfers", a_move(bank, purse, each))
        return crowd

    @asynccontextmanager
    async def at_work(self, *, callers: int) -> AsyncIterator[None]:
        """They ask without pause while the block runs, and leave with an answer to everything."""
        leaving = asyncio.Event()

        async def call() -> None:
            while not leaving.is_set():
                await self.ask_something()

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(call())
            try:
                yield
            finally:
                leaving.set()

    async def ask_something(self) -> None:
        tellers, dice = self.tellers, self.tellers.dice
        kind = dice.choices(("transfer", "hold", "resolve", "batch", "again"), (8, 4, 5, 2, 1))[0]
        if kind == "transfer":
            await tellers.move("/api/v1/transfers", self._any_move())
        elif kind == "hold":
            told = await tellers.move("/api/v1/holds", self._any_hold())
            if told.status == 201:
                self.holds.append(told.read()["id"])
        elif kind == "batch":
            await self._batch()
        elif kind == "again" and tellers.answers:
            await tellers.insist(dice.choice(list(tellers.answers)))
        elif self.holds:  # some twice, and some at once with others
            hold_id = dice.choice(self.holds[-20:])
            way = dice.choice(("post", "release"))
            body = {"amount_minor": dice.randint(1, 40)} if way == "post" else {}
            await tellers.move(f"/api/v1/holds/{hold_id}/{way}", body)

    def _any_move(self) -> dict[str, Any]:
        dice = self.tellers.dice
        debit, credit = dice.sample(self.purses, 2)
        return a_move(debit, credit, dice.choice((1, 7, 30, 400)))

    def _any_hold(self) -> dict[str, Any]:
        lasts = self.tellers.dice.choice(({}, {"expires_in_s": 1}))
        return self._any_move() | lasts

    async def _batch(self) -> None:
        dice = self.tellers.dice
        elements: list[dict[str, Any]] = [self._any_move() for _ in range(dice.randint(1, 12))]
        for element in elements:
            element["type"] = dice.choice(("transfer", "hold"))
            element["linked"] = dice.random() < 0.3
        elements[-1]["linked"] = False
        await self.tellers.move("/api/v1/transfers/batch", {"transfers": elements})


# --- the books ---------------------------------------------------------------------------------


def movements_told(tellers: Tellers) -> dict[str, dict[str, Any]]:
    """Every movement that somebody was told of, by its id."""
    told: list[dict[str, Any]] = []
    for answer in tellers.answers.values():
        if answer.status < 300:
            it = answer.read()
            told += (
                [r["answer"] for r in it["results"] if "answer" in r] if "results" in it else [it]
            )
    by_id = {it["transfer_id"]: it for it in told}
    assert len(by_id) == len(told), "two keys were told of one movement"
    return by_id


async def _kept(db: Database) -> dict[str, Answered]:
    """What a repetition of each key would be told."""
    async with db.snapshot() as tx:
        stored = await tx.fetch(
            """
            select scope, key, status, body, is_recipe
              from idempotency_keys
             where scope like 'transfers.%'
             order by scope <> 'transfers.batch'
            """
        )
        answers = await made_again(
            tx,
            [Answer(row["status"], row["body"], row["is_recipe"]) for row in stored],
            wholes=sum(row["scope"] == "transfers.batch" for row in stored),
            tell=RENDER.happened,
            tell_whole=RENDER.whole,
        )
    pairs = zip(stored, answers, strict=True)
    return {row["key"]: Answered(answer.status, answer.body) for row, answer in pairs}


async def agree(db: Database, tellers: Tellers) -> None:
    """What was told is on file, once, as it was told; and nothing else is."""
    assert tellers.answers.keys() == tellers.sent.keys(), "ask again for what has no answer"
    assert await _kept(db) == tellers.answers
    told = movements_told(tellers)
    rows = await db.pool.fetch("select * from ledger_transfers order by created_at, id")
    made = {str(TransferId.of(row["id"])): row for row in rows if row["kind"] != "expire_hold"}
    assert made.keys() == told.keys()
    for id_, it in told.items():
        row = made[id_]
        posted = row["amount_minor"] if row["kind"] in ("post", "post_hold") else 0
        if it["type"] == "transfer":
            assert it["amount_minor"] == posted, id_
        else:
            assert (it["amount_minor"], it["posted_minor"]) == (abs(row["held_minor"]), posted), id_
        after = it["balances"]["debit"]["after"], it["balances"]["credit"]["after"]
        assert [side["balance_minor"] for side in after] == [
            row["debit_balance"],
            row["credit_balance"],
        ], id_
    transfers = {it["id"] for it in told.values() if it["type"] == "transfer"}
    assert await _subjects(db, "payment.completed") == dict.fromkeys(transfers, 1)
    payments = await db.pool.fetchval("select count(*) from payments where kind = 'transfer'")
    assert payments == len(transfers)
    kinds = Counter(row["kind"] for row in rows)
    events = {"hold": "created", "post_hold": "posted", "release_hold": "released"}
    for kind, word in (events | {"expire_hold": "expired"}).items():
        subjects = await _subjects(db, f"hold.{word}")
        assert set(subjects.values()) <= {1}
        assert len(subjects) == kinds[kind], kind
    await add_up(db, rows)


async def add_up(db: Database, rows: Sequence[Any]) -> None:
    """Every account, walked through from its first movement: nothing is missing in between."""
    accounts = await db.pool.fetch("select * from accounts")
    totals = {row["id"]: Counter[str]() for row in accounts}
    kind_of = {row["id"]: row for row in accounts}
    last: dict[Any, Any] = {}
    for row in rows:
        posted = row["amount_minor"] if row["kind"] in ("post", "post_hold") else 0
        for side in ("debit", "credit"):
            id_ = row[f"{side}_account_id"]
            assert last.get(id_) is None or last[id_] < row["created_at"], "two at one moment"
            last[id_] = row["created_at"]
            sums = totals[id_]
            sums[f"{side}s_posted"] += posted
            sums[f"{side}s_pending"] += row["held_minor"]
            sign = 1 if kind_of[id_]["kind"] in ("asset", "expense") else -1
            balance = sign * (sums["debits_posted"] - sums["credits_posted"])
            away = sums["credits_pending"] if sign == 1 else sums["debits_pending"]
            assert row[f"{side}_balance"] == balance, row["id"]
            assert row[f"{side}_available"] == balance - away, row["id"]
            assert kind_of[id_]["may_go_negative"] or balance - away >= 0, row["id"]
    for row in accounts:
        for name in ("debits_posted", "credits_posted", "debits_pending", "credits_pending"):
            assert row[name] == totals[row["id"]][name], (str(AccountId.of(row["id"])), name)
    for currency in {row["currency"] for row in accounts}:
        of_it = [row for row in accounts if row["currency"] == currency]
        assert sum(row["debits_posted"] - row["credits_posted"] for row in of_it) == 0
        assert sum(row["debits_pending"] - row["credits_pending"] for row in of_it) == 0


async def verified(stage: Stage) -> None:
    """`paywright ledger verify` finds nothing broken."""
    settings = {"DATABASE_URL": stage.url, "PAYWRIGHT_DATA_DIR": stage.folder}
    command = Process("ledger", "verify", "--json", folder=stage.folder, settings=settings)
    stage.processes.append(command)
    assert await asyncio.to_thread(command.wait, 60) == 0, command.said() + command.complained()
    assert msgspec.json.decode(command.said())["is_sound"]


async def no_deadlock(db: Database) -> None:
    await asyncio.sleep(1.2)  # sessions report once a second
    found = await db.pool.fetchval(
        "select deadlocks from pg_stat_database where datname = current_database()"
    )
    assert found == 0


def complaints(*processes: Process) -> list[str]:
    """Lines about what should not have happened."""
    lines = [line for process in processes for line in process.complained().splitlines()]
    return [line for line in lines if '"level":"error"' in line or "Traceback" in line]


async def _subjects(db: Database, type: str) -> dict[str, int]:
    rows = await db.pool.fetch(
        "select subject, count(*) as n from events where type = $1 group by 1", type
    )
    return {row["subject"]: row["n"] for row in rows}
