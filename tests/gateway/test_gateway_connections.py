"""Connections to a provider: what is lent again, and what is never mixed up."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.gateway.answering import answering, http
from tests.processes import free_port

from paywright.gateway import connections as module
from paywright.gateway.connections import Connections
from paywright.gateway.heard import Heard
from paywright.gateway.model import Lost, Why


def kept(status: int, body: bytes, *headers: str) -> bytes:
    """An answer after which the connection stays open."""
    return http(status, body, *headers).replace(b"Connection: close\r\n", b"")


@asynccontextmanager
async def connected(url: str, **changes: Any) -> AsyncIterator[Connections]:
    it = Connections(**{"deadline_s": 2.0, "connections_max": 5, "base_url": url} | changes)
    try:
        yield it
    finally:
        await it.close()


class Server:
    """A server in a thread of its own, so that it goes on while our loop stands still.

    heads: of the requests; peers: of the connections, in the order in which they were opened
    """

    def __init__(self, serve: Callable[[socket.socket, int], None]) -> None:
        self.heads: list[bytes] = []
        self.peers = 0
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.peers += 1
            self._threads.append(threading.Thread(target=self._talk, args=(peer,)))
            self._threads[-1].start()

    def _talk(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            received = b""
            while chunk := peer.recv(65536):
                received += chunk
                if b"\r\n\r\n" in received:  # requests of these tests have no body
                    self.heads.append(received)
                    received = b""
                    self._serve(peer, len(self.heads))


@contextmanager
def serving(serve: Callable[[socket.socket, int], None]) -> Iterator[Server]:
    it = Server(serve)
    try:
        yield it
    finally:
        it.stop()


def answer_by_number(peer: socket.socket, number: int) -> None:
    peer.sendall(kept(200, b"%d" % number))


async def test_a_connection_is_lent_again() -> None:
    with serving(answer_by_number) as server:
        async with connected(server.url) as it:
            answers = [await it.exchange("GET", "/") for _ in range(3)]
    assert answers == [Heard(200, b"1", None), Heard(200, b"2", None), Heard(200, b"3", None)]
    assert server.peers == 1


def answer_and_send_more_later(peer: socket.socket, number: int) -> None:
    peer.sendall(kept(200, b"%d" % number))
    time.sleep(0.05)
    peer.sendall(kept(408, b"too slow"))


async def test_an_answer_that_nobody_asked_for_is_not_the_answer_to_what_is_asked_next() -> None:
    with serving(answer_and_send_more_later) as server:
        async with connected(server.url) as it:
            answers = []
            for _ in range(3):
                answers.append(await it.exchange("POST", "/"))
                await asyncio.sleep(0.2)
    assert answers == [Heard(200, b"%d" % number, None) for number in (1, 2, 3)]


async def test_nor_is_one_that_came_while_the_loop_was_busy() -> None:
    with serving(answer_and_send_more_later) as server:
        async with connected(server.url) as it:
            answers = []
            for _ in range(3):
                answers.append(await it.exchange("POST", "/"))
                time.sleep(0.2)
    assert answers == [Heard(200, b"%d" % number, None) for number in (1, 2, 3)]


async def test_a_connection_that_the_other_side_closed_is_not_lent_again() -> None:
    def then_close(peer: socket.socket, number: int) -> None:
        peer.sendall(kept(200, b"%d" % number))
        peer.shutdown(socket.SHUT_WR)

    with serving(then_close) as server:
        async with connected(server.url) as it:
            answers = []
            for _ in range(3):
                answers.append(await it.exchange("POST", "/"))
                time.sleep(0.05)  # the loop has not seen that it was closed
    assert answers == [Heard(200, b"%d" % number, None) for number in (1, 2, 3)]


async def test_what_was_idle_for_long_is_not_lent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IDLE_S", 0.1)
    with serving(answer_by_number) as server:
        async with connected(server.url) as it:
            await it.exchange("GET", "/")
            await asyncio.sleep(0.2)
            await it.exchange("GET", "/")
    assert server.peers == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_is_repeated_where_a_kept_connection_is_cut(method: str) -> None:
    def once(peer: socket.socket, number: int) -> None:
        if number == 1:
            answer_by_number(peer, number)
        else:
            peer.shutdown(socket.SHUT_RDWR)

    with serving(once) as server:
        async with connected(server.url) as it:
            assert await it.exchange(method, "/") == Heard(200, b"1", None)
            lost = await it.exchange(method, "/")
    assert lost == Lost(why=Why.CONNECTION_LOST, detail="ServerDisconnectedError")
    assert len(server.heads) == 2


async def test_who_waits_for_a_connection_in_vain_was_sent_nothing() -> None:
    def never(peer: socket.socket, number: int) -> None:
        pass

    with serving(never) as server:
        async with connected(server.url, connections_max=1, deadline_s=0.4) as it:
            began = time.monotonic()
            first = asyncio.create_task(it.exchange("POST", "/"))
            await asyncio.sleep(0.02)
            second = await it.exchange("POST", "/")
            assert 0.15 < time.monotonic() - began < 0.35  # half of the time
            assert second == Lost(why=Why.UNREACHABLE, detail="too many at once", sent=False)
            assert await first == Lost(why=Why.TIMEOUT, detail="TimeoutError")
    assert len(server.heads) == 1


async def test_who_waits_for_a_connection_has_it_before_who_comes_later() -> None:
    with serving(answer_by_number) as server:
        async with connected(server.url, connections_max=1) as it:
            ended: list[int] = []

            async def ask(who: int, times: int) -> None:
                for _ in range(times):
                    await it.exchange("GET", "/")
                    ended.append(who)

            await asyncio.gather(ask(1, 20), ask(2, 1))
    assert ended.index(2) <= 2
    assert server.peers == 1


async def test_who_never_takes_the_connection_was_sent_nothing() -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(3):  # nobody accepts them
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(full.getsockname())
    url = f"http://127.0.0.1:{full.getsockname()[1]}"
    async with connected(url, deadline_s=0.4) as it:
        lost = await it.exchange("POST", "/")
    for one in (*waiting, full):
        one.close()
    assert lost == Lost(why=Why.UNREACHABLE, detail="ConnectionTimeoutError", sent=False)


async def test_who_has_no_address_was_sent_nothing() -> None:
    async with connected("http://nobody.invalid") as it:
        lost = await it.exchange("POST", "/")
    assert isinstance(lost, Lost)
    assert (lost.why, lost.sent) == (Why.UNREACHABLE, False)


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """Of localhost, vouched for by nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


