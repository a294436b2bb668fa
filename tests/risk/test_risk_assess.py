"""From what is known to a level, without a database."""

from datetime import timedelta

import msgspec
import pytest
from tests.builders import NOON
from tests.risk.risk_building import (
    GOOD,
    RULES,
    a_background,
    a_match,
    a_movement,
    an_exemption,
    rules_with,
)

from paywright.risk.assess import NOT_SCREENED, SANCTIONS_HIT, assess
from paywright.risk.model import Assessment, Level, Party
from paywright.risk.rule_set import SCHEMAS, VARIABLES, default_source, named
from paywright.rulesets.compile import compile_source
from paywright.rulesets.report import RuleSetInvalid

HIT = msgspec.structs.replace(GOOD, is_hit=True, score=93)
UNVERIFIED = msgspec.structs.replace(GOOD, kyc="unverified")


def told(it: Assessment) -> tuple[Level, int, list[str]]:
    return it.level, it.score, [fired.rule_id for fired in it.fired]


def test_an_ordinary_payment_fires_nothing() -> None:
    assert told(assess(a_movement(), a_background())) == (Level.LOW, 0, [])


@pytest.mark.parametrize(
    ("amount_minor", "currency", "score"),
    [
        (500_000, "EUR", 0),
        (500_001, "EUR", 30),
        (1_000_000, "EUR", 30),
        (1_000_001, "EUR", 50),
        (5_000, "JPY", 0),
        (5_001, "JPY", 30),
        (10_001, "JPY", 50),
        (10_000_000, "KWD", 30),
        (10_000_001, "KWD", 50),
        (2**63 - 1, "EUR", 50),
    ],
)
def test_amounts_count_in_whole_units_of_their_currency(
    amount_minor: int, currency: str, score: int
) -> None:
    movement = a_movement(amount_minor=amount_minor, currency=currency)
    assert assess(movement, a_background()).score == score


def test_a_currency_may_have_limits_of_its_own() -> None:
    rules = rules_with("limits: {}", "limits: {JPY: {large: 800000, very_large: 1600000}}")
    for amount_minor, score in ((800_000, 0), (800_001, 30), (1_600_001, 50)):
        movement = a_movement(amount_minor=amount_minor, currency="JPY")
        assert assess(movement, a_background(rules=rules)).score == score


def test_the_sixth_payment_of_a_day_counts_and_each_sees_those_before_it() -> None:
    background = a_background()
    scores = []
    for _ in range(7):
        movement = a_movement()
        scores.append(assess(movement, background).score)
        background.count(movement)
    assert scores == [0, 0, 0, 0, 0, 25, 25]


def test_a_day_begins_at_midnight_in_utc() -> None:
    background = a_background()
    midnight = NOON.replace(hour=0)
    for _ in range(9):
        background.count(a_movement(at=midnight - timedelta(seconds=1)))
    assert assess(a_movement(at=midnight - timedelta(seconds=1)), background).score == 25
    found = named(assess(a_movement(at=midnight), background).facts)
    assert (found["velocity.count_today"], found["velocity.count_1h"]) == (1, 10)
    background.count(a_movement(at=midnight))
    # Another process whose clock is a little behind does not bring yesterday back.
    late = assess(a_movement(at=midnight - timedelta(seconds=1)), background)
    assert named(late.facts)["velocity.count_today"] == 2


def test_an_hour_is_forgotten_and_sums_are_kept_by_currency() -> None:
    background = a_background()
    background.count(a_movement(at=NOON, amount_minor=700))
    background.count(a_movement(at=NOON, amount_minor=50, currency="USD"))
    later = named(assess(a_movement(at=NOON + timedelta(minutes=59)), background).facts)
    assert later["velocity.count_1h"] == 3
    assert later["velocity.sum_today_minor"] == 10_700
    later = named(assess(a_movement(at=NOON + timedelta(minutes=66)), background).facts)
    assert (later["velocity.count_1h"], later["velocity.count_today"]) == (1, 3)


