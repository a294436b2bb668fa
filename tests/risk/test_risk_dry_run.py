"""Other rules tried on past payments."""

from datetime import timedelta

import pytest
from tests.builders import NOON, a_cause
from tests.risk.risk_building import a_match, a_movement, put_on_file, weigh

from paywright.core.actor import PermissionMissing
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.risk import dry_run as module
from paywright.risk.dry_run import PeriodInvalid, dry_run
from paywright.risk.exempt import grant_exemption
from paywright.risk.model import Level
from paywright.risk.rule_set import default_source
from paywright.rulesets.report import RuleSetInvalid

BARE = default_source().partition("\nexamples:")[0]
STRICT = BARE.replace("points: 30, reason: The amount is large.", "points: 60, reason: Large.")
BLIND = BARE.replace("- id: sanctions-hit", "- id: sanctions-hit\n      enabled: false")


async def some_payments(db: Database) -> None:
    """One a minute: 4 small, 3 large, 2 very large, 1 to somebody on a list."""
    await put_on_file(db, *(f"cust_{i}" for i in range(10)))
    amounts = [100] * 4 + [500_001] * 3 + [1_000_001] * 2
    for i, amount_minor in enumerate(amounts):
        at = NOON + timedelta(minutes=i)
        await weigh(db, a_movement(at=at, payer=f"cust_{i}", amount_minor=amount_minor))
    at = NOON + timedelta(minutes=9)
    matches = [a_match()]
    outside = a_movement(at=at, payee=None, channel="bank", payer="cust_9", payee_matches=matches)
    await weigh(db, outside)


async def test_the_same_rules_change_nothing(db: Database) -> None:
    await some_payments(db)
    found = await dry_run(db, a_cause(), source=default_source())
    assert found.before == found.after == {Level.LOW: 7, Level.HIGH: 2, Level.BLOCKED: 1}
    assert (found.assessed, found.is_complete, found.moves, list(found.changes)) == (
        10,
        True,
        {},
        [],
    )
    assert [(it.rule_id, it.fired_before, it.fired_after) for it in found.rules] == [
        ("large-amount", 5, 5),
        ("sanctions-hit", 1, 1),
        ("very-large-amount", 2, 2),
    ]


async def test_other_points_show_which_payments_come_to_another_level(db: Database) -> None:
    await some_payments(db)
    found = await dry_run(db, a_cause(), source=STRICT)
    assert found.after == {Level.LOW: 4, Level.HIGH: 5, Level.BLOCKED: 1}
    assert found.moves == {"low→high": 3}
    assert [it.at for it in found.changes] == [NOON + timedelta(minutes=i) for i in (4, 5, 6)]
    change = found.changes[0]
    assert (change.score_before, change.score_after) == (30, 60)
    assert change.fired_after[0].reason == "Large."
    large = next(it for it in found.rules if it.rule_id == "large-amount")
    assert (large.points_before, large.points_after) == (150, 300)


async def test_other_limits_count_and_no_rules_let_a_sanctions_hit_go(db: Database) -> None:
    await some_payments(db)
    wide = BARE.replace("limits: {}", "limits: {EUR: {large: 2000000, very_large: 3000000}}")
    found = await dry_run(db, a_cause(), source=wide)
    assert found.after == {Level.LOW: 9, Level.HIGH: 0, Level.BLOCKED: 1}
    found = await dry_run(db, a_cause(), source=BLIND)
    assert found.after[Level.BLOCKED] == 1


async def test_pages_are_put_together_and_nothing_is_written(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_payments(db)
    monkeypatch.setattr(module, "_PAGE", 3)
    told: list[int] = []
    async with db.snapshot() as tx:
        before = await tx.fetch("select * from risk_assessments order by payment_id")
    found = await dry_run(db, a_cause(), source=STRICT, progress=told.append)
    assert found.assessed == 10
    assert told == [3, 6, 9, 10]
    async with db.snapshot() as tx:
        assert await tx.fetch("select * from risk_assessments order by payment_id") == before
        assert await tx.fetchval("select count(*) from rule_sets") == 0
        assert await tx.fetchval("select count(*) from events") == 0


@pytest.mark.parametrize(("limit", "assessed", "is_complete"), [(3, 3, False), (10, 10, True)])
async def test_a_bound_is_kept_and_told(
    db: Database, limit: int, assessed: int, is_complete: bool
) -> None:
    await some_payments(db)
    found = await dry_run(db, a_cause(), source=BARE, limit=limit)
    assert (found.assessed, found.is_complete) == (assessed, is_complete)


async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(db: Database) -> None:
    await some_payments(db)
    since, until = NOON + timedelta(minutes=2), NOON + timedelta(minutes=5)
    found = await dry_run(db, a_cause(), source=BARE, since=since, until=until)
    assert found.assessed == 3
    with pytest.raises(PeriodInvalid):
        await dry_run(db, a_cause(), source=BARE, since=until, until=until)


async def test_an_exemption_that_was_used_counts_again(db: Database) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    tomorrow = NOON + timedelta(days=1)
    await grant_exemption(
        db,
        a_cause(),
        customer_id="cust_1",
        rule_id="large-amount",
        reason="Rent",
        expires_at=tomorrow,
    )
    [past] = await weigh(db, a_movement(amount_minor=500_001))
    assert past.score == 0
    found = await dry_run(db, a_cause(), source=STRICT)
    assert found.after[Level.LOW] == 1
    assert [(it.rule_id, it.fired_after) for it in found.rules] == []


async def test_bad_rules_and_strangers_are_refused(db: Database) -> None:
    with pytest.raises(RuleSetInvalid, match="undeclared"):
        await dry_run(db, a_cause(), source=BARE.replace("payer.kyc !=", "payer.kcy !="))
    with pytest.raises(RuleSetInvalid, match="risk-rules"):
        await dry_run(db, a_cause(), source=BARE.replace("name: risk-rules", "name: other"))
    with pytest.raises(PermissionMissing):
        await dry_run(db, a_cause(Role.REVIEWER), source=BARE)
