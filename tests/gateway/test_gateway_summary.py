"""What operators read: plain English, and every number from the figures."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON

from paywright.gateway.breaker import Breaker, State
from paywright.gateway.figures import Figures, Standing, Window
from paywright.gateway.model import OrderKind, Why
from paywright.gateway.summary import REASONS, summary

AT_10_42 = NOON.replace(hour=10, minute=42)
AT = AT_10_42 + timedelta(seconds=18)


def a_breaker(**changes: Any) -> Breaker:
    fields = {
        "provider": "partner_bank",
        "state": State.CLOSED,
        "generation": 1,
        "changed_at": AT_10_42,
        "window_at": AT_10_42,
    }
    return Breaker(**fields | changes)


def a_standing(
    name: str = "partner_bank",
    *,
    breaker: Breaker | None = None,
    lost: dict[str, int] | None = None,
    median_ms: int | None = None,
    **outcomes: int,
) -> Standing:
    failed = sum((lost or {}).values())
    window = Window(
        seconds=600,
        outcomes=({"lost": failed} if failed else {}) | outcomes,
        lost=lost or {},
        median_ms=median_ms,
        p95_ms=median_ms,
    )
    return Standing(name=name, handles=[OrderKind.PAYOUT], breaker=breaker, window=window)


def told(*providers: Standing, minutes: int = 10) -> str:
    return "\n".join(summary(Figures(at=AT, minutes=minutes, providers=providers)))


def test_an_outage_is_told_as_an_operator_would() -> None:
    breaker = a_breaker(state=State.OPEN, open_until=AT + timedelta(seconds=11.2))
    standing = a_standing(breaker=breaker, lost={"timeout": 20, "server_error": 8}, approved=12)
    assert told(standing) == (
        "In the last 10 minutes 28 of 40 attempts (70 %) with partner_bank failed, most with "
        "timeout. The circuit breaker has been open since 10:42 UTC; the next probe is in 12 s."
    )


def test_nothing_that_happened_is_one_sentence() -> None:
    assert told() == "In the last 10 minutes no provider was called."
    quiet = (a_standing(), a_standing("stripe", breaker=a_breaker()))
    assert told(*quiet, minutes=1) == "In the last minute no provider was called."


def test_several_providers_have_a_line_each_after_one_for_all() -> None:
    text = told(
        a_standing(lost={"timeout": 3, "throttled": 2, "server_error": 3}, approved=32,
                   median_ms=1_310),
        a_standing("stripe", approved=1_230, declined=1, median_ms=96, breaker=a_breaker()),
        a_standing("backup_bank", breaker=a_breaker(state=State.HALF_OPEN)),
    )  # fmt: skip
    assert text.splitlines() == [
        "In the last 10 minutes 8 of 1,271 attempts (0.6 %) with 2 providers failed.",
        "partner_bank: 8 of 40 attempts (20 %) failed, most often with timeout; the median latency "
        "was 1,310 ms. Its circuit breaker is closed.",
        "stripe: all 1,231 attempts got an answer; 1 was declined; the median latency was 96 ms. "
        "Its circuit breaker has been closed since 10:42 UTC.",
        "backup_bank: not called. Its circuit breaker has been half-open since 10:42 UTC and lets "
        "only probes through.",
    ]


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        (a_standing(approved=1), "the only attempt with partner_bank got an answer."),
        (a_standing(approved=2), "both attempts with partner_bank got an answer."),
        (a_standing(approved=3), "all 3 attempts with partner_bank got an answer."),
        (
            a_standing(lost={"timeout": 1}),
            "the only attempt with partner_bank failed, with timeout.",
        ),
        (
            a_standing(lost={"unreadable": 1}, approved=1),
            "1 of 2 attempts (50 %) with partner_bank failed, with an unreadable answer.",
        ),
        (
            a_standing(lost={"server_error": 3}),
            "3 of 3 attempts (100 %) with partner_bank failed, all with a server error.",
        ),
        (
            a_standing(approved=2, declined=2),
            "all 4 attempts with partner_bank got an answer; 2 were declined.",
        ),
        (
            a_standing(lost={"connection_lost": 1}, approved=9_999),
            "1 of 10,000 attempts (under 0.1 %) with partner_bank failed, with a lost connection.",
        ),
        (
            a_standing(lost={"throttled": 9_999}, approved=1),
            "9,999 of 10,000 attempts (over 99.9 %) with partner_bank failed, all with throttling.",
        ),
        (
            a_standing(lost={"throttled": 2}, approved=81),
            "2 of 83 attempts (2.4 %) with partner_bank failed, all with throttling.",
        ),
    ],
)  # fmt: skip
def test_counts_are_told_in_correct_english(standing: Standing, sentence: str) -> None:
    assert told(standing) == f"In the last 10 minutes {sentence} The circuit breaker is closed."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"state": State.OPEN, "open_until": AT - timedelta(seconds=1)},
            "has been open since 10:42 UTC; the next call is a probe.",
        ),
        (
            {"state": State.OPEN, "forced": State.OPEN, "forced_by": "usr_x", "forced_why": "7 %"},
            "has been forced open by usr_x since 10:42 UTC.",
        ),
        (
            {"forced": State.CLOSED, "forced_by": "system"},
            "has been forced closed by system since 10:42 UTC.",
        ),
        (
            {"changed_at": AT_10_42 - timedelta(days=1)},
            "has been closed since 2026-01-04 10:42 UTC.",
        ),
    ],
)
def test_the_breaker_is_told_with_since_when(changes: dict[str, Any], sentence: str) -> None:
    text = told(a_standing(approved=3, breaker=a_breaker(**changes)))
    assert text.endswith(f"The circuit breaker {sentence}")


def test_a_breaker_that_is_not_closed_is_told_though_nobody_calls() -> None:
    breaker = a_breaker(state=State.OPEN, open_until=AT + timedelta(seconds=90))
    assert told(a_standing(breaker=breaker)) == (
        "In the last 10 minutes partner_bank was not called. The circuit breaker has been open "
        "since 10:42 UTC; the next probe is in 90 s."
    )
    assert told(a_standing(breaker=breaker), a_standing("stripe")).splitlines() == [
        "In the last 10 minutes no provider was called.",
        "partner_bank: not called. Its circuit breaker has been open since 10:42 UTC; the next "
        "probe is in 90 s.",
        "stripe: not called. Its circuit breaker is closed.",
    ]


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == set(Why)


@given(failed=st.integers(0, 10**6), answered=st.integers(0, 10**6), minutes=st.integers(1, 1440))
def test_no_share_is_told_as_none_or_all_that_is_not(
    failed: int, answered: int, minutes: int
) -> None:
    standing = a_standing(lost={"timeout": failed} if failed else {}, approved=answered)
    text = told(standing, minutes=minutes)
    assert ("(100 %)" in text) == (failed > 1 and answered == 0)
    assert "(0 %)" not in text
    assert ("got an answer" in text) == (failed == 0 and answered > 0)
    assert " 1 attempts" not in text
