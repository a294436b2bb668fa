"""Messages go out over real servers, are told of, and forgotten."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from tests.builders import NOON
from tests.jobs.working import drained, until
from tests.notifications.posting import (
    CODE,
    KEYS,
    a_cause,
    a_mailbox,
    a_message,
    a_provider,
    an_sms,
    channels,
    delivering,
    on_file,
    queue,
)

from paywright.core.ids import MessageId
from paywright.db.pool import Database
from paywright.events import history
from paywright.jobs import requeue_dead
from paywright.notifications.channels.model import DeliveryFailed
from paywright.notifications.deliver import deliver_message
from paywright.notifications.fail import expire_messages
from paywright.notifications.fill import TemplateMisused
from paywright.notifications.recipients import BadRecipient


async def told_of(db: Database) -> list[str]:
    [row] = await on_file(db)
    async with db.snapshot() as tx:
        return [event.type for event in await history(tx, str(MessageId.of(row["id"])))]


async def test_messages_are_queued_together_and_each_once(db: Database) -> None:
    await queue(db, a_message(), an_sms(dedupe_key="otp:2"), an_sms(dedupe_key="otp:3"))
    await queue(db, a_message(), an_sms(dedupe_key="otp:4"), an_sms(dedupe_key="otp:4"))
    rows = await on_file(db)
    assert [row["dedupe_key"] for row in rows] == ["otp:1", "otp:2", "otp:3", "otp:4"]
    assert await db.pool.fetchval("select count(*) from pgqueuer") == 4


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        ({"recipient": "mira@example.com\r\nBcc: eve@example.com"}, BadRecipient),
        ({"values": {"code": "1"}}, TemplateMisused),
    ],
)
async def test_one_that_cannot_be_sent_queues_none(
    db: Database, bad: dict[str, object], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await queue(db, a_message(), a_message(dedupe_key="otp:2", **bad))
    assert await on_file(db) == []
    assert await db.pool.fetchval("select count(*) from pgqueuer") == 0


async def test_an_email_arrives_and_is_forgotten(db: Database) -> None:
    async with a_mailbox() as mailbox:
        await queue(db, a_message(values=a_message().values | {"payee": "Bäckerei Ünal 🍞"}))
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    [letter] = mailbox.letters
    [row] = await on_file(db)
    assert letter["To"] == "mira@example.com"
    assert letter["From"] == "Paywright <no-reply@paywright.example>"
    assert letter["Subject"] == "Your code for a payment of 12.00 EUR"
    assert letter["Message-ID"] == f"<{MessageId.of(row['id'])}@paywright.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert CODE in letter.get_content()
    assert "Bäckerei Ünal 🍞" in letter.get_content()
    assert (row["status"], row["attempts"], row["content"]) == ("sent", 1, None)
    assert row["provider_id"] == "4F2A1B"
    assert row["sent_at"] is not None
    assert await told_of(db) == ["message.sent"]


async def test_an_sms_is_posted_as_the_provider_wants_it(db: Database) -> None:
    async with a_provider() as provider:
        await queue(db, an_sms())
        async with delivering(db, channels(sms_api_url=provider.url)):
            await until(lambda: drained(db))
    [(headers, form)] = provider.requests
    [row] = await on_file(db)
    assert form["To"] == ["+4915112345612"]
    assert form["From"] == ["+4915150000000"]
    assert form["Body"][0].startswith(CODE)
    login = base64.b64encode(b"AC123:s3cret-of-the-provider").decode()
    assert headers["authorization"] == f"Basic {login}"
    assert headers["idempotency-key"] == str(MessageId.of(row["id"]))
    assert (row["status"], row["provider_id"], row["content"]) == ("sent", "SM1", None)


async def test_the_database_log_and_events_know_neither_code_nor_recipient(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where everything goes wrong, and the mail server quotes the address."""
    async with a_mailbox(refuse=lambda n: "550 no such user") as mailbox:
        await queue(db, a_message())
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    seen = capsys.readouterr()
    texts = [seen.out + seen.err]
    for table in ("messages", "events", "pgqueuer", "pgqueuer_log"):
        rows = await db.pool.fetch(f"select {table}::text as row from {table}")
        texts += [row["row"] for row in rows]
    assert "jobs.dead" in texts[0]
    assert len(texts) > 4
    [row] = await on_file(db)
    assert row["content"] is not None  # is there, and cannot be read
    for text in texts:
        assert CODE not in text
        assert "mira" not in text


async def test_a_server_that_is_busy_is_asked_again(db: Database) -> None:
    busy = a_mailbox(refuse=lambda n: "451 later" if n < 3 else None)
    async with busy as mailbox:
        await queue(db, a_message())
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    [row] = await on_file(db)
    assert (row["status"], row["attempts"], row["error"]) == ("sent", 3, None)
    assert len(mailbox.letters) == 1


