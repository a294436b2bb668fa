"""One request and its answer over HTTP, where everything that can go wrong is a value."""

import asyncio
from typing import Any

import httpx2
import msgspec

from paywright.gateway.model import Lost, Why

BODY_MAX = 64 * 1024  # bytes; what a payment looks like fits many times


class Heard(msgspec.Struct, frozen=True):
    """An answer that has come in as a whole. retry_after_s: None unless it names seconds"""

    status: int
    body: bytes
    retry_after_s: float | None


async def exchange(
    client: httpx2.AsyncClient, method: str, path: str, *, deadline_s: float, **request: Any
) -> Heard | Lost:
    """Send one request, once, and read its answer.

    deadline_s: for all of it, from waiting for a connection to the last byte
    request:    what `AsyncClient.stream` takes: content, headers, params
    """
    body = bytearray()
    try:
        async with (
            asyncio.timeout(deadline_s),
            client.stream(method, path, **request) as response,
        ):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > BODY_MAX:
                    return Lost(why=Why.UNREADABLE, detail=f"more than {BODY_MAX} bytes")
            return Heard(response.status_code, bytes(body), _retry_after(response))
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        return Lost(why=Why.UNREACHABLE, detail=type(error).__name__, sent=False)
    except (TimeoutError, httpx2.TimeoutException) as error:
        return Lost(why=Why.TIMEOUT, detail=type(error).__name__)
    except httpx2.DecodingError as error:
        return Lost(why=Why.UNREADABLE, detail=type(error).__name__)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        return Lost(why=Why.CONNECTION_LOST, detail=type(error).__name__)


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds only: a date would need a clock, and that of the other side."""
    text = response.headers.get("retry-after", "")
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else None
