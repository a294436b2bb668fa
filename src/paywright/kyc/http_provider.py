"""A KYC provider over HTTP. `paywright simulate-provider` speaks the same API; its other side is
`simulator/kyc_provider.py`."""

import asyncio
import re
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx2
import msgspec
import structlog

from paywright.kyc.model import Forgotten, Lost, Refused, Subject, Underway, Verdict

log = structlog.get_logger()

_BODY_MAX = 64 * 1024  # bytes
_CONNECTIONS_MAX = 10
_IDLE_S = 4.0  # less than the 5 s after which many servers close
# A word for machines. Anything else might be about the person, and is not kept.
_WORD = re.compile(r"[a-z][a-z0-9_]{0,49}")


class _Check(msgspec.Struct, frozen=True):
    """The parts of the provider's check that we go by. More fields may come."""

    id: str
    customer_reference: str
    status: Literal["pending", "verified", "rejected"]
    reason: str | None = None


class _Refusal(msgspec.Struct, frozen=True):
    code: str


class HttpKycProvider:
    """A `KycProvider`.

    url:        of the API, `https://api.example.com/kyc/v1`
    token:      our bearer token
    timeout_ms: for one call, from waiting for a connection to the last byte of the answer
    Raises ValueError for what is no URL, and where the token is missing.
    """

    name = "kyc_provider"

    def __init__(self, *, url: str, token: str, timeout_ms: int = 10_000) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError("must look like https://api.example.com/kyc/v1")
        if not token.isascii() or not token.isprintable() or not token:
            raise ValueError("needs a token, in printable ASCII")
        self._deadline_s = timeout_ms / 1000
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=httpx2.Timeout(self._deadline_s),
            limits=httpx2.Limits(max_connections=_CONNECTIONS_MAX, keepalive_expiry=_IDLE_S),
            trust_env=False,  # where names are sent to is said by our settings alone
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def begin(
        self, subject: Subject, *, idempotency_key: str
    ) -> Verdict | Underway | Refused | Lost:
        body: dict[str, object] = {"customer_reference": subject.customer_id, "name": subject.name}
        if subject.country is not None:
            body["country"] = subject.country
        heard = await self._exchange(
            "POST",
            "/checks",
            content=msgspec.json.encode(body),
            headers={"Idempotency-Key": idempotency_key, "Content-Type": "application/json"},
        )
        if isinstance(heard, Lost):
            return heard
        status, text, _ = heard
        if 200 <= status < 300:
            return _read(text, customer_id=subject.customer_id, reference=None)
        code = _code(text)
        if status in (400, 422) and code is not None and code != "idempotency_key_reused":
            return Refused(code)
        return _lost(heard)

    async def look_up(self, reference: str) -> Verdict | Underway | Forgotten | Lost:
        heard = await self._exchange("GET", f"/checks/{quote(reference, safe='')}")
        if isinstance(heard, Lost):
            return heard
        status, text, _ = heard
        if status == 200:
            return _read(text, customer_id=None, reference=reference)
        # In its own words: the 404 of a wrong address says nothing about a check.
        if status == 404 and _code(text) == "check_not_found":
            return Forgotten()
        return _lost(heard)

    async def _exchange(
        self, method: str, path: str, **request: Any
    ) -> tuple[int, bytes, float | None] | Lost:
        """One request, once: status, body and Retry-After, or why there is none."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                self._client.stream(method, path, **request) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _BODY_MAX:
                        return Lost(why="unreadable")
                return response.status_code, bytes(body), _retry_after(response)
        except (TimeoutError, httpx2.TimeoutException):
            return Lost(why="timeout")
        except httpx2.DecodingError:
            return Lost(why="unreadable")
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
            return Lost(why="connection_lost")


def _read(
    text: bytes, *, customer_id: str | None, reference: str | None
) -> Verdict | Underway | Lost:
    """The provider's check, which must be the one that we asked about."""
    try:
        check = msgspec.json.decode(text, type=_Check)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Lost(why="unreadable")
    if customer_id not in (None, check.customer_reference) or reference not in (None, check.id):
        log.error("kyc.contradiction", asked=reference or customer_id)
        return Lost(why="contradiction")
    if check.status == "pending":
        return Underway(check.id)
    reason = check.reason if check.reason and _WORD.fullmatch(check.reason) else None
    return Verdict(check.id, check.status == "verified", reason)


def _code(text: bytes) -> str | None:
    try:
        code = msgspec.json.decode(text, type=_Refusal).code
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return code if _WORD.fullmatch(code) else "other"


def _lost(heard: tuple[int, bytes, float | None]) -> Lost:
    status, text, retry_after_s = heard
    if status in (401, 403, 404, 409, 422):
        # Nothing that waiting would mend: a person has to look.
        log.error("kyc.call_refused", status=status, code=_code(text))
    return Lost(why=f"status_{status}", retry_after_s=retry_after_s)


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else None
