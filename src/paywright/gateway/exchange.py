"""One request and its answer over HTTP, where everything that can go wrong is a value."""

import asyncio
from collections.abc import Mapping

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from paywright.gateway.heard import Heard
from paywright.gateway.model import Lost, Why

BODY_MAX = 64 * 1024  # bytes; what a payment looks like fits many times


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    *,
    deadline_s: float,
    body_max: int = BODY_MAX,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Heard | Lost:
    """Send one request, once, and read its answer.

    session:    one of `Connections`, which repeats nothing by itself
    deadline_s: for all of it, from waiting for a connection to the last byte
    body_max:   bytes of an answer; what is longer is none
    """
    body = bytearray()
    try:
        async with (
            asyncio.timeout(deadline_s),
            session.request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as response,
        ):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > body_max:
                    return Lost(why=Why.UNREADABLE, detail=f"more than {body_max} bytes")
            return Heard(response.status, bytes(body), _retry_after(response))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Lost(why=Why.UNREACHABLE, detail=type(error).__name__, sent=False)
    except TimeoutError as error:
        return Lost(why=Why.TIMEOUT, detail=type(error).__name__)
    except aiohttp.ClientError as error:
        cause = error.__cause__ or error
        is_garbled = isinstance(cause, ContentEncodingError)
        why = Why.UNREADABLE if is_garbled else Why.CONNECTION_LOST
        return Lost(why=why, detail=type(cause).__name__)


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds only: a date would need a clock, and that of the other side."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else None
