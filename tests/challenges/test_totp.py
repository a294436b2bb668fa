"""Authenticator apps: set up, used, taken away."""

import asyncio
import base64
import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from tests.builders import NOON, a_cause
from tests.challenges.challenging import (
    KEYS,
    MINA,
    a_binding,
    answer,
    event_types,
    events,
    open_one,
    register,
    texts,
)

from paywright.challenges.codes import step_of
from paywright.challenges.confirm_totp import confirm_totp
from paywright.challenges.model import Challenge, Method, Passed, Subject
from paywright.challenges.remove_totp import remove_totp
from paywright.challenges.request_totp import NewTotp, request_totp
from paywright.challenges.resend import resend_code
from paywright.challenges.rules import (
    NothingToResend,
    OtpInvalid,
    OtpLocked,
    OtpVoid,
)
from paywright.challenges.totp_access import (
    NothingToConfirm,
    OwnAppOnly,
    OwnReset,
    TotpEnrolled,
    TotpNotEnrolled,
)
from paywright.core.actor import Actor, PermissionMissing
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId, UserId
from paywright.customers.register import NoSuchCustomer
from paywright.db.pool import Database
from paywright.identity.permissions import PERMISSIONS, Role

STEP = timedelta(seconds=30)


async def request(
    db: Database, *, at: datetime = NOON, code: str | None = None, subject: Subject = MINA
) -> NewTotp:
    return await request_totp(db, KEYS, a_cause(at=at), subject=subject, code=code)


async def enrol(db: Database, *, at: datetime = NOON - 2 * STEP) -> pyotp.TOTP:
    """Mina's app. The code of `at` is used up by this."""
    await register(db)
    app = pyotp.TOTP((await request(db, at=at)).secret)
    await confirm_totp(db, KEYS, a_cause(at=at), subject=MINA, code=app.at(at))
    return app


async def remove(db: Database, code: str | None, *, at: datetime = NOON) -> None:
    await remove_totp(db, KEYS, a_cause(at=at), subject=MINA, code=code)


async def test_who_has_an_app_is_asked_for_its_code_and_sent_nothing(db: Database) -> None:
    app = await enrol(db)
    binding = a_binding()
    made = await open_one(db, binding)
    assert isinstance(made, Challenge)
    assert (made.method, made.channel, made.resends_left) == (Method.TOTP, None, 0)
    assert await texts(db) == []
    assert isinstance(await answer(db, binding, app.at(NOON)), Passed)


async def test_an_app_counts_only_when_it_is_confirmed(db: Database) -> None:
    await register(db)
    await request(db)
    made = await open_one(db, a_binding())
    assert isinstance(made, Challenge)
    assert made.method is Method.OTP


async def test_no_code_works_twice(db: Database) -> None:
    app = await enrol(db)
    first, second = a_binding(), a_binding(payee="acc_of_the_thief")
    await open_one(db, first)
    await open_one(db, second)
    code = app.at(NOON)
    assert isinstance(await answer(db, first, code), Passed)
    assert isinstance(await answer(db, second, code), OtpInvalid)
    later = NOON + STEP
    assert isinstance(await answer(db, second, app.at(later), at=later), Passed)


async def test_a_code_for_two_payments_at_once_confirms_one(db: Database) -> None:
    app = await enrol(db)
    bindings = [a_binding() for _ in range(6)]
    for binding in bindings:
        await open_one(db, binding)
    outcomes = await asyncio.gather(*(answer(db, it, app.at(NOON)) for it in bindings))
    assert sum(isinstance(it, Passed) for it in outcomes) == 1


async def test_the_code_that_set_the_app_up_confirms_no_payment(db: Database) -> None:
    app = await enrol(db, at=NOON)
    binding = a_binding()
    await open_one(db, binding)
    assert isinstance(await answer(db, binding, app.at(NOON)), OtpInvalid)


