"""The file of a run, for a bank: a pain.001. Taking it out is what lets the run leave."""

import asyncio
import hashlib
from collections.abc import Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict
from paywright.core.ids import RunId
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.iso20022.pain001 import Batch, Transfer, write_pain001
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus
from paywright.payment_runs.names import end_to_end_id
from paywright.payment_runs.release import check_left, depart
from paywright.payment_runs.state import check_collected, check_method, lock_run
from paywright.payments.vendor import leaving
from paywright.payments.vendor.approve import ApproveParts
from paywright.payments.vendor.leaving import Leaving


class FileDiffers(Conflict):
    """The file of the run cannot be made again as it was.

    It was taken out before, and would not be the same now: two files that differ must not both
    reach a bank. Use the one that was taken out first. `sha256` is that one's.
    """


class PaymentFile(msgspec.Struct, frozen=True):
    """A file, and the run as it is now."""

    run: PaymentRun
    data: bytes


async def export_run(
    db: Database, parts: ApproveParts, cause: Cause, *, run_id: RunId
) -> PaymentFile:
    """The file of a run, the same bytes each time. The first time releases the run.

    Raises NoSuchRun, OtherMethod, RunNotCollected, FileDiffers, and NothingLeft, with the run
    canceled.
    """
    cause.actor.require(Permission.MANAGE_RUNS)
    keys = parts.checks.keys
    async with db.transaction() as tx:
        run = await lock_run(tx, run_id)
        check_method(run, RunMethod.FILE)
        if run.status in (RunStatus.RELEASED, RunStatus.COMPLETED):
            return PaymentFile(run, await _again(tx, keys, run))
        check_collected(run)
        released = await leaving.take_out(tx, parts, cause, run.id)
        # A day that has passed while the run lay here is one that a bank refuses.
        day = max(run.execution_date, cause.at.date())
        run = msgspec.structs.replace(run, execution_date=day)
        data = await _written(tx, keys, run) if released.ids else b""
        run = msgspec.structs.replace(run, file_hash=hashlib.sha256(data).digest())
        departure = await depart(tx, cause, run, released)
    check_left(departure)
    return PaymentFile(departure.run, data)


async def _again(tx: Tx, keys: KeyRing, run: PaymentRun) -> bytes:
    data = await _written(tx, keys, run)
    if hashlib.sha256(data).digest() != run.file_hash:
        raise FileDiffers(str(run.id), sha256=(run.file_hash or b"").hex())
    return data


async def _written(tx: Tx, keys: KeyRing, run: PaymentRun) -> bytes:
    """In a thread of its own: ten thousand payments take a while, and others want to be served."""
    batch = batch_of(run, await leaving.leaving_of(tx, keys, run.id))
    return await asyncio.to_thread(write_pain001, batch)


def batch_of(run: PaymentRun, gone: Sequence[Leaving]) -> Batch:
    """What the file says. It holds nothing of the moment at which it is written.

    gone: its payments, in the order of their ids
    """
    if run.debtor is None:
        raise AssertionError("a run without a file")
    return Batch(
        message_id=run.message_id,
        created_at=run.created_at,
        execution_date=run.execution_date,
        debtor_name=run.debtor.name,
        debtor_iban=run.debtor.iban,
        debtor_bic=run.debtor.bic,
        transfers=tuple(_transfer(it) for it in gone),
    )


def _transfer(it: Leaving) -> Transfer:
    return Transfer(
        end_to_end_id=end_to_end_id(it.payment_id),
        amount=it.amount,
        creditor_name=it.payee.name,
        creditor_iban=it.payee.iban,
        creditor_account=it.payee.account_number,
        creditor_bic=it.payee.bic,
        creditor_country=it.payee.country,
        remittance=it.remittance,
    )
