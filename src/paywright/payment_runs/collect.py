"""Collect approved payments into a run: because somebody asks, or because it is time."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, Invalid
from paywright.core.ids import RunId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx, is_duplicate
from paywright.events import Event, emit
from paywright.idempotency import Answer, Claim, KeyReused, claim_fresh, fingerprint, recall
from paywright.payment_runs import store
from paywright.payment_runs.model import Debtor, FileTerms, PaymentRun, RunMethod, RunStatus
from paywright.payment_runs.names import message_id
from paywright.payments.orders import Answered
from paywright.payments.vendor import leaving
from paywright.payments.vendor.leaving import Collectable

SCOPE = "payment_runs.create"
# Of payments in one run: what one transaction hands over, and one file holds.
RUN_MAX = 10_000
# No bank takes an order for later than that.
_DAYS_AHEAD_MAX = 366
# What a file can say: ISO 20022, `DecimalNumber`, 18 digits.
_SUM_MAX = 10**18 - 1
_TRIES = 10
_CREATED = 201


class NothingToCollect(Conflict):
    """No approved payment waits for such a run.

    A run takes payments of one currency that are approved and have not left: with `provider` those
    to vendors who are paid in runs, with `file` those that leave in a file. Payments to a vendor
    whose bank details are being changed wait until that is over.
    """


class FilesNotSetUp(Invalid):
    """Files for a bank are not set up here.

    An operator names the account that they pay from: `PAYMENT_FILE_DEBTOR_NAME` and
    `PAYMENT_FILE_DEBTOR_IBAN`.
    """


class DayImpossible(Invalid):
    """The day of execution is not one that a bank can be asked for.

    Only a file can ask for a day: from today, in UTC, until a year from now.
    """


async def create_run(
    db: Database,
    terms: FileTerms,
    cause: Cause,
    *,
    key: str,
    currency: str,
    method: RunMethod,
    execution_date: date | None = None,
    limit: int = RUN_MAX,
    render: Callable[[PaymentRun], bytes],
) -> Answered:
    """Collect what waits, up to `limit` payments, the oldest first. Nothing leaves by this.

    render: the answer, which the same request with the same key is given again
    Raises NothingToCollect, FilesNotSetUp, DayImpossible, KeyReused.
    """
    cause.actor.require(Permission.MANAGE_RUNS)
    wanted = _Wanted(
        currency=currency,
        method=method,
        day=_day(cause, method, execution_date),
        debtor=debtor_of(terms) if method is RunMethod.FILE else None,
        limit=limit,
    )
    asked = {
        "currency": currency,
        "execution_date": execution_date,
        "limit": limit,
        "method": method,
    }
    claim = Claim(SCOPE, key, *fingerprint(asked))
    for _ in range(_TRIES):
        try:
            async with db.transaction() as tx:
                return await _create(tx, cause, claim, wanted, render)
        except Exception as error:
            if not is_duplicate(error):
                raise
            # Somebody else has just used the key: the next turn finds it.
    raise AssertionError(f"the key changed under us {_TRIES} times")


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    method: RunMethod
    day: date
    debtor: Debtor | None
    limit: int


async def _create(
    tx: Tx, cause: Cause, claim: Claim, wanted: _Wanted, render: Callable[[PaymentRun], bytes]
) -> Answered:
    await store.collect_alone(tx, wanted.currency, wanted.method)
    (known,) = await recall(tx, [claim])
    if isinstance(known, KeyReused):
        raise known
    if known is not None:
        return Answered(known, replayed=True)
    run = await collect(tx, cause, **msgspec.structs.asdict(wanted))
    if run is None:
        raise NothingToCollect(f"nothing waits in {wanted.currency}")
    answer = Answer(_CREATED, render(run))
    await claim_fresh(tx, [msgspec.structs.replace(claim, answer=answer)], at=cause.at)
    return Answered(answer)


async def collect(
    tx: Tx,
    cause: Cause,
    *,
    currency: str,
    method: RunMethod,
    day: date,
    debtor: Debtor | None,
    limit: int,
) -> PaymentRun | None:
    """A new run of what waits; None: nothing does. The caller collects alone."""
    found = await leaving.collectable(
        tx, currency=currency, method=method.value, limit=limit, at=cause.at
    )
    taken = _that_can_be_added_up(found)
    if not taken:
        return None
    run_id = RunId.new(cause.at)
    run = PaymentRun(
        id=run_id,
        method=method,
        status=RunStatus.COLLECTED,
        payments=len(taken),
        amount=Money(sum(it.amount.minor for it in taken), currency),
        execution_date=day,
        message_id=message_id(run_id),
        created_by=cause.actor.id,
        created_at=cause.at,
        debtor=debtor,
    )
    await store.insert(tx, run)
    await leaving.assign(tx, [it.id for it in taken], run_id)
    await emit(tx, cause, event_of(run, "payment_run.collected"))
    return run


def debtor_of(terms: FileTerms) -> Debtor:
    """Raises FilesNotSetUp."""
    if not terms.debtor_iban or not terms.debtor_name:
        raise FilesNotSetUp.field("method", "no account is named that files pay from")
    return Debtor(name=terms.debtor_name, iban=terms.debtor_iban, bic=terms.debtor_bic)


def event_of(run: PaymentRun, type: str, **more: object) -> Event:
    """An event about a run, as it is now."""
    facts = {
        "method": run.method.value,
        "payments": run.payments,
        "amount_minor": run.amount.minor,
        "currency": run.currency,
        "execution_date": run.execution_date.isoformat(),
    }
    return Event(type, str(run.id), facts | more)


def _day(cause: Cause, method: RunMethod, asked: date | None) -> date:
    today = cause.at.date()
    if asked is None:
        return today
    if method is not RunMethod.FILE:
        raise DayImpossible.field("execution_date", "only a file can ask for a day")
    if not today <= asked <= today + timedelta(days=_DAYS_AHEAD_MAX):
        raise DayImpossible.field(
            "execution_date", f"must be from {today} on, at most {_DAYS_AHEAD_MAX} days ahead"
        )
    return asked


def _that_can_be_added_up(found: Sequence[Collectable]) -> list[Collectable]:
    """The first of them, as many as have a sum that a file can say. The others wait on."""
    taken, total = [], 0
    for it in found:
        total += it.amount.minor
        if total > _SUM_MAX:
            break
        taken.append(it)
    return taken
