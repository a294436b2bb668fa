from collections.abc import AsyncIterator

import pytest
from tests.builders import TEST_KEY
from tests.vendors.vendors_building import House

from paywright.cli import prepare
from paywright.settings import Settings
from paywright.wiring import build


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    """With a bank and with a provider that keeps accounts itself; nobody calls them here."""
    settings = Settings(
        encryption_key=TEST_KEY,
        partner_bank_url="http://127.0.0.1:9",
        partner_bank_token="t",
        stripe_api_key="sk_test_vendors",
        stripe_api_base="http://127.0.0.1:9",
    )
    app = await build(settings, url=database_url, application="test")
    await prepare.ensure_rules(app)
    yield House(app)
    await app.close()
