"""SQL that finds the bills on file that a bill may be the same as."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from paywright.core.ids import PaymentId
from paywright.core.money import MINOR_MAX, Money
from paywright.db.pool import Row, Tx
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor.duplicates import (
    Bill,
    Candidate,
    Resemblance,
    look_up_keys,
    most_alike,
)
from paywright.vendors.store import same_account

_SHARING_MAX = 20  # vendors with the same account that are looked at with one

_ByKey = tuple[int, int, UUID]  # bill, family, first id
_ByAmount = tuple[int, str, str, int, UUID]  # bill, vendor, currency, amount, first id


async def resembling(
    tx: Tx, asked: Sequence[Bill], *, window: timedelta
) -> list[Resemblance | None]:
    """For each bill the one on file that it resembles most; None: it resembles none.

    Compared are bills of the vendor, and of vendors that are paid to the same account, that were
    entered within `window` before and have not been rejected, canceled or declined, and have not
    failed. Of each of these vendors it looks at no more than the newest 200 with a number of the
    same family, and the newest 20 of the same amount.
    """
    if not asked:
        return []
    shared = await same_account(tx, sorted({it.vendor_id for it in asked}), limit=_SHARING_MAX)
    by_key: list[_ByKey] = []
    by_amount: list[_ByAmount] = []
    for i, bill in enumerate(asked):
        currency, number, since = bill.amount.currency, bill.bill_number, _first_id(bill, window)
        for vendor_id in (bill.vendor_id, *shared.get(bill.vendor_id, ())):
            by_amount += [(i, vendor_id, currency, it, since) for it in _amounts(bill)]
            if number is not None:
                keys = look_up_keys(vendor_id, currency, number)
                by_key += [(i, key, since) for key in keys]
    found: list[list[Candidate]] = [[] for _ in asked]
    for row in await _select(tx, by_key, by_amount):
        found[row["bill"]].append(_candidate(row))
    return [most_alike(bill, near) for bill, near in zip(asked, found, strict=True)]


def _amounts(bill: Bill) -> list[int]:
    """Without a number there is only the amount to go by, and it may be a cent off."""
    minor = bill.amount.minor
    near = (minor,) if bill.bill_number is not None else (minor, minor - 1, minor + 1)
    return [it for it in near if 0 < it <= MINOR_MAX]


def _first_id(bill: Bill, window: timedelta) -> UUID:
    """Ids of payments sort by creation: none that was made at that time or later is less (RFC
    9562)."""
    return UUID(int=int((bill.at - window).timestamp() * 1000) << 80)


async def _select(tx: Tx, by_key: Sequence[_ByKey], by_amount: Sequence[_ByAmount]) -> list[Row]:
    """Each look-up walks along one index, newest first, and ends after so many rows: how many
    payments there are makes it no slower. The other half of each row is fetched by its key (`limit
    1`), so that no other plan is worth considering."""
    return await tx.fetch(
        """
        select probe.bill, payment.*, filed.bill_number, filed.bill_date, filed.replaces
          from unnest($1::integer[], $2::bigint[], $3::uuid[]) as probe (bill, family_key, since)
         cross join lateral (
               select payment_id, bill_number, bill_date, replaces
                 from vendor_payments
                where vendor_payments.family_key = probe.family_key and payment_id >= probe.since
                order by payment_id desc limit 200) as filed
         cross join lateral (
               select id, vendor_id, status, amount_minor, currency, created_at, incident_id
                 from payments where payments.id = filed.payment_id limit 1) as payment
         where payment.status not in ('rejected', 'canceled', 'declined', 'failed')
         union all
        select probe.bill, payment.*, filed.bill_number, filed.bill_date, filed.replaces
          from unnest($4::integer[], $5::text[], $6::text[], $7::bigint[], $8::uuid[])
            as probe (bill, vendor_id, currency, amount_minor, since)
         cross join lateral (
               select id, vendor_id, status, amount_minor, currency, created_at, incident_id
                 from payments
                where payments.vendor_id = probe.vendor_id and payments.currency = probe.currency
                  and payments.amount_minor = probe.amount_minor and id >= probe.since
                order by id desc limit 20) as payment
         cross join lateral (
               select bill_number, bill_date, replaces
                 from vendor_payments where payment_id = payment.id limit 1) as filed
         where payment.status not in ('rejected', 'canceled', 'declined', 'failed')
        """,
        *([it[n] for it in by_key] for n in range(3)),
        *([it[n] for it in by_amount] for n in range(5)),
    )


def _candidate(row: Row) -> Candidate:
    return Candidate(
        payment_id=PaymentId.of(row["id"]),
        vendor_id=row["vendor_id"],
        status=PaymentStatus(row["status"]),
        amount=Money(row["amount_minor"], row["currency"]),
        bill_number=row["bill_number"],
        bill_date=row["bill_date"],
        created_at=row["created_at"],
        replaces=None if row["replaces"] is None else PaymentId.of(row["replaces"]),
        incident_id=row["incident_id"],
    )
