"""Everybody confirms at once: two API processes, a worker, another bank, and nothing is killed. So
nothing may go wrong, either."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.faults.confirming_stage import (
    LISTED,
    PATH,
    RISKY,
    Bank,
    Payers,
    Town,
    agree,
    drive,
    no_job_is_due,
    settled_town,
    the_bank_agrees,
)
from tests.faults.ledger_stage import Sent, Tellers, a_move, complaints, no_deadlock
from tests.faults.stage import Stage, staged
from tests.ledger.building import opened
from tests.processes import Process, reachable_folder

from paywright.cli import prepare
from paywright.core.ids import AccountId
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.payments.verify import verify

pytestmark = pytest.mark.timeout(300)
NOWHERE = str(AccountId.new(datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as path:
        yield path


@pytest.fixture
def bank(folder: Path) -> Iterator[Bank]:
    bank = Bank(folder)
    yield bank
    bank.close()


@pytest.fixture
async def stage(database_url: str, folder: Path) -> AsyncIterator[Stage]:
    async with staged(database_url, folder) as stage:
        yield stage


@pytest.fixture
async def town(stage: Stage, bank: Bank) -> AsyncIterator[Town]:
    async with settled_town(stage, bank, payers=12) as town:
        yield town


@pytest.fixture
async def apis(stage: Stage, bank: Bank) -> AsyncIterator[list[Process]]:
    settings = bank.settings()
    both = list(await asyncio.gather(stage.api(**settings), stage.api(**settings)))
    yield both
    assert all(api.is_running() for api in both)
    assert complaints(*both) == []


@pytest.fixture
async def tellers(stage: Stage, apis: list[Process]) -> AsyncIterator[Tellers]:
    async with Tellers(stage, [int(api.port) for api in apis], seed=3) as tellers:
        yield tellers
    assert (tellers.broken, tellers.unavailable) == (0, [])


async def test_many_payers_confirm_and_send_at_once_and_all_books_agree(
    stage: Stage, bank: Bank, town: Town, tellers: Tellers
) -> None:
    worker = stage.start("work", **bank.settings())
    payers = Payers(town, tellers)
    async with payers.at_work(callers=20):
        await payers.paid_beyond(150)
    await payers.ask_again()
    await drive(town)
    await no_job_is_due(town)
    left = await agree(town, payers)
    await asyncio.to_thread(the_bank_agrees, bank, left)
    reviews = "select count(*) from issues where type = 'payment_review'"
    declined = sum(it.kind == "listed" for it in payers.wanted)
    assert await town.app.db.pool.fetchval(reviews) == declined
    await no_deadlock(town.app.db)
    assert complaints(worker) == []


def elements(
    town: Town, listed: str, poor: str, *, sorts: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """A batch of every sort of element, `sorts` times over; and what is to become of each."""
    made: list[dict[str, Any]] = []
    ends: list[str] = []
    for i in range(sorts):
        payer, other = town.payers[i % 12], town.payers[(i + 1) % 12]
        small = a_move(payer, town.shop, 100 + i)
        risky = a_move(payer, town.shop, RISKY + i)
        for element, end in (
            (small, "succeeded"),
            (risky | {"idempotency_key": f"own-{i}"}, "requires_otp"),
            (risky, "otp-required"),
            (a_move(payer, listed, 100), "payment-declined"),
            (a_move(payer, NOWHERE, 100), "account-not-found"),
            (a_move(payer, payer, 100), "same-account"),
            (a_move(payer, other, 100, "USD"), "currency-mismatch"),
            (a_move(poor, town.shop, 100), "insufficient-funds"),
            (small | {"type": "hold"}, "held"),
            (risky | {"type": "hold"}, "otp-required"),
            (small | {"linked": True}, "succeeded"),
            (a_move(payer, other, 100), "succeeded"),
            (small | {"linked": True}, "linked-failed"),
            (a_move(poor, other, 100), "insufficient-funds"),
            (small | {"linked": True}, "linked-failed"),
            (risky | {"idempotency_key": f"chained-{i}"}, "otp-required"),
        ):
            made.append(element)
            ends.append(end)
    return made, ends


def ended(result: dict[str, Any]) -> str:
    if "problem" in result:
        return result["problem"]["type"].rsplit("/", 1)[-1]
    return "held" if result["answer"]["type"] == "hold" else result["answer"]["status"]


async def test_a_large_batch_of_everything_that_comes_to_both_at_once_is_done_once(
    town: Town, tellers: Tellers
) -> None:
    cause, app = prepare.system_cause(), town.app
    person = Customer(id="listed", name=LISTED, customer_since=datetime(2025, 1, 1, tzinfo=UTC))
    await register_customer(app.db, app.keys, cause, customer=person)
    listed = str((await opened(app.db, owner="listed")).id)
    poor = str((await opened(app.db, owner="payer_00")).id)
    made, ends = elements(town, listed, poor, sorts=62)  # 992 elements
    sent = Sent(f"{PATH}/batch", {"transfers": made})
    asks = [tellers.ask_once(sent, "batch-1", [door]) for door in (0, 1, 0, 1)]
    answers = [it for it in await asyncio.gather(*asks) if it is not None]
    assert len({it.content for it in answers}) == 1, answers[0].text
    assert sum("idempotency-replayed" not in it.headers for it in answers) == 1
    told = answers[0].json()
    assert [ended(it) for it in told["results"]] == ends
    counts = Counter(ends)
    assert told["succeeded"] == counts["succeeded"] + counts["held"]
    assert told["waiting"] == counts["requires_otp"]
    # Each that waits is confirmed under its own key, by whichever process.
    codes = [await town.code_for(RISKY + i) for i in range(62)]
    asks = [
        tellers.ask_once(
            Sent(PATH, a_move(town.payers[i % 12], town.shop, RISKY + i) | {"otp": codes[i]}),
            f"own-{i}",
        )
        for i in range(62)
        for _ in range(2)
    ]
    paid = [it for it in await asyncio.gather(*asks) if it is not None]
    assert {it.status_code for it in paid} == {201}, Counter(it.text for it in paid)
    assert len({it.content for it in paid}) == 62
    spent = sum(100 + i for i in range(62)) * 2 + 62 * 100 + sum(RISKY + i for i in range(62))
    gone = await app.db.pool.fetchval(
        "select sum(amount_minor) from payments where status = 'succeeded' and kind = 'transfer'"
    )
    assert gone == spent
    report = await verify(app.db, at=prepare.system_cause().at)
    assert report.is_sound, [check for check in report.checks if check.broken]
    await no_deadlock(app.db)
