"""What other rules would have made of past payments. Changes nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.core.ids import ExemptionId
from paywright.db.pool import Database
from paywright.risk import exemptions_store
from paywright.risk.assess import Verdict, judge
from paywright.risk.model import Assessment, Exemption, Fired, Level
from paywright.risk.rule_set import RULE_SET, SCHEMAS, named
from paywright.risk.views import assessments_between
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.rulesets.report import RuleSetInvalid

_PAGE = 500
SAMPLE_MAX = 100
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


class PeriodInvalid(Invalid):
    """The period ends before it begins."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that would have come to another level."""

    payment_id: UUID
    at: datetime
    score_before: int
    score_after: int
    level_before: Level
    level_after: Level
    fired_before: Sequence[Fired]
    fired_after: Sequence[Fired]


class RuleCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule fires, and its points in all; what was waived is in neither."""

    rule_id: str
    fired_before: int
    fired_after: int
    points_before: int
    points_after: int


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """`moves`: how many payments go from one level to another, `low→high`. `changes`: a sample of
    these, oldest first. `is_complete`: all payments of the period were looked at."""

    version: str
    assessed: int
    is_complete: bool
    before: dict[Level, int]
    after: dict[Level, int]
    moves: dict[str, int]
    rules: Sequence[RuleCount]
    changes: Sequence[Change]


async def dry_run(
    db: Database,
    cause: Cause,
    *,
    source: str,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> DryRun:
    """Judge the facts that past payments were judged on, by another rule set.

    since, until: payments made in [since, until), by the time in their ids
    limit:        look at no more than that many, from the oldest on
    progress:     is told how many were looked at so far

    An exemption that was used covers the payment again; what a payment that is declined by the
    new rules would have left out of the velocity of later ones is not played through.

    Raises PermissionMissing, RuleSetInvalid, PeriodInvalid.
    """
    cause.actor.require(Permission.MANAGE_RULES)
    rules = await asyncio.to_thread(compile_source, source, SCHEMAS)
    if rules.name != RULE_SET:
        raise RuleSetInvalid.field("name", f"must be {RULE_SET}, not {rules.name}")
    if since is not None and until is not None and until <= since:
        raise PeriodInvalid.field("until", "must be after since")
    after = _FIRST if since is None else _first_id(since)
    before = _LAST if until is None else _first_id(until)
    tally = _Tally(rules)
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        # One more than is judged says whether there are more.
        async with db.snapshot() as tx:
            page = await assessments_between(tx, after=after, before=before, limit=size + 1)
            used = [it.exempted for it in page[:size] if it.exempted is not None]
            exemptions = await exemptions_store.by_ids(tx, used) if used else {}
        tally.judge(page[:size], exemptions)
        if progress is not None:
            progress(tally.assessed)
        if len(page) <= size:
            return tally.result(is_complete=True)
        after = page[size - 1].payment_id
        left = None if left is None else left - size
        await asyncio.sleep(0)  # others wait for their turn
    return tally.result(is_complete=False)


def _first_id(at: datetime) -> UUID:
    """Below every id of that moment and later, above every earlier one (RFC 9562, version 7)."""
    return UUID(int=max(int(at.timestamp() * 1000), 0) << 80)


class _Tally:
    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self.assessed = 0
        self._before: Counter[Level] = Counter()
        self._after: Counter[Level] = Counter()
        self._moves: Counter[str] = Counter()
        self._fired: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._points: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._changes: list[Change] = []

    def judge(self, page: Sequence[Assessment], exemptions: dict[ExemptionId, Exemption]) -> None:
        for past in page:
            used = None if past.exempted is None else exemptions.get(past.exempted)
            covering = [] if used is None else [used]
            verdict = judge(self._rules, named(past.facts), covering)
            self._count(past, verdict)

    def _count(self, past: Assessment, verdict: Verdict) -> None:
        self.assessed += 1
        self._before[past.level] += 1
        self._after[verdict.level] += 1
        for side, fired in enumerate((past.fired, verdict.fired)):
            for it in fired:
                if not it.is_waived:
                    self._fired[side][it.rule_id] += 1
                    self._points[side][it.rule_id] += it.points
        if past.level is verdict.level:
            return
        self._moves[f"{past.level}→{verdict.level}"] += 1
        if len(self._changes) < SAMPLE_MAX:
            self._changes.append(_change(past, verdict))

    def result(self, *, is_complete: bool) -> DryRun:
        (fired_before, fired_after), (points_before, points_after) = self._fired, self._points
        return DryRun(
            version=self._rules.version,
            assessed=self.assessed,
            is_complete=is_complete,
            before={level: self._before[level] for level in Level},
            after={level: self._after[level] for level in Level},
            moves=dict(self._moves),
            rules=[
                RuleCount(
                    rule_id=rule,
                    fired_before=fired_before[rule],
                    fired_after=fired_after[rule],
                    points_before=points_before[rule],
                    points_after=points_after[rule],
                )
                for rule in sorted(fired_before.keys() | fired_after.keys())
            ],
            changes=self._changes,
        )


def _change(past: Assessment, verdict: Verdict) -> Change:
    return Change(
        payment_id=past.payment_id,
        at=past.at,
        score_before=past.score,
        score_after=verdict.score,
        level_before=past.level,
        level_after=verdict.level,
        fired_before=past.fired,
        fired_after=verdict.fired,
    )
