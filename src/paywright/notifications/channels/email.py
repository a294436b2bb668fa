"""Email over SMTP (RFC 5321), one connection a message."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec

from paywright.notifications.channels.model import Delivered, DeliveryFailed, Outgoing
from paywright.notifications.model import Channel
from paywright.notifications.recipients import BadRecipient, checked

_TIMEOUT_S = 10.0
_PORT, _TLS_PORT = 587, 465
_QUEUED_AS = re.compile(r"\bqueued as <?([!-;=?-~]{1,100})", re.ASCII | re.IGNORECASE)


class SmtpServer(msgspec.Struct, frozen=True):
    """start_tls: None: where the server offers it"""

    host: str
    port: int
    username: str | None
    password: str | None
    use_tls: bool
    start_tls: bool | None

    @classmethod
    def of(cls, url: str) -> "SmtpServer":
        """Read `smtp://user:password@host:port`, or `smtps://…` for TLS from the first byte.

        A password is given to this machine, or under TLS, or not at all. Raises ValueError.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SMTP_URL must look like smtp://user:password@host:587 or smtps://…")
        use_tls = parts.scheme == "smtps"
        must_encrypt = parts.password is not None and not is_this_machine(parts.hostname)
        start_tls = True if must_encrypt else None
        return cls(
            host=parts.hostname,
            port=parts.port or (_TLS_PORT if use_tls else _PORT),
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            use_tls=use_tls,
            start_tls=False if use_tls else start_tls,
        )


class Email:
    """url: SMTP_URL; sender: SMTP_FROM, `Paywright <no-reply@example.com>`. Raises ValueError."""

    def __init__(self, url: str, *, sender: str) -> None:
        self._server = SmtpServer.of(url)
        name, address = parseaddr(sender)
        try:
            checked(Channel.EMAIL, address if sender.isprintable() else "")
        except BadRecipient:
            raise ValueError("SMTP_FROM must look like Paywright <no-reply@example.com>") from None
        self._address = address
        self._from = Address(display_name=name, addr_spec=address)

    async def send(self, message: Outgoing) -> Delivered:
        server = self._server
        try:
            _, said = await aiosmtplib.send(
                self._letter(message),
                sender=self._address,
                recipients=[message.recipient],
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.use_tls,
                start_tls=server.start_tls,
                timeout=_TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Servers like to quote the recipient: what they say goes no further.
            raise _failure(error) from None
        found = _QUEUED_AS.search(said)
        return Delivered(found[1].rstrip(".,;)") if found else None)

    async def close(self) -> None: ...

    def _letter(self, message: Outgoing) -> EmailMessage:
        """Raises ValueError for what cannot stand in a header: an end of a line, above all."""
        letter = EmailMessage()
        letter["From"] = self._from
        letter["To"] = Address(addr_spec=message.recipient)
        letter["Subject"] = message.content.subject
        letter["Date"] = format_datetime(message.at)
        # The same at each attempt: a reader that gets it twice can show it once.
        letter["Message-ID"] = f"<{message.id}@{self._address.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from an absentee
        letter.set_content(message.content.text)
        return letter


def is_this_machine(host: str) -> bool:
    """Whether what is sent there stays here."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failure(error: Exception) -> DeliveryFailed:
    kind = type(error).__name__
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [refused.code for refused in error.recipients]
        listed = ", ".join(map(str, codes))
        return DeliveryFailed(
            f"{kind}: {listed}", is_final=bool(codes) and all(code >= 500 for code in codes)
        )
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return DeliveryFailed(f"{kind}: {error.code}")  # ours to mend, and then it may go
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return DeliveryFailed(f"{kind}: {error.code}", is_final=error.code >= 500)
    is_ours = isinstance(error, ValueError | aiosmtplib.SMTPNotSupported)
    return DeliveryFailed(kind, is_final=is_ours)
