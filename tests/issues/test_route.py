"""From confidence to who acts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.issues.model import Action, Engine, Routing, Verdict
from paywright.issues.route import Thresholds, effective_thresholds, route, thresholds
from paywright.rulesets.document import Thresholds as RuleSetThresholds

RANK = {Routing.ESCALATE: 0, Routing.HUMAN_REVIEW: 1, Routing.AUTO_RESOLVE: 2}
percents = st.integers(0, 100)
pairs = st.tuples(percents, percents).map(lambda pair: (max(pair), min(pair)))


def verdict(confidence: int, action: Action = Action.APPROVE_RETRY) -> Verdict:
    return Verdict(
        action=action,
        confidence=confidence,
        reasoning="because",
        policy_applied="rules:decline/any",
        policy_version="0" * 12,
        engine=Engine.RULES,
    )


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (100, Routing.AUTO_RESOLVE),
        (90, Routing.AUTO_RESOLVE),
        (89, Routing.HUMAN_REVIEW),
        (70, Routing.HUMAN_REVIEW),
        (69, Routing.ESCALATE),
        (0, Routing.ESCALATE),
    ],
)
def test_both_thresholds_include_their_own_value(confidence: int, expected: Routing) -> None:
    assert route(verdict(confidence), Thresholds(90, 70)) is expected


@given(percents, pairs)
def test_an_escalation_is_escalated_however_sure(confidence: int, pair: tuple[int, int]) -> None:
    assert route(verdict(confidence, Action.ESCALATE), Thresholds(*pair)) is Routing.ESCALATE


@given(percents, percents, pairs)
def test_more_confidence_never_means_less_autonomy(
    one: int, other: int, pair: tuple[int, int]
) -> None:
    limits = Thresholds(*pair)
    low, high = sorted((one, other))
    assert RANK[route(verdict(low), limits)] <= RANK[route(verdict(high), limits)]


@given(percents, pairs, st.none() | pairs, st.floats(0, 1))
def test_nothing_below_the_confidence_threshold_is_carried_out(
    confidence: int,
    settings: tuple[int, int],
    override: tuple[int, int] | None,
    confidence_threshold: float,
) -> None:
    limits = thresholds(
        auto_resolve=settings[0],
        human_review=settings[1],
        confidence_threshold=confidence_threshold,
        override=RuleSetThresholds(*override) if override else None,
    )
    if route(verdict(confidence), limits) is Routing.AUTO_RESOLVE:
        assert confidence >= confidence_threshold * 100 - 1e-6
        assert confidence >= (override or settings)[0]


@pytest.mark.parametrize(("value", "percent"), [(0.07, 7), (0.29, 29), (0.8, 80), (0.955, 96)])
def test_the_floor_is_rounded_up_but_not_by_binary_fractions(value: float, percent: int) -> None:
    found = thresholds(auto_resolve=0, human_review=0, confidence_threshold=value)
    assert found.auto_resolve == percent


def test_a_rule_set_wins_over_the_settings_but_not_over_the_floor() -> None:
    defaults = thresholds(auto_resolve=90, human_review=70, confidence_threshold=0.8)
    assert effective_thresholds(defaults, None) == Thresholds(90, 70, 80)
    assert effective_thresholds(defaults, RuleSetThresholds(95, 75)) == Thresholds(95, 75, 80)
    assert effective_thresholds(defaults, RuleSetThresholds(50, 20)) == Thresholds(80, 20, 80)


@pytest.mark.parametrize("numbers", [(70, 90), (101, 70), (90, -1), (90, 70, 101)])
def test_contradictory_thresholds_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Thresholds(*numbers)
