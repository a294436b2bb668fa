"""Editing vendor payments: what was approved before counts for nothing, and editors are makers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from tests.payments.paying import Office, an_office, settings_of, somebody
from tests.simulator.simulating import Simulator

from paywright.approvals.decide import FourEyes
from paywright.core.actor import PermissionMissing
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.identity.permissions import Role
from paywright.payments.charge import ReferenceInUse
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Answered
from paywright.payments.vendor.checks import PaymentOpen, VendorPaymentInvalid
from paywright.payments.vendor.edit import Changes, edit_payment
from paywright.payments.vendor.model import Line, VendorPayment
from paywright.payments.vendor.overriding import DuplicateBill, Override
from paywright.payments.vendor.refusals import (
    NoSuchVendorPayment,
    PaymentChanged,
    PaymentNotPending,
)


@pytest.fixture
async def office(database_url: str, simulator: Simulator) -> AsyncIterator[Office]:
    async with an_office(database_url, settings_of(simulator)) as office:
        yield office


def an_editor(name: str = "usr_emil") -> Cause:
    return somebody(name, Role.DISPATCHER)


async def edit(
    office: Office,
    payment: VendorPayment,
    *,
    by: Cause | None = None,
    override: Override | None = None,
    **changes: Any,
) -> VendorPayment:
    return await edit_payment(
        office.app.db,
        office.app.approval_rules,
        office.app.vendor_terms,
        by or an_editor(),
        payment_id=payment.id,
        seen=payment.content_hash,
        changes=Changes(**changes),
        override=override,
    )


async def test_an_edit_makes_another_hash_and_voids_what_was_approved(office: Office) -> None:
    payment = await office.enter(600_000)
    half = await office.approved(payment, "usr_anna")
    assert len(half.votes) == 1
    edited = await edit(office, half, description="Night rate")
    assert edited.content_hash != payment.content_hash
    found = await office.see(payment.id)
    assert (found.revision, list(found.votes)) == (2, [])
    assert found.contents == edited.contents
    (stale,) = await office.approve(payment, by="usr_ben")
    assert isinstance(stale, PaymentChanged)
    (once,) = await office.approve(found, by="usr_anna")
    assert isinstance(once, Answered)
    whole = await office.approved(found, "usr_ben")
    assert whole.status is PaymentStatus.PROCESSING


async def test_who_edits_it_does_not_approve_it(office: Office) -> None:
    payment = await office.enter()
    edited = await edit(office, payment, by=somebody("usr_anna", Role.ADMIN), payer_type="driver")
    assert edited.makers == ("usr_dora", "usr_anna")
    (answer,) = await office.approve(edited, by="usr_anna")
    assert isinstance(answer, FourEyes)
    again = await edit(office, edited, by=somebody("usr_anna", Role.ADMIN), payer_type="carrier")
    assert again.makers == ("usr_dora", "usr_anna")


async def test_an_edit_is_of_what_was_seen(office: Office) -> None:
    payment = await office.enter()
    await edit(office, payment, work_order="WO-1")
    with pytest.raises(PaymentChanged):
        await edit(office, payment, work_order="WO-2")
    assert (await office.see(payment.id)).contents.work_order == "WO-1"


async def test_only_what_is_pending_is_edited(office: Office) -> None:
    payment = await office.enter()
    await office.approved(payment)
    with pytest.raises(PaymentNotPending):
        await edit(office, payment, work_order="WO-1")
    unknown = PaymentId.new(payment.created_at)
    with pytest.raises(NoSuchVendorPayment):
        await edit_payment(
            office.app.db,
            office.app.approval_rules,
            office.app.vendor_terms,
            an_editor(),
            payment_id=unknown,
            seen=payment.content_hash,
            changes=Changes(),
        )
    with pytest.raises(PermissionMissing):
        await edit(office, payment, by=somebody("usr_anna"))


async def test_fields_are_changed_merged_and_taken_away(office: Office) -> None:
    payment = await office.enter(
        description="Old", bill_number="7", metadata={"a": "1", "b": "2"}, due_date=date(2026, 5, 1)
    )
    edited = await edit(
        office,
        payment,
        amount_minor=500,
        lines=(Line("Repair", 5, 100),),
        description=None,
        due_date=None,
        metadata={"a": None, "c": "3"},
        incident_id=None,
    )
    it = (await office.see(payment.id)).contents
    assert it == edited.contents
    assert (it.amount.minor, it.lines) == (500, (Line("Repair", 5, 100),))
    assert (it.description, it.due_date, it.incident_id) == (None, None, None)
    assert (it.bill_number, dict(it.metadata)) == ("7", {"b": "2", "c": "3"})


async def test_what_is_edited_must_make_sense_as_a_whole(office: Office) -> None:
    payment = await office.enter()
    for changes, field in (
        ({"amount_minor": 1}, "amount_minor"),
        ({"lines": ()}, "lines"),
        ({"payer_type": "nobody"}, "payer_type"),
        ({"vendor_id": "unknown"}, "vendor_id"),
        ({"currency": "USD"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"amount_minor": 2**70}, "amount_minor"),
        ({"bill_date": date(2026, 2, 1), "due_date": date(2026, 1, 1)}, "due_date"),
    ):
        with pytest.raises(VendorPaymentInvalid) as caught:
            await edit(office, payment, **changes)
        errors: Any = caught.value.extra["errors"]
        assert field in [it.field for it in errors]
    assert await office.see(payment.id) == payment


async def test_the_same_again_is_no_edit(office: Office) -> None:
    payment = await office.enter(600_000, description="Same")
    half = await office.approved(payment)
    same = await edit(office, half, description="Same", amount_minor=600_000)
    assert same.content_hash == payment.content_hash
    found = await office.see(payment.id)
    assert (found.revision, found.makers, len(found.votes)) == (1, ("usr_dora",), 1)
    assert (same.revision, same.makers, len(same.votes)) == (1, ("usr_dora",), 1)


async def test_an_edit_may_not_take_what_is_another_payments(office: Office) -> None:
    first = await office.enter(1_234, reference="ref-1", bill_number="INV-0042")
    second = await office.enter(1_234, bill_number="INV-500")
    with pytest.raises(ReferenceInUse):
        await edit(office, second, reference="ref-1")
    with pytest.raises(PaymentOpen):
        await edit(office, second, incident_id=first.contents.incident_id)
    with pytest.raises(DuplicateBill):
        await edit(office, second, bill_number="inv42")
    override = Override(first.id, "a second bill of that number")
    edited = await edit(office, second, bill_number="inv42", override=override)
    assert (edited.resembles, edited.approvals_needed) == (first.id, 2)
    kept = await edit(office, edited, description="still resembles it")
    assert (kept.resembles, kept.override_reason) == (first.id, override.reason)
    plain = await edit(office, kept, bill_number="INV-777")
    assert (plain.resembles, plain.override_reason, plain.approvals_needed) == (None, None, 1)
    await edit(office, first, reference="ref-1", description="its own stays its own")


async def test_the_log_tells_what_was_changed_and_nothing_secret(office: Office) -> None:
    payment = await office.enter(metadata={"driver": "somebody"})
    edited = await edit(
        office, payment, amount_minor=500, lines=(Line("x", 1, 500),), metadata={"driver": "other"}
    )
    row = await office.app.db.pool.fetchrow(
        "select actor, before::text, after::text, data::text from events "
        "where type = 'payment.updated'"
    )
    assert row["actor"] == "usr_emil"
    assert '"amount_minor": 12000' in row["before"]
    assert '"amount_minor": 500' in row["after"]
    assert edited.content_hash.hex() in row["data"]
    assert "somebody" not in row["before"] + row["after"]
    assert "vendor_id" not in row["before"]


async def test_two_edits_at_once_one_wins(office: Office) -> None:
    payment = await office.enter()

    async def attempt(i: int) -> Problem | VendorPayment:
        try:
            return await edit(office, payment, work_order=f"WO-{i}")
        except Problem as problem:
            return problem

    told = await asyncio.gather(*(attempt(i) for i in range(6)))
    assert sum(isinstance(it, VendorPayment) for it in told) == 1
    assert sum(isinstance(it, PaymentChanged) for it in told) == 5
    assert (await office.see(payment.id)).revision == 2


async def test_an_edit_and_an_approval_at_once_never_pay_what_nobody_approved(
    office: Office,
) -> None:
    for i in range(6):
        payment = await office.enter(1_000 + 500 * i)
        edited, told = await asyncio.gather(
            edit(office, payment, description="changed"),
            office.approve(payment),
            return_exceptions=True,
        )
        found = await office.see(payment.id)
        if isinstance(edited, VendorPayment):
            assert found.status is PaymentStatus.PENDING_APPROVAL
            assert isinstance(told, list)
            assert isinstance(told[0], PaymentChanged)
        else:
            assert isinstance(edited, PaymentNotPending)
            assert found.status is PaymentStatus.PROCESSING
            assert found.contents.description is None