async def test_a_refused_recipient_is_not_tried_again(db: Database) -> None:
    async with a_mailbox(refuse=lambda n: "550 no such user") as mailbox:
        await queue(db, a_message())
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
        assert mailbox.attempts == 1
    [row] = await on_file(db)
    assert row["status"] == "failed"
    assert row["error"] == "GiveUp: SMTPRecipientsRefused: 550"
    assert await told_of(db) == ["message.failed"]


async def test_an_address_that_the_server_cannot_write_fails_at_once(db: Database) -> None:
    async with a_mailbox() as mailbox:  # without SMTPUTF8
        await queue(db, a_message(recipient="müller@example.com"))
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    [row] = await on_file(db)
    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert mailbox.letters == []


@pytest.mark.parametrize(
    ("status", "attempts"), [(400, 1), (404, 1), (302, 1), (429, 5), (401, 5), (503, 5)]
)
async def test_a_provider_that_refuses_is_asked_as_often_as_makes_sense(
    db: Database, status: int, attempts: int
) -> None:
    async with a_provider(lambda n: (status, b'{"message": "To +4915112345612"}')) as provider:
        await queue(db, an_sms())
        async with delivering(db, channels(sms_api_url=provider.url)):
            await until(lambda: drained(db))
    assert len(provider.requests) == attempts
    [row] = await on_file(db)
    assert (row["status"], row["attempts"]) == ("failed", attempts)
    assert f"the provider answered {status}" in row["error"]


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(db: Database) -> None:
    async with a_provider(lambda n: (201, b"nonsense") if n > 1 else None) as provider:
        await queue(db, an_sms())
        async with delivering(db, channels(sms_api_url=provider.url)):
            await until(lambda: drained(db))
    keys = [headers["idempotency-key"] for headers, _ in provider.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    [row] = await on_file(db)
    assert (row["status"], row["provider_id"]) == ("sent", None)


async def test_a_login_is_used_and_a_wrong_one_fails(db: Database) -> None:
    async with a_mailbox(login=("paywright", "p@ss")) as mailbox:
        right = mailbox.url.replace("//", "//paywright:p%40ss@")
        wrong = mailbox.url.replace("//", "//paywright:guess@")
        await queue(db, a_message())
        [row] = await on_file(db)
        given = {"message_id": MessageId.of(row["id"])}
        with pytest.raises(DeliveryFailed, match="535"):
            await deliver_message(db, KEYS, channels(smtp_url=wrong), a_cause(), **given)
        await deliver_message(db, KEYS, channels(smtp_url=right), a_cause(), **given)
    assert len(mailbox.letters) == 1


async def test_nothing_is_sent_after_its_time(db: Database) -> None:
    async with a_mailbox() as mailbox:
        await queue(db, a_message(not_after=NOON), cause=a_cause(NOON - timedelta(minutes=5)))
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    assert mailbox.attempts == 0
    [row] = await on_file(db)
    assert (row["status"], row["content"]) == ("expired", None)
    assert await told_of(db) == ["message.expired"]


async def test_what_is_of_no_use_any_more_is_erased(db: Database) -> None:
    """Also where no job comes by: the worker is down, or the job is dead."""
    for n, status in enumerate(("queued", "sending", "failed", "queued")):
        late = timedelta(minutes=10 if n == 3 else 0)
        await queue(db, a_message(dedupe_key=f"otp:{n}", not_after=NOON + late))
        await db.pool.execute(
            "update messages set status = $2 where dedupe_key = $1", f"otp:{n}", status
        )
    assert await expire_messages(db, a_cause(NOON + timedelta(seconds=1))) == 2
    rows = await on_file(db)
    assert [row["status"] for row in rows] == ["expired", "expired", "failed", "queued"]
    assert [row["content"] is None for row in rows] == [True, True, True, False]


async def test_a_dead_job_put_back_in_time_sends_the_message(db: Database) -> None:
    async with a_mailbox() as mailbox:
        await queue(db, a_message())
        async with delivering(db, channels()):  # production, and no mail server
            await until(lambda: drained(db))
        [row] = await on_file(db)
        assert row["status"] == "failed"
        assert row["error"] == "DeliveryFailed: SMTP_URL is not set"
        assert await requeue_dead(db, a_cause())
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    assert len(mailbox.letters) == 1
    [row] = await on_file(db)
    assert (row["status"], row["content"]) == ("sent", None)


async def test_in_development_the_outbox_keeps_what_it_takes(db: Database) -> None:
    await queue(db, a_message(), an_sms(dedupe_key="otp:2"))
    async with delivering(db, channels(is_development=True)):
        await until(lambda: drained(db))
    rows = await on_file(db)
    assert [row["status"] for row in rows] == ["sent", "sent"]
    assert all(row["content"] is not None for row in rows)


def test_every_template_has_a_text() -> None:
    folder = Path(__file__).parents[2] / "src/paywright/notifications/templates"
    files = sorted(folder.rglob("*.txt"))
    assert {file.name for file in files} >= {"otp.email.txt", "otp.sms.txt"}
    for file in files:
        text = file.read_text(encoding="utf-8")
        is_email = file.name.endswith(".email.txt")
        assert text.isascii() or file.parent.name != "en"
        assert ("\n\n" in text) == is_email, file
