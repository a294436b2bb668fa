"""What the tests of notifications share: a mail server, an SMS provider, and a worker."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.smtp import SMTP, AuthResult
from tests.builders import TEST_KEY
from tests.jobs.working import working

from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Row
from paywright.jobs.registry import REGISTRY, Registry
from paywright.notifications import jobs as notification_jobs
from paywright.notifications.channels import Channels, open_channels
from paywright.notifications.model import Channel, Message
from paywright.notifications.send import queue_messages
from paywright.notifications.tasks import DeliverMessage

assert notification_jobs  # importing it has put its job into the registry
KEYS = KeyRing.from_hex(TEST_KEY, "k1")
CODE = "481516"
SETTINGS: dict[str, Any] = {
    "smtp_url": "",
    "smtp_from": "Paywright <no-reply@paywright.example>",
    "sms_api_url": "",
    "sms_api_user": "AC123",
    "sms_api_secret": "s3cret-of-the-provider",
    "sms_from": "+4915150000000",
    "is_development": False,
}


def a_cause(at: datetime | None = None) -> Cause:
    return Cause(SYSTEM, at or datetime.now(UTC), "req_test")


def a_message(**changes: Any) -> Message:
    message: dict[str, Any] = {
        "channel": Channel.EMAIL,
        "recipient": "mira@example.com",
        "purpose": "otp",
        "template": "otp",
        "values": {"code": CODE, "amount": "12.00 EUR", "payee": "Acme GmbH", "minutes": "5"},
        "dedupe_key": "otp:1",
        "not_after": datetime.now(UTC) + timedelta(minutes=5),
    }
    return Message(**message | changes)


def an_sms(**changes: Any) -> Message:
    return a_message(**{"channel": Channel.SMS, "recipient": "+49 151 1234 5612"} | changes)


def channels(**changes: Any) -> Channels:
    return open_channels(**SETTINGS | changes)


async def queue(db: Database, *messages: Message, cause: Cause | None = None) -> None:
    async with db.transaction() as tx:
        await queue_messages(tx, KEYS, cause or a_cause(), messages)


async def on_file(db: Database) -> list[Row]:
    return await db.pool.fetch("select * from messages order by dedupe_key")


@asynccontextmanager
async def delivering(db: Database, channels: Channels) -> AsyncIterator[None]:
    """A worker that delivers, and does nothing else."""
    registry = Registry()
    name = DeliverMessage.job_name()
    registry.jobs[name] = REGISTRY.jobs[name]
    app = SimpleNamespace(db=db, keys=KEYS, channels=channels)
    async with working(db, registry, app):
        yield


@dataclass
class Mailbox:
    """A mail server, and what it took. refuse: says what it answers instead, `550 No`, by the
    number of the attempt; login: the only user and password that it lets in"""

    refuse: Callable[[int], str | None] = lambda attempt: None
    on_data: Callable[[], None] = lambda: None
    login: tuple[str, str] | None = None
    attempts: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    url: str = ""

    async def handle_RCPT(  # noqa: N802 - the name that the server wants
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.attempts += 1
        if (refusal := self.refuse(self.attempts)) is not None:
            return f"{refusal} <{address}>"  # as real ones do
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.on_data()
        return "250 2.0.0 Ok: queued as 4F2A1B"

    def _authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.login, handled=False)


@asynccontextmanager
async def a_mailbox(**options: Any) -> AsyncIterator[Mailbox]:
    mailbox = Mailbox(**options)

    def session() -> SMTP:
        if mailbox.login is None:
            return SMTP(mailbox)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a password is taken without TLS
            return SMTP(
                mailbox,
                authenticator=mailbox._authenticate,
                auth_required=True,
                auth_require_tls=False,
            )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    mailbox.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Provider:
    """An SMS provider. answer: status and body by the number of the request; None: no answer."""

    answer: Callable[[int], tuple[int, bytes] | None]
    requests: list[tuple[dict[str, str], dict[str, list[str]]]] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")[1:-2]
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append((headers, parse_qs(body.decode())))
            answer = self.answer(len(self.requests))
            if answer is not None:
                status, content = answer
                writer.write(
                    b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                    % (status, len(content)) + content
                )  # fmt: skip
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def a_provider(
    answer: Callable[[int], tuple[int, bytes] | None] = lambda n: (201, b'{"sid": "SM1"}'),
) -> AsyncIterator[Provider]:
    provider = Provider(answer)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider.url = f"http://127.0.0.1:{port}/2010-04-01/Messages.json"
    try:
        yield provider
    finally:
        server.close()
        await server.wait_closed()
