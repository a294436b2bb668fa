"""Risk with a database: what is loaded, what is kept, and that nothing is counted twice or lost."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from tests.builders import NOON, a_cause
from tests.risk.risk_building import RULES, a_match, a_movement, put_on_file, weigh

from paywright.core.actor import PermissionMissing
from paywright.core.errors import Invalid
from paywright.core.ids import PaymentId
from paywright.core.page import BadCursor
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.risk.assess import NOT_SCREENED
from paywright.risk.background import load
from paywright.risk.end_exemption import NoSuchExemption, end_exemption
from paywright.risk.exempt import ExemptionInvalid, grant_exemption
from paywright.risk.model import Level
from paywright.risk.views import (
    Filters,
    NoAssessment,
    get_assessment,
    list_assessments,
    list_exemptions,
)
from paywright.telemetry import metrics

ALL = Filters()


async def test_what_was_found_is_read_back_as_it_was(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    large = a_movement(amount_minor=500_001)
    outside = a_movement(payee=None, channel="bank", payee_matches=[a_match()])
    house = a_movement(payer=None)
    found = await weigh(db, large, outside, house)
    assert [it.level for it in found] == [Level.LOW, Level.BLOCKED, Level.LOW]
    for it in found:
        stored = await get_assessment(db, a_cause(), payment_id=PaymentId.of(it.payment_id))
        assert tuple(stored.facts) == it.facts
        assert (stored.fired, stored.level, stored.score) == (it.fired, it.level, it.score)
        assert (stored.payer, stored.payee, stored.at) == (it.payer, it.payee, it.at)
        assert (stored.rules_version, stored.generation) == (RULES.version, 0)
        assert [match.entry_id for match in stored.matches] == ["7"] * len(it.matches)
    with pytest.raises(NoAssessment):
        await get_assessment(db, a_cause(), payment_id=PaymentId.new(NOON))


async def test_the_sixth_payment_counts_over_batches_and_inside_of_one(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    await weigh(db, *(a_movement() for _ in range(4)))
    found = await weigh(db, a_movement(), a_movement(), a_movement(payer="cust_2"))
    assert [it.score for it in found] == [0, 25, 0]


async def test_concurrent_batches_count_every_payment_once(db: Database) -> None:
    ids = [f"cust_{i}" for i in range(6)]
    await put_on_file(db, *ids)

    async def batch(shift: int) -> None:
        # Each in another order: the locks are taken in one.
        payers = ids[shift % 6 :] + ids[: shift % 6]
        await weigh(db, *(a_movement(payer=it, amount_minor=7) for it in payers for _ in range(2)))

    await asyncio.gather(*(batch(i) for i in range(24)))
    async with db.snapshot() as tx:
        rows = await tx.fetch("select count, sums, slots from risk_profiles")
        assert await tx.fetchval("select count(*) from risk_assessments") == 24 * 12
    assert len(rows) == 6
    assert {row["count"] for row in rows} == {48}
    assert {row["sums"] for row in rows} == {f'{{"EUR":{48 * 7}}}'}


async def test_what_is_rolled_back_was_not_counted(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    movement = a_movement()
    with pytest.raises(asyncpg.UniqueViolationError):
        await weigh(db, movement, movement)
    found = await weigh(db, *(a_movement() for _ in range(5)))
    assert {it.score for it in found} == {0}


async def test_who_has_to_be_screened_first_is_told(db: Database) -> None:
    await put_on_file(db, "cust_1", screened=None)
    await put_on_file(db, "cust_2", screened="clear")
    async with db.transaction() as tx:
        background = await load(tx, RULES, [a_movement(), a_movement(payer="stranger")])
        assert background.unscreened == ["cust_1"]
        assert background.generation == 0
    found = await weigh(db, a_movement())
    assert (found[0].level, found[0].fired[0].rule_id) == (Level.HIGH, NOT_SCREENED)
    counted = metrics.render()[0].decode()
    assert f'paywright_risk_rules_failed_total{{rule="{NOT_SCREENED}"}}' in counted
    assert 'paywright_risk_assessments_total{level="high"}' in counted
    async with db.transaction() as tx:  # a list changes
        await tx.execute(
            "insert into screening_generations (id, lists, at) values (3, '{}', $1)", NOON
        )
        background = await load(tx, RULES, [a_movement()])
        assert sorted(background.unscreened) == ["cust_1", "cust_2"]
        assert background.generation == 3


async def test_a_hit_on_file_blocks_with_its_score(db: Database) -> None:
    await put_on_file(db, "cust_1")
    await put_on_file(db, "cust_2", screened="hit")
    [found] = await weigh(db, a_movement())
    assert (found.level, [it.rule_id for it in found.fired]) == (Level.BLOCKED, ["sanctions-hit"])
    assert "93 percent" in found.fired[0].reason


async def test_kyc_on_file_counts(db: Database) -> None:
    await put_on_file(db, "cust_1", kyc="pending")
    await put_on_file(db, "cust_2")
    found = await weigh(db, a_movement(), a_movement(payer="cust_2"), a_movement(payer="stranger"))
    assert [it.score for it in found] == [40, 0, 40]


async def test_nothing_to_weigh_is_no_failure(db: Database) -> None:
    assert await weigh(db) == []


@pytest.mark.parametrize(
    "statement",
    [
        "update risk_assessments set level = 'low'",
        "delete from risk_assessments",
        "truncate risk_assessments",
    ],
)
async def test_assessments_cannot_be_changed(db: Database, statement: str) -> None:
    await weigh(db, a_movement())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
        async with db.transaction() as tx:
            await tx.execute(statement)


async def test_lists_are_filtered_and_paged(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    times = [NOON + timedelta(seconds=i) for i in range(7)]
    large = [a_movement(at=at, amount_minor=1_000_001) for at in times[:3]]
    await weigh(db, *large, *(a_movement(at=at, payer="cust_2") for at in times[3:]))
    seen, cursor = [], None
    while True:
        page = await list_assessments(db, a_cause(), filters=ALL, cursor=cursor, limit=3)
        seen += [it.at for it in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == times[::-1]
    high = Filters(level=Level.HIGH)
    page = await list_assessments(db, a_cause(), filters=high, cursor=None, limit=50)
    assert [it.at for it in page.items] == times[2::-1]
    of_payer = Filters(customer_id="cust_2")
    page = await list_assessments(db, a_cause(), filters=of_payer, cursor=None, limit=50)
    assert [it.at for it in page.items] == times[:2:-1]
    with pytest.raises(BadCursor):
        await list_assessments(db, a_cause(), filters=ALL, cursor="nonsense", limit=3)


async def test_who_may_not_read_risk_reads_nothing(db: Database) -> None:
    nobody = a_cause(Role.VIEWER)
    with pytest.raises(PermissionMissing):
        await list_assessments(db, nobody, filters=ALL, cursor=None, limit=3)
    with pytest.raises(PermissionMissing):
        await get_assessment(db, nobody, payment_id=PaymentId.new(NOON))
    with pytest.raises(PermissionMissing):
        await grant_exemption(
            db,
            a_cause(Role.OPERATOR),
            customer_id="cust_1",
            reason="a",
            expires_at=NOON + timedelta(days=1),
        )


async def test_an_exemption_counts_until_it_is_ended(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    granted = await grant_exemption(
        db,
        a_cause(Role.REVIEWER),
        customer_id="cust_1",
        rule_id="large-amount",
        currency="EUR",
        amount_max_minor=800_000,
        reason="Pays its rent by quarter",
        expires_at=NOON + timedelta(days=90),
    )
    found = await weigh(db, a_movement(amount_minor=800_000), a_movement(amount_minor=800_001))
    assert [(it.score, it.exempted) for it in found] == [(0, granted.id), (30, None)]
    # Whoever takes it away, and however often, it ends once.
    for _ in range(2):
        ended = await end_exemption(db, a_cause(), exemption_id=granted.id)
        assert (ended.ended_at, ended.ended_by) == (NOON, "system")
    [again] = await weigh(db, a_movement(amount_minor=800_000))
    assert (again.score, again.exempted) == (30, None)
    async with db.snapshot() as tx:
        rows = await tx.fetch("select type, data::text as data from events order by sequence")
    assert [row["type"] for row in rows] == ["risk.exempted", "risk.exemption_ended"]
    assert "rent" not in rows[0]["data"]


async def test_exemptions_are_listed_newest_first(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    for day, customer_id in enumerate(("cust_1", "cust_2", "cust_1")):
        at = NOON + timedelta(days=day)
        await grant_exemption(
            db,
            a_cause(at=at),
            customer_id=customer_id,
            reason=f"day {day}",
            expires_at=at + timedelta(days=1),
        )
    later = a_cause(at=NOON + timedelta(days=2))
    page = await list_exemptions(db, later, customer_id=None, only_open=False, cursor=None, limit=2)
    assert [it.reason for it in page.items] == ["day 2", "day 1"]
    rest = await list_exemptions(
        db, later, customer_id=None, only_open=False, cursor=page.next_cursor, limit=2
    )
    assert [it.reason for it in rest.items] == ["day 0"]
    open_now = await list_exemptions(
        db, later, customer_id="cust_1", only_open=True, cursor=None, limit=9
    )
    assert [it.reason for it in open_now.items] == ["day 2"]
    with pytest.raises(NoSuchExemption):
        await end_exemption(db, a_cause(), exemption_id=type(page.items[0].id).new(NOON))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": NOON + timedelta(days=90, seconds=1)}, "expires_at"),
        ({"rule_id": "sanctions-hit"}, "rule_id"),
        ({"rule_id": "builtin:sanctions-hit"}, "rule_id"),
        ({"currency": "EUR"}, "amount_max_minor"),
        ({"amount_max_minor": 5}, "amount_max_minor"),
        ({"currency": "XXX", "amount_max_minor": 5}, "currency"),
        ({"currency": "EUR", "amount_max_minor": 0}, "amount_max_minor"),
        ({"customer_id": "stranger"}, "customer_id"),
    ],
)
async def test_an_exemption_that_goes_too_far_is_refused(
    db: Database, changes: dict[str, object], field: str
) -> None:
    await put_on_file(db, "cust_1")
    fields: dict[str, object] = {
        "customer_id": "cust_1",
        "reason": "Known to us",
        "expires_at": NOON + timedelta(days=1),
    }
    with pytest.raises((ExemptionInvalid, Invalid), match=field):
        await grant_exemption(db, a_cause(), **fields | changes)  # type: ignore[arg-type]
    async with db.snapshot() as tx:
        assert await tx.fetchval("select count(*) from risk_exemptions") == 0
