"""Files for the ledger: what a line may say, what comes of it, and runs that are interrupted."""

import asyncio
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import NOON, TEST_KEY, a_cause
from tests.processes import Process, reachable_folder, wait_until

from paywright.cli.ledger_books import RealBooks, SupposedBooks
from paywright.cli.ledger_files import apply_file, read_lines
from paywright.cli.ledger_lines import CHAIN_MAX, LINE_MAX, account_id, parse, transfer_id, units
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.ledger.verify import verify

ALICE = {"type": "account", "code": "alice", "owner": "alice", "currency": "EUR",
         "kind": "liability"}  # fmt: skip
BOB = ALICE | {"code": "bob", "owner": "bob"}
BANK = ALICE | {"code": "bank", "owner": "paywright", "kind": "asset", "may_go_negative": True}
ACCOUNTS = [ALICE, BOB, BANK]


def a_transfer(key: str, debit: str = "alice", credit: str = "bob", **changes: Any) -> dict:
    fields = {"type": "transfer", "key": key, "debit": debit, "credit": credit,
              "amount_minor": 100, "currency": "EUR"}  # fmt: skip
    return {name: it for name, it in (fields | changes).items() if it is not None}


def a_hold(key: str, debit: str = "alice", credit: str = "bob", **changes: Any) -> dict:
    return a_transfer(key, debit, credit, **{"type": "hold"} | changes)


FUNDED = [*ACCOUNTS, a_transfer("fund", "bank", "alice", amount_minor=1_000)]


def in_bytes(lines: list[Any]) -> list[bytes]:
    return [it if isinstance(it, bytes) else json.dumps(it).encode() for it in lines]


