"""From a request to its cause: who is calling, from where, and when. The API's only clock."""

import hashlib
import math
import time
from datetime import UTC, datetime
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope

from paywright.api.limits import RateLimiter
from paywright.core.actor import Actor, Permission
from paywright.core.cause import Cause
from paywright.core.errors import Forbidden, Problem, TooMany
from paywright.db.pool import Database
from paywright.identity.authenticate import authenticate_key
from paywright.telemetry import metrics

PUBLIC = "public"  # what `opt["permission"]` says of a route that needs no key

# How long a key that was revoked in another process may still be accepted in this one.
_TRUSTED_S = 5.0
_TRUSTED_MAX = 10_000


class RateLimited(TooMany):
    """Too many requests.

    Wait for the seconds in `Retry-After`. The limit counts by API key and by address.
    """


class RouteClosed(Forbidden):
    """The route names no permission, so nobody has it."""


class OptionsRefused(Problem):
    """The path does not know the method OPTIONS: pages of other sites may not call us."""

    status = 405


class Doorkeeper:
    """Knows callers again for a few seconds, and how often each has come."""

    def __init__(self, db: Database, *, limit: int, window_s: float) -> None:
        self._db = db
        self._trusted: dict[bytes, tuple[Actor, float]] = {}
        self.limiter = RateLimiter(limit=limit, window_s=window_s)

    async def actor_of(self, secret: str | None) -> Actor:
        """Raises KeyInvalid."""
        # A digest, so that no secret stays in memory longer than its request.
        digest = hashlib.blake2b((secret or "").encode("utf-8", "replace"), digest_size=16).digest()
        now = time.monotonic()
        if (known := self._trusted.get(digest)) is not None and now < known[1]:
            return known[0]
        actor = await authenticate_key(self._db, secret, at=datetime.now(UTC))
        if len(self._trusted) >= _TRUSTED_MAX:
            self._trusted.clear()
        self._trusted[digest] = (actor, now + _TRUSTED_S)
        return actor

    async def admit(self, scope: Scope, secret: str | None, permission: Permission) -> Actor:
        """Who is calling, if it may do this, and has not called too often.

        Raises RateLimited, KeyInvalid, PermissionMissing.
        """
        client = scope["client"]
        if self.limiter.limit:
            self.count(scope, f"ip:{client[0] if client else ''}")
        actor = await self.actor_of(secret)
        if self.limiter.limit:
            self.count(scope, f"key:{actor.id}")
        actor.require(permission)
        return actor

    def forget(self) -> None:
        """Trust nobody any more: a key was revoked."""
        self._trusted.clear()

    def count(self, scope: Scope, key: str) -> None:
        """Raise RateLimited when `key` has used its share up."""
        allowance = self.limiter.take(key, now=time.monotonic())
        if allowance is None:
            return
        headers = {
            "RateLimit-Limit": str(self.limiter.limit),
            "RateLimit-Remaining": str(allowance.remaining),
            "RateLimit-Reset": str(math.ceil(allowance.reset_s)),
        }
        scope["state"]["rate_limit"] = headers
        if allowance.retry_after_s > 0:
            metrics.count_rate_limited()
            retry = str(math.ceil(allowance.retry_after_s))
            raise RateLimited(
                f"{self.limiter.limit} requests in {self.limiter.window_s:g} s",
                headers={"Retry-After": retry},
            )


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let nobody in whom the route does not name. A route that names nothing lets nobody in."""
    wanted = handler.opt.get("permission")
    if wanted is None:
        if connection.scope.get("method") == "OPTIONS":  # the framework's own, for every path
            raise OptionsRefused
        raise RouteClosed
    doorkeeper: Doorkeeper = connection.app.state.doorkeeper
    if wanted == PUBLIC:
        return
    headers = connection.headers
    secret = secret_of(headers.get("authorization"), headers.get("x-api-key"))
    actor = await doorkeeper.admit(connection.scope, secret, Permission(wanted))
    connection.scope["state"]["actor"] = actor


async def cause_of(scope: Scope) -> Cause:
    """The cause of an authenticated request."""
    return cause_for(scope, scope["state"]["actor"])


def cause_for(scope: Scope, actor: Actor) -> Cause:
    """The cause of a request that `actor` makes now."""
    client = scope["client"]
    return Cause(
        actor=actor,
        at=datetime.now(UTC),
        request_id=scope["state"]["request_id"],
        ip=client[0] if client else None,
    )


def secret_of(authorization: str | None, x_api_key: str | None) -> str | None:
    scheme, _, credential = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return credential.strip()
    return x_api_key