@pytest.mark.parametrize("status", ["unverified", "pending", "rejected"])
def test_who_is_not_verified_pays_with_forty_points(status: str) -> None:
    payer = msgspec.structs.replace(GOOD, kyc=status)
    found = assess(a_movement(), a_background(payer=payer))
    assert told(found) == (Level.LOW, 40, ["kyc-not-verified"])
    assert assess(a_movement(), a_background(payee=payer)).score == 0


def test_a_stranger_is_not_verified_and_cannot_be_screened() -> None:
    found = assess(a_movement(payer="cust_2", payee="nobody"), a_background())
    assert told(found) == (Level.LOW, 0, [])
    background = a_background()
    background.profiles["nobody"] = background.profiles["cust_1"]
    assert told(assess(a_movement(payer="nobody"), background)) == (
        Level.LOW,
        40,
        ["kyc-not-verified"],
    )


def test_points_add_up_to_a_level() -> None:
    movement = a_movement(amount_minor=500_001)
    found = assess(movement, a_background(payer=UNVERIFIED))
    assert told(found) == (Level.HIGH, 70, ["large-amount", "kyc-not-verified"])
    assert found.fired[1].reason == "The identity of the payer is unverified."


@pytest.mark.parametrize("side", ["payer", "payee"])
def test_a_sanctions_hit_of_either_party_blocks(side: str) -> None:
    background = a_background(payer=HIT) if side == "payer" else a_background(payee=HIT)
    found = assess(a_movement(), background)
    assert told(found) == (Level.BLOCKED, 100, ["sanctions-hit"])
    assert "93 percent" in found.fired[0].reason


def test_a_match_of_somebody_at_another_bank_blocks_and_is_kept() -> None:
    movement = a_movement(payee=None, channel="bank", payee_matches=[a_match()])
    found = assess(movement, a_background())
    assert found.level is Level.BLOCKED
    assert found.matches == [a_match()]
    clear = assess(a_movement(payee=None, channel="bank"), a_background())
    assert told(clear) == (Level.LOW, 0, [])
    assert named(clear.facts)["payee.outside"] is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("when: sanctions.payer_hit || sanctions.payee_hit", "when: amount.minor < 0"),
        ("points: 100", "points: 0"),
        ("- id: sanctions-hit\n", "- id: sanctions-hit\n      enabled: false\n"),
        ("{high: 50, blocked: 100}", "{high: 75, blocked: 150}"),
    ],
)
def test_no_rule_set_lets_a_sanctions_hit_through(old: str, new: str) -> None:
    found = assess(a_movement(), a_background(rules=rules_with(old, new), payee=HIT))
    assert found.level is Level.BLOCKED
    assert SANCTIONS_HIT in [it.rule_id for it in found.fired]


@pytest.mark.parametrize(
    "levels",
    [
        "{high: 76, blocked: 100}",
        "{high: 50, blocked: 151}",
        "{high: 50, blocked: 50}",
        "{high: 0, blocked: 100}",
        "{hihg: 50}",
    ],
)
def test_levels_cannot_be_loosened_beyond_their_bounds(levels: str) -> None:
    with pytest.raises(RuleSetInvalid):
        rules_with("{high: 50, blocked: 100}", levels)


def test_points_are_never_negative_and_currencies_must_be_known() -> None:
    with pytest.raises(RuleSetInvalid, match=">= 0"):
        rules_with("points: 30", "points: -30")
    with pytest.raises(RuleSetInvalid, match="unknown currency"):
        rules_with("limits: {}", "limits: {EUX: {large: 1, very_large: 2}}")


def test_a_rule_that_cannot_be_evaluated_makes_a_payment_high() -> None:
    rules = rules_with(
        "enabled: false\n      when: model_score >= 80",
        "when: 100 / (100 - amount.minor) == 7",
    )
    found = assess(a_movement(amount_minor=100), a_background(rules=rules))
    assert told(found) == (Level.HIGH, 50, ["fraud-model"])
    assert found.fired[0].is_failed
    assert "divide by zero" in found.fired[0].reason
    # What the others say still counts: it does not become less.
    blocked = assess(a_movement(amount_minor=100), a_background(rules=rules, payer=HIT))
    assert blocked.level is Level.BLOCKED


