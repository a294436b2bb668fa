"""A code that did not come is sent again, within limits."""

import asyncio
from datetime import datetime, timedelta

import pytest
from tests.builders import NOON, a_cause
from tests.challenges.challenging import (
    KEYS,
    MINA,
    a_binding,
    answer,
    challenged,
    event_types,
    newest_code,
    other_than,
    register,
    texts,
)

from paywright.challenges.model import Binding, Passed
from paywright.challenges.resend import NoSuchChallenge, Resent, resend_code
from paywright.challenges.rules import (
    OtpExpired,
    OtpInvalid,
    OtpLocked,
    OtpUsed,
    ResendsUsed,
    ResendTooSoon,
)
from paywright.core.actor import PermissionMissing
from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.identity.permissions import Role


@pytest.fixture
async def binding(db: Database) -> Binding:
    await register(db)
    return a_binding()


def _after(**passed: float) -> datetime:
    return NOON + timedelta(**passed)


async def resend(db: Database, binding: Binding, at: datetime) -> Resent:
    payment_id = PaymentId.of(binding.payment_id)
    return await resend_code(db, KEYS, a_cause(at=at), payment_id=payment_id)


async def test_a_new_code_takes_the_place_of_the_old_one(db: Database, binding: Binding) -> None:
    old = await challenged(db, binding)
    at = _after(seconds=30)
    sent = await resend(db, binding, at)
    assert sent.recipient == "c***@example.org"
    assert (sent.resends_left, sent.expires_at) == (2, at + timedelta(minutes=5))
    new = await newest_code(db)
    if old != new:
        assert isinstance(await answer(db, binding, old, at=at), OtpInvalid)
    assert isinstance(await answer(db, binding, new, at=at), Passed)
    assert "challenge.resent" in await event_types(db)


async def test_the_new_message_names_amount_and_payee_as_well(
    db: Database, binding: Binding
) -> None:
    await challenged(db, binding)
    await resend(db, binding, _after(seconds=30))
    first, second = await texts(db)
    assert "123.45 EUR" in second
    assert binding.payee in second
    assert first != second


async def test_between_two_codes_are_thirty_seconds(db: Database, binding: Binding) -> None:
    await challenged(db, binding)
    with pytest.raises(ResendTooSoon) as refused:
        await resend(db, binding, _after(seconds=29.5))
    assert refused.value.headers == {"Retry-After": "1"}
    await resend(db, binding, _after(seconds=30))
    with pytest.raises(ResendTooSoon):
        await resend(db, binding, _after(seconds=59))


async def test_a_code_is_sent_again_three_times_at_most(db: Database, binding: Binding) -> None:
    await challenged(db, binding)
    left = [(await resend(db, binding, _after(minutes=it))).resends_left for it in (1, 2, 3)]
    assert left == [2, 1, 0]
    with pytest.raises(ResendsUsed):
        await resend(db, binding, _after(minutes=4))
    assert len(await texts(db)) == 4


async def test_a_flood_of_requests_sends_one_code(db: Database, binding: Binding) -> None:
    await challenged(db, binding)
    at = _after(minutes=1)
    outcomes = await asyncio.gather(
        *(resend(db, binding, at) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(it, Resent) for it in outcomes) == 1
    assert sum(isinstance(it, ResendTooSoon) for it in outcomes) == 49
    assert len(await texts(db)) == 2


async def test_sending_again_gives_no_tries_back(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    for _ in range(4):
        await answer(db, binding, other_than(code))
    at = _after(minutes=1)
    await resend(db, binding, at)
    last = await answer(db, binding, other_than(await newest_code(db)), at=at)
    assert isinstance(last, OtpInvalid)
    assert last.extra["tries_left"] == 0
    with pytest.raises(OtpLocked):
        await resend(db, binding, _after(minutes=2))


async def test_no_code_lives_longer_than_fifteen_minutes_after_the_first(
    db: Database, binding: Binding
) -> None:
    await challenged(db, binding)
    for minutes in (4.9, 9.8):
        await resend(db, binding, _after(minutes=minutes))
    sent = await resend(db, binding, _after(minutes=14))
    assert sent.expires_at == _after(minutes=15)
    late = await answer(db, binding, await newest_code(db), at=_after(minutes=15))
    assert isinstance(late, OtpExpired)


async def test_what_is_over_is_not_sent_again(db: Database, binding: Binding) -> None:
    code = await challenged(db, binding)
    with pytest.raises(OtpExpired):
        await resend(db, binding, _after(minutes=5))
    await answer(db, binding, code)
    with pytest.raises(OtpUsed):
        await resend(db, binding, _after(minutes=1))


async def test_a_new_code_goes_where_the_first_one_went(db: Database, binding: Binding) -> None:
    """Who can change a customer does not get at the codes of payments that wait."""
    await challenged(db, binding)
    await register(db, MINA, email="mallory@example.net")
    sent = await resend(db, binding, _after(minutes=1))
    assert sent.recipient.endswith("@example.org")


async def test_a_payment_that_needed_no_code_has_none_to_send(db: Database) -> None:
    with pytest.raises(NoSuchChallenge):
        await resend(db, a_binding(), NOON)


async def test_who_may_not_move_money_may_not_send_codes(db: Database, binding: Binding) -> None:
    await challenged(db, binding)
    cause = a_cause(Role.VIEWER, at=_after(minutes=1))
    with pytest.raises(PermissionMissing):
        await resend_code(db, KEYS, cause, payment_id=PaymentId.of(binding.payment_id))
