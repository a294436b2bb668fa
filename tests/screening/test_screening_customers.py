"""How customers stand: screened, cleared by a person, screened again when something changes."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tests.builders import NOON, TEST_KEY, a_cause
from tests.screening.listed import GLIMMER, KEYS, QUORRINGER, VEXLEY, load, register

from paywright.core.actor import PermissionMissing
from paywright.core.page import BadCursor
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.screening.clear import NoSuchMatch, clear_match
from paywright.screening.records import ScreeningStatus, Standing
from paywright.screening.rescreen import rescreen, screen_changed
from paywright.screening.screen import screen_customers
from paywright.screening.screener import Screener
from paywright.screening.standing import Standings, standings
from paywright.screening.views import NotScreened, list_hits, screening_of

HIT, CLEAR = ScreeningStatus.HIT, ScreeningStatus.CLEAR


@pytest.fixture
def screener() -> Screener:
    return Screener()


async def standing(db: Database, *ids: str) -> Standings:
    async with db.snapshot() as tx:
        return await standings(tx, ids)


async def status(db: Database, customer_id: str) -> ScreeningStatus:
    return (await standing(db, customer_id)).by_customer[customer_id].status


async def screen(db: Database, screener: Screener, *ids: str, **cause: Any) -> dict[str, Standing]:
    return await screen_customers(db, KEYS, screener, a_cause(**cause), ids)


async def clear(db: Database, entry_id: str = "d1", customer_id: str = "c1") -> Standing:
    return await clear_match(
        db, a_cause(Role.REVIEWER), customer_id=customer_id, list="demo", entry_id=entry_id,
        reason="another date of birth",
    )  # fmt: skip


async def log(db: Database) -> list[tuple[str, str, str]]:
    """The events of screening: type, subject, status afterwards."""
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            "select type, subject, after->>'status' as status from events "
            "where type in ('customer.screened', 'match.cleared') order by sequence"
        )
    return [tuple(row) for row in rows]


async def count(db: Database, table: str) -> int:
    async with db.snapshot() as tx:
        return await tx.fetchval(f"select count(*) from {table}")


async def test_customers_are_screened_and_how_they_stand_is_kept(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY, QUORRINGER)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await register(db, "c2", "Mara Lindqvist")
    await register(db, "c3", None)
    now = await screen(db, screener, "c1", "c2", "c3", "nobody")
    assert {it.customer_id: it.status for it in now.values()} == {
        "c1": HIT,
        "c2": CLEAR,
        "c3": CLEAR,
    }
    on_file = await standing(db, "c1", "c2", "c3", "nobody")
    assert (on_file.current_generation, on_file.by_customer) == (1, now)
    top = now["c1"].top
    assert top is not None
    assert (top.list, top.entry_id, top.name) == ("demo", "d1", "VEXLEY, Zoltan Arvid")
    assert await log(db) == [("customer.screened", "c1", "hit")]


async def test_who_was_never_screened_has_no_standing(db: Database) -> None:
    assert await standing(db, "c1") == Standings(0, {})
    await load(db, VEXLEY)
    assert await standing(db, "c1") == Standings(1, {})
    assert await standing(db) == Standings(1, {})


async def test_the_evidence_names_the_lists_and_is_kept_for_good(
    db: Database, screener: Screener
) -> None:
    loaded = await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    screened = await screening_of(db, KEYS, a_cause(Role.REVIEWER), customer_id="c1")
    (proof,) = screened.evidence
    assert (proof.name, proof.generation) == ("Zoltan Arvid Vexley", 1)
    assert proof.lists == {"demo": loaded.version}
    assert [it.entry_id for it in proof.matches] == ["d1"]
    assert len(proof.why) == 1
    assert screened.record.hit_id == proof.id
    async with db.transaction() as tx:
        row = await tx.fetchrow("select * from screening_hits")
    assert b"Vexley" not in bytes(row["sealed"])
    assert "Arvid Vexley" not in row["matches"]
    for statement in ("delete from screening_hits", "update screening_hits set generation = 9"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with db.transaction() as tx:
                await tx.execute(statement)


async def test_screening_again_adds_evidence_only_where_there_is_news(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    await screen(db, screener, "c1", at=NOON + timedelta(hours=1))
    assert await count(db, "screening_hits") == 1
    await load(db, VEXLEY, VEXLEY.replace("d1", "d9"))
    await screen(db, screener, "c1", at=NOON + timedelta(hours=2))
    assert await count(db, "screening_hits") == 2
    assert len(await log(db)) == 1


async def test_a_cleared_match_stays_away(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    assert (await clear(db)).status is CLEAR
    assert (await standing(db, "c1")).by_customer["c1"].top is None
    await screen(db, screener, "c1")
    await load(db, VEXLEY, QUORRINGER)
    await rescreen(db, KEYS, screener, a_cause())
    assert (await standing(db, "c1")).by_customer["c1"].generation == 2
    assert await status(db, "c1") is CLEAR
    screened = await screening_of(db, KEYS, a_cause(), customer_id="c1")
    assert [it.cleared for it in screened.record.matches] == [True]
    assert await log(db) == [("customer.screened", "c1", "hit"), ("match.cleared", "c1", "clear")]


async def test_a_cleared_match_comes_back_when_the_entry_changes(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    await clear(db)
    await load(db, VEXLEY.replace("1957-10-07", "1958-01-01"))
    await rescreen(db, KEYS, screener, a_cause())
    assert await status(db, "c1") is HIT
    await clear(db)
    assert await status(db, "c1") is CLEAR


async def test_a_cleared_match_comes_back_when_the_name_changes(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen_changed(db, KEYS, screener, a_cause())
    await clear(db)
    await register(db, "c1", "Zoltan Vexley", at=NOON + timedelta(minutes=1))
    await screen_changed(db, KEYS, screener, a_cause(at=NOON + timedelta(minutes=1)))
    assert await status(db, "c1") is HIT


async def test_only_a_match_that_is_there_can_be_cleared(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY, QUORRINGER)
    await register(db, "c1", "Zoltan Arvid Vexley")
    with pytest.raises(NoSuchMatch):
        await clear(db)
    await screen(db, screener, "c1")
    with pytest.raises(NoSuchMatch):
        await clear(db, "d2")
    with pytest.raises(NoSuchMatch):
        await clear(db, customer_id="c2")
    await clear(db)
    with pytest.raises(NoSuchMatch):
        await clear(db)


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMIN, Role.REVIEWER)])
async def test_clearing_needs_a_permission(db: Database, role: Role) -> None:
    with pytest.raises(PermissionMissing):
        await clear_match(
            db, a_cause(role), customer_id="c1", list="demo", entry_id="d1", reason="x"
        )


async def test_a_change_of_a_list_reaches_exactly_those_whom_it_concerns(
    db: Database, screener: Screener
) -> None:
    filler = [f"f{number},UNRELATED OBSCURIUS {number},organization,,,,," for number in range(20)]
    await load(db, *filler, VEXLEY)
    for number in range(30):
        await register(db, f"c{number:02}", f"Mara Lindqvist the {number}th")
    await register(db, "hit", "Zoltan Arvid Vexley")
    await register(db, "next", "Ismelda Quorringer")
    assert await screen_changed(db, KEYS, screener, a_cause()) == 32
    told: list[tuple[int, int]] = []
    later = a_cause(at=NOON + timedelta(hours=1))
    await load(db, *filler, QUORRINGER)

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    assert await rescreen(db, KEYS, screener, later, on_page=tell) == 32
    assert told == [(32, 32)]
    now = await standing(db, "hit", "next", "c00")
    assert {it.customer_id: (it.status, it.generation) for it in now.by_customer.values()} == {
        "hit": (CLEAR, 2),
        "next": (HIT, 2),
        "c00": (CLEAR, 2),
    }
    assert sorted((await log(db))[1:]) == [
        ("customer.screened", "hit", "clear"),
        ("customer.screened", "next", "hit"),
    ]
    assert await rescreen(db, KEYS, screener, later) == 0


async def test_a_rescreen_notices_a_name_that_has_changed(db: Database, screener: Screener) -> None:
    filler = [f"f{number},UNRELATED OBSCURIUS {number},organization,,,,," for number in range(20)]
    await load(db, *filler, VEXLEY)
    await register(db, "c1", "Mara Lindqvist")
    await screen(db, screener, "c1")
    await register(db, "c1", "Zoltan Arvid Vexley")
    await load(db, *filler, VEXLEY, GLIMMER)
    await rescreen(db, KEYS, screener, a_cause())
    assert await status(db, "c1") is HIT


async def test_customers_are_found_who_are_new_or_have_changed(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Mara Lindqvist")
    assert await screen_changed(db, KEYS, screener, a_cause()) == 1
    assert await screen_changed(db, KEYS, screener, a_cause()) == 0
    at = NOON + timedelta(hours=5)
    await register(db, "c1", "Zoltan Vexley", at=at)
    await register(db, "c2", "Mara Lindqvist", at=at)
    assert await screen_changed(db, KEYS, screener, a_cause(at=at)) == 2
    assert await status(db, "c1") is HIT
    # One whose transaction took longer than the search.
    await register(db, "c3", "Mara Lindqvist", at=at - timedelta(minutes=1))
    assert await screen_changed(db, KEYS, screener, a_cause(at=at)) == 1


async def test_a_change_of_a_list_files_one_job(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY)
    await load(db, VEXLEY, QUORRINGER)
    await load(db, VEXLEY, QUORRINGER)
    async with db.snapshot() as tx:
        jobs = await tx.fetch("select entrypoint from pgqueuer where status = 'queued'")
    assert [row["entrypoint"] for row in jobs] == ["rescreen_customers"]


async def test_who_was_left_behind_is_asked_for_again(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Mara Lindqvist")
    await screen(db, screener, "c1")
    await load(db, VEXLEY, QUORRINGER)
    async with db.transaction() as tx:
        await tx.execute("delete from pgqueuer")
    await screen_changed(db, KEYS, screener, a_cause())
    assert await count(db, "pgqueuer") == 1


async def test_an_old_screener_does_not_overwrite_what_newer_lists_have_found(
    db: Database, screener: Screener
) -> None:
    old = Screener()
    await load(db, QUORRINGER)
    await old.refresh(db)
    stale = old.current
    await load(db, QUORRINGER, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")

    class Stale(Screener):
        async def refresh(self, db: Database) -> Any:
            return stale

    assert (await screen(db, Stale(), "c1"))["c1"].status is HIT
    assert await status(db, "c1") is HIT


async def test_hits_are_listed_a_page_at_a_time(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY)
    for number in range(3):
        await register(db, f"c{number}", "Zoltan Arvid Vexley")
        await screen(db, screener, f"c{number}", at=NOON + timedelta(minutes=number))
    await register(db, "c9", "Mara Lindqvist")
    await screen(db, screener, "c9")
    cause = a_cause(Role.OPERATOR)
    first = await list_hits(db, cause, cursor=None, limit=2)
    assert [it.customer_id for it in first.items] == ["c2", "c1"]
    rest = await list_hits(db, cause, cursor=first.next_cursor, limit=2)
    assert ([it.customer_id for it in rest.items], rest.next_cursor) == (["c0"], None)
    with pytest.raises(BadCursor):
        await list_hits(db, cause, cursor="nonsense", limit=2)
    with pytest.raises(PermissionMissing):
        await list_hits(db, a_cause(Role.VIEWER), cursor=None, limit=2)
    with pytest.raises(NotScreened):
        await screening_of(db, KEYS, cause, customer_id="nobody")


async def test_no_event_has_a_name_or_a_reason(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    await clear(db)
    async with db.snapshot() as tx:
        rows = await tx.fetch("select data::text || before::text || after::text as t from events")
    text = str(rows).lower()
    assert "vexley" not in text
    assert "date of birth" not in text


async def test_a_new_encryption_key_brings_no_cleared_match_back(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    await clear(db)
    both = KeyRing({"k1": bytes.fromhex(TEST_KEY), "k2": bytes(range(32))}, "k2")
    await load(db, VEXLEY, QUORRINGER)
    await rescreen(db, both, screener, a_cause())
    assert await status(db, "c1") is CLEAR
    assert await count(db, "screening_hits") == 1


async def test_rivals_agree(db: Database, screener: Screener) -> None:
    await load(db, VEXLEY)
    for number in range(20):
        await register(db, f"c{number}", "Zoltan Arvid Vexley" if number % 2 else "Mara Berg")
    await screen_changed(db, KEYS, screener, a_cause())
    await load(db, VEXLEY, QUORRINGER)
    rivals = [rescreen(db, KEYS, Screener(), a_cause()) for _ in range(3)]
    await asyncio.gather(*rivals, *(clear(db, customer_id=f"c{n}") for n in range(1, 20, 2)))
    now = await standing(db, *(f"c{number}" for number in range(20)))
    assert {(it.status, it.generation) for it in now.by_customer.values()} == {(CLEAR, 2)}
    assert await count(db, "screening_hits") == 10


async def test_who_is_no_customer_any_more_keeps_only_the_evidence(
    db: Database, screener: Screener
) -> None:
    await load(db, VEXLEY)
    await register(db, "c1", "Zoltan Arvid Vexley")
    await screen(db, screener, "c1")
    async with db.transaction() as tx:
        await tx.execute("delete from customers")
    await load(db, VEXLEY, QUORRINGER)
    await rescreen(db, KEYS, screener, a_cause())
    assert await count(db, "customer_screenings") == 0
    assert await count(db, "screening_hits") == 1
