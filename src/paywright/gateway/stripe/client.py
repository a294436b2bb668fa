"""The line to Stripe: its SDK over our HTTP client, where what the network does is a value.

Importing the SDK takes half a second: only who opens a line imports this module.
"""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import stripe

from paywright.gateway.connections import Connections
from paywright.gateway.heard import Heard
from paywright.gateway.model import Lost, Why

_BODY_MAX = 1024 * 1024  # bytes; a page of a statement, with each charge in it, fits


class _NoSuccess(stripe.APIConnectionError):
    """What came instead of a success. It passes by the SDK's own reading of errors, which forgets
    Retry-After where the body is not of Stripe, and repeats bodies in its messages."""

    def __init__(self, came: Heard | Lost) -> None:
        super().__init__("no success")
        self.came = came


class _Line(stripe.HTTPClient):
    name: ClassVar[str] = "aiohttp"

    def __init__(self, *, deadline_s: float, connections_max: int) -> None:
        super().__init__()
        self._connections = Connections(deadline_s=deadline_s, connections_max=connections_max)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        heard = await self._connections.exchange(
            method.upper(),
            url,
            body_max=_BODY_MAX,
            headers=dict(headers),
            content=post_data.encode() if isinstance(post_data, str) else post_data,
        )
        if isinstance(heard, Lost) or not 200 <= heard.status < 300:
            raise _NoSuccess(heard)
        return heard.body, heard.status, {}

    async def close_async(self) -> None:
        await self._connections.close()


class Api:
    """Stripe's API, a request at a time. Nothing is repeated, nothing raises for the network.

    The SDK gives addresses, encoding, the version of the API and who we are. Its objects are not
    made: an answer is read once, by the struct that names what we go by.

    base:       None: Stripe's own
    deadline_s: for one request, from waiting for a connection to the last byte of the answer
    """

    def __init__(
        self, *, api_key: str, base: str | None, deadline_s: float, connections_max: int
    ) -> None:
        # At `info` it tells every request with its address, at `debug` what is in it.
        logging.getLogger("stripe").setLevel(logging.WARNING)
        # It would keep an id of this machine in the user's home, and tell how long calls took.
        stripe.enable_telemetry = False
        self._line = _Line(deadline_s=deadline_s, connections_max=connections_max)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={} if base is None else {"api": base},
            max_network_retries=0,
            http_client=self._line,
        )

    async def get(
        self, path: str, params: Mapping[str, Any], *, account: str | None = None
    ) -> Heard | Lost:
        """account: the connected account on whose behalf we ask"""
        return await self._ask("get", path, dict(params), account)

    async def post(
        self, path: str, params: Mapping[str, Any], *, key: str, account: str | None = None
    ) -> Heard | Lost:
        """key: the idempotency key; Stripe keeps it for 24 hours at least."""
        return await self._ask("post", path, {**params, "idempotency_key": key}, account)

    async def _ask(
        self, method: str, path: str, params: dict[str, Any], account: str | None
    ) -> Heard | Lost:
        if account is not None:
            params["stripe_account"] = account
        try:
            answer = await self._client.raw_request_async(method, path, **params)
        except _NoSuccess as error:
            return error.came
        except (stripe.StripeError, UnicodeError) as error:  # a success that is no JSON
            return Lost(why=Why.UNREADABLE, detail=type(error).__name__)
        return Heard(answer.code, answer.body.encode(), None)

    async def close(self) -> None:
        await self._line.close_async()
