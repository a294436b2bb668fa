"""Who is challenged, how, and what is written down of it."""

from datetime import datetime, timedelta
from uuid import UUID

from tests.builders import NOON, a_cause
from tests.challenges.challenging import (
    KEYS,
    MINA,
    a_binding,
    answer,
    challenged,
    event_types,
    events,
    open_one,
    register,
    texts,
)

from paywright.challenges.draw import draw_code
from paywright.challenges.model import Challenge, Method, Passed, Status, Subject
from paywright.challenges.open import ChallengeImpossible, open_challenges
from paywright.challenges.store import newest
from paywright.core.ids import PaymentId, UserId
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.identity import users_store
from paywright.identity.model import User
from paywright.identity.permissions import Role
from paywright.notifications.model import Channel


async def test_the_message_names_amount_and_payee(db: Database) -> None:
    await register(db)
    await challenged(db, a_binding(amount_minor=700_001, payee="acc_of_the_mill"))
    (text,) = await texts(db)
    assert "7000.01 EUR" in text
    assert "acc_of_the_mill" in text
    assert "5 minutes" in text


async def test_a_challenge_tells_how_often_and_how_long_it_can_be_answered(db: Database) -> None:
    await register(db)
    binding = a_binding()
    made = await open_one(db, binding)
    assert isinstance(made, Challenge)
    assert (made.method, made.channel, made.status) == (Method.OTP, Channel.EMAIL, Status.OPEN)
    assert (made.tries_left, made.resends_left) == (5, 3)
    assert made.expires_at == NOON + timedelta(minutes=5)
    async with db.snapshot() as tx:
        assert await newest(tx, [binding.payment_id]) == [made]


async def test_who_has_only_a_phone_gets_a_text_message(db: Database) -> None:
    await register(db, phone="+4915112345678")
    made = await open_one(db, a_binding())
    assert isinstance(made, Challenge)
    assert made.channel is Channel.SMS


async def test_who_has_email_and_phone_gets_an_email(db: Database) -> None:
    await register(db, phone="+4915112345678", email="mina@example.org")
    made = await open_one(db, a_binding())
    assert isinstance(made, Challenge)
    assert made.channel is Channel.EMAIL


async def test_a_user_is_asked_at_the_address_they_sign_in_with(db: Database) -> None:
    user = User(
        id=UserId.new(NOON),
        email="petra@example.org",
        name="Petra Probe",
        role=Role.OPERATOR,
        password_hash="$argon2id$none",
        created_by="system",
        created_at=NOON,
        password_changed_at=NOON,
    )
    async with db.transaction() as tx:
        await users_store.insert(tx, KEYS, user)
    binding = a_binding()
    code = await challenged(db, binding, Subject("user", str(user.id)))
    assert isinstance(await answer(db, binding, code), Passed)


async def test_a_payment_of_nobody_who_can_be_reached_cannot_be_confirmed(db: Database) -> None:
    await register(db, name="Mina Muster")
    for subject in (
        MINA,
        Subject("customer", "cust_unknown"),
        Subject("user", "key_01jf0000000000000000000000"),
        Subject("user", str(UserId.new(NOON))),
    ):
        assert isinstance(await open_one(db, a_binding(), subject), ChallengeImpossible)
    assert await texts(db) == []


async def test_one_who_cannot_be_reached_does_not_keep_others_from_their_codes(
    db: Database,
) -> None:
    await register(db)
    bad = Subject("customer", "cust_bad")
    await register(db, bad, email="no address")
    wanted = [(a_cause(), a_binding(), MINA), (a_cause(), a_binding(), bad)]
    async with db.transaction() as tx:
        first, second = await open_challenges(tx, KEYS, wanted)
    assert isinstance(first, Challenge)
    assert isinstance(second, ChallengeImpossible)
    assert len(await texts(db)) == 1


async def test_a_new_challenge_for_a_payment_takes_the_place_of_the_one_before(
    db: Database,
) -> None:
    await register(db)
    binding = a_binding()
    old = await challenged(db, binding)
    new = await challenged(db, binding, at=NOON + timedelta(seconds=1))
    if old != new:
        assert not isinstance(await answer(db, binding, old), Passed)
    assert isinstance(await answer(db, binding, new), Passed)
    assert (await event_types(db)).count("challenge.voided") == 1


async def test_a_hundred_challenges_are_as_many_statements_as_one(db: Database) -> None:
    await register(db)
    asked: list[str] = []
    sizes: list[int] = []
    async with db.transaction() as tx:
        tx.add_query_logger(lambda query: asked.append(query.query))
        for count in (1, 1, 100):  # the driver learns the types at the first time
            asked.clear()
            wanted = [(a_cause(), a_binding(), MINA) for _ in range(count)]
            made = await open_challenges(tx, KEYS, wanted)
            assert all(isinstance(it, Challenge) for it in made)
            sizes.append(len(asked))
    assert sizes[1] == sizes[2]


async def test_neither_the_code_nor_the_address_is_written_down_in_the_clear(db: Database) -> None:
    await register(db, email="secret.mina@example.org")
    code = await challenged(db, a_binding(payee="DE00 secret account"))
    async with db.pool.acquire() as connection:
        for table in ("challenges", "events", "messages", "pgqueuer", "challenge_subjects"):
            rows = await connection.fetch(f"select * from {table}")
            for value in (value for row in rows for value in row.values()):
                plain = value if isinstance(value, bytes) else str(value).encode()
                assert b"secret" not in plain, table
                assert code.encode() not in plain or isinstance(value, UUID | datetime), table


async def test_the_hash_of_a_code_says_nothing_without_the_key(db: Database) -> None:
    await register(db)
    binding = a_binding()
    await challenged(db, binding)
    async with db.pool.acquire() as connection:
        row = await connection.fetchrow("select id, code_hash from challenges")
    stranger = KeyRing.from_hex("f1e2d3c4b5a69788" * 4, "k1")
    assert row is not None
    hits = [
        number
        for number in range(1000)
        if stranger.is_hash_of(row["code_hash"], f"{number:06d}", context="")
    ]
    assert hits == []


async def test_a_code_of_a_payment_that_is_confirmed_is_not_kept(db: Database) -> None:
    await register(db)
    binding = a_binding()
    code = await challenged(db, binding)
    await answer(db, binding, code)
    async with db.pool.acquire() as connection:
        row = await connection.fetchrow("select code_hash, recipient from challenges")
    assert row is not None
    assert (row["code_hash"], row["recipient"]) == (None, None)


async def test_an_event_names_the_payment_as_the_api_does(db: Database) -> None:
    await register(db)
    binding = a_binding()
    await challenged(db, binding)
    (created,) = [data for type, data in await events(db) if type == "challenge.created"]
    assert str(PaymentId.of(binding.payment_id)) in created


async def test_codes_may_begin_with_zeros() -> None:
    drawn = [draw_code() for _ in range(2000)]
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in drawn)
    assert any(code.startswith("0") for code in drawn)
    assert len(set(drawn)) > 1900
