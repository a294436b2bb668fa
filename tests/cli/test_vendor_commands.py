"""`paywright vendors`, as a process of its own."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.builders import TEST_KEY, a_cause
from tests.processes import Process, sentence

from paywright.cli import prepare
from paywright.core.actor import Actor
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.identity.authenticate import authenticate
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.settings import Settings
from paywright.vendors.model import Registration, VendorChange
from paywright.vendors.register import register_vendor
from paywright.vendors.request_change import request_change
from paywright.wiring import App, build

IBAN, OTHER_IBAN = "DE89370400440532013000", "AT611904300234573201"


class Shop:
    """A vendor, a change of its bank details that the system has not asked for, and keys."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._settings = {"DATABASE_URL": url, "ENCRYPTION_KEY": TEST_KEY}
        self.change, self.asker, self.approver = asyncio.run(self._furnish(url))

    async def _furnish(self, url: str) -> tuple[VendorChange, str, str]:
        app = await build(Settings(encryption_key=TEST_KEY), url=url, application="test")
        await prepare.ensure_rules(app)
        _, asker = await create_key(app.db, a_cause(), name="asker", role=Role.ADMIN)
        _, approver = await create_key(app.db, a_cause(), name="second", role=Role.APPROVER)
        cause = Cause(actor=await _actor(app, asker), at=datetime.now(UTC), request_id="req_test")
        payout = Beneficiary(name="Lindgren Dach AB", bank="bank_files", iban=IBAN)
        told = Registration(id="ven_lindgren", name="Lindgren Dach", payout=payout)
        await register_vendor(app.db, app.keys, cause, registration=told, providers={})
        requested = await request_change(
            app.db, app.keys, cause, key="k", vendor_id="ven_lindgren", reason="We called.",
            payout=Beneficiary(name="Lindgren Dach AB", bank="bank_files", iban=OTHER_IBAN),
            providers={},
        )  # fmt: skip
        await app.close()
        return requested.seen.change, asker, approver

    def run(self, *command: str, status: int = 0, key: str = "") -> Process:
        settings = self._settings | {"PAYWRIGHT_API_KEY": key}
        process = Process("vendors", *command, folder=self._folder, settings=settings)
        assert process.wait(60) == status, process.complained()
        return process

    def told(self, *command: str, key: str = "") -> Any:
        return json.loads(self.run(*command, "--json", key=key).said())


async def _actor(app: App, secret: str) -> Actor:
    return (await authenticate(app.db, app.identity, secret, at=datetime.now(UTC))).actor


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Shop:
    return Shop(tmp_path, database_url)


def test_vendors_and_changes_are_shown_without_their_accounts(shop: Shop) -> None:
    said = [
        shop.run(*command, *machine).said()
        for command in (("list", "--name", "dach"), ("show", "ven_lindgren"), ("changes",))
        for machine in ((), ("--json",))
    ]
    assert "ven_lindgren" in said[0]
    assert "DE…3000" in said[0]
    assert json.loads(said[1])[0]["payout_masked"] == "DE…3000"
    assert str(shop.change.id) in said[2]
    assert json.loads(said[3])["pending_change_id"] == str(shop.change.id)
    assert "differs in iban, country" in said[4]
    assert json.loads(said[5])[0]["content_hash"] == shop.change.content_hash.hex()
    for secret in (IBAN, OTHER_IBAN):
        assert secret not in "".join(said)
    assert "None." in shop.run("changes", "--status", "approved").said()
    missing = shop.run("show", "ven_none", status=1)
    assert "There is no such vendor: ven_none" in sentence(missing.complained())


def test_an_approval_takes_the_key_of_somebody_else(shop: Shop) -> None:
    change_id, digest = str(shop.change.id), shop.change.content_hash.hex()
    for key, contents, complaint in (
        ("", digest, "set PAYWRIGHT_API_KEY"),
        ("pk_none", digest, "an API key or an access token is needed"),
        (shop.asker, digest, "Nobody approves what they have made"),
        (shop.approver, "00" * 32, "The change is not what was looked at"),
        (shop.approver, "xyz", "must be hexadecimal digits"),
    ):
        failed = shop.run(
            "approve-change", change_id, "--content-hash", contents, status=1, key=key
        )
        assert complaint in sentence(failed.complained())
    done = shop.told("approve-change", change_id, "--content-hash", digest, key=shop.approver)
    assert (done["status"], done["approvals_missing"]) == ("approved", 0)
    assert shop.told("show", "ven_lindgren")["payout"]["account_masked"] == "AT…3201"
