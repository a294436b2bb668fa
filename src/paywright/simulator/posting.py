"""Posts small bodies to a few places, over connections that are kept.

A general HTTP client takes several times as long for one event as the simulator does for the
payment that it tells of; it would be what a load test measures.
"""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlsplit

import httptools
import msgspec

_IDLE_MAX_S = 4.0  # less than the 5 s after which many servers close
_READ_BYTES = 65_536


class NotPosted(Exception):
    """No answer came. What was sent may have arrived."""


class _Place(msgspec.Struct, frozen=True):
    host: str
    port: int
    is_tls: bool


class _Line(msgspec.Struct):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float  # monotonic seconds


class _Answer:
    """What the parser finds in the bytes that come."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.is_whole = False

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_message_complete(self) -> None:
        self.is_whole = self.status >= 200  # a 1xx comes before the answer


class Poster:
    """timeout_s: from the first byte sent to the last one received"""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._idle: defaultdict[_Place, list[_Line]] = defaultdict(list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer. Redirects are not followed. Raises NotPosted."""
        parts = urlsplit(url)
        try:
            is_tls = parts.scheme == "https"
            place = _Place(parts.hostname or "", parts.port or (443 if is_tls else 80), is_tls)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            head = _head(path, parts.netloc.rpartition("@")[2], len(body), headers)
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(place, head + body)
        except (OSError, ValueError, TimeoutError, EOFError, httptools.HttpParserError) as error:
            raise NotPosted(type(error).__name__) from None

    def close(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.writer.close()
        self._idle.clear()

    async def _exchange(self, place: _Place, request: bytes) -> int:
        line = self._take(place) or await _opened(place)
        try:
            line.writer.write(request)
            answer = await _heard(line.reader)
        except BaseException:
            line.writer.close()
            raise
        if answer.is_whole and answer.parser.should_keep_alive():
            line.used_at = time.monotonic()
            self._idle[place].append(line)
        else:
            line.writer.close()
        return answer.status

    def _take(self, place: _Place) -> _Line | None:
        """A connection that is still good, as far as can be seen from here."""
        idle = self._idle[place]
        while idle:
            line = idle.pop()
            if time.monotonic() - line.used_at < _IDLE_MAX_S and not line.reader.at_eof():
                return line
            line.writer.close()
        return None


async def _heard(reader: asyncio.StreamReader) -> _Answer:
    """Raises EOFError when the connection ends before a status has come."""
    answer = _Answer()
    while not answer.is_whole:
        received = await reader.read(_READ_BYTES)
        if received:
            answer.parser.feed_data(received)
        elif answer.status >= 200:  # what has no length ends with its connection
            break
        else:
            raise EOFError
    return answer


async def _opened(place: _Place) -> _Line:
    tls = ssl.create_default_context() if place.is_tls else None
    reader, writer = await asyncio.open_connection(place.host, place.port, ssl=tls)
    return _Line(reader, writer, time.monotonic())


def _head(path: str, host: str, length: int, headers: Mapping[str, str]) -> bytes:
    """Raises ValueError (UnicodeError) for what is not ASCII."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
