"""Put a rule set in force: a new one, or one of the past."""

import asyncio

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import FieldError, NotFound
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.rulesets import store
from paywright.rulesets.compile import compile_source
from paywright.rulesets.report import RuleSetInvalid
from paywright.rulesets.schema import Schemas


class NoSuchRuleSet(NotFound):
    """There is no rule set of that name and version."""


class LoadedRuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """`is_new`: the version was not stored before. `is_activated`: this call put it in force."""

    name: str
    version: str
    is_new: bool
    is_activated: bool


async def load_rule_set(
    db: Database,
    cause: Cause,
    *,
    source: str,
    schemas: Schemas,
    activate: bool = True,
    expected_name: str | None = None,
) -> LoadedRuleSet:
    """Check a rule set, store it and put it in force. Loading it again changes nothing.

    expected_name: the only name that it may have, where a set of another name would be stored
                   and never be asked

    Raises RuleSetInvalid with every mistake in the document, and PermissionMissing.
    """
    cause.actor.require(Permission.MANAGE_RULES)
    rule_set = await asyncio.to_thread(compile_source, source, schemas)
    name, version = rule_set.name, rule_set.version
    if expected_name not in (None, name):
        message = f"must be {expected_name}, not {name}"
        raise RuleSetInvalid(f"name: {message}", errors=[FieldError("name", message)])
    async with db.transaction() as tx:
        await store.lock_name(tx, name)
        is_new = await store.insert_version(tx, cause, name=name, version=version, source=source)
        if is_new:
            loaded = Event("rule_set.loaded", subject_of(name), {"name": name, "version": version})
            await emit(tx, cause, loaded)
        is_activated = activate and await _activate(tx, cause, name=name, version=version)
    return LoadedRuleSet(name=name, version=version, is_new=is_new, is_activated=is_activated)


async def activate_version(
    db: Database, cause: Cause, *, name: str, version: str, schemas: Schemas
) -> bool:
    """Put a stored version in force, to roll back; False when it is in force already.

    Raises NoSuchRuleSet, PermissionMissing, and RuleSetInvalid when the version was loaded by
    an earlier Paywright and no longer fits what rules may ask about.
    """
    cause.actor.require(Permission.MANAGE_RULES)
    async with db.transaction() as tx:
        await store.lock_name(tx, name)
        source = await store.find_source(tx, name=name, version=version)
        if source is None:
            raise NoSuchRuleSet(f"{name} has no version {version}")
        await asyncio.to_thread(compile_source, source, schemas)
        return await _activate(tx, cause, name=name, version=version)


def subject_of(name: str) -> str:
    """What events call a rule set."""
    return f"rules_{name}"


async def _activate(tx: Tx, cause: Cause, *, name: str, version: str) -> bool:
    """The caller holds the lock on the name."""
    before = await store.find_active(tx, name)
    if before == version:
        return False
    await store.insert_activation(tx, cause, name=name, version=version)
    activated = Event(
        "rule_set.activated",
        subject_of(name),
        {"name": name, "version": version},
        before=None if before is None else {"version": before},
        after={"version": version},
    )
    await emit(tx, cause, activated)
    return True