@pytest.mark.parametrize(("steps", "passes"), [(-2, False), (-1, True), (1, True), (2, False)])
async def test_clocks_may_differ_by_one_step(db: Database, steps: int, passes: bool) -> None:
    app = await enrol(db, at=NOON - 4 * STEP)
    binding = a_binding()
    await open_one(db, binding)
    outcome = await answer(db, binding, app.at(NOON + steps * STEP))
    assert isinstance(outcome, Passed) is passes


async def test_a_code_older_than_the_last_one_used_is_refused(db: Database) -> None:
    app = await enrol(db, at=NOON - 4 * STEP)
    first, second = a_binding(), a_binding()
    await open_one(db, first)
    await open_one(db, second)
    await answer(db, first, app.at(NOON))
    assert isinstance(await answer(db, second, app.at(NOON - STEP)), OtpInvalid)


async def test_wrong_codes_of_an_app_lock_as_well(db: Database) -> None:
    app = await enrol(db)
    binding = a_binding()
    await open_one(db, binding)
    for _ in range(5):
        assert isinstance(await answer(db, binding, "nonsense"), OtpInvalid)
    assert isinstance(await answer(db, binding, app.at(NOON)), OtpLocked)


async def test_a_changed_amount_voids_a_challenge_of_an_app(db: Database) -> None:
    app = await enrol(db)
    binding = a_binding()
    await open_one(db, binding)
    changed = a_binding(payment_id=binding.payment_id, amount_minor=99_999)
    assert isinstance(await answer(db, changed, app.at(NOON)), OtpVoid)


async def test_an_app_that_was_taken_away_confirms_nothing(db: Database) -> None:
    app = await enrol(db)
    binding = a_binding()
    await open_one(db, binding)
    await remove(db, None)
    assert isinstance(await answer(db, binding, app.at(NOON)), OtpVoid)


async def test_there_is_no_code_to_send_again(db: Database) -> None:
    await enrol(db)
    binding = a_binding()
    await open_one(db, binding)
    cause = a_cause(at=NOON + timedelta(minutes=1))
    with pytest.raises(NothingToResend):
        await resend_code(db, KEYS, cause, payment_id=PaymentId.of(binding.payment_id))


async def test_an_app_is_replaced_only_with_a_code_of_it(db: Database) -> None:
    app = await enrol(db)
    with pytest.raises(TotpEnrolled):
        await request(db)
    with pytest.raises(OtpInvalid):
        await request(db, code="000000" if app.at(NOON) != "000000" else "000001")
    new = pyotp.TOTP((await request(db, code=app.at(NOON))).secret)
    first, second = a_binding(), a_binding()
    await open_one(db, first)
    later = NOON + STEP
    # Until the new one is confirmed, the old one counts.
    assert isinstance(await answer(db, first, app.at(later), at=later), Passed)
    await confirm_totp(db, KEYS, a_cause(at=later), subject=MINA, code=new.at(later))
    much_later = later + STEP
    await open_one(db, second)
    assert isinstance(await answer(db, second, app.at(much_later), at=much_later), OtpInvalid)
    assert isinstance(await answer(db, second, new.at(much_later), at=much_later), Passed)


async def test_wrong_codes_for_replacing_an_app_are_counted(db: Database) -> None:
    app = await enrol(db)
    for _ in range(10):
        with pytest.raises(OtpInvalid):
            await request(db, code="nonsense")
    with pytest.raises(OtpLocked):
        await request(db, code=app.at(NOON))
    with pytest.raises(OtpLocked):
        await remove(db, app.at(NOON))


async def test_an_app_is_taken_away_with_a_code_of_it(db: Database) -> None:
    app = await enrol(db)
    with pytest.raises(OtpInvalid):
        await remove(db, "nonsense")
    await remove(db, app.at(NOON))
    with pytest.raises(TotpNotEnrolled):
        await remove(db, app.at(NOON))
    assert await event_types(db) == ["totp.requested", "totp.confirmed", "totp.removed"]


