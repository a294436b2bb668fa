"""A list is put in force as a whole, once, and never by accident."""

from pathlib import Path

import pytest
from tests.builders import a_cause
from tests.screening.listed import GLIMMER, QUORRINGER, VEXLEY, a_list, load

from paywright.core.actor import PermissionMissing
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.screening.demo import ensure_demo_list
from paywright.screening.index import DEFAULT_THRESHOLD
from paywright.screening.lists import BadListName, ListDamaged, ListTruncated
from paywright.screening.load import load_list
from paywright.screening.loaders.parsed import ListUnreadable
from paywright.screening.model import Query
from paywright.screening.screener import Screener
from paywright.screening.views import list_lists
from paywright.settings import Settings


async def events(db: Database) -> list[tuple[str, str]]:
    async with db.snapshot() as tx:
        rows = await tx.fetch("select type, subject from events order by sequence")
    return [(row["type"], row["subject"]) for row in rows]


async def test_what_a_new_version_changes_is_told(db: Database) -> None:
    first = await load(db, VEXLEY, QUORRINGER)
    assert (first.added, first.changed, first.removed, first.generation) == (2, 0, 0, 1)
    second = await load(db, VEXLEY, QUORRINGER.replace(",at,", ",ch,"), GLIMMER)
    assert (second.added, second.changed, second.removed) == (1, 1, 0)
    assert (second.unchanged, second.generation) == (1, 2)
    third = await load(db, VEXLEY, GLIMMER)
    assert (third.added, third.changed, third.removed, third.unchanged) == (0, 0, 1, 2)
    lists = await list_lists(db, a_cause())
    assert (lists.generation, [(it.name, it.entries) for it in lists.items]) == (3, [("demo", 2)])
    assert await events(db) == [("list.loaded", "demo")] * 3


async def test_the_same_list_again_changes_nothing_in_whatever_order(db: Database) -> None:
    first = await load(db, VEXLEY, QUORRINGER)
    again = await load(db, QUORRINGER, VEXLEY)
    assert (again.version, again.generation) == (first.version, 1)
    assert (again.added, again.changed, again.removed, again.unchanged) == (0, 0, 0, 2)
    assert len(await events(db)) == 1


async def test_lists_do_not_touch_each_other(db: Database) -> None:
    await load(db, VEXLEY, QUORRINGER)
    await load(db, VEXLEY, GLIMMER, name="other")
    await load(db, QUORRINGER)
    screener = Screener()
    found = await screener.refresh(db)
    assert set(found.hashes) == {("demo", "d2"), ("other", "d1"), ("other", "d3")}
    assert set(found.lists) == {"demo", "other"}


async def test_a_list_of_half_the_size_is_refused(db: Database) -> None:
    rows = [f"d{number},NAMED VEXLEY{number},person,,,,," for number in range(10)]
    await load(db, *rows)
    with pytest.raises(ListTruncated, match="4 entries, 10 before"):
        await load(db, *rows[:4])
    assert (await list_lists(db, a_cause())).items[0].entries == 10
    assert (await load(db, *rows[:5])).removed == 5
    assert (await load(db, *rows[:1], force=True)).entries == 1


async def test_a_list_with_many_damaged_rows_is_refused(db: Database) -> None:
    rows = [f"d{number},NAMED VEXLEY{number},person,,,,," for number in range(100)]
    bad = ",NO ID,person,,,,,"
    with pytest.raises(ListDamaged, match="row 102: no id"):
        await load(db, *rows, bad, bad, bad)
    assert (await list_lists(db, a_cause())).items == []
    loaded = await load(db, *rows, bad, bad)
    assert (loaded.entries, loaded.damaged_rows, loaded.damaged[0].row) == (100, 2, 102)


async def test_an_empty_list_is_refused(db: Database) -> None:
    with pytest.raises(ListDamaged):
        await load(db)


async def test_a_file_gives_the_list_its_name(db: Database, tmp_path: Path) -> None:
    (tmp_path / "My List (1).csv").write_bytes(a_list(VEXLEY))
    loaded = await load_list(db, a_cause(), source=tmp_path / "My List (1).csv")
    assert loaded.name == "my-list-1"


async def test_bad_names_and_missing_files_are_refused(db: Database, tmp_path: Path) -> None:
    with pytest.raises(BadListName):
        await load(db, VEXLEY, name="No Name")
    with pytest.raises(ListUnreadable):
        await load_list(db, a_cause(), source=tmp_path / "nothing.csv")
    with pytest.raises(ListUnreadable):
        await load_list(db, a_cause(), source=tmp_path)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_only_administrators_load_lists(db: Database, role: Role) -> None:
    with pytest.raises(PermissionMissing):
        await load_list(db, a_cause(role), source=a_list(VEXLEY), name="demo")


async def test_a_screener_follows_the_lists(db: Database) -> None:
    screener = Screener()
    queries = [Query(name="Zoltan Vexley"), Query(name="Ismelda Quorringer")]
    assert screener.screen(queries) == [[], []]
    await load(db, VEXLEY)
    before = await screener.refresh(db)
    assert screener.generation == 1
    assert [[it.entry_id for it in them] for them in screener.screen(queries)] == [["d1"], []]
    await load(db, VEXLEY, QUORRINGER)
    assert before.screen(queries)[1] == []
    await screener.refresh(db)
    assert [[it.entry_id for it in them] for them in screener.screen(queries)] == [["d1"], ["d2"]]
    assert await screener.refresh(db) is screener.current


async def test_the_list_that_comes_along_is_loaded_once_and_only_where_there_is_none(
    db: Database,
) -> None:
    assert await ensure_demo_list(db, a_cause())
    assert not await ensure_demo_list(db, a_cause())
    (it,) = (await list_lists(db, a_cause())).items
    assert (it.name, it.damaged) == ("demo", 0)
    assert it.entries >= 40


def test_the_threshold_of_the_settings_is_that_of_the_engine() -> None:
    assert Settings().screening_threshold == DEFAULT_THRESHOLD
