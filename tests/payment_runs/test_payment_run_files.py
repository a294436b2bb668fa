"""Runs that leave in a file, and what the bank answers to it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import msgspec
import pytest
from defusedxml.ElementTree import fromstring
from tests.builders import eur
from tests.iso20022.pain002_writing import write_pain002
from tests.payment_runs.running import TERMS, Payroll, treasurer
from tests.payments.paying import an_office, settings_of
from tests.simulator.simulating import Simulator

from paywright.core.ids import RunId
from paywright.core.money import Money
from paywright.iso20022.model import Reason, StatusReport, TransactionStatus
from paywright.iso20022.pieces import MessageInvalid
from paywright.issues.payment_review import open_payment_review
from paywright.payment_runs.complete import complete_runs
from paywright.payment_runs.export import FileDiffers
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus
from paywright.payment_runs.names import end_to_end_id
from paywright.payment_runs.state import NoSuchRun, OtherMethod, RunNotCollected, RunNotReleased
from paywright.payment_runs.take_report import AnswerToAnotherFile
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.model import VendorPayment

S = PaymentStatus
XSD = Path(__file__).parents[3] / "shared/testdata/04_codes/iso20022/xsd"


@pytest.fixture
async def payroll(database_url: str, simulator: Simulator) -> AsyncIterator[Payroll]:
    async with an_office(database_url, settings_of(simulator)) as office:
        payroll = Payroll(office)
        await payroll.prepare()
        yield payroll


async def filed(payroll: Payroll, *amounts: int, **changes: Any) -> PaymentRun:
    await payroll.waiting(*amounts, vendor="sued")
    return await payroll.collect(RunMethod.FILE, **changes)


async def exported(payroll: Payroll, *amounts: int) -> tuple[PaymentRun, list[VendorPayment]]:
    run = await filed(payroll, *amounts)
    await payroll.export(run)
    shown = await payroll.see(run.id)
    return shown.run, [await payroll.office.see(it.id) for it in shown.payments.items]


def an_answer(run: PaymentRun, *lines: TransactionStatus, group: str | None = None) -> bytes:
    report = StatusReport(
        message_id=run.message_id,
        group_status=group,
        transactions=lines,
        reasons=(Reason("FF01", None),) if group == "RJCT" else (),
    )
    return write_pain002(report, created_at=datetime.now(UTC))


def a_line(payment: VendorPayment, status: str, **changes: Any) -> TransactionStatus:
    fields = {
        "end_to_end_id": end_to_end_id(payment.id),
        "status": status,
        "amount": payment.contents.amount,
    }
    return TransactionStatus(**fields | changes)


def texts(root: Element, name: str) -> list[str | None]:
    return [it.text for it in root.iter() if it.tag.rpartition("}")[2] == name]


async def test_taking_out_the_file_lets_the_run_leave(payroll: Payroll) -> None:
    run = await filed(payroll, 100, 20_050)
    assert run.status is RunStatus.COLLECTED
    made = await payroll.export(run)
    shown = await payroll.see(run.id)
    assert (shown.run.status, made.run.file_hash) == (RunStatus.RELEASED, shown.run.file_hash)
    assert shown.run.file_hash == hashlib.sha256(made.data).digest()
    root = fromstring(made.data)
    assert texts(root, "MsgId") == [run.message_id]
    assert texts(root, "InstdAmt") == ["1.00", "200.50"]
    assert texts(root, "EndToEndId") == [end_to_end_id(it.id) for it in shown.payments.items]
    assert texts(root, "Dt") == [run.execution_date.isoformat()]
    assert [it.status for it in shown.payments.items] == [S.PROCESSING] * 2
    assert await payroll.office.jobs("settle_payment") == []  # no provider is asked


@pytest.mark.skipif(not XSD.is_dir(), reason="needs the schemas of ISO 20022")
async def test_the_file_is_valid_by_its_schema(payroll: Payroll) -> None:
    etree = pytest.importorskip("lxml.etree")
    (schema,) = XSD.rglob("pain.001.001.09.xsd")
    made = await payroll.export(await filed(payroll, 100, 20_050))
    etree.XMLSchema(etree.parse(str(schema))).assertValid(etree.fromstring(made.data))


async def test_the_file_is_the_same_each_time(payroll: Payroll) -> None:
    run = await filed(payroll, 100, 200, 300)
    first = await payroll.export(run)
    assert (await payroll.export(run, at=datetime.now(UTC) + timedelta(days=3))).data == first.data
    # Neither other settings nor other bank details of the vendor change it.
    payroll.terms = msgspec.structs.replace(TERMS, debtor_name="Another GmbH")
    await payroll.db.pool.execute("update vendors set payout_version = 2 where id = 'sued'")
    assert (await payroll.export(run)).data == first.data
    await payroll.take(an_answer(run, group="ACSC"))
    assert (await payroll.see(run.id)).run.status is RunStatus.COMPLETED
    assert (await payroll.export(run)).data == first.data


async def test_several_at_once_get_the_same_file_and_release_once(payroll: Payroll) -> None:
    run = await filed(payroll, 100, 200, 300)
    made = await asyncio.gather(*(payroll.export(run) for _ in range(5)))
    assert len({it.data for it in made}) == 1
    assert (await payroll.office.events(run.id)).count("payment_run.released") == 1


async def test_who_is_stopped_while_taking_it_out_gets_the_same_later(payroll: Payroll) -> None:
    run = await filed(payroll, 100, 200, 300)
    calm = datetime.now(UTC)
    found: set[bytes] = set()
    for ms in (1, 3, 5, 8, 12, 18, 25, 40):
        try:
            async with asyncio.timeout(ms / 1000):
                found.add((await payroll.export(run, at=calm)).data)
        except TimeoutError:
            continue
    found.add((await payroll.export(run)).data)
    assert len(found) == 1
    assert (await payroll.office.events(run.id)).count("payment_run.released") == 1


async def test_a_file_that_would_differ_is_not_given_out(payroll: Payroll) -> None:
    run, _ = await exported(payroll, 100)
    await payroll.db.pool.execute("update payment_runs set debtor_name = 'Somebody'")
    with pytest.raises(FileDiffers):
        await payroll.export(run)


async def test_a_day_that_has_passed_meanwhile_is_not_asked_for(payroll: Payroll) -> None:
    today = datetime.now(UTC).date()
    run = await filed(payroll, 100, execution_date=today + timedelta(days=2))
    late = datetime.now(UTC) + timedelta(days=5)
    made = await payroll.export(run, at=late)
    assert made.run.execution_date == late.date()
    assert texts(fromstring(made.data), "Dt") == [late.date().isoformat()]


async def test_a_file_is_not_released_otherwise(payroll: Payroll) -> None:
    run = await filed(payroll, 100)
    with pytest.raises(OtherMethod):
        await payroll.release(run)
    await payroll.cancel(run)
    with pytest.raises(RunNotCollected):
        await payroll.export(run)


async def test_the_bank_settles_rejects_and_leaves_open(payroll: Payroll) -> None:
    run, (made, refused, left) = await exported(payroll, 100, 200, 400)
    held = await payroll.office.payable()
    taken = await payroll.take(
        an_answer(
            run,
            a_line(made, "ACSC"),
            a_line(refused, "RJCT", reason_code="AC04"),
            a_line(left, "ACSP"),
            group="PART",
        )
    )
    assert (taken.settled, taken.failed, taken.pending, taken.unchanged) == (1, 1, 1, 0)
    assert (list(taken.unmatched), list(taken.contradicting)) == ([], [])
    assert (await payroll.office.see(made.id)).status is S.SUCCEEDED
    failed = await payroll.office.see(refused.id)
    assert (failed.status, failed.failure_code) == (S.FAILED, "AC04")
    assert (await payroll.office.see(left.id)).status is S.PROCESSING
    balance, available = await payroll.office.payable()
    assert (balance, available) == (held[0] - 100, held[1] + 200)
    shown = await payroll.see(run.id)
    assert shown.run.status is RunStatus.RELEASED
    assert {it.status: (it.payments, it.amount_minor) for it in shown.totals} == {
        "succeeded": (1, 100),
        "failed": (1, 200),
        "processing": (1, 400),
    }
    await payroll.take(an_answer(run, a_line(left, "ACCC")))
    shown = await payroll.see(run.id)
    assert (shown.run.status, len(shown.reports)) == (RunStatus.COMPLETED, 2)


async def test_a_file_that_is_rejected_as_a_whole_fails_all(payroll: Payroll) -> None:
    run, payments = await exported(payroll, 100, 200)
    before = await payroll.office.payable()
    taken = await payroll.take(an_answer(run, group="RJCT"), run)
    assert (taken.failed, taken.settled) == (2, 0)
    for it in payments:
        seen = await payroll.office.see(it.id)
        assert (seen.status, seen.failure_code) == (S.FAILED, "FF01")
    assert (await payroll.office.payable())[1] == before[1] + 300
    assert (await payroll.see(run.id)).run.status is RunStatus.COMPLETED


async def test_the_same_answer_counts_once(payroll: Payroll) -> None:
    run, (made, other) = await exported(payroll, 100, 200)
    stranger = TransactionStatus(end_to_end_id="pay-none", status="RJCT")
    data = an_answer(run, a_line(made, "ACSC"), stranger)
    first = await payroll.take(data)
    again = await payroll.take(data)
    assert (first.replayed, again.replayed, again.id) == (False, True, first.id)
    assert again == msgspec.structs.replace(first, replayed=True)
    assert (await payroll.office.events(run.id)).count("payment_run.answered") == 1
    # The same words in another file say nothing new.
    later = an_answer(run, a_line(made, "ACSC"), a_line(other, "PDNG"))
    taken = await payroll.take(later)
    assert (taken.settled, taken.unchanged, taken.pending) == (0, 1, 1)


async def test_the_same_answer_from_several_at_once_counts_once(payroll: Payroll) -> None:
    run, payments = await exported(payroll, *range(101, 109))
    data = an_answer(run, *(a_line(it, "ACSC") for it in payments))
    taken = await asyncio.gather(*(payroll.take(data) for _ in range(6)))
    assert sorted(it.replayed for it in taken) == [False] + [True] * 5
    assert len({it.id for it in taken}) == 1
    for it in payments:
        assert (await payroll.office.events(it.id)).count("payment.completed") == 1


async def test_two_answers_at_once_that_contradict_each_other_settle_once(
    payroll: Payroll,
) -> None:
    run, (payment,) = await exported(payroll, 100)
    found = await asyncio.gather(
        payroll.take(an_answer(run, a_line(payment, "ACSC"))),
        payroll.take(an_answer(run, a_line(payment, "RJCT"))),
    )
    assert sum(it.settled + it.failed for it in found) == 1
    assert sum(len(it.contradicting) for it in found) == 1


async def test_what_is_not_of_the_run_changes_nothing(payroll: Payroll) -> None:
    other, (elsewhere,) = await exported(payroll, 100)
    run, (ours, wrong) = await exported(payroll, 200, 300)
    taken = await payroll.take(
        an_answer(
            run,
            a_line(elsewhere, "RJCT"),
            a_line(wrong, "ACSC", amount=eur(299)),
            a_line(ours, "RJCT", amount=Money(200, "USD")),
            TransactionStatus(end_to_end_id="NOTPROVIDED", status="ACSC"),
        )
    )
    assert [it.reason for it in taken.unmatched] == [
        *("not_in_run", "amount_differs", "amount_differs", "not_in_run")
    ]
    assert (taken.settled, taken.failed, taken.pending) == (0, 0, 0)
    for it in (elsewhere, ours, wrong):
        assert (await payroll.office.see(it.id)).status is S.PROCESSING
    assert (await payroll.see(other.id)).run.status is RunStatus.RELEASED


async def test_a_payment_that_was_made_is_not_undone_by_a_later_rejection(
    payroll: Payroll,
) -> None:
    run, (payment,) = await exported(payroll, 100)
    await payroll.take(an_answer(run, a_line(payment, "ACSC")))
    before = await payroll.office.payable()
    taken = await payroll.take(an_answer(run, a_line(payment, "RJCT", reason_code="AC06")))
    (against,) = taken.contradicting
    assert (against.payment_id, against.our_status) == (str(payment.id), "succeeded")
    assert (against.status, against.reason_code) == ("RJCT", "AC06")
    assert (await payroll.office.see(payment.id)).status is S.SUCCEEDED
    assert await payroll.office.payable() == before
    (job,) = await payroll.office.jobs("review_payment")
    await open_payment_review(payroll.db, treasurer(), payment_id=payment.id, reason=job["reason"])
    assert await payroll.db.pool.fetchval("select count(*) from issues") == 1


async def test_an_answer_has_to_be_to_the_file_of_the_run(payroll: Payroll) -> None:
    run, (payment,) = await exported(payroll, 100)
    waiting = await filed(payroll, 200)
    answer = an_answer(run, a_line(payment, "ACSC"))
    with pytest.raises(AnswerToAnotherFile):
        await payroll.take(answer, waiting)
    with pytest.raises(RunNotReleased):
        await payroll.take(an_answer(waiting, group="ACSC"))
    unknown = msgspec.structs.replace(run, message_id="run-of-somebody-else")
    with pytest.raises(NoSuchRun):
        await payroll.take(an_answer(unknown, group="ACSC"))
    nobody = msgspec.structs.replace(run, id=RunId.new(datetime.now(UTC)))
    with pytest.raises(NoSuchRun):
        await payroll.take(answer, nobody)
    await payroll.waiting(300)
    by_provider = (await payroll.release(await payroll.collect())).run
    with pytest.raises(OtherMethod):
        await payroll.take(an_answer(by_provider, group="ACSC"))
    assert (await payroll.office.see(payment.id)).status is S.PROCESSING


@pytest.mark.parametrize("data", [b"", b"<Document", b"{}", b"<Document xmlns='x'/>"])
async def test_what_is_no_answer_is_refused(payroll: Payroll, data: bytes) -> None:
    with pytest.raises(MessageInvalid):
        await payroll.take(data)
    with pytest.raises(MessageInvalid):
        await payroll.take((await payroll.export(await filed(payroll, 100))).data)


async def test_a_run_is_completed_by_the_sweep_too(payroll: Payroll) -> None:
    run, (payment,) = await exported(payroll, 100)
    await complete_runs(payroll.db, treasurer())
    assert (await payroll.see(run.id)).run.status is RunStatus.RELEASED
    await payroll.take(an_answer(run, a_line(payment, "ACSC")))
    await payroll.db.pool.execute(
        "update payment_runs set status = 'released', completed_at = null"
    )
    await complete_runs(payroll.db, treasurer())
    assert (await payroll.see(run.id)).run.status is RunStatus.COMPLETED
