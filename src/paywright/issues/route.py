"""What follows from a verdict: carried out, shown to a person, or handed to one. Pure."""

from math import ceil

import msgspec

from paywright.issues.model import Action, Routing, Verdict
from paywright.rulesets.document import Thresholds as RuleSetThresholds


class Thresholds(msgspec.Struct, frozen=True):
    """From which confidence a decision is carried out, or shown to a person. In percent.

    auto_resolve_floor: what no rule set may lower `auto_resolve` below

    Raises ValueError when the numbers contradict each other.
    """

    auto_resolve: int
    human_review: int
    auto_resolve_floor: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.human_review <= self.auto_resolve <= 100:
            raise ValueError("must be 0 ≤ human_review ≤ auto_resolve ≤ 100")
        if not 0 <= self.auto_resolve_floor <= 100:
            raise ValueError("must be 0 ≤ auto_resolve_floor ≤ 100")


def route(verdict: Verdict, thresholds: Thresholds) -> Routing:
    """`escalate` is a request for a person, however sure the machine is that one is needed."""
    if verdict.action is Action.ESCALATE:
        return Routing.ESCALATE
    if verdict.confidence >= max(thresholds.auto_resolve, thresholds.auto_resolve_floor):
        return Routing.AUTO_RESOLVE
    if verdict.confidence >= thresholds.human_review:
        return Routing.HUMAN_REVIEW
    return Routing.ESCALATE


def thresholds(
    *,
    auto_resolve: int,
    human_review: int,
    confidence_threshold: float,
    override: RuleSetThresholds | None = None,
) -> Thresholds:
    """The thresholds that the settings ask for, with those of a rule set put over them.

    auto_resolve, human_review: percent
    confidence_threshold:       0 to 1; nothing below it is ever carried out unseen
    """
    # Rounded first, since 0.07 * 100 is 7.000000000000001 and must not become 8.
    floor = ceil(round(confidence_threshold * 100, 6))
    return effective_thresholds(Thresholds(auto_resolve, human_review, floor), override)


def effective_thresholds(defaults: Thresholds, override: RuleSetThresholds | None) -> Thresholds:
    """`defaults` with what a rule set says instead, and never below the floor of the defaults."""
    chosen = override or defaults
    floor = defaults.auto_resolve_floor
    return Thresholds(max(chosen.auto_resolve, floor), chosen.human_review, floor)