def test_who_was_not_screened_makes_a_payment_high() -> None:
    payee = msgspec.structs.replace(GOOD, is_screened=False)
    found = assess(a_movement(), a_background(payee=payee))
    assert told(found) == (Level.HIGH, 50, [NOT_SCREENED])
    waived = assess(a_movement(), a_background(payee=payee, exemptions=[an_exemption()]))
    assert waived.level is Level.HIGH


def test_the_house_is_verified_and_has_no_velocity_but_pays_nobody_on_a_list() -> None:
    background = a_background()
    for _ in range(10):
        movement = a_movement(payer=None, payee="cust_1", amount_minor=5_000_000)
        assert told(assess(movement, background)) == (Level.LOW, 0, [])
        background.count(movement)
    assert background.changed == set()
    found = assess(a_movement(payer=None), a_background(payee=HIT))
    assert found.level is Level.BLOCKED
    assert named(assess(a_movement(payee=None), a_background()).facts)["payee.house"] is True


def test_an_exemption_takes_the_points_away_and_is_named() -> None:
    movement = a_movement(amount_minor=1_000_001)
    exemption = an_exemption(rule_id="large-amount")
    found = assess(movement, a_background(exemptions=[exemption]))
    assert told(found) == (Level.LOW, 20, ["large-amount", "very-large-amount"])
    assert [it.is_waived for it in found.fired] == [True, False]
    assert found.exempted == exemption.id


def test_the_exemption_that_takes_most_is_used_and_one_that_takes_nothing_is_not_named() -> None:
    movement = a_movement(amount_minor=1_000_001)
    narrow, wide = an_exemption(rule_id="large-amount"), an_exemption()
    found = assess(movement, a_background(exemptions=[narrow, wide]))
    assert (found.score, found.exempted) == (0, wide.id)
    idle = assess(a_movement(), a_background(exemptions=[wide]))
    assert idle.exempted is None


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOON},
        {"ended_by": "key_test", "ended_at": NOON},
        {"payee": "cust_9"},
        {"currency": "EUR", "amount_max_minor": 1_000_000},
        {"currency": "USD", "amount_max_minor": 2_000_000},
        {"rule_id": "kyc-not-verified"},
    ],
)
def test_an_exemption_covers_only_what_it_says(changes: dict[str, object]) -> None:
    movement = a_movement(amount_minor=1_000_001)
    found = assess(movement, a_background(exemptions=[an_exemption(**changes)]))
    assert (found.score, found.exempted) == (50, None)


def test_a_sanctions_hit_is_never_exempted() -> None:
    movement = a_movement(amount_minor=1_000_001)
    found = assess(movement, a_background(payer=HIT, exemptions=[an_exemption()]))
    assert (found.level, found.score, found.exempted) == (Level.BLOCKED, 150, None)


def test_facts_are_kept_in_the_order_of_their_names() -> None:
    for movement in (a_movement(), a_movement(payee=None, channel="bank"), a_movement(payer=None)):
        assert list(a_background().facts_of(movement)) == list(VARIABLES)
        assert [type(it) for it in a_background().facts_of(movement).values()] == [
            type(it.default) for it in VARIABLES.values()
        ]
    assert named(["transfer", "api"])["payer.kyc"] == "verified"


def test_the_version_is_the_digest_of_the_file() -> None:
    found = assess(a_movement(), a_background())
    assert found.rules_version == RULES.version
    changed = default_source().replace("points: 30", "points: 30 ")
    assert compile_source(changed, SCHEMAS).version != RULES.version


def test_a_party_of_another_country_is_a_fact() -> None:
    payee = Party(country="FR", since=NOON - timedelta(days=3), kyc="pending")
    found = named(assess(a_movement(), a_background(payee=payee)).facts)
    assert (found["payee.country"], found["payee.days_known"]) == ("FR", 3)
    assert found["payee.kyc"] == "pending"
