"""Who looks at a payment after its vendor's bank details have changed sees what is approved now."""

from collections.abc import AsyncIterator

import pytest
from tests.payments.paying import Office, an_office, settings_of, somebody
from tests.simulator.simulating import Simulator

from paywright.core.ids import PaymentId
from paywright.identity.permissions import Role
from paywright.payments.orders import Answered
from paywright.payments.vendor.edit import Changes, edit_payment
from paywright.payments.vendor.refusals import PaymentChanged
from paywright.payments.vendor.views import get_details, list_pending


@pytest.fixture
async def office(database_url: str, simulator: Simulator) -> AsyncIterator[Office]:
    async with an_office(database_url, settings_of(simulator)) as office:
        yield office


async def other_bank_details(office: Office) -> None:
    await office.app.db.pool.execute("update vendors set payout_version = payout_version + 1")


async def queued(office: Office) -> dict[PaymentId, tuple[bytes, int]]:
    page = await list_pending(office.app.db, somebody("usr_anna"), cursor=None, limit=10)
    return {it.id: (it.content_hash, it.approvals_given) for it in page.items}


async def test_who_looks_after_other_bank_details_can_approve_at_once(office: Office) -> None:
    payment = await office.enter()
    await other_bank_details(office)
    seen = (await get_details(office.app.db, somebody("usr_anna"), payment_id=payment.id)).payment
    assert seen.content_hash != payment.content_hash
    (before,) = await office.approve(payment)
    assert isinstance(before, PaymentChanged)
    assert before.extra["content_hash"] == seen.content_hash.hex()
    (now,) = await office.approve(seen)
    assert isinstance(now, Answered)


async def test_the_queue_shows_what_is_approved_now(office: Office) -> None:
    large = await office.enter(700_000)
    await office.approve(large)
    assert await queued(office) == {large.id: (large.content_hash, 1)}
    await other_bank_details(office)
    details = await get_details(office.app.db, somebody("usr_anna"), payment_id=large.id)
    assert details.payment.votes == ()
    assert await queued(office) == {large.id: (details.payment.content_hash, 0)}
    (answer,) = await office.approve(details.payment, by="usr_ben")
    assert isinstance(answer, Answered)
    assert await queued(office) == {large.id: (details.payment.content_hash, 1)}


async def test_who_has_seen_other_bank_details_can_edit_at_once(office: Office) -> None:
    payment = await office.enter()
    await other_bank_details(office)
    cause = somebody("usr_emil", Role.DISPATCHER)
    seen = (await get_details(office.app.db, cause, payment_id=payment.id)).payment
    edited = await edit_payment(
        office.app.db,
        office.app.approval_rules,
        office.app.vendor_terms,
        cause,
        payment_id=payment.id,
        seen=seen.content_hash,
        changes=Changes(work_order="W-1"),
    )
    assert (edited.payout_version, edited.makers) == (2, ("usr_dora", "usr_emil"))