async def results_of(
    books: RealBooks | SupposedBooks,
    lines: list[Any],
    *,
    cause: Cause | None = None,
    chunk: int = 7,
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async for results in apply_file(
        books, lambda: cause or a_cause(), in_bytes(lines), chunk=chunk
    ):
        found += [msgspec.to_builtins(it) for it in results]
    return found


async def applied(db: Database, lines: list[Any], **more: Any) -> list[dict[str, Any]]:
    """Applied for real, after a dry run that said the same and changed nothing."""
    before = await everything(db)
    supposed = await results_of(SupposedBooks(db), lines, **more)
    assert await everything(db) == before
    real = await results_of(RealBooks(db), lines, **more)
    assert supposed == real
    assert (await verify(db, at=NOON)).is_sound
    return real


async def everything(db: Database) -> list[Any]:
    async with db.snapshot() as tx:
        return [
            await tx.fetch("select * from accounts order by id"),
            await tx.fetch("select * from ledger_transfers order by id"),
            await tx.fetch("select * from open_holds order by id"),
            await tx.fetchval("select count(*) from events"),
        ]


def told(results: list[dict[str, Any]]) -> list[str]:
    return [it["result"] for it in results]


async def test_every_kind_of_line_is_applied_in_order(db: Database) -> None:
    results = await applied(db, [
        *ACCOUNTS,
        a_transfer("early"),  # nothing is there yet
        a_transfer("fund", "bank", "alice", amount_minor=None, amount="10.00"),
        a_transfer("t1", amount_minor=250, description="lunch"),
        a_hold("h1", amount_minor=300, expires_in_s=3600),
        a_hold("h2", amount_minor=50),
        {"type": "post_hold", "key": "p1", "hold": "h1", "amount_minor": 200},
        {"type": "release_hold", "key": "r1", "hold": str(transfer_id("h2"))},
        {"type": "release_hold", "key": "r2", "hold": "h1"},
        a_transfer("rest", amount_minor=None, balancing_debit=True),
    ])  # fmt: skip
    assert told(results) == ["ok"] * 3 + ["exceeds_available"] + ["ok"] * 6 + [
        "hold_already_resolved", "ok"]  # fmt: skip
    assert results[0] == {
        "line": 1, "type": "account", "code": "alice", "result": "ok",
        "id": str(account_id("alice")),
    }  # fmt: skip
    assert results[3] == {
        "line": 4, "type": "transfer", "key": "early", "result": "exceeds_available",
        "field": "debit", "detail": "has 0 available",
    }  # fmt: skip
    assert results[6] == {
        "line": 7, "type": "hold", "key": "h1", "result": "ok", "id": str(transfer_id("h1")),
        "amount_minor": 300,
        "balances": {"debit": {"balance": 750, "available": 450},
                     "credit": {"balance": 250, "available": 250}},
    }  # fmt: skip
    assert results[8]["balances"]["debit"] == {"balance": 550, "available": 500}
    assert results[-1]["amount_minor"] == 550


async def test_the_same_file_again_changes_nothing(db: Database) -> None:
    lines = [
        *FUNDED,
        a_transfer("t1", linked=True),
        a_hold("h1", expires_in_s=60),
        {"type": "post_hold", "key": "p1", "hold": "h1"},
        a_transfer("t2", amount_minor=None, balancing_debit=True),
    ]
    assert set(told(await applied(db, lines))) == {"ok"}
    before = await everything(db)
    again = await applied(db, lines, cause=a_cause(at=NOON + timedelta(seconds=5)))
    assert set(told(again)) == {"exists"}
    assert again[4]["id"] == str(transfer_id("t1"))
    assert await everything(db) == before


async def test_the_same_key_for_something_else_is_refused(db: Database) -> None:
    results = await applied(db, [
        *FUNDED, a_transfer("t1"), a_transfer("t1", amount_minor=101, description="other"),
        a_transfer("t1"), ALICE | {"owner": "eve", "name": "Eve"}, ALICE,
    ])  # fmt: skip
    assert told(results)[4:] == [
        "ok", "exists_with_different_fields", "exists", "exists_with_different_fields", "exists"
    ]  # fmt: skip
    assert results[5]["field"] == "amount_minor"
    assert "description: differs" in results[5]["detail"]
    assert results[7]["detail"].startswith("owner: differs from the account on file; name: ")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"{", None),
        (b"\xff", None),
        (b"[1]", None),
        (b'"text"', None),
        (b"[" * 5_000, None),
        (b'{"type":"gift","key":"k"', None),
        (b'{"type":"transfer","key":"\\ud800"}', None),
        ({"key": "k"}, "type"),
        ({"type": "gift", "key": "k"}, "type"),
        (a_transfer("k", amount_minor=None), "amount"),
        (a_transfer("k", amount="1.00"), "amount"),
        (a_transfer("k", amount_minor="100"), "amount_minor"),
        (a_transfer("k", amount_minor=1.5), "amount_minor"),
        (a_transfer("k", amount_minor=None, amount="1.001"), "amount"),
        (a_transfer("k", amount_minor=None, amount="1.5", currency="JPY"), "amount"),
        (a_transfer("k", amount_minor=None, amount="1.0001", currency="BHD"), "amount"),
        (a_transfer("k", amount_minor=None, amount="1e3"), "amount"),
        (a_transfer("k", amount_minor=None, amount="9" * 19 + ".00"), "amount"),
        (a_transfer("k", amount=1.0, amount_minor=None), "amount"),
        (a_transfer("k", credit=None), "credit"),
        (a_transfer("k", colour="red"), "colour"),
        (a_transfer("k", expires_in_s=5), "expires_in_s"),
        (a_transfer("k", description="a\0b"), "description"),
        (a_transfer("k", description="a" * 501), "description"),
        (a_transfer(""), "key"),
        (a_transfer("k" * 201), "key"),
        (a_transfer("k", linked="yes"), "linked"),
        (ALICE | {"currency": "XXX"}, "currency"),
        (ALICE | {"code": "a b"}, "code"),
        (ALICE | {"kind": "gold"}, "kind"),
        (ALICE | {"name": "n" * 201}, "name"),
        ({"type": "account", "code": "x"}, "owner"),
        ({"type": "release_hold", "key": "r", "hold": "h", "amount_minor": 5}, "amount_minor"),
        (a_transfer("k", description="x" * LINE_MAX), None),
    ],
)  # fmt: skip
async def test_a_malformed_line_is_a_result_and_stops_nothing(
    db: Database, line: Any, field: str | None
) -> None:
    results = await applied(db, [*FUNDED, a_transfer("t1"), line, a_transfer("t2")])
    assert told(results)[4:] == ["ok", "invalid", "ok"]
    assert results[5].get("field") == field
    assert results[5]["detail"]


