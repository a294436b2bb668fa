"""Templates and recipients: what may be said, and to whom."""

import pytest
from tests.notifications.posting import SETTINGS

from paywright.notifications.channels import open_channels
from paywright.notifications.channels.email import SmtpServer
from paywright.notifications.fill import TemplateMisused, fill
from paywright.notifications.model import Channel
from paywright.notifications.recipients import BadRecipient, checked, masked

VALUES = {"code": "012345", "amount": "12.00 EUR", "payee": "Acme GmbH", "minutes": "5"}
EMAIL, SMS = Channel.EMAIL, Channel.SMS


def test_a_filled_template_says_everything() -> None:
    letter = fill(EMAIL, "otp", "en", VALUES)
    assert letter.subject == "Your code for a payment of 12.00 EUR"
    assert all(value in letter.text for value in VALUES.values())
    short = fill(SMS, "otp", "en", VALUES)
    assert short.subject == ""
    assert short.text.startswith("012345 is your code to pay 12.00 EUR to Acme GmbH.")
    assert len(short.text) <= 160


@pytest.mark.parametrize(
    ("template", "language", "values"),
    [
        ("otp", "en", {k: v for k, v in VALUES.items() if k != "payee"}),
        ("otp", "en", VALUES | {"iban": "surplus"}),
        ("otp", "xx", VALUES),
        ("nothing", "en", VALUES),
        ("../en/otp", "en", VALUES),
        ("otp", "../en", VALUES),
    ],
)
def test_a_template_is_filled_wholly_or_not_at_all(
    template: str, language: str, values: dict[str, str]
) -> None:
    with pytest.raises(TemplateMisused):
        fill(EMAIL, template, language, values)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Acme\r\nBcc: all@example.com", "Acme Bcc: all@example.com"),
        ("{code} {0.__class__} %s", "{code} {0.__class__} %s"),
        ("a\u2028b\u0085c\x00d\x1b[31m", "a b c d [31m"),
        ("é" * 10_000, "é" * 199 + "…"),
    ],
)
def test_a_value_is_one_line_whatever_it_was(given: str, shown: str) -> None:
    letter = fill(EMAIL, "otp", "en", VALUES | {"payee": given, "amount": given})
    assert f"  To      {shown}\n" in letter.text
    assert letter.subject == f"Your code for a payment of {shown}"


@pytest.mark.parametrize(
    ("channel", "given", "kept", "shown"),
    [
        (EMAIL, "mira@example.com", "mira@example.com", "m***@example.com"),
        (EMAIL, "o'brien+x@a-b.example", "o'brien+x@a-b.example", "o***@a-b.example"),
        (EMAIL, "x@bücher.example", "x@bücher.example", "x***@bücher.example"),
        (SMS, "+49 (151) 123-456.12", "+4915112345612", "+49…12"),
        (SMS, "+15550100123", "+15550100123", "+15…23"),
    ],
)
def test_recipients_are_checked_and_masked(
    channel: Channel, given: str, kept: str, shown: str
) -> None:
    assert checked(channel, given) == kept
    assert masked(channel, kept) == shown


@pytest.mark.parametrize(
    ("channel", "given"),
    [
        *[
            (EMAIL, address)
            for address in (
                "",
                "mira",
                "mira@",
                "@example.com",
                "a@b@c.example",
                "mira@example.com\r\nBcc: eve@example.com",
                "mira@example.com\n",
                "mira\x00@example.com",
                "mira@example.com, eve@example.com",
                "Mira <mira@example.com>",
                "mira@[127.0.0.1]",
                "a" * 250 + "@example.com",
                "mira@" + "a." * 10_000,
            )
        ],
        *[
            (SMS, number)
            for number in ("", "0151 123456", "+015112", "+49", "+" + "1" * 16, "+49x", "+٤٩١٥١١٢")
        ],
        (SMS, "+491511234567\r\nTo: +491"),
    ],
)  # fmt: skip
def test_what_is_no_recipient_is_refused_and_not_quoted(channel: Channel, given: str) -> None:
    with pytest.raises(BadRecipient) as refusal:
        checked(channel, given)
    assert not given or given not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "start_tls"),
    [
        ("smtp://mail.example", 587, False, None),
        ("smtp://u:p@mail.example:2525", 2525, False, True),
        ("smtp://u:p@127.0.0.1:2525", 2525, False, None),
        ("smtps://u:p%40ss@mail.example", 465, True, False),
    ],
)
def test_a_password_goes_under_tls_or_stays_here(
    url: str, port: int, use_tls: bool, start_tls: bool | None
) -> None:
    server = SmtpServer.of(url)
    assert (server.port, server.use_tls, server.start_tls) == (port, use_tls, start_tls)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"smtp_url": "http://mail.example"}, "SMTP_URL"),
        ({"smtp_url": "smtp://"}, "SMTP_URL"),
        ({"smtp_url": "smtp://mail.example", "smtp_from": ""}, "SMTP_FROM"),
        ({"smtp_url": "smtp://mail.example", "smtp_from": "a@b.example\nBcc: c"}, "SMTP_FROM"),
        ({"sms_api_url": "http://sms.example"}, "SMS_API_URL"),
        ({"sms_api_url": "https://sms.example", "sms_from": ""}, "SMS_FROM"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        open_channels(**SETTINGS | changes)
