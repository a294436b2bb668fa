"""Moving money on a real database: one effect for each key, and an answer of its own for each
order."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.builders import NOON, a_cause
from tests.ledger.building import a_hold, a_post, an_account, an_answer, moved, opened

from paywright.api.movement_answers import RENDER
from paywright.batching import Coalescer
from paywright.core.actor import PermissionMissing
from paywright.core.errors import Problem
from paywright.core.ids import TransferId
from paywright.db.pool import Database
from paywright.events.store import history
from paywright.idempotency import Answer, KeyReused
from paywright.identity.permissions import Role
from paywright.ledger import accounts_store, refusals
from paywright.ledger.model import Account, AccountKind, Instruction, TransferKind
from paywright.ledger.status import freeze_account
from paywright.payments.answering import Render
from paywright.payments.move import move_money
from paywright.payments.orders import (
    Answered,
    Element,
    Order,
    Receipt,
    batch_claim_of,
    claim_of,
)
from paywright.payments.patience import AccountBusy, Patience
from paywright.payments.verify import verify

POST_HOLD, RELEASE_HOLD = TransferKind.POST_HOLD, TransferKind.RELEASE_HOLD
Outcome = Answered | Problem


class Books(NamedTuple):
    """Jane has 1,000; the shop has nothing."""

    bank: Account
    jane: Account
    shop: Account


@pytest.fixture
async def books(db: Database) -> Books:
    bank = await opened(db, kind=AccountKind.ASSET, may_go_negative=True)
    jane, shop = await opened(db), await opened(db, owner="shop")
    await moved(db, a_post(bank, jane, 1000))
    return Books(bank, jane, shop)


def element(instruction: Instruction, key: str | None = None, **changes: Any) -> Element:
    claim = None if key is None else claim_of(instruction, key)
    return Element(instruction, claim, **changes)


def single(instruction: Instruction, key: str = "key-1", role: Role = Role.DISPATCHER) -> Order:
    return Order(cause=a_cause(role, at=instruction.at), elements=[element(instruction, key)])


def batch(*asked: Instruction | Element, key: str | None = None) -> Order:
    elements = [it if isinstance(it, Element) else element(it) for it in asked]
    sent = [
        (it.claim and it.claim.key, msgspec.structs.replace(it.instruction, id=None, at=None))
        for it in elements
    ]
    claim = None if key is None else batch_claim_of(sent, key)
    cause = a_cause(Role.DISPATCHER, at=max(it.instruction.at for it in elements))
    return Order(cause=cause, elements=elements, claim=claim, is_batch=True)


async def move(db: Database, *orders: Order, render: Render = RENDER) -> list[Outcome]:
    return await move_money(db, orders, render=render)


async def told(db: Database, order: Order) -> Answered:
    """The answer to an order that is given one."""
    (outcome,) = await move(db, order)
    assert isinstance(outcome, Answered), outcome
    return outcome


def read(outcome: Outcome) -> dict[str, Any]:
    assert isinstance(outcome, Answered), outcome
    return msgspec.json.decode(outcome.answer.body)


def results(outcome: Outcome) -> list[str]:
    """What became of each element of a batch."""
    return [
        it["problem"].get("result", it["problem"]["type"]) if "problem" in it else "moved"
        for it in read(outcome)["results"]
    ]


async def available(db: Database, *accounts: Account) -> list[int]:
    async with db.snapshot() as tx:
        found = await accounts_store.select(tx, [account.id for account in accounts])
    return [found[account.id].balances().available for account in accounts]


async def count(db: Database, table: str = "payments") -> int:
    return await db.pool.fetchval(f"select count(*) from {table}")


async def sound(db: Database) -> None:
    report = await verify(db, at=NOON)
    assert report.is_sound, [check for check in report.checks if check.broken]


# --- one order ---------------------------------------------------------------------------------


async def test_a_repetition_gets_the_same_bytes_and_moves_nothing(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    first = await told(db, single(a_post(jane, shop, 300)))
    later = a_post(jane, shop, 300, at=NOON + timedelta(hours=3))
    again = await told(db, single(later))
    assert (first.answer.status, first.replayed) == (201, False)
    assert (again.answer, again.replayed) == (first.answer, True)
    assert read(first)["balances"] == {
        "debit": {
            "before": {"balance_minor": 1000, "available_minor": 1000},
            "after": {"balance_minor": 700, "available_minor": 700},
        },
        "credit": {
            "before": {"balance_minor": 0, "available_minor": 0},
            "after": {"balance_minor": 300, "available_minor": 300},
        },
    }
    assert await available(db, jane, shop) == [700, 300]
    assert await count(db) == 1
    await sound(db)


async def test_a_payment_and_its_movement_have_one_uuid_and_tell_who_asked(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    paid = read(await told(db, single(a_post(jane, shop, 300))))
    assert paid["id"][4:] == paid["transfer_id"][4:]
    async with db.snapshot() as tx:
        (event,) = await history(tx, paid["id"])
        assert await history(tx, paid["transfer_id"]) == []
    assert (event.type, event.actor, event.request_id, event.at) == (
        "payment.completed",
        "key_of_dispatcher",
        "req_test",
        NOON,
    )
    assert event.data == {
        "kind": "transfer",
        "status": "succeeded",
        "debit_account_id": str(jane.id),
        "credit_account_id": str(shop.id),
        "amount_minor": 300,
        "currency": "EUR",
    }


async def test_each_step_of_a_hold_is_in_the_log_under_the_hold(db: Database, books: Books) -> None:
    _, jane, shop = books
    ids = [
        TransferId.parse(read(await told(db, single(a_hold(jane, shop, 100), f"hold-{i}")))["id"])
        for i in range(2)
    ]
    await told(db, single(an_answer(POST_HOLD, ids[0], amount_minor=60), "post"))
    await told(db, single(an_answer(RELEASE_HOLD, ids[1]), "release"))
    async with db.snapshot() as tx:
        stories = [[event.type for event in await history(tx, str(i))] for i in ids]
        event = (await history(tx, str(ids[0])))[-1]
    assert stories == [["hold.created", "hold.posted"], ["hold.created", "hold.released"]]
    assert (event.actor, event.data["amount_minor"]) == ("key_of_dispatcher", 60)
    assert await count(db) == 0  # what a hold moves is no payment of its own
    assert await available(db, jane, shop) == [940, 60]
    await sound(db)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"amount_minor": 301}, ["amount_minor"]),
        ({"description": "tea"}, ["description"]),
        ({"currency": "USD"}, ["currency"]),
    ],
)
async def test_another_request_under_the_same_key_is_told_what_differs(
    db: Database, books: Books, changes: dict[str, Any], fields: list[str]
) -> None:
    _, jane, shop = books
    await told(db, single(a_post(jane, shop, 300)))
    other = msgspec.structs.replace(a_post(jane, shop, 300), **changes)
    (outcome,) = await move(db, single(other))
    assert isinstance(outcome, KeyReused)
    assert outcome.extra["fields"] == fields
    assert await available(db, jane, shop) == [700, 300]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": TransferKind.HOLD}, "type"),
        ({"kind": TransferKind.HOLD, "expires_in_s": 9}, "type"),
        ({"amount_minor": None, "balancing_debit": True}, "amount_minor"),
        ({"linked": True}, None),  # says how it is sent, not what is asked
    ],
)
async def test_another_kind_of_request_under_the_same_key_is_another_request(
    db: Database, books: Books, changes: dict[str, Any], field: str | None
) -> None:
    _, jane, shop = books
    await told(db, single(a_post(jane, shop, 300)))
    other = element(msgspec.structs.replace(a_post(jane, shop, 300), **changes), "key-1")
    after = element(a_post(jane, shop, 1), "after")
    first = read(await told(db, batch(other, after)))["results"][0]
    if field is None:
        assert first["replayed"]
    else:
        assert (first["status"], first["problem"]["type"]) == (422, "/problems/key-reused")
        assert field in first["problem"]["fields"]


async def test_the_accounts_of_a_key_are_part_of_it(db: Database, books: Books) -> None:
    bank, jane, shop = books
    await told(db, single(a_post(jane, shop, 300)))
    (outcome,) = await move(db, single(a_post(shop, bank, 300)))
    assert isinstance(outcome, KeyReused)
    assert outcome.extra["fields"] == ["credit_account_id", "debit_account_id"]


async def test_a_refusal_for_what_the_accounts_are_is_kept(db: Database, books: Books) -> None:
    bank, jane, shop = books
    first = await told(db, single(a_post(jane, shop, 1001)))
    assert (first.answer.status, read(first)["result"]) == (422, "exceeds_available")
    assert read(first)["available_minor"] == 1000
    await moved(db, a_post(bank, jane, 5000))
    again = await told(db, single(a_post(jane, shop, 1001)))
    assert (again.answer, again.replayed) == (first.answer, True)
    assert (await told(db, single(a_post(jane, shop, 1001), "key-2"))).answer.status == 201


async def test_every_refusal_of_the_ledger_reaches_the_caller(db: Database, books: Books) -> None:
    bank, jane, shop = books
    stranger, frozen = an_account(), await opened(db)
    await moved(db, a_post(bank, frozen, 10))
    await freeze_account(db, a_cause(), account_id=frozen.id, reason="a court order")
    (hold,) = await moved(db, a_hold(jane, shop, 10))
    full = await opened(db, kind=AccountKind.ASSET, may_go_negative=True)
    await moved(db, a_post(full, await opened(db), 2**63 - 1))
    refused = {
        "account_not_found": a_post(stranger, shop, 1),
        "account_frozen": a_post(frozen, shop, 1),
        "exceeds_available": a_hold(jane, shop, 991),
        "balance_overflow": a_post(full, shop, 1),
        "hold_not_found": an_answer(POST_HOLD, stranger_id()),
        "amount_exceeds_hold": an_answer(POST_HOLD, hold.id, amount_minor=11),
    }
    orders = [single(instruction, result) for result, instruction in refused.items()]
    outcomes = await move(db, *orders)
    assert [read(outcome)["result"] for outcome in outcomes] == list(refused)
    again = await move(db, *orders)
    assert [it.answer for it in again] == [it.answer for it in outcomes]
    assert all(it.replayed for it in again)
    await sound(db)


async def test_what_no_change_of_the_accounts_could_mend_leaves_its_key_free(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    dollars = await opened(db, currency="USD")
    nonsense = [
        a_post(jane, jane, 1),
        a_post(jane, dollars, 1),
        a_post(jane, shop, 0),
        a_hold(jane, shop, 1, expires_in_s=0),
    ]
    for asked in nonsense:
        (outcome,) = await move(db, single(asked))
        assert isinstance(outcome, refusals.Refused)
    assert await count(db, "idempotency_keys") == 0
    assert not (await told(db, single(a_post(jane, shop, 1)))).replayed


async def test_a_batch_of_somebody_who_may_not_is_refused_as_a_whole(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    asked = batch(a_post(jane, shop, 1), key="batch-1")
    viewer = msgspec.structs.replace(asked, cause=a_cause(Role.VIEWER))
    (outcome,) = await move(db, viewer)
    assert isinstance(outcome, PermissionMissing)
    assert results(await told(db, asked)) == ["moved"]


async def test_an_account_that_somebody_keeps_locked_stops_nobody_else(
    db: Database, books: Books
) -> None:
    bank, jane, shop = books
    ben = await opened(db)
    work = partial(move_money, db, render=RENDER, patience=Patience())
    coalescer: Coalescer[Order, Answered] = Coalescer(work)

    async def ask(key: str, asked: Instruction) -> Answered | AccountBusy:
        try:
            return await coalescer.submit(single(asked, key))
        except AccountBusy as busy:
            return busy

    async def all_of_them(start: int) -> list[Answered | AccountBusy]:
        pairs = [(jane, shop), (bank, ben), (ben, shop)] * 2
        asked = [a_post(debit, credit, 1) for debit, credit in pairs]
        return await asyncio.gather(*(ask(f"k{start + i}", it) for i, it in enumerate(asked)))

    async with db.pool.acquire() as stalled, stalled.transaction():
        await stalled.execute("select 1 from accounts where id = $1 for update", jane.id)
        for start in (0, 10):  # the second time nobody waits for the lock at all
            outcomes = await all_of_them(start)
            is_busy = [isinstance(it, AccountBusy) for it in outcomes]
            assert is_busy == [True, False, False] * 2
            assert [read(it)["status"] for it in outcomes if isinstance(it, Answered)] == [
                "succeeded"
            ] * 4
    # Their keys are free, and the account is to be had again.
    assert all(isinstance(it, Answered) for it in await all_of_them(0))
    await sound(db)


def stranger_id() -> TransferId:
    return TransferId.new(NOON)


async def test_who_may_not_move_money_moves_none_and_keeps_no_key(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    (outcome,) = await move(db, single(a_post(jane, shop, 300), role=Role.VIEWER))
    assert isinstance(outcome, PermissionMissing)
    assert await count(db, "idempotency_keys") == 0
    assert not (await told(db, single(a_post(jane, shop, 300)))).replayed


async def test_what_makes_no_sense_leaves_its_key_free(db: Database, books: Books) -> None:
    _, jane, shop = books
    wrong = refusals.AmountInvalid.field("amount_minor", "is missing")
    bad = element(a_post(jane, shop, 300), "key-1", problem=wrong)
    order = Order(cause=a_cause(Role.DISPATCHER), elements=[bad])
    outcomes = await move(db, order, single(a_post(jane, shop, 200), "key-2"))
    assert outcomes[0] is wrong
    assert read(outcomes[1])["amount_minor"] == 200
    assert not (await told(db, single(a_post(jane, shop, 100)))).replayed
    assert await available(db, jane) == [700]


# --- many orders -------------------------------------------------------------------------------


async def test_orders_with_one_key_in_one_list_are_one_order(db: Database, books: Books) -> None:
    _, jane, shop = books
    same = [single(a_post(jane, shop, 300)) for _ in range(3)]
    outcomes = await move(
        db, *same, single(a_post(jane, shop, 301)), single(a_post(jane, shop, 1), "k2")
    )
    first, *rest = outcomes
    assert [isinstance(it, Answered) and it.replayed for it in outcomes] == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert {read(it)["id"] for it in rest[:2]} == {read(first)["id"]}
    assert isinstance(rest[2], KeyReused)
    assert await available(db, jane, shop) == [699, 301]


async def test_orders_are_carried_out_in_the_order_of_the_list(db: Database, books: Books) -> None:
    bank, jane, shop = books
    outcomes = await move(
        db,
        single(a_post(jane, shop, 1000), "all"),
        single(a_post(jane, shop, 1), "one more"),
        single(a_post(shop, bank, 400), "on"),
    )
    assert [it.answer.status for it in outcomes if isinstance(it, Answered)] == [201, 422, 201]
    assert read(outcomes[2])["balances"]["debit"]["before"]["balance_minor"] == 1000


async def test_one_key_may_be_in_two_scopes(db: Database, books: Books) -> None:
    _, jane, shop = books
    one = single(a_post(jane, shop, 1), "same")
    other = batch(a_post(jane, shop, 2), key="same")
    assert not any(it.replayed for it in await move(db, one, other) if isinstance(it, Answered))
    assert await available(db, shop) == [3]


async def test_a_chain_ends_where_its_order_ends(db: Database, books: Books) -> None:
    _, jane, shop = books
    open_chain = batch(a_post(jane, shop, 1), a_post(jane, shop, 2, linked=True), key="open")
    outcomes = await move(db, open_chain, batch(a_post(jane, shop, 4), key="closed"))
    assert [results(it) for it in outcomes] == [["moved", "chain_open"], ["moved"]]
    assert await available(db, shop) == [5]


# --- batches -----------------------------------------------------------------------------------


async def test_a_batch_is_done_once_as_a_whole(db: Database, books: Books) -> None:
    _, jane, shop = books

    def asked(amount: int) -> Order:
        return batch(a_post(jane, shop, 300), a_post(jane, shop, amount), key="batch-1")

    first, again = await told(db, asked(5000)), await told(db, asked(5000))
    assert results(first) == ["moved", "exceeds_available"]
    assert (again.answer, again.replayed) == (first.answer, True)
    (outcome,) = await move(db, asked(5))
    assert isinstance(outcome, KeyReused)
    assert outcome.extra["fields"] == ["transfers"]
    assert await available(db, shop) == [300]


async def test_balances_of_a_batch_chain_up(db: Database, books: Books) -> None:
    _, jane, shop = books
    asked = [a_post(jane, shop, 1), a_hold(jane, shop, 10), a_post(jane, shop, 100)]
    done = read(await told(db, batch(*asked, key="batch-1")))["results"]
    sides = [it["answer"]["balances"] for it in done]
    for side in ("debit", "credit"):
        for one, next_one in pairwise(sides):
            assert one[side]["after"] == next_one[side]["before"]
    assert sides[-1]["debit"]["after"] == {"balance_minor": 899, "available_minor": 889}


async def test_an_element_with_a_key_of_its_own_is_done_once_in_whichever_batch(
    db: Database, books: Books
) -> None:
    _, jane, shop = books

    def asked(amount: int, key: str) -> Element:
        return element(a_post(jane, shop, amount), key)

    first = read(await told(db, batch(asked(1, "a"), asked(2, "b"))))["results"]
    second = read(await told(db, batch(asked(4, "c"), asked(2, "b"), asked(9, "a"))))["results"]
    alone = await told(db, single(a_post(jane, shop, 1), "a"))
    assert [it["status"] for it in second] == [201, 201, 422]
    assert [it.get("replayed", False) for it in second] == [False, True, False]
    assert second[1]["answer"] == first[1]["answer"]
    assert second[2]["problem"]["fields"] == ["amount_minor"]
    assert alone.replayed
    assert read(alone) == first[0]["answer"]
    assert await available(db, shop) == [7]
    await sound(db)


async def test_elements_of_batches_in_one_list_share_their_keys(db: Database, books: Books) -> None:
    _, jane, shop = books
    one = batch(element(a_post(jane, shop, 1), "a"), element(a_post(jane, shop, 2), "b"))
    other = batch(element(a_post(jane, shop, 2), "b"), element(a_post(jane, shop, 4), "c"))
    outcomes = await move(db, one, other, single(a_post(jane, shop, 4), "c"))
    assert [results(it) for it in outcomes[:2]] == [["moved"] * 2] * 2
    assert isinstance(outcomes[2], Answered)
    assert outcomes[2].replayed
    assert await available(db, shop) == [7]


@pytest.mark.parametrize("known", [0, 1, 2])
async def test_of_a_chain_an_element_that_has_happened_is_no_obstacle(
    db: Database, books: Books, known: int
) -> None:
    _, jane, shop = books
    asked = [element(a_post(jane, shop, 2**i, linked=i < 2), f"e{i}") for i in range(3)]
    await told(db, single(a_post(jane, shop, 2**known), f"e{known}"))
    after = element(a_post(jane, shop, 5000), "after")  # stands behind the chain, not in it
    assert results(await told(db, batch(*asked, after))) == [*["moved"] * 3, "exceeds_available"]
    assert await available(db, shop) == [7]
    await sound(db)


@pytest.mark.parametrize("refused", [0, 1, 2])
async def test_a_chain_with_an_element_that_was_refused_before_is_refused(
    db: Database, books: Books, refused: int
) -> None:
    bank, jane, shop = books
    amounts = [5000 if i == refused else 2**i for i in range(3)]
    asked = [element(a_post(jane, shop, n, linked=i < 2), f"e{i}") for i, n in enumerate(amounts)]
    await told(db, single(a_post(jane, shop, 5000), f"e{refused}"))
    await moved(db, a_post(bank, jane, 10_000))  # today there would be enough
    wanted = ["linked_failed"] * 3
    wanted[refused] = "exceeds_available"
    assert results(await told(db, batch(*asked))) == wanted
    assert await available(db, shop) == [0]


async def test_a_chain_that_was_carried_out_is_replayed_as_a_whole(
    db: Database, books: Books
) -> None:
    _, jane, shop = books

    def asked() -> Order:
        return batch(*[element(a_post(jane, shop, 2**i, linked=i < 2), f"e{i}") for i in range(3)])

    first, again = await told(db, asked()), await told(db, asked())
    assert [it["answer"] for it in read(first)["results"]] == [
        it["answer"] for it in read(again)["results"]
    ]
    assert all(it["replayed"] for it in read(again)["results"])
    assert await available(db, shop) == [7]


async def test_a_bad_element_fails_with_its_chain_and_leaves_its_own_key_free(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    wrong = refusals.AmountInvalid.field("amount_minor", "is missing")
    bad = element(a_post(jane, shop, 2), "bad", problem=wrong)
    chained = element(a_post(jane, shop, 1, linked=True), "chained")
    outcome = await told(db, batch(chained, bad, element(a_post(jane, shop, 4), "good")))
    assert results(outcome) == ["linked_failed", "amount_invalid", "moved"]
    assert not (await told(db, single(a_post(jane, shop, 2), "bad"))).replayed


async def test_a_hold_may_be_made_and_resolved_in_one_batch(db: Database, books: Books) -> None:
    _, jane, shop = books
    hold = a_hold(jane, shop, 100)
    asked = [hold, an_answer(POST_HOLD, hold.id, amount_minor=30), an_answer(RELEASE_HOLD, hold.id)]
    outcome = await told(db, batch(*asked, key="batch-1"))
    assert results(outcome) == ["moved", "moved", "hold_already_resolved"]
    assert await available(db, jane, shop) == [970, 30]
    assert await count(db, "open_holds") == 0
    await sound(db)


# --- holds whose time is over -------------------------------------------------------------------


async def test_who_misses_the_money_of_an_expired_hold_gets_it_without_a_sweep(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    held = read(await told(db, single(a_hold(jane, shop, 900, expires_in_s=60), "hold")))
    early = a_post(jane, shop, 500, at=NOON + timedelta(seconds=59))
    late = a_post(jane, shop, 500, at=NOON + timedelta(seconds=61))
    assert read(await told(db, single(early, "early")))["result"] == "exceeds_available"
    assert (await told(db, single(late, "late"))).answer.status == 201
    async with db.snapshot() as tx:
        story = await history(tx, held["id"])
    assert [event.type for event in story] == ["hold.created", "hold.expired"]
    assert await available(db, jane, shop) == [500, 500]
    await sound(db)


async def test_an_expired_hold_can_neither_be_posted_nor_released(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    held = read(await told(db, single(a_hold(jane, shop, 900, expires_in_s=60), "hold")))
    late = NOON + timedelta(seconds=61)
    for kind in (POST_HOLD, RELEASE_HOLD):
        answer = an_answer(kind, TransferId.parse(held["id"]), at=late)
        outcome = read(await told(db, single(answer, kind.value)))
        assert outcome.get("result") == "hold_expired", outcome


# --- rivals, and what goes wrong ----------------------------------------------------------------


async def test_rivals_with_the_same_keys_have_one_effect_and_one_answer(
    db: Database, books: Books
) -> None:
    _, jane, shop = books

    def asked(order: Sequence[int]) -> list[Order]:
        return [single(a_post(jane, shop, n), f"key-{n}") for n in order]

    up, down = list(range(1, 9)), list(range(8, 0, -1))
    lists = [up, down, up, down]
    told = await asyncio.gather(*(move(db, *asked(order)) for order in lists))
    by_key: dict[int, set[Answer]] = {n: set() for n in up}
    fresh = 0
    for order, outcomes in zip(lists, told, strict=True):
        for n, outcome in zip(order, outcomes, strict=True):
            assert isinstance(outcome, Answered)
            by_key[n].add(outcome.answer)
            fresh += not outcome.replayed
    assert {len(answers) for answers in by_key.values()} == {1}
    assert fresh == 8
    assert await available(db, jane, shop) == [1000 - 36, 36]
    assert await count(db) == 8
    await sound(db)


async def test_rivals_for_the_last_money_and_for_one_hold_have_one_winner(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    drained = await asyncio.gather(
        *(move(db, single(a_post(jane, shop, 600), f"drain-{i}")) for i in range(8))
    )
    statuses = sorted(it.answer.status for (it,) in drained if isinstance(it, Answered))
    assert statuses == [201, *[422] * 7]
    (hold,) = await moved(db, a_hold(jane, shop, 400))
    resolved = await asyncio.gather(
        *(
            move(db, single(an_answer(kind, hold.id), f"{kind}-{i}"))
            for i in range(4)
            for kind in (POST_HOLD, RELEASE_HOLD)
        )
    )
    statuses = sorted(it.answer.status for (it,) in resolved if isinstance(it, Answered))
    assert statuses == [200, *[409] * 7]
    await sound(db)


async def test_many_who_miss_the_money_of_one_expired_hold_do_not_fall_over_each_other(
    db: Database, books: Books
) -> None:
    _, jane, shop = books
    for i in range(3):
        await told(db, single(a_hold(jane, shop, 300, expires_in_s=60), f"hold-{i}"))
    late = NOON + timedelta(seconds=90)
    outcomes = await asyncio.gather(
        *(move(db, single(a_post(jane, shop, 250, at=late), f"late-{i}")) for i in range(6))
    )
    statuses = sorted(it.answer.status for (it,) in outcomes if isinstance(it, Answered))
    assert statuses == [201] * 4 + [422] * 2
    assert await available(db, jane, shop) == [0, 1000]
    await sound(db)


def _fails_for(amount_minor: int) -> Render:
    def happened(receipt: Receipt) -> Answer:
        if receipt.transfer.amount_minor == amount_minor:
            raise RuntimeError("cannot be told")
        return RENDER.happened(receipt)

    return msgspec.structs.replace(RENDER, happened=happened)


async def test_a_poisoned_order_fails_alone(db: Database, books: Books) -> None:
    _, jane, shop = books
    work = partial(move_money, db, render=_fails_for(104))
    desk: Coalescer[Order, Answered] = Coalescer(work, batch_max=64)
    orders = [single(a_post(jane, shop, 101 + i), f"key-{i}") for i in range(8)]
    outcomes = await asyncio.gather(*map(desk.submit, orders), return_exceptions=True)
    assert [type(it) for it in outcomes if not isinstance(it, Answered)] == [RuntimeError]
    assert isinstance(outcomes[3], RuntimeError)
    assert await available(db, shop) == [sum(range(101, 109)) - 104]
    assert await count(db, "idempotency_keys") == 7
    # Told by somebody who can, it is done: its key was not used up.
    assert not (await told(db, orders[3])).replayed
    await sound(db)
