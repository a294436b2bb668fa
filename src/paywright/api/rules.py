"""The rules that decide issues, over HTTP: read, load, put in force, go back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from msgspec import Meta

from paywright.api.requests import END, read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.issues import rules_engine
from paywright.rulesets import store
from paywright.rulesets.load import NoSuchRuleSet, activate_version, load_rule_set
from paywright.wiring import App

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


@get("/rules/issues", opt={"permission": Permission.READ_RULES})
async def get_rules(app: App, cause: Cause) -> RuleSetView:
    """The rules in force, and every version there was."""
    cause.actor.require(Permission.READ_RULES)
    async with app.db.snapshot() as tx:
        active = await store.active_version(tx, rules_engine.RULE_SET)
        versions = await store.versions(tx, rules_engine.RULE_SET)
    if active is None:
        raise NoSuchRuleSet(rules_engine.RULE_SET)
    return RuleSetView(
        name=rules_engine.RULE_SET,
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
    "/rules/issues",
    status_code=200,
    opt={"permission": Permission.MANAGE_RULES, "body": RuleSetRequest},
)
async def post_rules(request: Request[Any, Any, Any], app: App, cause: Cause) -> LoadedView:
    """Load rules and put them in force from the next decision on. Loading them twice is once.

    Rules that do not compile, or fail one of their own examples, are refused; every mistake is
    named with its line.
    """
    body: RuleSetRequest = await read_body(request, RuleSetRequest)
    loaded = await load_rule_set(
        app.db,
        cause,
        source=body.source,
        schemas=rules_engine.SCHEMAS,
        activate=body.activate,
        expected_name=rules_engine.RULE_SET,
    )
    return LoadedView(
        name=loaded.name,
        version=loaded.version,
        is_new=loaded.is_new,
        is_activated=loaded.is_activated,
    )


@post(
    "/rules/issues/activate",
    status_code=200,
    opt={"permission": Permission.MANAGE_RULES, "body": ActivateRequest},
)
async def post_activation(request: Request[Any, Any, Any], app: App, cause: Cause) -> RuleSetView:
    """Put a stored version in force, to go back."""
    body: ActivateRequest = await read_body(request, ActivateRequest)
    await activate_version(
        app.db,
        cause,
        name=rules_engine.RULE_SET,
        version=body.version,
        schemas=rules_engine.SCHEMAS,
    )
    return await get_rules.fn(app, cause)


ROUTES = [get_rules, post_rules, post_activation]
