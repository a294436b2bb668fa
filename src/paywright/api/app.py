"""The HTTP application: all resources behind one edge."""

from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp

from paywright import __version__
from paywright.api import (
    accounts,
    analytics,
    approvals,
    challenges,
    charges,
    cloud_events,
    customers,
    docs,
    events,
    health,
    holds,
    incidents,
    issues,
    jobs,
    keys,
    kyc,
    messages,
    payment_runs,
    providers,
    reconciliations,
    reports,
    risk,
    rules,
    screening,
    sessions,
    statements,
    transfers,
    users,
    vendor_changes,
    vendor_payments,
    vendors,
)
from paywright.api.auth import Doorkeeper, cause_of, guard
from paywright.api.edge import Edge
from paywright.api.hot import HotRoutes
from paywright.api.openapi import describe
from paywright.api.problems import explain
from paywright.batching import Coalescer
from paywright.issues.open import open_issues
from paywright.payments.making import Making
from paywright.wiring import App

V1 = [
    *issues.ROUTES,
    *transfers.ROUTES,
    *holds.ROUTES,
    *charges.ROUTES,
    *accounts.ROUTES,
    *statements.ROUTES,
    *analytics.ROUTES,
    *approvals.ROUTES,
    *challenges.ROUTES,
    *customers.ROUTES,
    *jobs.ROUTES,
    *rules.ROUTES,
    *screening.ROUTES,
    *risk.ROUTES,
    *keys.ROUTES,
    *kyc.ROUTES,
    *users.ROUTES,
    *sessions.ROUTES,
    *messages.ROUTES,
    *reconciliations.ROUTES,
    *payment_runs.ROUTES,
    *reports.ROUTES,
    *providers.ROUTES,
    *events.ROUTES,
    *vendors.ROUTES,
    *vendor_changes.ROUTES,
    *vendor_payments.ROUTES,
    *cloud_events.ROUTES,
    *incidents.ROUTES,
]


_DESCRIPTION = OpenAPIConfig(
    title="Paywright",
    version=__version__,
    description="Payment operations. Amounts are in minor units, times RFC 3339 in UTC.",
    use_handler_docstrings=True,
)


def create_api(app: App) -> ASGIApp:
    """The ASGI application over the parts that `wiring` built."""
    inner = create_litestar(app)
    return HotRoutes(
        Edge(inner),
        transfers.HOT | holds.HOT | vendor_payments.HOT,
        desk=inner.state.desk,
        doorkeeper=inner.state.doorkeeper,
        body_max=app.settings.request_body_max_bytes,
    )


def create_litestar(app: App, *, described: bool = False) -> Litestar:
    """The application without its edge.

    described: with Litestar's own OpenAPI routes, whose pages load their scripts from other hosts:
               only ever to be asked for its description, never to be served
    """
    state = _state(app)

    async def the_app() -> App:
        return app

    @asynccontextmanager
    async def lifespan(_: Litestar) -> Any:
        await state.doorkeeper.listener.start()
        yield
        await state.doorkeeper.listener.stop()
        await state.open_issue.close()
        await state.desk.close()
        await state.making.close()

    return Litestar(
        route_handlers=[
            Router("/api/v1", route_handlers=V1),
            *health.ROUTES,
            *docs.ROUTES,
            *sessions.WELL_KNOWN,
        ],
        guards=[guard],
        dependencies={"app": Provide(the_app), "cause": Provide(cause_of)},
        exception_handlers={Exception: explain},
        state=state,
        lifespan=[lifespan],
        request_max_body_size=app.settings.request_body_max_bytes,
        openapi_config=_DESCRIPTION if described else None,
        logging_config=None,
        debug=False,
    )


def _state(app: App) -> State:
    """What the routes share. What is under way in it is finished when the application ends."""
    settings = app.settings
    return State(
        {
            "doorkeeper": Doorkeeper(
                app.db,
                app.identity,
                app.limiter,
                limit=settings.rate_limit_max,
                window_s=settings.rate_limit_window_ms / 1000,
            ),
            "describe": lambda: describe(create_litestar(app, described=True)),
            "open_issue": Coalescer(
                partial(open_issues, app.db, render=issues.render_opened), name="open_issues"
            ),
            "desk": transfers.open_desk(app),
            "making": Making(app.db, app.settling),
        }
    )
