"""Two processes with the same vendor payment in hand at the same moment: one wins, the other is
told so, and nothing happens twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import pytest
from tests.builders import eur
from tests.iso20022.pain002_writing import write_pain002
from tests.payment_runs.running import TERMS, id_of, treasurer
from tests.payments.paying import settings_of, somebody
from tests.payments.vendor_house import House, a_house, a_number, dora
from tests.simulator.simulating import Simulator

from paywright.approvals.decide import AlreadyApproved
from paywright.core.errors import Problem
from paywright.identity.permissions import Role
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.payment_runs.collect import NothingToCollect
from paywright.payment_runs.due import make_runs
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus, Taken
from paywright.payment_runs.names import end_to_end_id
from paywright.payment_runs.release import NothingLeft
from paywright.payment_runs.state import RunNotCollected
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Answered
from paywright.payments.vendor.checks import PaymentOpen
from paywright.payments.vendor.edit import Changes, edit_payment
from paywright.payments.vendor.expire import expire_unapproved
from paywright.payments.vendor.model import Line, VendorPayment
from paywright.payments.vendor.overriding import DuplicateBill
from paywright.payments.vendor.refusals import (
    PaymentChanged,
    PaymentLeft,
    PaymentNotPending,
    PaymentNotRepeatable,
    VendorBlocked,
)
from paywright.payments.vendor.reject import reject_payment
from paywright.payments.vendor.release import release_early
from paywright.payments.vendor.repeat import repeat_payment
from paywright.vendors.block import set_vendor_status
from paywright.vendors.model import VendorStatus
from paywright.vendors.reject_change import reject_change

pytestmark = pytest.mark.timeout(300)

S = PaymentStatus
ROUNDS = 20


def rounds(seen: Counter[Any], kinds: int = 2) -> Iterator[int]:
    """Many, and as many more as it takes until each of them has won once."""
    for number in range(10 * ROUNDS):
        if number >= ROUNDS and len(seen) >= kinds:
            return
        yield number
    raise AssertionError(f"they were never in each other's way: {seen}")


def _won(told: Sequence[Any]) -> list[Any]:
    return [it for it in told if not isinstance(it, Problem)]


def _refused(told: Sequence[Any]) -> list[type]:
    return sorted((type(it) for it in told if isinstance(it, Problem)), key=lambda it: it.__name__)


@pytest.fixture
async def house(database_url: str, simulator: Simulator) -> AsyncIterator[House]:
    async with a_house(database_url, settings_of(simulator)) as house:
        yield house


# Approvals.


async def test_of_two_approvers_one_approves(house: House) -> None:
    winners = Counter[str]()
    for _ in rounds(winners):
        payment = await house.bill()
        told = await house.at_once(
            house.one.office.approve(payment, by="usr_anna"),
            house.two.office.approve(payment, by="usr_ben"),
        )
        assert len(_won(told)) == 1
        now = await house.office.see(payment.id)
        assert (now.status, len(now.votes)) == (S.PROCESSING, 1)
        winners[now.votes[0].person] += 1
        await house.told_once(payment)


async def test_where_two_are_needed_both_count_and_nobody_counts_twice(house: House) -> None:
    for _ in range(ROUNDS):
        payment = await house.bill(600_000)
        told = await house.at_once(
            house.one.office.approve(payment, by="usr_anna"),
            house.two.office.approve(payment, by="usr_anna"),
            house.two.office.approve(payment, by="usr_ben"),
        )
        assert _refused(told) in ([AlreadyApproved], [PaymentNotPending])
        now = await house.office.see(payment.id)
        assert (now.status, {it.person for it in now.votes}) == (
            S.PROCESSING,
            {"usr_anna", "usr_ben"},
        )
        await house.told_once(payment)


async def test_the_same_approval_sent_twice_at_once_gets_one_answer(house: House) -> None:
    for _ in range(ROUNDS):
        payment = await house.bill()
        key = token_hex(8)
        told = await house.at_once(
            house.one.office.approve(payment, key=key), house.two.office.approve(payment, key=key)
        )
        assert all(isinstance(it, Answered) for it in told), told
        assert told[0].answer == told[1].answer
        assert sorted(it.replayed for it in told) == [False, True]
        await house.told_once(payment)


async def test_many_at_once_in_any_order_are_each_approved_once(house: House) -> None:
    for _ in range(ROUNDS // 4):
        payments = [await house.bill() for _ in range(10)]
        shuffled = house.dice.sample(payments, len(payments))
        mine, others = await asyncio.gather(
            house.one.office.approve(*payments, by="usr_anna"),
            house.two.office.approve(*shuffled, by="usr_ben"),
        )
        assert len(_won([*mine, *others])) == len(payments)
        for it in payments:
            assert len((await house.office.see(it.id)).votes) == 1


@pytest.mark.parametrize("paused", [False, True], ids=["leaves at once", "leaves later"])
async def test_approve_against_cancel(house: House, paused: bool) -> None:
    await house.pause(datetime.now(UTC) + timedelta(hours=20) if paused else None)
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends, 1 if paused else 2):
        payment = await house.bill()
        approval, cancellation = await house.at_once(
            house.one.office.approve(payment), house.cancel(payment)
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        if now.status is S.CANCELED:
            # What is approved and has not left can be canceled, too.
            assert isinstance(cancellation, VendorPayment)
            assert paused or isinstance(approval, PaymentNotPending)
        else:
            assert (now.status, paused) == (S.PROCESSING, False)
            assert isinstance(cancellation, PaymentLeft)
        await house.told_once(payment)


async def test_an_approval_of_the_old_contents_never_approves_the_new(house: House) -> None:
    ends = Counter[PaymentStatus]()
    for number in rounds(ends):
        minor = 600_000 if number % 2 else 12_000
        payment = await house.bill(minor)
        app = house.apps[1]
        approval, edit = await house.at_once(
            house.one.office.approve(payment),
            edit_payment(
                app.db,
                app.approval_rules,
                app.vendor_terms,
                dora(),
                payment_id=payment.id,
                seen=payment.content_hash,
                changes=Changes(amount_minor=minor + 700, lines=(Line("More", 1, minor + 700),)),
            ),
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        if now.status is S.PROCESSING:
            assert now.contents.amount == eur(minor)
            assert isinstance(edit, PaymentNotPending)
        else:
            assert (now.contents.amount, list(now.votes)) == (eur(minor + 700), [])
            assert isinstance(approval, PaymentChanged) or minor == 600_000
        assert (
            await house.count(
                "select count(*) from ledger_transfers where id = $1 and amount_minor <> $2",
                payment.id,
                minor,
            )
            == 0
        )


async def test_approve_against_the_block_of_the_vendor(house: House) -> None:
    db = house.apps[1].db
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends):
        payment = await house.bill()
        approval, _ = await house.at_once(
            house.one.office.approve(payment),
            set_vendor_status(
                db,
                treasurer(),
                vendor_id="nordlicht",
                status=VendorStatus.BLOCKED,
                reason="A letter that nobody there has written.",
            ),
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        assert isinstance(approval, VendorBlocked) == (now.status is S.PENDING_APPROVAL)
        await set_vendor_status(
            db, treasurer(), vendor_id="nordlicht", status=VendorStatus.ACTIVE, reason="It was us."
        )


async def test_approve_against_the_approval_of_new_bank_details(house: House) -> None:
    """Whichever comes first: nothing leaves to details that were not approved with it."""
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends):
        await house.pause(None)
        payment = await house.bill()
        await house.office.app.db.pool.execute(
            "update vendors set payout_changed_at = now() - interval '30 days'"
        )
        seen = await house.ask_for_change()
        approval, change = await house.at_once(
            house.one.office.approve(payment), house.approve_change(1, seen)
        )
        assert not isinstance(change, Problem)
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        assert now.released_at is None
        if now.status is S.PENDING_APPROVAL:
            assert isinstance(approval, PaymentChanged)
            assert list(now.votes) == []
            continue
        assert now.payout_version == (await house.vendor()).payout_version - 1
        now = await house.let_go(payment)
        assert (now.status, now.released_at) == (S.CANCELED, None)
        again = await house.count(
            "select count(*) from vendor_payments where replaces = $1", payment.id
        )
        assert again == 1
    assert (
        await house.count("select count(*) from vendor_payments where released_at is not null") == 0
    )


async def test_approve_against_the_request_of_new_bank_details(house: House) -> None:
    """It has left before the request, or it waits until the request has come to something."""
    ends = Counter[bool]()
    for _ in rounds(ends):
        await house.pause(None)
        payment = await house.bill()
        _, seen = await house.at_once(house.one.office.approve(payment), house.ask_for_change(1))
        now = await house.office.see(payment.id)
        assert now.status is S.PROCESSING
        ends[now.released_at is not None] += 1
        if now.released_at is None:
            assert now.release_at == seen.change.expires_at
            await house.cancel(payment)
        await reject_change(
            house.one.db, somebody("usr_carl"), change_id=seen.change.id, reason="a forgery"
        )
    assert len(await house.office.jobs("settle_payment")) == ends[True]


async def test_of_two_edits_of_the_same_contents_one_is_taken(house: House) -> None:
    for number in range(ROUNDS):
        payment = await house.bill()
        told = await house.at_once(
            *(
                edit_payment(
                    app.db,
                    app.approval_rules,
                    app.vendor_terms,
                    dora(),
                    payment_id=payment.id,
                    seen=payment.content_hash,
                    changes=Changes(description=f"{number} by {app.db}"),
                )
                for app in house.apps
            )
        )
        assert _refused(told) == [PaymentChanged]
        assert (await house.office.see(payment.id)).revision == 2


async def test_of_approve_and_reject_one_wins(house: House) -> None:
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends):
        payment = await house.bill()
        told = await house.at_once(
            house.one.office.approve(payment),
            reject_payment(
                house.two.db, somebody("usr_ben"), payment_id=payment.id, reason="never ordered"
            ),
        )
        assert _refused(told) == [PaymentNotPending]
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        assert now.status in (S.PROCESSING, S.REJECTED)
        await house.told_once(payment)


async def test_approve_against_expiry(house: House) -> None:
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends):
        payment = await house.bill()
        later = somebody("system", Role.ADMIN, at=datetime.now(UTC) + timedelta(days=31))
        approval, _ = await house.at_once(
            house.one.office.approve(payment),
            expire_unapproved(house.two.db, later, after=timedelta(days=30)),
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        assert isinstance(approval, PaymentNotPending) == (now.status is S.CANCELED)
        await house.told_once(payment)


# Leaving.


async def test_release_against_cancel(house: House) -> None:
    ends = Counter[PaymentStatus]()
    until = datetime.now(UTC) + timedelta(hours=20)
    await house.pause(until)
    for _ in rounds(ends):
        payment = await house.office.approved(await house.bill())
        _, cancellation = await house.at_once(
            house.let_go(payment, at=until + timedelta(seconds=1)), house.cancel(payment, 0)
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        assert (now.status is S.CANCELED) == (now.released_at is None)
        assert isinstance(cancellation, PaymentLeft) == (now.released_at is not None)
        await house.told_once(payment)
    settles = await house.office.jobs("settle_payment")
    assert len(settles) == ends[S.PROCESSING]


async def test_release_against_the_request_of_new_bank_details(house: House) -> None:
    """From the request on nothing leaves, and nothing is lost: it waits."""
    ends = Counter[bool]()
    for _ in rounds(ends):
        until = datetime.now(UTC) + timedelta(hours=20)
        await house.pause(until)
        payment = await house.office.approved(await house.bill())
        at = until + timedelta(seconds=1)
        _, seen = await house.at_once(house.let_go(payment, at=at), house.ask_for_change(0, at=at))
        now = await house.office.see(payment.id)
        ends[now.released_at is not None] += 1
        if now.released_at is None:
            assert (now.status, now.release_at) == (S.PROCESSING, seen.change.expires_at)
        app = house.apps[0]
        later = at + timedelta(seconds=1)
        await reject_change(
            app.db, somebody("usr_carl", at=later), change_id=seen.change.id, reason="a forgery"
        )
        assert (await house.vendor()).paused_until == until
        assert (await house.let_go(payment, at=later)).released_at is not None


async def test_release_against_the_approval_of_new_bank_details(house: House) -> None:
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends):
        await house.pause(None)
        seen = await house.ask_for_change()
        await house.office.app.db.pool.execute(
            "update vendors set payout_changed_at = now() - interval '30 days'"
        )
        payment = await house.office.approved(await house.bill())
        assert payment.release_at == seen.change.expires_at
        at = datetime.now(UTC)
        await house.pause(at)  # somebody has let it be paid
        await house.at_once(
            house.let_go(payment, at=at), house.approve_change(0, seen, cause={"at": at})
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        successors = await house.one.db.pool.fetch(
            "select payment_id from vendor_payments where replaces = $1", payment.id
        )
        assert (now.status is S.CANCELED) == (now.released_at is None) == bool(successors)
        for row in successors:
            again = await house.office.see(type(payment.id).of(row["payment_id"]))
            assert (again.status, list(again.votes)) == (S.PENDING_APPROVAL, [])


async def test_a_change_is_approved_or_rejected_and_its_pause_goes_with_it(house: House) -> None:
    ends = Counter[bool]()
    for _ in rounds(ends):
        await house.pause(None)
        before = await house.vendor()
        seen = await house.ask_for_change()
        approval, rejection, other = await house.at_once(
            house.approve_change(0, seen, pause=timedelta(hours=24)),
            reject_change(
                house.two.db, somebody("usr_ben"), change_id=seen.change.id, reason="a forgery"
            ),
            house.approve_change(1, seen, by="usr_anna", pause=timedelta(hours=24)),
        )
        assert len(_won([approval, rejection, other])) == 1
        now = await house.vendor()
        is_taken = isinstance(rejection, Problem)
        ends[is_taken] += 1
        assert now.payout_version == before.payout_version + is_taken
        assert (now.paused_until is not None) == is_taken


async def test_of_two_requests_for_new_bank_details_one_is_taken(house: House) -> None:
    for _ in range(ROUNDS):
        told = await house.at_once(house.ask_for_change(0), house.ask_for_change(1))
        (seen,) = _won(told)
        await reject_change(
            house.one.db, somebody("usr_ben"), change_id=seen.change.id, reason="a forgery"
        )
        assert (await house.vendor()).paused_until is None


async def test_those_put_off_that_many_look_at_leave_once(house: House) -> None:
    """The pause ends early: two workers see it, and each asks for the release."""
    until = datetime.now(UTC) + timedelta(hours=20)
    await house.pause(until)
    payments = [await house.office.approved(await house.bill()) for _ in range(ROUNDS)]
    await house.pause(None)
    cause = somebody("system", Role.ADMIN)
    await house.at_once(
        release_early(house.one.db, cause),
        release_early(house.two.db, cause),
    )
    for it in payments:
        await house.at_once(house.let_go(it), house.let_go(it))
    assert len(await house.office.jobs("settle_payment")) == ROUNDS


# Entering, and again.


def worth(minor: int) -> dict[str, Any]:
    return {"amount": eur(minor), "lines": (Line("Repair", 1, minor),)}


async def test_the_same_bill_and_the_same_incident_are_entered_once(house: House) -> None:
    for number in range(ROUNDS):
        bill = {"bill_number": a_number(), **worth(10_000 + 77 * number)}
        told = await house.at_once(house.entered(0, **bill), house.entered(1, **bill))
        assert _refused(told) == [DuplicateBill]
        incident = {"incident_id": f"inc_{token_hex(6)}", **worth(400_000 + 77 * number)}
        told = await house.at_once(
            *(house.entered(process, bill_number=a_number(), **incident) for process in (0, 1))
        )
        assert _refused(told) == [PaymentOpen]
        both = bill | incident | {"bill_number": a_number(), "key": token_hex(8)}
        both["incident_id"] = f"inc_{token_hex(6)}"
        told = await house.at_once(house.entered(0, **both), house.entered(1, **both))
        assert [it.answer for it in told] == [told[0].answer] * 2
    assert (
        await house.count("select count(*) from payments where vendor_id is not null") == 3 * ROUNDS
    )


async def test_repeat_against_a_new_payment_for_the_same_incident(
    house: House, simulator: Simulator
) -> None:
    simulator.set(decline_rate=1.0)
    ends = Counter[type]()
    for number in rounds(ends):
        payment = await house.bill(20_000 + 77 * number)
        await house.office.approved(payment)
        await house.office.settle(payment)
        app = house.apps[1]
        new = {
            "incident_id": payment.contents.incident_id,
            "bill_number": a_number(),
            **worth(300_000 + 77 * number),
        }
        told = await house.at_once(
            repeat_payment(app.db, app.vendor_parts, dora(), payment_id=payment.id),
            house.entered(0, **new),
        )
        (refusal,) = _refused(told)
        ends[refusal] += 1
        assert refusal in (PaymentNotRepeatable, PaymentOpen)
        open_now = """
            select count(*) from payments
             where incident_id = $1 and status in ('pending_approval', 'processing')
            """
        assert await house.count(open_now, payment.contents.incident_id) == 1


# Runs.


async def test_a_run_is_released_or_canceled(house: House) -> None:
    ends = Counter[RunStatus]()
    for _ in rounds(ends):
        (payment,) = await house.waiting(12_000)
        run = await house.one.collect()
        told = await house.at_once(
            house.one.release(run), house.two.cancel(run), house.two.release(run)
        )
        assert _refused(told) == [RunNotCollected] * 2
        shown = (await house.one.see(run.id)).run
        ends[shown.status] += 1
        now = await house.office.see(payment.id)
        has_left = shown.status is not RunStatus.CANCELED
        assert (now.released_at is not None, now.run_id is not None) == (has_left, has_left)
        await house.told_once(payment)
        if not has_left:
            await house.cancel(payment)
    settles = await house.office.jobs("settle_payment")
    assert len(settles) == ends[RunStatus.RELEASED]


async def test_of_two_who_collect_each_payment_is_in_one_run(house: House) -> None:
    for number in range(ROUNDS):
        payments = await house.waiting(11_000, 12_000, 13_000)
        limits = ({"limit": 2}, {"limit": 2}) if number % 2 else ({}, {})
        told = await house.at_once(
            *(
                it.ask(key=token_hex(8), **limit)
                for it, limit in zip((house.one, house.two), limits, strict=True)
            )
        )
        runs = [(await house.one.see(id_of(it.answer))).run for it in _won(told)]
        if number % 2:
            assert sorted(it.payments for it in runs) == [1, 2]
        else:
            assert ([it.payments for it in runs], _refused(told)) == ([3], [NothingToCollect])
        assert sum(it.amount.minor for it in runs) == 36_000
        ours = {it.id for it in runs}
        assert {(await house.office.see(it.id)).run_id for it in payments} == ours


async def test_the_same_run_asked_for_twice_at_once_is_one(house: House) -> None:
    for _ in range(ROUNDS):
        await house.waiting(11_000)
        key = token_hex(8)
        told = await house.at_once(house.one.ask(key=key), house.two.ask(key=key))
        assert told[0].answer == told[1].answer


async def test_collect_against_cancel(house: House) -> None:
    for _ in range(ROUNDS):
        payment, other = await house.waiting(11_000, 12_000)
        collected, cancellation = await house.at_once(
            house.one.ask(key=token_hex(8)), house.cancel(payment)
        )
        now = await house.office.see(payment.id)
        assert isinstance(collected, Answered)
        assert isinstance(cancellation, PaymentLeft) == (now.run_id is not None)
        assert (now.status is S.CANCELED) == (now.run_id is None)
        assert (await house.office.see(other.id)).run_id is not None


async def test_release_of_a_run_against_the_block_of_its_vendor(house: House) -> None:
    ends = Counter[PaymentStatus]()
    for _ in rounds(ends):
        (payment,) = await house.waiting(12_000)
        run = await house.one.collect()
        told = await house.at_once(
            house.one.release(run),
            set_vendor_status(
                house.two.db,
                treasurer(),
                vendor_id="weser",
                status=VendorStatus.BLOCKED,
                reason="A letter that nobody there has written.",
            ),
        )
        now = await house.office.see(payment.id)
        ends[now.status] += 1
        assert _refused(told) == ([] if now.released_at else [NothingLeft])
        assert (now.status is S.CANCELED) == (now.released_at is None)
        await set_vendor_status(
            house.one.db, treasurer(), vendor_id="weser", status=VendorStatus.ACTIVE, reason="ours"
        )


async def test_runs_that_two_workers_make_leave_once(house: House) -> None:
    for _ in range(ROUNDS):
        payments = await house.waiting(11_000, 12_000)
        await house.at_once(
            *(
                make_runs(app.db, app.vendor_parts, treasurer(), currency="EUR")
                for app in house.apps
            )
        )
        runs = {(await house.office.see(it.id)).run_id for it in payments}
        assert len(runs) == 1
    assert len(await house.office.jobs("settle_payment")) == 2 * ROUNDS
    assert await house.count("select count(*) from payment_runs") == ROUNDS


async def a_file_run(house: House, *amounts: int) -> tuple[PaymentRun, list[VendorPayment]]:
    payments = await house.waiting(*amounts, vendor="sued")
    return await house.one.collect(RunMethod.FILE), payments


async def test_two_who_take_out_a_file_get_the_same_and_a_canceled_one_is_not_taken_out(
    house: House,
) -> None:
    ends = Counter[RunStatus]()
    for _ in rounds(ends):
        run, payments = await a_file_run(house, 12_000, 14_000)
        first, second, cancellation = await house.at_once(
            house.one.export(run), house.two.export(run), house.two.cancel(run)
        )
        shown = (await house.one.see(run.id)).run
        ends[shown.status] += 1
        if shown.status is RunStatus.CANCELED:
            assert _refused([first, second]) == [RunNotCollected] * 2
            for it in payments:
                await house.cancel(it)
        else:
            assert first.data == second.data
            assert isinstance(cancellation, RunNotCollected)
            assert [it.released_at for it in await _seen(house, payments)] == [
                shown.released_at
            ] * 2


async def _seen(house: House, payments: Sequence[VendorPayment]) -> list[VendorPayment]:
    return [await house.office.see(it.id) for it in payments]


def _report(run: PaymentRun, payments: Sequence[VendorPayment], *statuses: str) -> bytes:
    lines = tuple(
        TransactionStatus(
            end_to_end_id=end_to_end_id(it.id), status=status, amount=it.contents.amount
        )
        for it, status in zip(payments, statuses, strict=True)
    )
    report = StatusReport(message_id=run.message_id, group_status=None, transactions=lines)
    return write_pain002(report, created_at=datetime.now(UTC))


async def test_an_answer_of_a_bank_taken_in_by_two_counts_once(house: House) -> None:
    """The same file, and one that says half of it again."""
    for _ in range(ROUNDS):
        run, payments = await a_file_run(house, 12_000, 14_000)
        await house.one.export(run)
        whole = _report(run, payments, "ACSC", "RJCT")
        half = _report(run, payments[:1], "ACSC")
        told: list[Taken] = await house.at_once(
            house.one.take(whole), house.two.take(whole, run), house.two.take(half)
        )
        assert sum(it.settled for it in told if not it.replayed) == 1
        assert sum(it.failed for it in told if not it.replayed) == 1
        assert sorted(it.replayed for it in told) == [False, False, True]
        assert not [it for each in told for it in (*each.contradicting, *each.unmatched)]
        now = await _seen(house, payments)
        assert [it.status for it in now] == [S.SUCCEEDED, S.FAILED]
        for it in payments:
            await house.told_once(it)
    assert len(await house.office.jobs("follow_up_failure")) == ROUNDS
    assert TERMS.settled_statuses >= {"ACSC"}
