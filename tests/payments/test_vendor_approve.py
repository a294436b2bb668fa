"""Approving vendor payments, and what follows from it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.payments.paying import PAYEE, Office, an_office, settings_of, somebody
from tests.simulator.simulating import Simulator

from paywright.core.errors import Conflict, Forbidden, Problem
from paywright.gateway.model import Approved
from paywright.identity.permissions import Role
from paywright.identity.users import create_user
from paywright.payments.hear import Heard, hear
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Answered
from paywright.payments.vendor.cancel import cancel_payment
from paywright.payments.vendor.expire import expire_unapproved
from paywright.payments.vendor.follow_up import follow_up_failure, repeat_or_tell
from paywright.payments.vendor.refusals import PaymentChanged, PaymentLeft, PaymentNotPending
from paywright.payments.vendor.reject import reject_payment
from paywright.payments.vendor.release import release_early, release_payment
from paywright.payments.vendor.remind import remind_approvers
from paywright.payments.vendor.repeat import repeat_payment
from paywright.vendors import store as vendors
from paywright.vendors.model import PayoutMode

S = PaymentStatus


@pytest.fixture
async def office(database_url: str, simulator: Simulator) -> AsyncIterator[Office]:
    async with an_office(database_url, settings_of(simulator)) as office:
        yield office


def paid(simulator: Simulator) -> list[int]:
    return [it["amount_minor"] for it in simulator.books()["payments"] if it["status"] == "settled"]


async def test_one_approval_holds_the_money_and_the_bank_pays_it(
    office: Office, simulator: Simulator
) -> None:
    payment = await office.enter(12_000)
    assert payment.approvals_needed == 1
    going = await office.approved(payment)
    assert going.status is S.PROCESSING
    assert going.released_at is not None
    assert await office.payable() == (1_000_000, 988_000)
    assert len(await office.jobs("settle_payment")) == 1
    done = await office.settle(payment)
    assert done.status is S.SUCCEEDED
    assert paid(simulator) == [12_000]
    assert await office.payable() == (988_000, 988_000)
    assert await office.events(payment.id) == [
        *("payment.created", "payment.approved", "payment.processing", "approval.given"),
        "payment.completed",
    ]


async def test_a_large_payment_needs_two_people(office: Office) -> None:
    payment = await office.enter(600_000)
    assert payment.approvals_needed == 2
    half = await office.approved(payment, "usr_anna")
    assert half.status is S.PENDING_APPROVAL
    assert [it.person for it in half.votes] == ["usr_anna"]
    (again,) = await office.approve(payment, by="usr_anna")
    assert isinstance(again, Conflict)
    whole = await office.approved(payment, "usr_ben")
    assert whole.status is S.PROCESSING
    assert [it.person for it in whole.votes] == ["usr_anna", "usr_ben"]


@pytest.mark.parametrize("role", [Role.APPROVER, Role.ADMIN])
async def test_nobody_approves_what_they_entered(office: Office, role: Role) -> None:
    payment = await office.enter(cause=somebody("usr_anna", Role.ADMIN))
    (answer,) = await office.approve(payment, by="usr_anna", role=role)
    assert isinstance(answer, Forbidden)
    assert (await office.see(payment.id)).status is S.PENDING_APPROVAL
    assert await office.payable() == (1_000_000, 1_000_000)


async def test_who_may_not_approve_is_refused(office: Office) -> None:
    payment = await office.enter()
    (answer,) = await office.approve(payment, by="usr_eve", role=Role.OPERATOR)
    assert isinstance(answer, Forbidden)


async def test_an_approval_of_something_else_counts_for_nothing(office: Office) -> None:
    payment = await office.enter()
    (answer,) = await office.approve(payment, content_hash=b"\1" * 32)
    assert isinstance(answer, PaymentChanged)
    assert answer.extra["content_hash"] == payment.content_hash.hex()
    assert (await office.see(payment.id)).votes == []


async def test_two_approvers_at_once_make_one_payment(office: Office, simulator: Simulator) -> None:
    payment = await office.enter()
    answers = await asyncio.gather(
        *(office.approve(payment, by=f"usr_{number}") for number in range(8))
    )
    told = [answer for (answer,) in answers]
    assert sum(isinstance(it, Answered) for it in told) == 1
    assert sum(isinstance(it, Conflict) for it in told) == 7
    await office.settle(payment)
    assert paid(simulator) == [12_000]


async def test_the_same_request_again_gets_the_same_answer(office: Office) -> None:
    payment = await office.enter()
    (first,) = await office.approve(payment, key="approve-1")
    (second,) = await office.approve(payment, key="approve-1")
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert (first.answer, first.replayed) == (second.answer, False)
    assert second.replayed


async def test_many_are_approved_at_once_each_on_its_own(office: Office) -> None:
    mine = await office.enter(cause=somebody("usr_anna", Role.ADMIN))
    small, large, other = (
        await office.enter(9_900),
        await office.enter(700_000),
        await office.enter(500),
    )
    await reject_payment(
        office.app.db, somebody("usr_ben"), payment_id=other.id, reason="never ordered"
    )
    told = await office.approve(small, mine, large, other, small)
    assert [type(it).__name__ for it in told] == [
        *("Answered", "FourEyes", "Answered", "PaymentNotPending", "AlreadyApproved"),
    ]
    statuses = [(await office.see(it.id)).status for it in (small, mine, large, other)]
    assert statuses == [S.PROCESSING, S.PENDING_APPROVAL, S.PENDING_APPROVAL, S.REJECTED]


async def test_what_is_not_booked_is_not_approved(office: Office) -> None:
    payment = await office.enter(480_000)
    other = await office.enter(450_000)
    third = await office.enter(100_000)
    first, second, none = await office.approve(payment, other, third)
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert isinstance(none, Problem)
    assert none.code() == "insufficient-funds"
    assert (await office.see(third.id)).votes == []
    assert await office.payable() == (1_000_000, 70_000)


async def test_approve_against_cancel_one_wins(office: Office) -> None:
    for number in range(1, 7):
        payment = await office.enter(17_000 * number)
        dora = somebody("usr_dora", Role.DISPATCHER)
        approval, cancellation = await asyncio.gather(
            office.approve(payment),
            cancel_payment(office.app.db, dora, payment_id=payment.id),
            return_exceptions=True,
        )
        now = await office.see(payment.id)
        if now.status is S.CANCELED:
            assert isinstance(approval, list)
            assert isinstance(approval[0], PaymentNotPending)
        else:
            assert now.status is S.PROCESSING
            assert isinstance(cancellation, PaymentLeft)


async def test_a_rejection_ends_it_whoever_has_approved(office: Office) -> None:
    payment = await office.enter(600_000)
    await office.approved(payment, "usr_anna")
    done = await reject_payment(
        office.app.db, somebody("usr_carl"), payment_id=payment.id, reason="twice the price agreed"
    )
    assert (done.status, done.rejected_why) == (S.REJECTED, "twice the price agreed")
    (late,) = await office.approve(payment, by="usr_ben")
    assert isinstance(late, PaymentNotPending)


async def test_a_paused_vendor_is_paid_later(office: Office, simulator: Simulator) -> None:
    until = datetime.now(UTC) + timedelta(hours=20)
    await office.app.db.pool.execute("update vendors set paused_until = $1", until)
    payment = await office.approved(await office.enter())
    assert payment.status is S.PROCESSING
    assert payment.released_at is None
    assert payment.release_at == until
    assert len(await office.jobs("release_payment")) == 1
    parts = office.app.vendor_parts
    await release_payment(office.app.db, parts, somebody("system"), payment_id=payment.id)
    assert (await office.see(payment.id)).released_at is None
    later = somebody("system", at=until + timedelta(seconds=1))
    await release_payment(office.app.db, parts, later, payment_id=payment.id)
    assert (await office.see(payment.id)).released_at is not None
    assert (await office.settle(payment)).status is S.SUCCEEDED
    assert paid(simulator) == [12_000]


async def test_what_is_approved_and_has_not_left_can_be_taken_back(office: Office) -> None:
    until = datetime.now(UTC) + timedelta(hours=20)
    await office.app.db.pool.execute("update vendors set paused_until = $1", until)
    payment = await office.approved(await office.enter())
    dora = somebody("usr_dora", Role.DISPATCHER)
    done = await cancel_payment(office.app.db, dora, payment_id=payment.id, reason="paid by hand")
    assert done.status is S.CANCELED
    assert await office.payable() == (1_000_000, 1_000_000)
    parts = office.app.vendor_parts
    later = somebody("system", at=until + timedelta(seconds=1))
    await release_payment(office.app.db, parts, later, payment_id=payment.id)
    assert (await office.see(payment.id)).status is S.CANCELED


async def test_other_bank_details_than_were_approved_are_not_paid(
    office: Office, simulator: Simulator
) -> None:
    until = datetime.now(UTC) + timedelta(hours=20)
    await office.app.db.pool.execute("update vendors set paused_until = $1", until)
    payment = await office.approved(await office.enter())
    await office.app.db.pool.execute(
        "update vendors set payout_version = 2, payout_changed_at = now()"
    )
    later = somebody("system", at=until + timedelta(seconds=1))
    parts = office.app.vendor_parts
    await release_payment(office.app.db, parts, later, payment_id=payment.id)
    assert (await office.see(payment.id)).status is S.CANCELED
    assert await office.payable() == (1_000_000, 1_000_000)
    row = await office.app.db.pool.fetchrow(
        "select payment_id from vendor_payments where replaces = $1", payment.id
    )
    assert row is not None
    again = await office.see(type(payment.id).of(row["payment_id"]))
    assert again.status is S.PENDING_APPROVAL
    assert (again.votes, again.attempt, again.payout_version) == ([], 2, 2)
    assert again.content_hash != payment.content_hash
    assert paid(simulator) == []


async def test_approving_what_was_hashed_with_old_bank_details_asks_to_look_again(
    office: Office,
) -> None:
    payment = await office.enter()
    await office.app.db.pool.execute("update vendors set payout_version = 2")
    (answer,) = await office.approve(payment)
    assert isinstance(answer, PaymentChanged)
    now = await office.see(payment.id)
    assert now.content_hash.hex() == answer.extra["content_hash"]
    (answer,) = await office.approve(now)
    assert isinstance(answer, Answered)


async def test_a_payment_that_failed_is_repeated_with_its_approvals(
    office: Office, simulator: Simulator
) -> None:
    payment = await office.enter(600_000)
    await office.approved(payment, "usr_anna", "usr_ben")
    simulator.set(decline_rate=1.0)
    failed = await office.settle(payment)
    assert failed.status is S.FAILED
    assert failed.failure_code
    assert await office.payable() == (1_000_000, 1_000_000)
    assert len(await office.jobs("follow_up_failure")) == 1
    simulator.set()
    dora = somebody("usr_dora", Role.DISPATCHER)
    parts = office.app.vendor_parts
    again = await repeat_payment(office.app.db, parts, dora, payment_id=payment.id)
    assert again.status is S.PROCESSING
    assert (again.replaces, again.attempt) == (payment.id, 2)
    assert [it.person for it in again.votes] == ["usr_anna", "usr_ben"]
    same = await repeat_payment(office.app.db, parts, dora, payment_id=payment.id)
    assert same.id == again.id
    assert (await office.settle(again)).status is S.SUCCEEDED
    assert paid(simulator) == [600_000]


async def test_fifty_who_repeat_at_once_make_one(office: Office, simulator: Simulator) -> None:
    payment = await office.enter()
    await office.approved(payment)
    simulator.set(decline_rate=1.0)
    await office.settle(payment)
    simulator.set()
    parts = office.app.vendor_parts
    made = await asyncio.gather(
        *(
            repeat_payment(
                office.app.db, parts, somebody("usr_dora", Role.DISPATCHER), payment_id=payment.id
            )
            for _ in range(50)
        )
    )
    assert len({it.id for it in made}) == 1
    assert await office.payable() == (1_000_000, 988_000)


@pytest.mark.parametrize(("code", "job"), [("AM04", "repeat_payment"), ("AC04", "review_payment")])
async def test_a_passing_failure_is_repeated_and_any_other_comes_before_a_person(
    office: Office, code: str, job: str
) -> None:
    payment = await office.approved(await office.enter())
    await office.app.db.pool.execute(
        "update payments set status = 'failed', failure_code = $2 where id = $1", payment.id, code
    )
    terms = office.app.vendor_terms
    await follow_up_failure(office.app.db, terms, somebody("system"), payment_id=payment.id)
    found = {it: await office.jobs(it) for it in ("repeat_payment", "review_payment")}
    assert [name for name, jobs in found.items() if jobs] == [job]
    await office.app.db.pool.execute(
        "update payments set status = 'processing', failure_code = null where id = $1", payment.id
    )


async def test_what_cannot_be_repeated_by_itself_comes_before_a_person(
    office: Office, simulator: Simulator
) -> None:
    payment = await office.enter(480_000)
    await office.approved(payment)
    simulator.set(decline_rate=1.0)
    await office.settle(payment)
    other = await office.enter(490_000)
    last = await office.enter(100_000)
    assert all(isinstance(it, Answered) for it in await office.approve(other, last))
    cause = somebody("system", Role.ADMIN)
    await repeat_or_tell(office.app.db, office.app.vendor_parts, cause, payment_id=payment.id)
    (job,) = await office.jobs("review_payment")
    assert job["reason"] == "payout_failed"


async def test_a_vendor_that_is_paid_in_runs_waits_for_one(office: Office) -> None:
    await office.register("runner", payout_mode=PayoutMode.RUN)
    payment = await office.approved(await office.enter(vendor_id="runner"))
    assert payment.status is S.PROCESSING
    assert (payment.release_at, payment.released_at) == (None, None)
    assert await office.jobs("settle_payment") == []


async def test_a_blocked_vendor_is_not_approved(office: Office) -> None:
    payment = await office.enter()
    await office.app.db.pool.execute("update vendors set status = 'blocked'")
    (answer,) = await office.approve(payment)
    assert isinstance(answer, Conflict)
    async with office.app.db.snapshot() as tx:
        assert (await vendors.payables(tx, ["nordlicht"]))["nordlicht"].name == PAYEE.name


async def test_what_nobody_approves_expires(office: Office) -> None:
    old, young = await office.enter(), await office.enter(7_700)
    await office.app.db.pool.execute(
        "update payments set created_at = created_at - interval '31 days' where id = $1", old.id
    )
    cause = somebody("system", Role.ADMIN)
    assert await expire_unapproved(office.app.db, cause, after=timedelta(days=30)) == 1
    assert (await office.see(old.id)).status is S.CANCELED
    assert (await office.see(young.id)).status is S.PENDING_APPROVAL
    assert await expire_unapproved(office.app.db, cause, after=None) == 0


async def test_a_pause_that_ends_early_lets_its_payments_leave(office: Office) -> None:
    """The change of bank details that paused the vendor was rejected."""
    pool = office.app.db.pool
    until = datetime.now(UTC) + timedelta(days=14)
    await pool.execute("update vendors set paused_until = $1", until)
    payment = await office.approved(await office.enter())
    cause = somebody("system", Role.ADMIN)
    assert await release_early(office.app.db, cause) == 0
    await pool.execute("update vendors set paused_until = null")
    assert await release_early(office.app.db, cause) == 1
    assert len(await office.jobs("release_payment")) == 2
    parts = office.app.vendor_parts
    await release_payment(office.app.db, parts, cause, payment_id=payment.id)
    assert (await office.see(payment.id)).released_at is not None
    assert await release_early(office.app.db, cause) == 0


async def test_approvers_are_reminded_once_and_not_of_their_own(office: Office) -> None:
    app = office.app
    admin = somebody("usr_root", Role.ADMIN)
    people = {}
    for name, role in (("anna", Role.APPROVER), ("dora", Role.DISPATCHER), ("ben", Role.APPROVER)):
        people[name] = await create_user(
            app.db,
            app.identity,
            admin,
            email=f"{name}@example.com",
            name=name,
            role=role,
            password=f"a good long one for {name} 17",
        )
    await office.enter(9_900, cause=somebody(str(people["anna"].id), Role.ADMIN))
    later = somebody("system", Role.ADMIN, at=datetime.now(UTC) + timedelta(hours=25))
    after = timedelta(hours=24)
    assert await remind_approvers(app.db, app.keys, later, after=after) == 1
    assert await remind_approvers(app.db, app.keys, later, after=after) == 0
    assert await remind_approvers(app.db, app.keys, later, after=None) == 0
    async with app.db.snapshot() as tx:
        messages = await tx.fetch("select purpose from messages")
    assert [row["purpose"] for row in messages] == ["approval_reminder"]  # Ben's


async def test_what_was_told_otherwise_before_comes_before_a_person(
    office: Office, simulator: Simulator
) -> None:
    payment = await office.approved(await office.enter())
    simulator.set(decline_rate=1.0)
    assert (await office.settle(payment)).status is S.FAILED
    cause = somebody("system", Role.ADMIN)
    told = Heard(payment.id, Approved(reference="bank-1"))
    async with office.app.db.transaction() as tx:
        assert await hear(tx, [(cause, told)], at=cause.at) == [False]
    assert (await office.see(payment.id)).status is S.FAILED
    (job,) = await office.jobs("review_payment")
    assert job["reason"] == "contradicted"
