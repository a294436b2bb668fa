"""Take in what a bank answers to the file of a run: a pain.002."""

import asyncio
import hashlib
from collections.abc import Sequence

import msgspec
import structlog

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.core.ids import PaymentId, RunId, StatusReportId
from paywright.db.pool import Database, Tx
from paywright.events import emit
from paywright.iso20022.model import StatusReport
from paywright.iso20022.pain002 import read_pain002
from paywright.payment_runs import reports_store, store
from paywright.payment_runs.answers import Findings, weigh
from paywright.payment_runs.collect import event_of
from paywright.payment_runs.complete import complete_if_done
from paywright.payment_runs.model import FileTerms, PaymentRun, RunMethod, Taken, Unmatched
from paywright.payment_runs.names import end_to_end_id
from paywright.payment_runs.state import NoSuchRun, check_method, check_released, lock_run
from paywright.payments.hear import Heard, hear
from paywright.payments.tasks import ask_for_reviews
from paywright.payments.vendor import leaving

log = structlog.get_logger()


class AnswerToAnotherFile(Invalid):
    """The report answers another file than that of this run.

    `message_id` is that of the file which it answers. Nothing was changed.
    """


async def take_report(
    db: Database, terms: FileTerms, cause: Cause, *, data: bytes, run_id: RunId | None = None
) -> Taken:
    """Settle the payments of a run as the bank says, each report once.

    run_id: None: that of the file which the report names
    Raises MessageInvalid, NoSuchRun, AnswerToAnotherFile, OtherMethod, RunNotReleased.
    """
    cause.actor.require(Permission.MANAGE_RUNS)
    # In a thread of its own: a large one takes a while, and others want to be served.
    report = await asyncio.to_thread(read_pain002, data)
    digest = hashlib.sha256(data).digest()
    async with db.transaction() as tx:
        run = await lock_run(tx, run_id or await _answered(tx, report))
        if report.message_id != run.message_id:
            raise AnswerToAnotherFile(
                f"it answers {report.message_id}, the file of {run.id} is {run.message_id}",
                message_id=report.message_id,
            )
        check_method(run, RunMethod.FILE)
        check_released(run)
        if (known := await reports_store.find(tx, run.id, digest)) is not None:
            return msgspec.structs.replace(known, replayed=True)
        payments = await leaving.of_run(tx, run.id)
        findings = weigh(report, payments, settled=terms.settled_statuses)
        taken = await _settle(tx, cause, run, report, findings)
        await reports_store.insert(tx, taken, digest)
        await emit(tx, cause, event_of(run, "payment_run.answered", **_facts(taken)))
        await complete_if_done(tx, cause, run)
    return taken


async def _answered(tx: Tx, report: StatusReport) -> RunId:
    found = await store.find_by_message(tx, report.message_id)
    if found is None:
        raise NoSuchRun(f"no run has the message id {report.message_id}")
    return found


async def _settle(
    tx: Tx, cause: Cause, run: PaymentRun, report: StatusReport, findings: Findings
) -> Taken:
    told = [(cause, Heard(payment_id, answer)) for payment_id, answer in findings.decided]
    changed = await hear(tx, told, at=cause.at) if told else []
    done = {heard.payment_id for (_, heard), is_new in zip(told, changed, strict=True) if is_new}
    after = {it.id: it.status for it in await leaving.of_run(tx, run.id)} if told else {}
    settled = sum(after[it] == "succeeded" for it in done)
    against = [PaymentId.parse(it.payment_id) for it in findings.contradicting]
    await _ask_a_person(tx, cause, run, against)
    return Taken(
        id=StatusReportId.new(cause.at),
        run_id=run.id,
        message_id=report.message_id,
        group_status=report.group_status,
        settled=settled,
        failed=len(done) - settled,
        pending=findings.pending,
        unchanged=findings.unchanged,
        unmatched=[*findings.unmatched, *_not_booked(findings, done)],
        contradicting=findings.contradicting,
        received_by=cause.actor.id,
        received_at=cause.at,
    )


async def _ask_a_person(
    tx: Tx, cause: Cause, run: PaymentRun, payment_ids: Sequence[PaymentId]
) -> None:
    """Nothing follows by itself: money may have moved twice, or not at all."""
    for it in payment_ids:
        log.error("payment.contradiction", payment_id=str(it), run_id=str(run.id))
    if payment_ids:
        caused = [(cause, it) for it in payment_ids]
        await ask_for_reviews(tx, caused, reason="contradicted")


def _not_booked(findings: Findings, done: set[PaymentId]) -> list[Unmatched]:
    """What the books refused: it stays open, and is seen."""
    return [
        Unmatched(end_to_end_id(payment_id), type(answer).__name__.lower(), "not_booked")
        for payment_id, answer in findings.decided
        if payment_id not in done
    ]


def _facts(taken: Taken) -> dict[str, object]:
    return {
        "report_id": str(taken.id),
        "group_status": taken.group_status,
        "settled": taken.settled,
        "failed": taken.failed,
        "pending": taken.pending,
        "unmatched": len(taken.unmatched),
        "contradicting": len(taken.contradicting),
    }
