"""How assessments, dry runs and exemptions are told to callers."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.ids import PaymentId
from paywright.risk.dry_run import DryRun, RuleCount
from paywright.risk.model import Assessment, Exemption, Fired, Level
from paywright.risk.rule_set import named


class FiredView(msgspec.Struct, frozen=True, kw_only=True):
    """`waived`: an exemption took its points away. `failed`: it could not be evaluated."""

    rule_id: str
    points: int
    reason: str
    waived: bool
    failed: bool

    @classmethod
    def all(cls, fired: Sequence[Fired]) -> list["FiredView"]:
        return [
            cls(
                rule_id=it.rule_id,
                points=it.points,
                reason=it.reason,
                waived=it.is_waived,
                failed=it.is_failed,
            )
            for it in fired
        ]


class ListedPartyView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a sanctions list that the payee at another bank may be."""

    list: str
    entry_id: str
    name: str
    matched_name: str
    score: float
    why: Sequence[str]


class AssessmentView(msgspec.Struct, frozen=True, kw_only=True):
    """`payer_id`, `payee_id`: null is the house or, of a payee, somebody at another bank. `facts`:
    what the rules were asked about."""

    payment_id: str
    assessed_at: datetime
    payer_id: str | None
    payee_id: str | None
    score: int
    level: Level
    fired: Sequence[FiredView]
    exemption_id: str | None
    rules_version: str
    lists_generation: int
    facts: dict[str, int | str | bool]
    matches: Sequence[ListedPartyView]

    @classmethod
    def of(cls, it: Assessment) -> "AssessmentView":
        return cls(
            payment_id=str(PaymentId.of(it.payment_id)),
            assessed_at=it.at,
            payer_id=it.payer,
            payee_id=it.payee,
            score=it.score,
            level=it.level,
            fired=FiredView.all(it.fired),
            exemption_id=None if it.exempted is None else str(it.exempted),
            rules_version=it.rules_version,
            lists_generation=it.generation,
            facts=named(it.facts),
            matches=[
                ListedPartyView(
                    list=match.list,
                    entry_id=match.entry_id,
                    name=match.name,
                    matched_name=match.matched_name,
                    score=match.score,
                    why=match.why,
                )
                for match in it.matches
            ],
        )


class AssessmentPage(msgspec.Struct, frozen=True):
    items: Sequence[AssessmentView]
    next_cursor: str | None


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: str
    assessed_at: datetime
    score_before: int
    score_after: int
    level_before: Level
    level_after: Level
    fired_before: Sequence[FiredView]
    fired_after: Sequence[FiredView]


class DryRunView(msgspec.Struct, frozen=True, kw_only=True):
    """`moves`: how many payments would go from one level to another. `changes`: the first of
    them. `is_complete`: no payment of the period was left out."""

    version: str
    assessed: int
    is_complete: bool
    before: dict[str, int]
    after: dict[str, int]
    moves: dict[str, int]
    rules: Sequence[RuleCount]
    changes: Sequence[ChangeView]

    @classmethod
    def of(cls, it: DryRun) -> "DryRunView":
        return cls(
            version=it.version,
            assessed=it.assessed,
            is_complete=it.is_complete,
            before={level.value: count for level, count in it.before.items()},
            after={level.value: count for level, count in it.after.items()},
            moves=it.moves,
            rules=it.rules,
            changes=[
                ChangeView(
                    payment_id=str(PaymentId.of(change.payment_id)),
                    assessed_at=change.at,
                    score_before=change.score_before,
                    score_after=change.score_after,
                    level_before=change.level_before,
                    level_after=change.level_after,
                    fired_before=FiredView.all(change.fired_before),
                    fired_after=FiredView.all(change.fired_after),
                )
                for change in it.changes
            ],
        )


class ExemptionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    customer_id: str
    rule_id: str | None
    payee_id: str | None
    currency: str | None
    amount_max_minor: int | None
    reason: str
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    ended_by: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, it: Exemption) -> "ExemptionView":
        return cls(
            id=str(it.id),
            customer_id=it.customer_id,
            rule_id=it.rule_id,
            payee_id=it.payee,
            currency=it.currency,
            amount_max_minor=it.amount_max_minor,
            reason=it.reason,
            granted_by=it.granted_by,
            granted_at=it.granted_at,
            expires_at=it.expires_at,
            ended_by=it.ended_by,
            ended_at=it.ended_at,
        )


class ExemptionPage(msgspec.Struct, frozen=True):
    items: Sequence[ExemptionView]
    next_cursor: str | None
