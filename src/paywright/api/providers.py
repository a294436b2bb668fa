"""Providers over HTTP: how they are doing, what they were asked, and their circuit breakers."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.provider_views import (
    ProviderAttemptPage,
    ProviderAttemptView,
    ProviderList,
    ProviderSummaryView,
    ProviderView,
)
from paywright.api.requests import read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.gateway.breaker import State
from paywright.gateway.override import WHY_MAX, set_breaker
from paywright.gateway.status import list_attempts, provider_status
from paywright.gateway.summarize import summarize
from paywright.wiring import App

Cursor = Annotated[str | None, Parameter(max_length=200)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
Minutes = Annotated[int, Parameter(ge=1, le=1440)]
# Something to read, and no NUL.
Reason = Annotated[
    str, Meta(min_length=1, max_length=WHY_MAX, pattern=r"^[^\u0000]*[^\s\u0000][^\u0000]*$")
]

_WANTED = {"open": State.OPEN, "closed": State.CLOSED, "automatic": None}


class BreakerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`open`: the provider is not called, until this is taken back. `closed`: it is called,
    whatever happens. `automatic`: taken back."""

    state: Literal["open", "closed", "automatic"]
    reason: Reason


@get("/providers/status", opt={"permission": Permission.READ_PROVIDERS})
async def get_providers(app: App, cause: Cause) -> ProviderList:
    """Each provider that is set up: its circuit breaker, and how calls to it went lately."""
    found = await provider_status(
        app.db, cause, providers=app.gateway.providers, window=app.gateway.policy.window
    )
    return ProviderList([ProviderView.of(it) for it in found])


@get("/providers/summary", opt={"permission": Permission.READ_PROVIDERS})
async def get_provider_summary(
    app: App, cause: Cause, minutes: Minutes = 10
) -> ProviderSummaryView:
    """How the providers are doing, in a few sentences of English."""
    found = await summarize(
        app.db,
        cause,
        providers=app.gateway.providers,
        minutes=minutes,
        reworder=app.reworder,
    )
    return ProviderSummaryView.of(found)


@get("/providers/{name:str}/attempts", opt={"permission": Permission.READ_PROVIDERS})
async def get_attempts(
    app: App, cause: Cause, name: str, cursor: Cursor = None, limit: Limit = 50
) -> ProviderAttemptPage:
    """What a provider was asked, and what came back, newest first."""
    page = await list_attempts(
        app.db,
        cause,
        provider=name,
        providers=app.gateway.providers,
        cursor=cursor,
        limit=limit,
    )
    return ProviderAttemptPage([ProviderAttemptView.of(it) for it in page.items], page.next_cursor)


@post(
    "/providers/{name:str}/breaker",
    status_code=200,
    opt={"permission": Permission.MANAGE_PROVIDERS, "body": BreakerRequest},
)
async def post_breaker(
    request: Request[Any, Any, Any], app: App, cause: Cause, name: str
) -> ProviderView:
    """Keep the circuit breaker of a provider open or closed, or let go of it. Repeatable."""
    body: BreakerRequest = await read_body(request, BreakerRequest)
    await set_breaker(
        app.db,
        cause,
        provider=name,
        known=app.gateway.providers,
        wanted=_WANTED[body.state],
        why=body.reason,
    )
    [found] = await provider_status(
        app.db,
        cause,
        providers=app.gateway.providers,
        window=app.gateway.policy.window,
        only=name,
    )
    return ProviderView.of(found)


ROUTES = [get_providers, get_provider_summary, get_attempts, post_breaker]
