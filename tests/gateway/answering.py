"""A server that says exactly what a test wants, down to the bytes, and counts who asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Answering:
    """Answers every connection with the same bytes, then closes it. requests: what came in"""

    def __init__(self, answer: bytes, *, chunk_pause_s: float = 0.0) -> None:
        self._answer = answer
        self._pause_s = chunk_pause_s
        self.requests: list[bytes] = []
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            self.requests.append(head + await reader.readexactly(length))
            if self._pause_s:
                for byte in self._answer:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(self._pause_s)
            writer.write(self._answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def answering(answer: bytes, *, chunk_pause_s: float = 0.0) -> AsyncIterator[Answering]:
    it = Answering(answer, chunk_pause_s=chunk_pause_s)
    server = await asyncio.start_server(it, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield it
    finally:
        server.close()


def http(status: int, body: bytes, *headers: str) -> bytes:
    """An answer over HTTP, as it goes over the line."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
