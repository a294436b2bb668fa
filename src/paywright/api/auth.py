"""From a request to its cause: who is calling, from where, and when. The API's only clock."""

import hashlib
import math
import time
from datetime import UTC, datetime
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope

from paywright.core.actor import ANONYMOUS, Actor, Permission
from paywright.core.cause import Cause
from paywright.core.errors import Forbidden, Problem, TooMany
from paywright.db.listen import Listener
from paywright.db.pool import Database
from paywright.identity.authenticate import authenticate
from paywright.identity.parts import Parts
from paywright.identity.revoked import CHANNEL, EVERYTHING
from paywright.identity.trusted import Trusted
from paywright.telemetry import metrics
from paywright.throttle.limiter import Limiter

PUBLIC = "public"  # what `opt["permission"]` says of a route that needs no credential
_COUNTED = ("/api/", "/.well-known/")


class RateLimited(TooMany):
    """Too many requests.

    Wait for the seconds in `Retry-After`. The limit counts by caller and by address.
    """


class RouteClosed(Forbidden):
    """The route names no permission, so nobody has it."""


class OptionsRefused(Problem):
    """The path does not know the method OPTIONS: pages of other sites may not call us."""

    status = 405


class Doorkeeper:
    """Knows callers again until they are revoked, and how often each has come.

    While it hears of every revocation, in whatever process (`listener`), a caller who was verified
    once is not looked up again. While it does not, each request asks the database.
    """

    def __init__(
        self, db: Database, parts: Parts, limiter: Limiter, *, limit: int, window_s: float
    ) -> None:
        self._db = db
        self._parts = parts
        self._limiter = limiter
        self._limit = limit
        self._window_s = window_s
        self._trusted = Trusted()
        self.listener = Listener(
            db, CHANNEL, on_message=self.forget, on_start=self._trusted.forget_all
        )

    async def actor_of(self, credential: str | None) -> Actor:
        """Raises KeyInvalid, TokenInvalid, NoRole, IssuerUnavailable."""
        # A digest, so that no secret stays in memory longer than its request.
        digest = hashlib.blake2b(
            (credential or "").encode("utf-8", "replace"), digest_size=16
        ).digest()
        now = time.monotonic()
        if self.listener.is_alive(now):
            known = self._trusted.find(digest, now=now)
            if known is not None:
                return known
        generation = self._trusted.generation
        at = datetime.now(UTC)
        caller = await authenticate(self._db, self._parts, credential, at=at)
        self._trusted.keep(digest, caller, generation=generation, at=at, now=now)
        return caller.actor

    async def admit(self, scope: Scope, credential: str | None, permission: Permission) -> Actor:
        """Who is calling, if it may do this, and has not called too often.

        Raises RateLimited, PermissionMissing, and what `actor_of` does.
        """
        await self.count_address(scope)
        actor = await self.actor_of(credential)
        if self._limit:
            await self._count(scope, f"key:{actor.id}")
        actor.require(permission)
        return actor

    async def count_address(self, scope: Scope) -> None:
        """Count a request of an address. Raises RateLimited."""
        if self._limit:
            client = scope["client"]
            await self._count(scope, f"ip:{client[0] if client else ''}")

    def forget(self, subject: str) -> None:
        """Trust a key, a session or a user no more."""
        if subject == EVERYTHING:
            self._trusted.forget_all()
        else:
            self._trusted.forget(subject)

    async def _count(self, scope: Scope, name: str) -> None:
        """Raise RateLimited when `name` has used its share up."""
        allowance = await self._limiter.take(
            name, limit=self._limit, window_s=self._window_s, now=time.monotonic()
        )
        headers = {
            "RateLimit-Limit": str(self._limit),
            "RateLimit-Remaining": str(allowance.remaining),
            "RateLimit-Reset": str(math.ceil(allowance.reset_s)),
        }
        scope["state"]["rate_limit"] = headers
        if allowance.retry_after_s > 0:
            metrics.count_rate_limited()
            retry = str(math.ceil(allowance.retry_after_s))
            raise RateLimited(
                f"{self._limit} requests in {self._window_s:g} s", headers={"Retry-After": retry}
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
        # Not probes, and not the pages: these are never starved by somebody else's haste.
        if connection.scope["path"].startswith(_COUNTED):
            await doorkeeper.count_address(connection.scope)
        connection.scope["state"]["actor"] = ANONYMOUS
        return
    headers = connection.headers
    credential = secret_of(headers.get("authorization"), headers.get("x-api-key"))
    actor = await doorkeeper.admit(connection.scope, credential, Permission(wanted))
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