async def test_who_cannot_prove_who_they_are_are_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, private = a_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # who sets this decides nothing
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)
    requests = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with connected(url) as it:
        lost = await it.exchange("POST", "/")
    server.close()
    assert lost == Lost(why=Why.UNREACHABLE, detail="ClientConnectorCertificateError", sent=False)
    assert not any(requests)


async def test_no_cookie_is_kept_and_no_proxy_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    def with_cookie(peer: socket.socket, number: int) -> None:
        peer.sendall(kept(200, b"", "Set-Cookie: seen=1; Path=/"))

    with serving(with_cookie) as server:
        async with connected(server.url.replace("127.0.0.1", "localhost")) as it:
            for _ in range(2):
                assert await it.exchange("GET", "/") == Heard(200, b"", None)
    assert not any(b"cookie" in head.lower() for head in server.heads)


async def test_the_address_is_sent_as_it_was_meant() -> None:
    async with answering(http(200, b"")) as server, connected(server.url) as it:
        await it.exchange("GET", "/a%2Fb", params={"at": "2026-01-05T12:30:00+00:00", "q": "a&b"})
        await it.exchange("GET", "/c?created%5Bgte%5D=1&x=%2B")
    lines = [request.split(b"\r\n")[0] for request in server.requests]
    assert lines == [
        b"GET /v1/a%2Fb?at=2026-01-05T12%3A30%3A00%2B00%3A00&q=a%26b HTTP/1.1",
        b"GET /v1/c?created%5Bgte%5D=1&x=%2B HTTP/1.1",
    ]