async def test_only_an_administrator_resets_an_app_and_not_their_own(db: Database) -> None:
    await enrol(db)
    with pytest.raises(PermissionMissing):
        await remove_totp(db, KEYS, a_cause(Role.OPERATOR), subject=MINA, code=None)
    me = str(UserId.new(NOON))
    admin = a_cause(actor=Actor(me, PERMISSIONS[Role.ADMIN]))
    with pytest.raises(OwnReset):
        await remove_totp(db, KEYS, admin, subject=Subject("user", me), code=None)
    await remove_totp(db, KEYS, admin, subject=MINA, code=None)


async def test_nobody_sets_up_an_app_for_another_user(db: Database) -> None:
    me, other = (Subject("user", str(UserId.new(NOON))) for _ in range(2))
    mine: Cause = a_cause(actor=Actor(me.id, PERMISSIONS[Role.ADMIN]))
    await request_totp(db, KEYS, mine, subject=me)
    with pytest.raises(OwnAppOnly):
        await request_totp(db, KEYS, mine, subject=other)


async def test_only_who_may_change_customers_sets_up_their_apps(db: Database) -> None:
    await register(db)
    with pytest.raises(PermissionMissing):
        await request_totp(db, KEYS, a_cause(Role.VIEWER), subject=MINA)


async def test_a_customer_who_is_not_on_file_gets_no_app(db: Database) -> None:
    with pytest.raises(NoSuchCustomer):
        await request(db)


async def test_what_is_not_confirmed_in_time_is_forgotten(db: Database) -> None:
    await register(db)
    app = pyotp.TOTP((await request(db)).secret)
    late = a_cause(at=NOON + timedelta(minutes=15))
    with pytest.raises(NothingToConfirm):
        await confirm_totp(db, KEYS, late, subject=MINA, code=app.at(late.at))
    with pytest.raises(NothingToConfirm):
        await confirm_totp(
            db, KEYS, a_cause(), subject=Subject("customer", "cust_olaf"), code="000000"
        )


async def test_two_requests_at_once_leave_one_secret_that_counts(db: Database) -> None:
    await register(db)
    made = await asyncio.gather(*(request(db) for _ in range(5)))
    confirmed = 0
    for it in made:
        app = pyotp.TOTP(it.secret)
        try:
            await confirm_totp(db, KEYS, a_cause(), subject=MINA, code=app.at(NOON))
        except (OtpInvalid, NothingToConfirm):
            continue
        confirmed += 1
    assert confirmed == 1


async def test_the_secret_is_shown_once_and_kept_encrypted(db: Database) -> None:
    await register(db)
    made = await request(db)
    assert made.secret in made.otpauth_url
    assert made.otpauth_url.startswith("otpauth://totp/Paywright:cust_mina?")
    assert made.secret not in repr(made)
    async with db.pool.acquire() as connection:
        kept = await connection.fetchval("select pending_secret from totp_enrolments")
    assert made.secret.encode() not in kept
    assert all(made.secret not in data for _, data in await events(db))


_VECTORS = Path(__file__).parents[3] / "shared/testdata/10_identifiers/totp_rfc6238_vectors.tsv"


@pytest.mark.skipif(not _VECTORS.exists(), reason="no test data here")
def test_codes_are_those_of_rfc_6238() -> None:
    """The vectors of SHA-1 have eight digits; ours are the last six of them."""
    with _VECTORS.open() as file:
        vectors = [it for it in csv.DictReader(file, delimiter="\t") if it["algorithm"] == "SHA1"]
    assert len(vectors) == 6
    for vector in vectors:
        secret = base64.b32encode(vector["secret_ascii"].encode()).decode()
        seconds = int(vector["unix_time"])
        at = datetime.fromtimestamp(seconds, UTC)
        step = step_of(secret, vector["otp8"][-6:], at=at, after=0)
        assert step == seconds // 30, vector
