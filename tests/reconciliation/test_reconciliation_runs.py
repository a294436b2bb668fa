"""Runs that fail, die, race, come by the schedule, and the issue that a person gets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from tests.builders import a_cause
from tests.jobs.working import QUICK, until, working
from tests.reconciliation.reconciling import (
    BANK,
    DAY,
    MORNING_AFTER,
    SECOND,
    Bank,
    Found,
    a_booking,
    after,
    book,
    events_of,
    lines_left,
    queued,
    reconcile,
)

from paywright.core.actor import PermissionMissing
from paywright.core.ids import IssueId, ReconciliationId
from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.gateway.model import StatementLine, StatementUnavailable
from paywright.identity.permissions import Role
from paywright.issues import rules_engine
from paywright.issues.decide import decide_issues
from paywright.issues.model import Action, IssueType, ReviewDecision, Routing
from paywright.issues.reconciliation import open_reconciliation_issue
from paywright.issues.review import review_issue
from paywright.issues.route import Thresholds
from paywright.issues.views import Filters, list_issues
from paywright.jobs.registry import Registry
from paywright.reconciliation import jobs, store
from paywright.reconciliation.ask import NotAProvider, ask_for_daily, ask_for_reconciliation
from paywright.reconciliation.fail import fail_reconciliations
from paywright.reconciliation.model import LineOutcome, RunState
from paywright.reconciliation.run import LinesLost, TakenOver, carry_out
from paywright.reconciliation.tasks import Reconcile
from paywright.reconciliation.views import list_reconciliations
from paywright.rulesets.cache import RuleSetCache
from paywright.rulesets.load import load_rule_set


async def ask(db: Database, **changes: Any) -> ReconciliationId:
    run = await ask_for_reconciliation(
        db, after(**changes), provider=BANK, day=DAY, providers=[BANK]
    )
    return run.id


async def issues(db: Database) -> list[Any]:
    filters = Filters(type=IssueType.RECONCILIATION)
    page = await list_issues(db, a_cause(), filters=filters, cursor=None, limit=100)
    return [item.issue for item in page.items]


async def open_issue(db: Database, found: Found) -> None:
    await open_reconciliation_issue(
        db, after(), reconciliation_id=found.run.id, reason="differences"
    )


async def test_a_statement_that_breaks_off_finds_no_differences(db: Database) -> None:
    made = [a_booking(n) for n in range(1, 4)]
    await book(db, *made)
    found = await reconcile(db, Bank(*(it.line() for it in made), breaks_after=2))
    assert (found.run.state, found.run.failure) == (RunState.FAILED, "the connection was lost")
    assert (found.run.differences, found.items, found.run.outcomes) == (0, [], {})
    assert await events_of(db, found.run.id) == ["reconciliation.failed"]
    assert await queued(db, "review_reconciliation") == []
    assert await lines_left(db) == 0


@pytest.mark.parametrize(
    "changes", [{"amount": Money(0, "EUR")}, {"reference": ""}, {"reference": "a\0"}], ids=repr
)
async def test_a_statement_with_a_line_that_cannot_be_is_no_statement(
    db: Database, changes: dict[str, Any]
) -> None:
    found = await reconcile(db, Bank(a_booking(1).line(), a_booking(2).line(**changes)))
    assert found.run.state is RunState.FAILED
    assert (found.run.failure or "").startswith("line 2: ")


async def test_each_run_is_kept_and_the_list_shows_the_last_of_a_day(db: Database) -> None:
    bank = Bank(a_booking(1).line())
    runs = [(await reconcile(db, bank, cause=after(at=MORNING_AFTER + n * SECOND))).run.id
            for n in range(2)]  # fmt: skip
    other = (await reconcile(db, bank, day=DAY - timedelta(days=1))).run.id

    async def listed(**filters: Any) -> set[ReconciliationId]:
        page = await list_reconciliations(db, a_cause(Role.VIEWER), cursor=None, limit=9, **filters)
        return {run.id for run in page.items}

    assert await listed() == {runs[1], other}
    assert await listed(is_latest=False) == {*runs, other}
    assert await listed(provider="stripe") == set()
    assert (await Found.of(db, runs[0])).outcomes == [LineOutcome.MISSING_HERE]


async def test_a_run_that_was_cut_short_is_begun_again_from_the_start(db: Database) -> None:
    made = [a_booking(n) for n in range(1, 5)]
    await book(db, *made)
    id = await ask(db)
    lines = [it.line() for it in made]
    with pytest.raises(StatementUnavailable):
        await carry_out(
            db, after(), reconciliation_id=id, statement=Bank(*lines, breaks_after=3).statement
        )
    assert (await Found.of(db, id)).run.state is RunState.RUNNING
    done = await carry_out(db, after(), reconciliation_id=id, statement=Bank(*lines).statement)
    assert (done.attempts, done.outcomes, done.lines_read) == (2, {"matched": 4}, 8)
    with pytest.raises(TakenOver):
        await carry_out(db, after(), reconciliation_id=id, statement=Bank().statement)


async def test_a_worker_that_comes_back_too_late_changes_nothing(db: Database) -> None:
    made = [a_booking(n) for n in range(1, 4)]
    await book(db, *made)
    id = await ask(db)
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def slow(since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        yield made[0].line()
        halfway.set()
        await go_on.wait()
        yield made[1].line()

    stalled = asyncio.create_task(carry_out(db, after(), reconciliation_id=id, statement=slow))
    await halfway.wait()
    whole = Bank(*(it.line() for it in made))
    done = await carry_out(db, after(), reconciliation_id=id, statement=whole.statement)
    go_on.set()
    with pytest.raises(TakenOver):
        await stalled
    found = await Found.of(db, id)
    assert found.run == done
    assert found.run.outcomes == {"matched": 3}
    assert await lines_left(db) == 0


async def test_lines_that_a_crash_of_the_server_took_are_noticed(db: Database) -> None:
    """What an unlogged table loses is all that it has."""
    made = a_booking(1)
    await book(db, made)
    id = await ask(db)

    async def crashing(since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        for _ in range(5_000):
            yield made.line()
        await db.pool.execute("truncate reconciliation_lines")

    with pytest.raises(LinesLost):
        await carry_out(db, after(), reconciliation_id=id, statement=crashing)
    assert (await Found.of(db, id)).run.state is RunState.RUNNING


async def test_asking_twice_is_one_run(db: Database) -> None:
    first, again = await asyncio.gather(ask(db), ask(db))
    assert first == again
    (task,) = await queued(db, "reconcile")
    assert UUID(task["reconciliation_id"]) == first
    with pytest.raises(NotAProvider):
        await ask_for_reconciliation(db, after(), provider="nobody", day=DAY, providers=[BANK])


async def test_the_schedule_asks_once_a_day_however_many_workers_there_are(db: Database) -> None:
    async def daily(at: datetime) -> None:
        await ask_for_daily(db, a_cause(at=at), providers=[BANK, "stripe"])

    await asyncio.gather(*(daily(MORNING_AFTER) for _ in range(4)))
    await daily(MORNING_AFTER + timedelta(hours=3))
    page = await list_reconciliations(db, a_cause(), cursor=None, limit=100)
    assert {(run.provider, run.day, run.is_scheduled) for run in page.items} == {
        (BANK, DAY, True), ("stripe", DAY, True),
    }  # fmt: skip
    assert len(await queued(db, "reconcile")) == len(page.items) == 2
    await daily(MORNING_AFTER + timedelta(days=2))
    assert len(await queued(db, "reconcile")) == 6


async def test_what_a_process_left_behind_is_given_up(db: Database) -> None:
    async def killed(since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        for _ in range(5_000):
            yield a_booking(1).line()
        raise KeyError("as good as a kill -9")

    bank = SimpleNamespace(statement=killed)
    with pytest.raises(KeyError):
        await reconcile(db, bank)  # type: ignore[arg-type]
    assert await lines_left(db) == 5_000
    for days, state in ((0.9, RunState.RUNNING), (1.1, RunState.FAILED)):
        await ask_for_daily(db, a_cause(at=MORNING_AFTER + timedelta(days=days)), providers=[])
        (run,) = (await list_reconciliations(db, a_cause(), cursor=None, limit=9)).items
        assert run.state is state
    assert await lines_left(db) == 0


def the_app(db: Database, providers: Mapping[str, Bank]) -> Any:
    return SimpleNamespace(db=db, gateway=SimpleNamespace(providers=providers))


async def test_a_worker_does_it_and_tries_again_while_the_provider_is_away(db: Database) -> None:
    made = [a_booking(n) for n in range(1, 4)]
    await book(db, *made)

    class Shaky(Bank):
        async def statement(self, since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
            self.breaks_after = 1 if len(self.asked) < 2 else None
            async for line in super().statement(since, until):
                yield line

    registry = Registry()
    registry.job(Reconcile, on_dead=fail_reconciliations, policy=QUICK)(jobs.run_reconcile)
    id = await ask(db)
    async with working(db, registry, the_app(db, {BANK: Shaky(*(it.line() for it in made))})):

        async def is_done() -> bool:
            return (await Found.of(db, id)).run.state is RunState.COMPLETED

        await until(is_done, what="the worker")
    found = await Found.of(db, id)
    assert (found.run.outcomes, found.run.attempts) == ({"matched": 3}, 3)


async def test_a_run_whose_job_dies_has_failed_and_a_person_is_asked(db: Database) -> None:
    registry = Registry()
    registry.job(Reconcile, on_dead=fail_reconciliations, policy=QUICK)(jobs.run_reconcile)
    id = await ask(db)
    bank = Bank(a_booking(1).line(), breaks_after=0)
    async with working(db, registry, the_app(db, {BANK: bank})):

        async def is_dead() -> bool:
            return (await Found.of(db, id)).run.state is RunState.FAILED

        await until(is_dead, what="the last attempt")
    found = await Found.of(db, id)
    assert found.run.failure == "StatementUnavailable: the connection was lost"
    assert (found.run.differences, len(bank.asked)) == (0, QUICK.attempts_max)
    (task,) = await queued(db, "review_reconciliation")
    assert (UUID(task["reconciliation_id"]), task["reason"]) == (id, "failed")
    await open_reconciliation_issue(db, after(), reconciliation_id=id, reason="failed")
    (issue,) = await issues(db)
    assert issue.details["failure"] == "StatementUnavailable: the connection was lost"


async def test_one_issue_tells_of_all_that_differs(db: Database) -> None:
    made = [a_booking(n) for n in range(1, 31)]
    await book(db, *made)
    twice = made[29].line(reference="bp_again", booked_at=made[29].at + SECOND)
    found = await reconcile(db, Bank(made[29].line(), twice))
    for _ in range(2):
        await open_issue(db, found)
    (issue,) = await issues(db)
    assert (issue.transaction_id, issue.customer_id) == (str(found.run.id), "paywright")
    details = issue.details
    assert (details["reason"], details["provider"], details["day"]) == (
        "differences", BANK, "2026-01-05",
    )  # fmt: skip
    assert (details["differences"], len(details["items"])) == (30, 20)
    assert details["outcomes"] == {"matched": 1, "missing_there": 29, "duplicate_there": 1}
    assert details["items"][0] == {
        "outcome": "duplicate_there", "kind": "payout", "key": str(made[29].id),
        "payment_id": str(made[29].id), "our_status": "succeeded", "our_amount": "10.30 EUR",
        "their_reference": "bp_again", "their_amount": "10.30 EUR",
    }  # fmt: skip


async def rules(db: Database) -> RuleSetCache:
    await load_rule_set(
        db, a_cause(), source=rules_engine.default_source(), schemas=rules_engine.SCHEMAS,
        expected_name=rules_engine.RULE_SET,
    )  # fmt: skip
    return RuleSetCache(rules_engine.RULE_SET, rules_engine.SCHEMAS)


async def test_no_machine_decides_it_and_no_second_issue_comes_before_it_is_settled(
    db: Database,
) -> None:
    await book(db, a_booking(1))
    await open_issue(db, await reconcile(db, Bank()))
    (issue,) = await issues(db)
    asked = [(after(), issue.id)]
    (decision,) = await decide_issues(db, await rules(db), asked, defaults=Thresholds(0, 0, 0))
    assert (decision.action, decision.routing) == (Action.ESCALATE, Routing.ESCALATE)

    async def again(n: int) -> int:
        await open_issue(
            db, await reconcile(db, Bank(), cause=after(at=MORNING_AFTER + n * SECOND))
        )
        return len(await issues(db))

    assert [await again(n) for n in (1, 2)] == [1, 1]
    await review_issue(
        db, after(), issue_id=IssueId.of(issue.id), decision=ReviewDecision.REJECT, action=None,
        comment="the bank has sent it since",
    )  # fmt: skip
    assert await again(3) == 2
    await book(db, a_booking(2))
    assert await again(4) == 3


async def test_who_may_ask_and_who_may_look(db: Database) -> None:
    viewer = after(actor=a_cause(Role.VIEWER).actor)
    with pytest.raises(PermissionMissing):
        await ask_for_reconciliation(db, viewer, provider=BANK, day=DAY, providers=[BANK])
    with pytest.raises(PermissionMissing):
        await reconcile(db, Bank(), cause=viewer)
    async with db.snapshot() as tx:
        assert await store.queued(tx, BANK, DAY) is None
