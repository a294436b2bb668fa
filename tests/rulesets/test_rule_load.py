"""Loading, going back, and noticing it: against PostgreSQL."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from paywright.core.actor import SYSTEM, Actor, PermissionMissing
from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.events import history
from paywright.rulesets import store
from paywright.rulesets.cache import NoActiveRuleSet, RuleSetCache
from paywright.rulesets.load import NoSuchRuleSet, activate_version, load_rule_set
from paywright.rulesets.report import RuleSetInvalid
from paywright.rulesets.schema import TableSchema, Variable


class Answer(msgspec.Struct, frozen=True):
    action: str


SCHEMAS = {"only": TableSchema(variables={"amount": Variable(1)}, then=Answer)}
CAUSE = Cause(SYSTEM, datetime(2026, 11, 21, tzinfo=UTC), "req_1")


def source(action: str) -> str:
    return f"name: demo\ntables: {{only: [{{id: otherwise, then: {{action: {action}}}}}]}}\n"


async def active(db: Database) -> tuple[str, str] | None:
    async with db.transaction() as tx:
        return await store.active_version(tx, "demo")


async def events(db: Database) -> list[tuple[str, object, object]]:
    async with db.transaction() as tx:
        return [(e.type, e.before, e.after) for e in await history(tx, "rules_demo")]


async def test_a_rule_set_is_stored_and_put_in_force(db: Database) -> None:
    loaded = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    assert (loaded.name, loaded.is_new, loaded.is_activated) == ("demo", True, True)
    assert await active(db) == (loaded.version, source("go"))
    assert await events(db) == [
        ("rule_set.loaded", None, None),
        ("rule_set.activated", None, {"version": loaded.version}),
    ]


async def test_loading_the_same_again_changes_nothing(db: Database) -> None:
    first = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    before = await events(db)
    again = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    assert again == msgspec.structs.replace(first, is_new=False, is_activated=False)
    assert await events(db) == before


async def test_many_loading_at_once_load_once(db: Database) -> None:
    results = await asyncio.gather(
        *(load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS) for _ in range(5))
    )
    assert sum(result.is_new for result in results) == 1
    assert sum(result.is_activated for result in results) == 1
    assert len(await events(db)) == 2


async def test_a_version_can_be_loaded_for_later(db: Database) -> None:
    loaded = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS, activate=False)
    assert not loaded.is_activated
    assert await active(db) is None
    assert await activate_version(db, CAUSE, name="demo", version=loaded.version, schemas=SCHEMAS)
    assert (await active(db) or ("",))[0] == loaded.version


async def test_going_back_to_an_earlier_version(db: Database) -> None:
    old = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    new = await load_rule_set(db, CAUSE, source=source("stop"), schemas=SCHEMAS)
    back = {"name": "demo", "version": old.version}
    assert await activate_version(db, CAUSE, **back, schemas=SCHEMAS)
    assert not await activate_version(db, CAUSE, **back, schemas=SCHEMAS)
    assert (await events(db))[-1] == (
        "rule_set.activated",
        {"version": new.version},
        {"version": old.version},
    )
    async with db.transaction() as tx:
        versions = await store.versions(tx, "demo")
    assert {v.version: v.is_active for v in versions} == {old.version: True, new.version: False}


async def test_an_unknown_version_cannot_be_activated(db: Database) -> None:
    with pytest.raises(NoSuchRuleSet):
        await activate_version(db, CAUSE, name="demo", version="0" * 12, schemas=SCHEMAS)


async def test_a_version_that_no_longer_compiles_cannot_be_activated(db: Database) -> None:
    old = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    new = await load_rule_set(db, CAUSE, source=source("stop"), schemas=SCHEMAS)
    with pytest.raises(RuleSetInvalid):
        await activate_version(db, CAUSE, name="demo", version=old.version, schemas={})
    assert (await active(db) or ("",))[0] == new.version


async def test_a_rule_set_with_mistakes_leaves_the_old_one_in_force(db: Database) -> None:
    old = await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    with pytest.raises(RuleSetInvalid):
        await load_rule_set(db, CAUSE, source=source("[1]"), schemas=SCHEMAS)
    assert (await active(db) or ("",))[0] == old.version


async def test_a_rule_set_that_nobody_would_ask_is_refused(db: Database) -> None:
    with pytest.raises(RuleSetInvalid, match="must be other, not demo"):
        await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS, expected_name="other")
    assert await active(db) is None


async def test_rules_are_managed_by_those_who_may(db: Database) -> None:
    nobody = msgspec.structs.replace(CAUSE, actor=Actor("key_1", frozenset()))
    with pytest.raises(PermissionMissing):
        await load_rule_set(db, nobody, source=source("go"), schemas=SCHEMAS)
    with pytest.raises(PermissionMissing):
        await activate_version(db, nobody, name="demo", version="0" * 12, schemas=SCHEMAS)


async def test_the_cache_notices_a_new_version_and_compiles_once(db: Database) -> None:
    cache = RuleSetCache("demo", SCHEMAS)
    async with db.transaction() as tx:
        with pytest.raises(NoActiveRuleSet):
            await cache.current(tx)
    await load_rule_set(db, CAUSE, source=source("go"), schemas=SCHEMAS)
    async with db.transaction() as tx:
        first = await cache.current(tx)
        assert await cache.current(tx) is first
    await load_rule_set(db, CAUSE, source=source("stop"), schemas=SCHEMAS)
    async with db.transaction() as tx:
        second = await cache.current(tx)
    assert first.evaluate("only", {"amount": 1}).then == Answer("go")
    assert second.evaluate("only", {"amount": 1}).then == Answer("stop")
