"""Decide issues: claim them, weigh the evidence, route by confidence, put it on file.

Two transactions a batch. The first marks the issues as `processing`, so that everybody sees
that a worker has them; the second decides, and only what still carries the mark of this very
claim: a worker that was thought dead and comes back finds that it may not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.core.cause import Cause
from paywright.core.ids import ActionId, DecisionId, IssueId
from paywright.db.pool import Database, Tx
from paywright.events.emit import Event, emit_all
from paywright.issues import rules_engine, store
from paywright.issues.evidence import gather_facts
from paywright.issues.facts import Facts
from paywright.issues.model import (
    Action,
    ActionStatus,
    Decision,
    Issue,
    RequestedAction,
    Routing,
    Status,
)
from paywright.issues.route import Thresholds, effective_thresholds, route
from paywright.rulesets.cache import RuleSetCache
from paywright.rulesets.compile import RuleSet


async def decide_issues(
    db: Database,
    rule_sets: RuleSetCache,
    asked: Sequence[tuple[Cause, IssueId]],
    *,
    defaults: Thresholds,
) -> list[Decision]:
    """Decide those of the issues that are still undecided; the decisions made.

    Issues that are decided already, or unknown, are passed over: a job that is delivered twice
    decides once. Raises what the rules raise (no active rule set), changing nothing but the
    claim, which the next attempt renews.
    """
    causes = {issue_id: cause for cause, issue_id in asked}
    at = max(cause.at for cause in causes.values())
    async with db.transaction() as tx:
        claimed = await store.claim_issues(tx, list(causes), at=at)
        await emit_all(tx, [(causes[issue.id], _processing(issue)) for issue in claimed])
    if not claimed:
        return []
    async with db.transaction() as tx:
        rule_set = await rule_sets.current(tx)
        issues = await store.lock_claimed(tx, claimed)
        facts = await gather_facts(tx, issues, at=at)
        decisions = [
            _decide(rule_set, issue, fact, causes[issue.id], defaults)
            for issue, fact in zip(issues, facts, strict=True)
        ]
        await _file(tx, causes, decisions, at=at)
    return decisions


def _decide(
    rule_set: RuleSet, issue: Issue, facts: Facts, cause: Cause, defaults: Thresholds
) -> Decision:
    verdict = rules_engine.decide(rule_set, facts)
    thresholds = effective_thresholds(defaults, rule_set.thresholds_for(issue.type))
    return Decision(
        id=DecisionId.new(cause.at),
        issue_id=issue.id,
        action=verdict.action,
        confidence=verdict.confidence,
        reasoning=verdict.reasoning,
        policy_applied=verdict.policy_applied,
        policy_version=verdict.policy_version,
        engine=verdict.engine,
        routing=route(verdict, thresholds),
        inputs=msgspec.to_builtins(facts),
        decided_at=cause.at,
    )


async def _file(
    tx: Tx, causes: Mapping[IssueId, Cause], decisions: Sequence[Decision], *, at: datetime
) -> None:
    actions = [
        requested_action(causes[made.issue_id], made.issue_id, made.action, source="machine")
        for made in decisions
        if made.routing is Routing.AUTO_RESOLVE
    ]
    await store.insert_decisions(tx, decisions)
    await store.insert_actions(tx, actions)
    await store.set_decided(tx, decisions, at=at)
    told = [(causes[made.issue_id], _decided(made)) for made in decisions]
    told += [(causes[action.issue_id], action_requested(action)) for action in actions]
    await emit_all(tx, told)


def requested_action(
    cause: Cause, issue_id: IssueId, action: Action, *, source: str
) -> RequestedAction:
    """An action that is to be taken. The slice that executes it moves it on from `requested`."""
    return RequestedAction(
        id=ActionId.new(cause.at),
        issue_id=issue_id,
        action=action,
        source=source,
        status=ActionStatus.REQUESTED,
        parameters={},
        requested_by=cause.actor.id,
        requested_at=cause.at,
        updated_at=cause.at,
    )


def action_requested(action: RequestedAction) -> Event:
    facts = {"action_id": str(action.id), "action": action.action.value, "source": action.source}
    return Event("issue.action_requested", str(action.issue_id), facts)


def status_after(routing: Routing) -> Status:
    """An issue is resolved when it is settled what to do; anything unsure waits for a person."""
    return Status.RESOLVED if routing is Routing.AUTO_RESOLVE else Status.AWAITING_REVIEW


def _processing(issue: Issue) -> Event:
    return Event(
        "issue.processing",
        str(issue.id),
        {"attempt": issue.attempts},
        before=None,
        after={"status": Status.PROCESSING.value},
    )


def _decided(decision: Decision) -> Event:
    facts = {
        "decision_id": str(decision.id),
        "action": decision.action.value,
        "confidence": decision.confidence,
        "routing": decision.routing.value,
        "policy_applied": decision.policy_applied,
        "policy_version": decision.policy_version,
        "engine": decision.engine.value,
    }
    return Event(
        "issue.decided",
        str(decision.issue_id),
        facts,
        before={"status": Status.PROCESSING.value},
        after={"status": status_after(decision.routing).value},
    )
