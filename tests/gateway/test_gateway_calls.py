"""The record of calls and the shared breakers, on a real database, with rivals."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from tests.builders import NOON, a_cause, an_actor
from tests.gateway.test_gateway_breaker import POLICY

from paywright.core.actor import Permission, PermissionMissing
from paywright.db.pool import Database, Row
from paywright.events import history
from paywright.gateway import attempts_store, breakers_store, calls
from paywright.gateway.breaker import Breaker, Policy, State, in_window
from paywright.gateway.breakers import lock_breakers
from paywright.gateway.calls import Begun, Ended, Intent, Try, Waits
from paywright.gateway.model import (
    Answer,
    Approved,
    Declined,
    Lost,
    NotFound,
    OrderKind,
    Pending,
    Why,
)
from paywright.gateway.override import BreakerOverrideInvalid, UnknownProvider, set_breaker

SECOND = timedelta(seconds=1)
TIMEOUT = Lost(why=Why.TIMEOUT)
APPROVED = Approved("bank_1")


def an_intent(*providers: str, operation_id: UUID | None = None, **changes: Any) -> Intent:
    operation_id = operation_id or uuid4()
    return Intent(
        **{
            "operation_id": operation_id,
            "payment_id": operation_id,
            "kind": OrderKind.PAYOUT,
            "call": "submit",
            "providers": providers or ("bank",),
        }
        | changes
    )


def ended(intent: Intent, begun: Begun | Waits, *answers: Answer | NotFound) -> Ended:
    assert isinstance(begun, Begun)
    return Ended(
        operation_id=intent.operation_id,
        payment_id=intent.payment_id,
        kind=intent.kind,
        begun=begun,
        tries=[Try(answer=it, call="submit", latency_ms=20) for it in answers],
    )


async def begin(
    db: Database, *intents: Intent, policy: Policy = POLICY, at: datetime = NOON
) -> list[Begun | Waits]:
    async with db.transaction() as tx:
        return await calls.begin(tx, intents, policy=policy, at=at)


async def end(db: Database, *all_ended: Ended, at: datetime = NOON) -> None:
    async with db.transaction() as tx:
        await calls.end(tx, a_cause(at=at), all_ended, policy=POLICY, at=at)


async def call(
    db: Database, *answers: Answer | NotFound, provider: str = "bank", at: datetime = NOON
) -> Intent:
    """A whole call of a new operation, with its repetitions."""
    intent = an_intent(provider)
    [begun] = await begin(db, intent, at=at)
    await end(db, ended(intent, begun, *answers), at=at)
    return intent


async def broken(db: Database, provider: str = "bank", at: datetime = NOON) -> None:
    """A provider that has just been given up."""
    await call(db, TIMEOUT, TIMEOUT, TIMEOUT, provider=provider, at=at)


async def breaker_of(db: Database, provider: str = "bank") -> Breaker:
    async with db.transaction() as tx:
        return (await breakers_store.read(tx, [provider]))[provider]


async def rows_of(db: Database, operation_id: UUID) -> list[Row]:
    async with db.transaction() as tx:
        return await tx.fetch(
            "select * from provider_attempts where operation_id = $1 order by seq", operation_id
        )


async def told(db: Database, provider: str = "bank") -> list[str]:
    async with db.transaction() as tx:
        return [it.type for it in await history(tx, provider)]


async def test_a_call_is_on_file_before_it_is_made(db: Database) -> None:
    intent = an_intent(kind=OrderKind.CHARGE, call="look_up")
    [begun] = await begin(db, intent)
    assert begun == Begun("bank", 1, "look_up", "closed", 0)
    [row] = await rows_of(db, intent.operation_id)
    assert (row["provider"], row["kind"], row["call"]) == ("bank", "charge", "look_up")
    assert (row["started_at"], row["ended_at"], row["outcome"]) == (NOON, None, None)


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (APPROVED, "approved", None),
        (Declined("AC04"), "declined", "AC04"),
        (Declined("x\0" * 200), "declined", "x" * 100),
        (Pending("bank_2"), "pending", None),
        (NotFound(), "not_found", None),
        (TIMEOUT, "lost", "timeout"),
        (Lost(why=Why.UNREACHABLE, sent=False), "unsent", "unreachable"),
    ],
    ids=["approved", "declined", "long code", "pending", "not found", "lost", "unsent"],
)
async def test_what_came_back_is_put_into_words(
    db: Database, answer: Answer | NotFound, outcome: str, code: str | None
) -> None:
    intent = await call(db, answer, at=NOON + SECOND)
    [row] = await rows_of(db, intent.operation_id)
    assert (row["outcome"], row["code"], row["latency_ms"]) == (outcome, code, 20)
    assert row["ended_at"] == NOON + SECOND


async def test_each_repetition_has_a_row_in_order(db: Database) -> None:
    one, other = an_intent(), an_intent()
    first, second = await begin(db, one, other)
    await end(
        db,
        ended(one, first, TIMEOUT, Lost(why=Why.THROTTLED), APPROVED),
        ended(other, second, NotFound(), Declined("AC04")),
        at=NOON + SECOND,
    )
    rows = await rows_of(db, one.operation_id)
    assert [(it["seq"], it["code"], it["outcome"]) for it in rows] == [
        (1, "timeout", "lost"),
        (2, "throttled", "lost"),
        (3, None, "approved"),
    ]
    assert {it["started_at"] for it in rows} == {NOON}
    assert [it["outcome"] for it in await rows_of(db, other.operation_id)] == [
        *("not_found", "declined"),
    ]
    [begun] = await begin(db, an_intent(operation_id=one.operation_id))
    assert isinstance(begun, Begun)
    assert begun.seq == 4


async def test_a_call_that_has_ended_stays_as_it_is_and_counts_once(db: Database) -> None:
    intent = an_intent()
    [begun] = await begin(db, intent)
    await end(db, ended(intent, begun, TIMEOUT, APPROVED))
    before = await rows_of(db, intent.operation_id), await breaker_of(db)
    await end(db, ended(intent, begun, TIMEOUT, TIMEOUT, Declined("AC04")), at=NOON + SECOND)
    assert (await rows_of(db, intent.operation_id), await breaker_of(db)) == before


async def test_two_turns_of_one_operation_that_overlap_each_keep_their_rows(db: Database) -> None:
    intent = an_intent()
    [first] = await begin(db, intent)
    [second] = await begin(db, intent, at=NOON + SECOND)
    await end(db, ended(intent, first, TIMEOUT, APPROVED), at=NOON + 2 * SECOND)
    await end(db, ended(intent, second, NotFound()), at=NOON + 3 * SECOND)
    rows = await rows_of(db, intent.operation_id)
    assert [it["outcome"] for it in rows] == ["lost", "not_found", "approved"]


@pytest.mark.parametrize(
    ("answers", "may_be_sent"),
    [
        ([Lost(why=Why.UNREACHABLE, sent=False), NotFound()], False),
        ([Lost(why=Why.UNREACHABLE, sent=False), TIMEOUT], True),
        ([Declined("AC04")], True),
    ],
    ids=["never sent", "lost at last", "declined"],
)
async def test_history_tells_whether_anybody_may_have_heard_of_it(
    db: Database, answers: Sequence[Answer | NotFound], may_be_sent: bool
) -> None:
    intent = await call(db, *answers)
    new, unanswered = uuid4(), an_intent()
    await begin(db, unanswered)
    async with db.transaction() as tx:
        past = await calls.history(tx, [intent.operation_id, new, unanswered.operation_id])
    assert past[intent.operation_id] == attempts_store.History(len(answers), may_be_sent)
    assert past[new] == attempts_store.History(0, may_have_been_sent=False)
    assert past[unanswered.operation_id] == attempts_store.History(1, may_have_been_sent=True)


async def test_failures_open_a_breaker_for_everybody_and_say_so(db: Database) -> None:
    await broken(db)
    first, second = await begin(db, an_intent(), an_intent(), at=NOON + SECOND)
    assert first == Waits(NOON + timedelta(seconds=10.1))
    assert second == Waits(NOON + timedelta(seconds=10.2))
    [third] = await begin(db, an_intent(), at=NOON + SECOND)
    assert third == Waits(NOON + timedelta(seconds=10.3))
    async with db.transaction() as tx:
        [event] = await history(tx, "bank")
    assert event.type == "provider.breaker_opened"
    assert event.data == {
        "state": "open",
        "failures_in_a_row": 3,
        "calls": 3,
        "failures": 3,
        "openings": 1,
        "open_until": "2026-01-05T12:00:10Z",
    }


async def test_who_waits_leaves_no_attempt_behind(db: Database) -> None:
    await broken(db)
    intent = an_intent()
    await begin(db, intent, at=NOON + SECOND)
    assert await rows_of(db, intent.operation_id) == []


async def test_probes_close_it_again(db: Database) -> None:
    await broken(db)
    later = NOON + 10 * SECOND
    intents = [an_intent() for _ in range(3)]
    one, two, three = await begin(db, *intents, at=later)
    assert isinstance(three, Waits)
    assert [it.breaker for it in (one, two) if isinstance(it, Begun)] == ["half_open"] * 2
    await end(db, ended(intents[0], one, APPROVED), ended(intents[1], two, APPROVED), at=later)
    assert (await breaker_of(db)).state is State.CLOSED
    assert await told(db) == [
        *("provider.breaker_opened", "provider.breaker_half_open", "provider.breaker_closed"),
    ]


@pytest.mark.parametrize(
    ("answer", "calls_and_failures"),
    [
        (Declined("AC04"), (1, 0)),
        (NotFound(), (1, 0)),
        (Lost(why=Why.THROTTLED), (1, 0)),
        (Lost(why=Why.CONFLICT), (1, 0)),
        (Lost(why=Why.SERVER_ERROR), (1, 1)),
        (Lost(why=Why.UNAUTHORIZED), (1, 1)),
    ],
    ids=["declined", "not found", "throttled", "conflict", "server error", "unauthorized"],
)
async def test_only_what_tells_against_the_provider_is_a_failure(
    db: Database, answer: Answer | NotFound, calls_and_failures: tuple[int, int]
) -> None:
    await call(db, answer)
    assert in_window(await breaker_of(db), POLICY, at=NOON) == calls_and_failures


async def test_the_next_provider_is_asked_while_a_breaker_is_open(db: Database) -> None:
    await broken(db)
    both = [an_intent("bank", "backup") for _ in range(3)]
    begun = await begin(db, *both, an_intent("bank"), at=NOON + SECOND)
    assert [it.provider for it in begun[:3] if isinstance(it, Begun)] == ["backup"] * 3
    # Those who went elsewhere took no place in the line.
    assert begun[3] == Waits(NOON + timedelta(seconds=10.1))


async def test_who_finds_all_shut_waits_for_the_one_that_opens_first(db: Database) -> None:
    await broken(db, "backup")
    await broken(db, at=NOON + 5 * SECOND)
    [waits] = await begin(db, an_intent("bank", "backup"), at=NOON + 6 * SECOND)
    assert waits == Waits(NOON + timedelta(seconds=10.1))
    assert (await breaker_of(db)).drain_at is None


async def test_those_beyond_the_probes_go_to_the_next_provider(db: Database) -> None:
    await broken(db)
    both = [an_intent("bank", "backup") for _ in range(5)]
    begun = await begin(db, *both, at=NOON + 10 * SECOND)
    providers = [it.provider for it in begun if isinstance(it, Begun)]
    assert providers == ["bank"] * 2 + ["backup"] * 3


async def test_rivals_share_the_probes_and_the_line(db: Database) -> None:
    await broken(db)

    async def arrive() -> list[Begun | Waits]:
        return await begin(db, *(an_intent() for _ in range(5)), at=NOON + 10 * SECOND)

    results = [it for many in await asyncio.gather(*(arrive() for _ in range(8))) for it in many]
    assert sum(isinstance(it, Begun) for it in results) == POLICY.probes
    slots = sorted(it.retry_at for it in results if isinstance(it, Waits))
    assert len(set(slots)) == 38
    assert slots[-1] - slots[0] == 37 * SECOND / 10
    assert (await told(db)).count("provider.breaker_half_open") == 1


async def test_rivals_lose_no_outcome_not_even_of_the_first_calls_ever(db: Database) -> None:
    async def many(provider: str) -> None:
        for _ in range(5):
            intents = [an_intent(provider) for _ in range(4)]
            begun = await begin(db, *intents)
            await end(db, *(ended(a, b, APPROVED) for a, b in zip(intents, begun, strict=True)))

    await asyncio.gather(*(many(it) for it in ("bank", "backup") * 4))
    for provider in ("bank", "backup"):
        window = in_window(await breaker_of(db, provider), POLICY, at=NOON)
        assert window == (80, 0)


async def test_batches_that_name_the_same_providers_in_any_order_do_not_deadlock(
    db: Database,
) -> None:
    names = ("bank", "backup", "third")
    for name in names:
        await broken(db, name)

    async def mixed(turn: int) -> None:
        intents = [an_intent(names[(turn + n) % 3], names[(turn - n) % 3]) for n in range(6)]
        begun = await begin(db, *intents, at=NOON + 10 * SECOND)
        going = [
            ended(a, b, APPROVED)
            for a, b in zip(intents, begun, strict=True)
            if isinstance(b, Begun)
        ]
        await end(db, *going, at=NOON + 10 * SECOND)

    await asyncio.wait_for(asyncio.gather(*(mixed(it) for it in range(30))), timeout=30)


async def test_a_closed_breaker_keeps_nobody_waiting(db: Database, database_url: str) -> None:
    await call(db, APPROVED)
    rival = await asyncpg.connect(database_url)
    try:
        async with rival.transaction():
            await rival.execute("select from provider_breakers for update")
            [begun] = await asyncio.wait_for(begin(db, an_intent()), timeout=5)
    finally:
        await rival.close()
    assert isinstance(begun, Begun)


async def test_an_outcome_of_before_the_opening_does_not_close_it(db: Database) -> None:
    early = [an_intent() for _ in range(4)]
    begun = await begin(db, *early)
    await broken(db)
    await begin(db, an_intent(), an_intent(), at=NOON + 10 * SECOND)
    late = (ended(a, b, APPROVED) for a, b in zip(early, begun, strict=True))
    await end(db, *late, at=NOON + 11 * SECOND)
    breaker = await breaker_of(db)
    assert (breaker.state, breaker.probes_passed) == (State.HALF_OPEN, 0)


async def test_a_person_keeps_a_breaker_open_until_it_is_taken_back(db: Database) -> None:
    known = {"bank"}
    kept = await set_breaker(
        db, a_cause(), provider="bank", known=known, wanted=State.OPEN, why=" they move house "
    )
    assert (kept.forced, kept.forced_by, kept.forced_why) == (
        *(State.OPEN, "system"),
        "they move house",
    )
    assert isinstance((await begin(db, an_intent(), at=NOON + 3600 * SECOND))[0], Waits)
    free = await set_breaker(
        db, a_cause(), provider="bank", known=known, wanted=None, why="they are back"
    )
    assert free == await breaker_of(db)
    assert isinstance((await begin(db, an_intent()))[0], Begun)
    async with db.transaction() as tx:
        forced, released = await history(tx, "bank")
    assert (forced.type, forced.data["why"]) == ("provider.breaker_forced", "they move house")
    assert (released.type, released.after) == (
        "provider.breaker_released",
        {"state": "closed", "forced": None},
    )


async def test_a_person_keeps_a_breaker_closed_whatever_happens(db: Database) -> None:
    await broken(db)
    await set_breaker(
        db, a_cause(), provider="bank", known={"bank"}, wanted=State.CLOSED, why="we know better"
    )
    await broken(db)
    [begun] = await begin(db, an_intent())
    assert isinstance(begun, Begun)
    assert begun.breaker == "closed"


async def test_letting_go_of_what_nobody_keeps_changes_nothing(db: Database) -> None:
    await broken(db)
    before = await breaker_of(db)
    after = await set_breaker(db, a_cause(), provider="bank", known={"bank"}, wanted=None, why="")
    assert after == before
    assert await told(db) == ["provider.breaker_opened"]


async def test_an_override_needs_a_right_a_provider_and_a_reason(db: Database) -> None:
    async def ask(*permissions: Permission, **changes: Any) -> None:
        asked = {"provider": "bank", "known": {"bank"}, "wanted": State.OPEN, "why": "a test"}
        await set_breaker(db, a_cause(actor=an_actor(*permissions)), **asked | changes)

    with pytest.raises(PermissionMissing):
        await ask(Permission.READ_PROVIDERS)
    with pytest.raises(UnknownProvider, match="nowhere"):
        await ask(Permission.MANAGE_PROVIDERS, provider="nowhere")
    for wrong in ({"why": "  "}, {"why": "x" * 501}, {"wanted": State.HALF_OPEN}):
        with pytest.raises(BreakerOverrideInvalid):
            await ask(Permission.MANAGE_PROVIDERS, **wrong)
    async with db.transaction() as tx:
        assert await tx.fetchval("select count(*) from provider_breakers") == 0


async def test_every_state_of_a_breaker_comes_back_as_it_was_saved(db: Database) -> None:
    full = Breaker(
        provider="bank",
        state=State.OPEN,
        generation=2**40,
        changed_at=NOON,
        forced=State.OPEN,
        forced_by="usr_1",
        forced_why="a test",
        open_until=NOON + SECOND,
        openings=3,
        failures_in_a_row=4,
        window_at=NOON,
        calls=(1, 2, 3),
        failures=(0, 1, 2),
        probes_until=(NOON, NOON + SECOND),
        probes_passed=1,
        drain_at=NOON + 5 * SECOND,
    )
    assert all(getattr(full, it.name) for it in msgspec.structs.fields(Breaker))
    async with db.transaction() as tx:
        await lock_breakers(tx, ["bank"], at=NOON)
        await breakers_store.save(tx, full)
        assert await tx.fetchval("select count(*) from provider_breakers") == 1
        assert await breakers_store.read(tx, ["bank"]) == {"bank": full}


async def test_attempts_are_listed_newest_first_in_pages_that_miss_none(db: Database) -> None:
    await call(db, APPROVED, provider="backup")
    for second in range(3):
        intents = [an_intent() for _ in range(3)]
        begun = await begin(db, *intents, at=NOON + second * SECOND)
        await end(
            db,
            *(ended(a, b, NotFound(), APPROVED) for a, b in zip(intents, begun, strict=True)),
            at=NOON + second * SECOND,
        )
    async with db.transaction() as tx:
        whole = await attempts_store.recent(tx, "bank", before=None, limit=100)
        paged, before = [], None
        while page := await attempts_store.recent(tx, "bank", before=before, limit=4):
            paged += page
            before = (page[-1].started_at, page[-1].operation_id, page[-1].seq)
    assert len(whole) == 18
    assert paged == whole
    assert whole == sorted(
        whole, key=lambda it: (it.started_at, it.operation_id, it.seq), reverse=True
    )


async def test_tallies_count_what_was_begun_since(db: Database) -> None:
    await call(db, Declined("AC04"), provider="backup")
    await call(db, APPROVED)
    later = NOON + 60 * SECOND
    await call(db, TIMEOUT, Lost(why=Why.UNREACHABLE, sent=False), APPROVED, at=later)
    await call(db, Declined("AC04"), at=later)
    await begin(db, an_intent(), at=later)
    async with db.transaction() as tx:
        lately = await attempts_store.tallies(tx, since=later)
        all_of_it = await attempts_store.tallies(tx, since=NOON)
    assert list(lately) == ["bank"]
    tally = lately["bank"]
    assert (tally.attempts, tally.median_ms, tally.p95_ms) == (5, 20, 20)
    assert tally.outcomes == {"lost": 1, "unsent": 1, "approved": 1, "declined": 1}
    assert tally.lost == {"timeout": 1, "unreachable": 1}
    assert all_of_it["backup"].outcomes == {"declined": 1}
    assert all_of_it["backup"].lost == {}
