"""The views `pending_approvals` and `payment_summary`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.builders import NOON
from tests.reporting.reported import a_bill, many, put

from paywright.db.pool import Database


async def test_the_queue_tells_what_waits_and_how_much_of_it_is_approved(db: Database) -> None:
    first = a_bill(status="pending_approval", created_at=NOON, votes=1, incident_id="inc_1")
    second = a_bill(status="pending_approval", created_at=NOON + timedelta(days=1), minor=7)
    await put(db, first, second, a_bill(), a_bill(status="processing", votes=2))
    # A vote for other contents is none.
    await db.pool.execute(
        "update vendor_payments set content_hash = sha256('edited') where payment_id = $1",
        second.id,
    )
    rows = await db.pool.fetch("select * from pending_approvals order by id")
    assert [(row["id"], row["approvals_given"], row["approvals_needed"]) for row in rows] == [
        (first.id, 1, 2), (second.id, 0, 2),
    ]  # fmt: skip
    assert rows[0]["incident_id"] == "inc_1"
    assert abs(rows[0]["age"] - (datetime.now(UTC) - NOON)) < timedelta(minutes=1)


async def test_the_summary_is_that_of_a_count_by_hand(db: Database) -> None:
    bills = many(300, seed=6)
    await put(db, *bills)
    rows = await db.pool.fetch("select * from payment_summary")
    assert sum(row["payments"] for row in rows) == len(bills)
    for row in rows:
        those = [it for it in bills if (it.status, it.currency) == (row["status"], row["currency"])]
        assert row["kind"] == "vendor_payment"
        assert row["payments"] == len(those)
        assert row["amount_minor"] == sum(it.minor for it in those)
        assert row["oldest_at"] == min(it.created_at for it in those)
        assert row["newest_at"] == max(it.created_at for it in those)


async def test_the_head_of_the_queue_is_read_without_what_was_paid_before(db: Database) -> None:
    old = [a_bill(created_at=NOON - timedelta(minutes=n)) for n in range(5_000)]
    waiting = [
        a_bill(status="pending_approval", created_at=NOON + timedelta(minutes=n + 1))
        for n in range(1_000)
    ]
    await put(db, *old, *waiting)
    async with db.pool.acquire() as connection:
        await connection.execute("analyze payments, vendor_payments, approvals")
        told = await connection.fetchval(
            "explain (analyze, format json) select * from pending_approvals order by id limit 50"
        )
    assert max(_rows_read(json.loads(told)[0]["Plan"])) <= 100


def _rows_read(node: dict[str, Any]) -> Iterator[float]:
    """Of each node of a plan, with those that it looked at in vain."""
    yield (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from _rows_read(child)