@pytest.mark.parametrize(
    ("line", "result", "field"),
    [
        (a_transfer("k", amount_minor=0), "amount_invalid", "amount_minor"),
        (a_transfer("k", amount_minor=None, amount="-1.00"), "amount_invalid", "amount"),
        (a_transfer("k", amount_minor=2**63), "amount_invalid", "amount_minor"),
        (a_transfer("k", amount_minor=10**30), "amount_invalid", "amount_minor"),
        (a_transfer("k", amount_minor=1_001), "exceeds_available", "debit"),
        (a_transfer("k", "nobody"), "account_not_found", "debit"),
        (a_transfer("k", "no\0body"), "account_not_found", "debit"),
        (a_transfer("k", credit=str(account_id("nobody"))), "account_not_found", "credit"),
        (a_transfer("k", credit="alice"), "accounts_must_differ", "credit"),
        (a_transfer("k", currency="USD"), "currency_mismatch", "currency"),
        (a_hold("k", expires_in_s=0), "expiry_invalid", "expires_in_s"),
        ({"type": "post_hold", "key": "p", "hold": "none"}, "hold_not_found", "hold"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_in_the_words_of_the_file(
    db: Database, line: Any, result: str, field: str
) -> None:
    last = (await applied(db, [*FUNDED, line]))[-1]
    assert (last["result"], last.get("field")) == (result, field)


async def test_an_account_can_be_named_by_its_id(db: Database) -> None:
    lines = [*FUNDED, a_transfer("t1", str(account_id("alice")), str(account_id("bob")))]
    assert told(await applied(db, lines))[-1] == "ok"


async def test_linked_lines_stand_and_fall_together(db: Database) -> None:
    chain = [a_transfer("c1", linked=True), a_transfer("c2", amount_minor=5_000, linked=True),
             a_transfer("c3")]  # fmt: skip
    results = await applied(db, [*FUNDED, *chain, a_transfer("t1")], chunk=2)
    assert told(results)[4:] == ["linked_failed", "exceeds_available", "linked_failed", "ok"]
    chain[1] = a_transfer("c2", linked=True)
    assert set(told(await applied(db, [*FUNDED, *chain], chunk=1))) == {"exists", "ok"}


@pytest.mark.parametrize(
    "broken",
    [a_transfer("c2", linked=True, colour="red"), a_transfer("c1", linked=True), b"{", b"\xff"],
    ids=["malformed", "a key twice", "no JSON", "no text"],
)
async def test_a_malformed_line_breaks_its_chain(db: Database, broken: Any) -> None:
    lines = [*FUNDED, a_transfer("c1", linked=True), broken, a_transfer("c3"), a_transfer("t1")]
    results = await applied(db, lines)
    assert told(results)[4:6] == ["linked_failed", "invalid"]
    last = "linked_failed" if isinstance(broken, dict) else "ok"
    assert told(results)[6:] == [last, "ok"]


@pytest.mark.parametrize("end", [[], [ALICE | {"code": "late"}, a_transfer("t1")]])
async def test_a_chain_that_leads_nowhere_is_refused(db: Database, end: list[Any]) -> None:
    lines = [*FUNDED, a_transfer("c1", linked=True), a_transfer("c2", linked=True), *end]
    results = await applied(db, lines)
    assert told(results)[4:] == ["linked_failed", "chain_open"] + ["ok"] * len(end)


def test_chains_that_are_too_long_are_never_in_memory_as_a_whole() -> None:
    def lines() -> Iterator[Any]:
        for number in range(1, 3 * CHAIN_MAX):
            yield parse(number, json.dumps(a_transfer(f"k{number}", linked=True)).encode())
        yield parse(3 * CHAIN_MAX, json.dumps(a_transfer("last")).encode())
        yield parse(3 * CHAIN_MAX + 1, json.dumps(a_transfer("next")).encode())

    found = list(units(lines()))
    assert {len(unit) for unit in found} == {1}
    refused = [unit[0].problem for unit in found]
    assert all(it is not None and it.result == "chain_too_long" for it in refused[:-1])
    assert refused[-1] is None
    assert [unit[0].number for unit in found] == list(range(1, 3 * CHAIN_MAX + 2))


async def test_a_line_sees_what_was_before_it_and_not_what_comes_after(db: Database) -> None:
    results = await applied(db, [
        BANK, a_transfer("t1", "bank", "alice"), ALICE, a_transfer("t2", "bank", "alice"),
        a_transfer("t2", "bank", "alice"), BOB, a_transfer("t3"), BOB,
    ], chunk=1_000)  # fmt: skip
    assert told(results) == [
        "ok", "account_not_found", "ok", "ok", "exists", "ok", "ok", "exists"
    ]  # fmt: skip


async def test_expired_holds_give_their_money_back_in_a_dry_run_too(db: Database) -> None:
    await applied(db, [*FUNDED, a_hold("h1", amount_minor=1_000, expires_in_s=10)])
    late = a_cause(at=NOON + timedelta(seconds=11))
    results = await applied(db, [
        {"type": "release_hold", "key": "r0", "hold": "h1"},
        a_transfer("t1", amount_minor=900),
        {"type": "release_hold", "key": "r1", "hold": "h1"},
    ], cause=late)  # fmt: skip
    assert told(results)[1] == "ok"


async def test_blank_lines_and_a_byte_order_mark_are_no_lines(db: Database) -> None:
    lines = [b"\xef\xbb\xbf" + in_bytes([ALICE])[0], b"", b"  ", in_bytes([BOB])[0]]
    assert [(it["line"], it["result"]) for it in await applied(db, lines)] == [(1, "ok"), (4, "ok")]


def test_a_line_that_is_too_long_is_not_read_into_memory() -> None:
    text = b"x" * (10 * LINE_MAX) + b"\nnext\r\nlast"
    seen: list[int] = []
    lines = list(read_lines(io.BytesIO(text), seen.append))
    assert [len(line) for line in lines] == [LINE_MAX + 2, 4, 4]
    assert sum(seen) == len(text)
    assert parse(1, lines[0]).problem is not None


NAMES = ["a", "b", "bank", "nobody"]
FLAGS = st.sampled_from([{}, {}, {"linked": True}])
KEYS = st.integers(1, 14).map(lambda number: f"k{number}")
MOVES = st.builds(
    lambda key, debit, credit, changes, flags: a_transfer(key, debit, credit, **changes | flags),
    KEYS, st.sampled_from(NAMES), st.sampled_from(NAMES),
    st.sampled_from([{}, {"amount_minor": 40}, {"amount_minor": 700}, {"type": "hold"},
                     {"type": "hold", "expires_in_s": 60}, {"currency": "USD"},
                     {"balancing_debit": True}, {"amount_minor": None, "amount": "0.30"}]),
    FLAGS,
)  # fmt: skip
ANSWERS = st.builds(
    lambda key, hold, changes, flags: {"key": key, "hold": hold} | changes | flags,
    KEYS, KEYS,
    st.sampled_from([{"type": "post_hold"}, {"type": "post_hold", "amount_minor": 30},
                     {"type": "release_hold"}]),
    FLAGS,
)  # fmt: skip
OPENINGS = st.builds(
    lambda name, negative: ALICE | {"code": name, "may_go_negative": negative},
    st.sampled_from(NAMES[:3]), st.booleans(),
)  # fmt: skip
FILES = st.lists(st.one_of(MOVES, MOVES, ANSWERS, OPENINGS, st.just(b"{")), max_size=40)


@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(lines=FILES, chunk=st.sampled_from([1, 3, 1_000]), mark=st.uuids())
def test_a_dry_run_says_what_happens_whatever_the_chunks(
    database_url: str, lines: list[Any], chunk: int, mark: Any
) -> None:
    """Each example has names of its own, so that they can share a database."""

    def own(it: Any) -> Any:
        if isinstance(it, bytes):
            return it
        names = {"key", "hold", "code", "debit", "credit"}
        return {key: f"{value}.{mark}" if key in names else value for key, value in it.items()}

    funded = [ALICE | {"code": "bank", "may_go_negative": True}, ALICE | {"code": "a"},
              a_transfer("k0", "bank", "a", amount_minor=500)]  # fmt: skip
    whole = [own(it) for it in [*funded, *lines]]

    async def main() -> None:
        db = await Database.connect(database_url, connections_max=2)
        try:
            one_by_one = await results_of(SupposedBooks(db), whole, chunk=1)
            real = await applied(db, whole, chunk=chunk)
            assert one_by_one == real
            before = await everything(db)
            if {it["result"] for it in real} <= {"ok", "exists"}:
                assert set(told(await applied(db, whole, chunk=chunk))) <= {"exists"}
                assert await everything(db) == before
        finally:
            await db.close()

    asyncio.run(main())


def test_a_killed_run_is_finished_by_the_same_command(database_url: str) -> None:
    lines = [*ACCOUNTS, a_transfer("fund", "bank", "alice", amount_minor=10_000_000)]
    for n in range(6_000):
        lines.append(a_transfer(f"t{n}", amount_minor=n % 90 + 1))
        lines.append(a_hold(f"h{n}", linked=n % 5 == 0))
        lines.append({"type": "post_hold", "key": f"p{n}", "hold": f"h{n}", "amount_minor": 60})
    with reachable_folder() as folder:
        (folder / "file.jsonl").write_bytes(b"\n".join(in_bytes(lines)))
        env = {"DATABASE_URL": database_url, "ENCRYPTION_KEY": TEST_KEY}
        command = ("ledger", "apply", "file.jsonl", "--json", "--chunk", "100")
        killed = 0
        for wanted in (300, 1_500):
            run = Process(*command, folder=folder, settings=env)
            wait_until(lambda run=run, n=wanted: run.said().count('"ok"') > n, seconds=60)
            run.kill()
            killed += '"summary"' not in run.said()
        assert killed == 2
        last = Process(*command, folder=folder, settings=env)
        assert last.wait(120) == 0, last.complained()
        summary = json.loads(last.said().splitlines()[-1])["summary"]
        assert summary["lines"] == len(lines)
        assert summary["results"]["exists"] > 1_500
        again = Process(*command, folder=folder, settings=env)
        assert again.wait(120) == 0
        assert json.loads(again.said().splitlines()[-1])["summary"]["results"] == {
            "exists": len(lines)
        }

    async def look() -> tuple[int, bool]:
        db = await Database.connect(database_url, connections_max=2)
        try:
            report = await verify(db, at=NOON)
            return report.movements, report.is_sound
        finally:
            await db.close()

    assert asyncio.run(look()) == (len(lines) - 3, True)


def test_two_runs_of_one_file_at_once_are_one(database_url: str) -> None:
    lines = [*ACCOUNTS, a_transfer("fund", "bank", "alice", amount_minor=1_000_000)]
    lines += [a_transfer(f"t{n}", linked=n % 7 == 0) for n in range(3_001)]
    with reachable_folder() as folder:
        (folder / "file.jsonl").write_bytes(b"\n".join(in_bytes(lines)))
        env = {"DATABASE_URL": database_url, "ENCRYPTION_KEY": TEST_KEY}
        command = ("ledger", "apply", "file.jsonl", "--json", "--chunk", "50")
        runs = [Process(*command, folder=folder, settings=env) for _ in range(2)]
        assert [run.wait(90) for run in runs] == [0, 0], [run.complained() for run in runs]
        told = [json.loads(run.said().splitlines()[-1])["summary"]["results"] for run in runs]
    assert sum(it.get("ok", 0) for it in told) == len(lines)
