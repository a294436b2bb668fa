"""Messages over HTTP and on the command line: masked, and silent outside of development."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
from tests.builders import TEST_KEY
from tests.jobs.working import drained, until
from tests.notifications.posting import (
    CODE,
    a_cause,
    a_message,
    an_sms,
    channels,
    delivering,
    on_file,
    queue,
)

from paywright.api.app import create_api
from paywright.api.messages import ROUTES
from paywright.cli.message_commands import _plain
from paywright.core.actor import Actor, Permission, PermissionMissing
from paywright.core.ids import MessageId
from paywright.db.pool import Database
from paywright.identity.manage import create_key
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.notifications.channels.outbox import Outbox, Unset
from paywright.notifications.model import MessageStatus
from paywright.notifications.views import get_message, list_messages
from paywright.settings import Settings
from paywright.wiring import App, build


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    settings = Settings(encryption_key=TEST_KEY, rate_limit_max=0)
    built = await build(settings, url=database_url, application="test")
    yield built
    await built.close()


async def asking(app: App, role: Role, path: str, **query: Any) -> httpx2.Response:
    _, secret = await create_key(app.db, a_cause(), name=f"test {role}", role=role)
    transport = httpx2.ASGITransport(create_api(app), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
        return await client.get(f"/api/v1{path}", params=query, headers=headers)


async def delivered(app: App, n: int = 1) -> None:
    await queue(app.db, a_message(), *(an_sms(dedupe_key=f"otp:{i + 2}") for i in range(n - 1)))
    async with delivering(app.db, channels(is_development=True)):
        await until(lambda: drained(app.db))


async def test_the_outbox_shows_the_code_in_development(app: App) -> None:
    await delivered(app)
    [item] = (await asking(app, Role.ADMIN, "/messages")).json()["items"]
    assert CODE in item["text"]
    assert item["subject"] == "Your code for a payment of 12.00 EUR"
    assert item["recipient"] == "m***@example.com"
    assert (item["status"], item["attempts"], item["purpose"]) == ("sent", 1, "otp")
    assert item["id"].startswith("msg_")
    assert (await asking(app, Role.ADMIN, f"/messages/{item['id']}")).json() == item


async def test_elsewhere_nobody_reads_a_code(app: App) -> None:
    await delivered(app)
    production = msgspec.structs.replace(
        app.settings, environment="production", database_url="postgresql://x"
    )
    object.__setattr__(app, "settings", production)
    answer = await asking(app, Role.ADMIN, "/messages")
    [item] = answer.json()["items"]
    assert (item["subject"], item["text"]) == (None, None)
    assert item["recipient"] == "m***@example.com"
    assert CODE not in answer.text
    assert CODE not in (await asking(app, Role.ADMIN, f"/messages/{item['id']}")).text


@pytest.mark.parametrize("role", list(Role))
async def test_messages_are_for_who_may_read_them(app: App, role: Role) -> None:
    may = Permission.READ_MESSAGES in PERMISSIONS[role]
    some_id = MessageId.new(a_cause().at)
    assert (await asking(app, role, "/messages")).status_code == (200 if may else 403)
    answer = await asking(app, role, f"/messages/{some_id}")
    assert answer.status_code == (404 if may else 403)


async def test_the_use_cases_ask_for_the_permission_themselves(app: App) -> None:
    assert all(route.opt["permission"] is Permission.READ_MESSAGES for route in ROUTES)
    nobody = msgspec.structs.replace(a_cause(), actor=Actor("usr_1", frozenset()))
    with pytest.raises(PermissionMissing):
        await list_messages(app.db, app.keys, nobody, reveal=True)
    some_id = MessageId.new(nobody.at)
    with pytest.raises(PermissionMissing):
        await get_message(app.db, app.keys, nobody, message_id=some_id, reveal=True)


async def test_messages_are_listed_a_page_at_a_time_and_by_what_became_of_them(app: App) -> None:
    await delivered(app, n=5)
    await queue(app.db, a_message(dedupe_key="otp:9"))
    first = (await asking(app, Role.ADMIN, "/messages", limit=4)).json()
    rest = await asking(app, Role.ADMIN, "/messages", limit=4, cursor=first["next_cursor"])
    ids = [item["id"] for item in first["items"] + rest.json()["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 6
    assert rest.json()["next_cursor"] is None
    queued = (await asking(app, Role.ADMIN, "/messages", status="queued")).json()["items"]
    assert [item["status"] for item in queued] == ["queued"]
    sms = (await asking(app, Role.ADMIN, "/messages", channel="sms")).json()["items"]
    assert {item["recipient"] for item in sms} == {"+49…12"}
    assert len(sms) == 4


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/messages", {"cursor": "made-up"}, 422),
        ("/messages", {"status": "read"}, 422),
        ("/messages", {"limit": "0"}, 422),
        ("/messages/msg_1", {}, 422),
        ("/messages/key_01jf0000000000000000000000", {}, 422),
    ],
)
async def test_nonsense_is_refused(app: App, path: str, query: dict[str, str], status: int) -> None:
    assert (await asking(app, Role.ADMIN, path, **query)).status_code == status


async def test_the_channels_are_those_of_the_settings(app: App, database_url: str) -> None:
    assert isinstance(app.channels.email, Outbox)
    settings = Settings(
        environment="production", encryption_key=TEST_KEY, database_url=database_url
    )
    built = await build(settings, url=database_url, application="test")
    assert isinstance(built.channels.sms, Unset)
    await built.close()


async def test_the_command_line_shows_what_the_api_shows(app: App, db: Database) -> None:
    await delivered(app)
    [row] = await on_file(db)
    message_id = MessageId.of(row["id"])
    shown = await get_message(app.db, app.keys, a_cause(), message_id=message_id, reveal=True)
    plain = msgspec.json.decode(msgspec.json.encode(_plain(shown)))
    assert plain == (await asking(app, Role.ADMIN, f"/messages/{message_id}")).json()
    assert shown.status is MessageStatus.SENT
