"""A bank that cannot be asked: another one pays, or the payment waits; none is paid by two."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import pairwise

import httpx2
import msgspec
import pytest
from tests.builders import TEST_KEY
from tests.ledger.building import a_post, moved, opened
from tests.simulator.simulating import IBAN, TOKEN, Simulator, simulating

from paywright.cli import prepare
from paywright.core.ids import AccountId, PaymentId
from paywright.gateway.breaker import State
from paywright.gateway.override import set_breaker
from paywright.ledger import accounts_store
from paywright.ledger.chart import chart, ensure_chart
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.wiring import App, build

Client = httpx2.AsyncClient
PATH = "/api/v1/transfers"


@pytest.fixture(scope="module")
def running_backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulating(tmp_path_factory.mktemp("backup")) as simulator:
        yield simulator


@pytest.fixture
def backup(running_backup: Simulator) -> Simulator:
    running_backup.reset()
    return running_backup


@pytest.fixture
def settings(simulator: Simulator, backup: Simulator) -> Settings:
    return Settings(
        encryption_key=TEST_KEY,
        rate_limit_max=0,
        partner_bank_url=simulator.urls["bank"],
        partner_bank_token=TOKEN,
        partner_bank_timeout_ms=500,
        backup_bank_url=backup.urls["bank"],
        backup_bank_token=TOKEN,
        payment_max_retries=0,
        circuit_breaker_failure_threshold=2,
        circuit_breaker_cooldown_ms=60_000,
    )


class Street:
    """A payer with money, and the accounts that we have with both banks."""

    def __init__(self, app: App, api: Client, payer: AccountId) -> None:
        self.app, self.api, self.payer = app, api, payer

    async def sent(self, key: str = "key-1") -> PaymentId:
        body = {
            "debit_account_id": str(self.payer),
            "beneficiary": {"name": "Nordlicht Bau GmbH", "iban": IBAN},
            "amount_minor": 4_000,
            "currency": "EUR",
        }
        answer = await self.api.post(PATH, json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 202, answer.text
        return PaymentId.parse(answer.json()["id"])

    async def turn(self, payment_id: PaymentId, turn: int = 0) -> str:
        await self.app.settling.settle(prepare.system_cause(), payment_id, turn=turn)
        return (await self.api.get(f"{PATH}/{payment_id}")).json()["status"]

    async def force(self, provider: str, wanted: State | None) -> None:
        await set_breaker(
            self.app.db,
            prepare.system_cause(),
            provider=provider,
            known=self.app.gateway.providers,
            wanted=wanted,
            why="a test",
        )

    async def left_through(self, bank: str) -> int:
        """What has left through a bank, as our books say."""
        code = f"bank:{bank}:EUR"
        async with self.app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, [code])
            found = (await accounts_store.select(tx, list(ids.values())))[ids[code]]
        return found.credits_posted - (found.debits_posted - 100_000 * (bank == "partner_bank"))

    async def queued(self, payment_id: PaymentId) -> list[tuple[str, float]]:
        """The turns that are to come, and in how many seconds."""
        rows = await self.app.db.pool.fetch(
            """
            select dedupe_key, extract(epoch from execute_after - now())::float as seconds
              from pgqueuer where dedupe_key like $1 order by execute_after
            """,
            f"settle:{payment_id}%",
        )
        start = f"settle:{payment_id}:"
        return [(row["dedupe_key"].removeprefix(start), row["seconds"]) for row in rows]

    async def attempts(self, payment_id: PaymentId) -> list[tuple[str, str, str | None]]:
        rows = await self.app.db.pool.fetch(
            """
            select provider, call, outcome from provider_attempts
             where operation_id = $1 order by seq
            """,
            payment_id,
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def street(app: App, api: Client) -> AsyncIterator[Street]:
    await ensure_chart(
        app.db, prepare.system_cause(), accounts=chart(["EUR"], banks=["backup_bank"])
    )
    async with app.db.snapshot() as tx:
        ids = await accounts_store.ids_by_code(tx, ["bank:partner_bank:EUR"])
        (clearing,) = (await accounts_store.select(tx, list(ids.values()))).values()
    payer = await opened(app.db, owner="paywright")
    await moved(app.db, a_post(clearing, payer, 100_000))
    yield Street(app, api, payer.id)
    report = await verify(app.db, at=datetime.now(UTC))
    assert report.is_sound, [check for check in report.checks if check.broken]


def paid(bank: Simulator) -> list[str]:
    return [it["idempotency_key"] for it in bank.books()["payments"] if it["status"] == "settled"]


async def test_while_the_first_is_not_asked_the_next_one_pays(
    street: Street, simulator: Simulator, backup: Simulator
) -> None:
    await street.force("partner_bank", State.OPEN)
    payment_id = await street.sent()
    assert await street.turn(payment_id) == "succeeded"
    assert (paid(simulator), paid(backup)) == ([], [str(payment_id)])
    assert await street.attempts(payment_id) == [("backup_bank", "submit", "approved")]
    # The hold was on the account with the first: what left, left through the other.
    assert await street.left_through("partner_bank") == 0
    assert await street.left_through("backup_bank") == 4_000


async def test_what_may_have_reached_one_bank_is_never_asked_of_another(
    street: Street, simulator: Simulator, backup: Simulator
) -> None:
    simulator.set(timeout_after_apply_rate=1)
    payment_id = await street.sent()
    assert await street.turn(payment_id) == "unknown"
    await street.force("partner_bank", State.OPEN)
    assert await street.turn(payment_id, 1) == "unknown"
    assert paid(backup) == []
    simulator.set()
    await street.force("partner_bank", None)
    assert await street.turn(payment_id, 1) == "succeeded"
    assert (paid(simulator), paid(backup)) == ([str(payment_id)], [])
    assert await street.left_through("partner_bank") == 4_000


async def test_what_never_reached_the_first_bank_may_go_through_the_next(
    street: Street, backup: Simulator, database_url: str, settings: Settings
) -> None:
    away = msgspec.structs.replace(settings, partner_bank_url="http://127.0.0.1:9/bank/v1")
    other = await build(away, url=database_url, application="test")
    try:
        payment_id = await street.sent()
        for turn in (0, 1):
            await other.settling.settle(prepare.system_cause(), payment_id, turn=turn)
        assert await street.attempts(payment_id) == [("partner_bank", "submit", "unsent")] * 2
        # Two in a row have failed: its breaker is open now.
        await other.settling.settle(prepare.system_cause(), payment_id, turn=2)
    finally:
        await other.close()
    assert paid(backup) == [str(payment_id)]
    assert await street.left_through("backup_bank") == 4_000


async def test_while_nobody_can_be_asked_it_waits_without_using_its_turns(
    street: Street, simulator: Simulator, backup: Simulator
) -> None:
    for bank in ("partner_bank", "backup_bank"):
        await street.force(bank, State.OPEN)
    payment_id = await street.sent()
    for _ in range(3):
        assert await street.turn(payment_id) == "processing"
    assert await street.attempts(payment_id) == []
    turns = await street.queued(payment_id)
    assert {key.split(":")[0] for key, _ in turns} == {"0"}  # the first turn, all the time
    assert len(turns) == 4  # that of the request, and one for each time that it was put off
    assert all(seconds > 1 for _, seconds in turns[1:])
    await street.force("partner_bank", None)
    assert await street.turn(payment_id) == "succeeded"
    assert (paid(simulator), paid(backup)) == ([str(payment_id)], [])


async def test_those_that_wait_come_back_one_after_the_other(street: Street) -> None:
    for bank in ("partner_bank", "backup_bank"):
        await street.force(bank, State.OPEN)
    ids = [await street.sent(f"key-{i}") for i in range(10)]
    for payment_id in ids:
        await street.turn(payment_id)
    moments = sorted([(await street.queued(it))[-1][1] for it in ids])
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    # PROVIDER_DRAIN_PER_S is 50: a fiftieth of a second apart.
    assert min(gaps) >= 0.015, gaps


async def test_a_provider_that_is_not_set_up_any_more_leaves_its_payments_where_they_are(
    street: Street, database_url: str, settings: Settings, backup: Simulator
) -> None:
    payment_id = await street.sent()
    less = msgspec.structs.replace(settings, partner_bank_url="")
    other = await build(less, url=database_url, application="test")
    try:
        await other.settling.settle(prepare.system_cause(), payment_id, turn=0)
    finally:
        await other.close()
    assert await street.attempts(payment_id) == []
    assert paid(backup) == []
    assert [key for key, _ in await street.queued(payment_id)] == ["0", "1"]
    assert await street.turn(payment_id, 1) == "succeeded"
