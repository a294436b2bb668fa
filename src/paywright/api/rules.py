"""The rules that decide issues, weigh risks and say who approves, over HTTP: read, load, put in
force, go back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from msgspec import Meta

from paywright.api.requests import END, read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.rulesets import store
from paywright.rulesets.load import NoSuchRuleSet, activate_version, load_rule_set
from paywright.rulesets.schema import Schemas
from paywright.wiring import RULE_SETS, App

Source = Annotated[str, Meta(min_length=1, max_length=256 * 1024, description="YAML.")]


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    active: bool
    loaded_by: str
    loaded_at: datetime


class RuleSetView(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the version in force, as it was loaded."""

    name: str
    active_version: str
    source: str
    versions: Sequence[VersionView]


class RuleSetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Source
    activate: bool = True


class LoadedView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    is_new: bool
    is_activated: bool


class ActivateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[str, Meta(pattern=r"^[0-9a-f]{12}" + END)]


@get("/rules/{subject:str}", opt={"permission": Permission.READ_RULES})
async def get_rules(app: App, cause: Cause, subject: str) -> RuleSetView:
    """The rules in force, of `issues`, `risk` or `approvals`, and every version there was."""
    name, _ = _rule_set(subject)
    cause.actor.require(Permission.READ_RULES)
    async with app.db.snapshot() as tx:
        active = await store.active_version(tx, name)
        versions = await store.versions(tx, name)
    if active is None:
        raise NoSuchRuleSet(name)
    return RuleSetView(
        name=name,
        active_version=active[0],
        source=active[1],
        versions=[
            VersionView(
                version=version.version,
                active=version.is_active,
                loaded_by=version.loaded_by,
                loaded_at=version.loaded_at,
            )
            for version in versions
        ],
    )


@post(
    "/rules/{subject:str}",
    status_code=200,
    opt={"permission": Permission.MANAGE_RULES, "body": RuleSetRequest},
)
async def post_rules(
    request: Request[Any, Any, Any], app: App, cause: Cause, subject: str
) -> LoadedView:
    """Load rules and put them in force from the next decision on. Loading them twice is once.

    Rules that do not compile, or fail one of their own examples, are refused; every mistake is
    named with its line.
    """
    name, schemas = _rule_set(subject)
    body: RuleSetRequest = await read_body(request, RuleSetRequest)
    loaded = await load_rule_set(
        app.db,
        cause,
        source=body.source,
        schemas=schemas,
        activate=body.activate,
        expected_name=name,
    )
    return LoadedView(
        name=loaded.name,
        version=loaded.version,
        is_new=loaded.is_new,
        is_activated=loaded.is_activated,
    )


@post(
    "/rules/{subject:str}/activate",
    status_code=200,
    opt={"permission": Permission.MANAGE_RULES, "body": ActivateRequest},
)
async def post_activation(
    request: Request[Any, Any, Any], app: App, cause: Cause, subject: str
) -> RuleSetView:
    """Put a stored version in force, to go back."""
    name, schemas = _rule_set(subject)
    body: ActivateRequest = await read_body(request, ActivateRequest)
    await activate_version(app.db, cause, name=name, version=body.version, schemas=schemas)
    return await get_rules.fn(app, cause, subject)


def _rule_set(subject: str) -> tuple[str, Schemas]:
    try:
        return RULE_SETS[subject]
    except KeyError:
        known = ", ".join(RULE_SETS)
        raise NoSuchRuleSet(f"{subject[:64]}; there are rules for {known}") from None


ROUTES = [get_rules, post_rules, post_activation]
