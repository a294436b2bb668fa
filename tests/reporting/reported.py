"""Vendor payments as they lie in the database, invented, and what reports should tell of them:
counted in Python, one payment after the other."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from tests.builders import NOON

from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.reporting.model import Grouping

DAY = timedelta(days=1)
HASH = bytes(32)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor payment. ended_at: when it was carried out, or failed"""

    id: PaymentId
    status: str = "succeeded"
    vendor_id: str = "vendor_a"
    incident_id: str | None = None
    payer_type: str = "driver"
    minor: int = 1000
    currency: str = "EUR"
    created_at: datetime
    approved_at: datetime | None = None
    ended_at: datetime | None = None
    replaces: PaymentId | None = None
    votes: int = 0


OPEN = ("pending_approval", "processing", "unknown")


def a_bill(**fields: Any) -> Bill:
    """Paid at noon, unless it is said otherwise."""
    created_at = fields.pop("created_at", fields.get("ended_at") or NOON)
    bill = Bill(id=PaymentId.new(created_at), created_at=created_at, **fields)
    if bill.status in ("succeeded", "failed") and bill.ended_at is None:
        return msgspec.structs.replace(bill, ended_at=created_at)
    return bill


def many(count: int, *, seed: int) -> list[Bill]:
    """Of two months around noon of the builders, with times at the borders of days, too."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        status = dice.choice(
            ["succeeded"] * 6 + ["failed", "rejected", "canceled", "declined", *OPEN]
        )
        created_at = NOON - timedelta(seconds=dice.randrange(60 * 86_400))
        if dice.random() < 0.3:
            created_at = created_at.replace(hour=0, minute=0, second=0, microsecond=0)
        took = timedelta(seconds=dice.randrange(5 * 86_400))
        is_approved = status not in ("pending_approval", "rejected", "canceled", "declined")
        has_ended = status in ("succeeded", "failed")
        ended_at = created_at + took + dice.choice([timedelta(0), DAY])
        if dice.random() < 0.3:
            ended_at = ended_at.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        made.append(
            Bill(
                id=PaymentId.new(created_at),
                status=status,
                vendor_id=f"vendor_{dice.choice('abcde')}",
                # What is open is so for an incident and vendor once.
                incident_id=f"inc_{number}" if status in OPEN else
                dice.choice([None, *(f"inc_{n}" for n in range(8))]),
                payer_type=dice.choice(["driver", "carrier", "back_office"]),
                minor=dice.choice([1, 99, 2**63 - 1, dice.randrange(1, 10**6)]),
                currency=dice.choice(["EUR", "JPY", "KWD"]),
                created_at=created_at,
                approved_at=created_at + took if is_approved else None,
                ended_at=ended_at if has_ended else None,
                replaces=PaymentId.new(NOON) if dice.random() < 0.1 else None,
            )
        )  # fmt: skip
    return made


async def put(db: Database, *bills: Bill) -> None:
    async with db.transaction() as tx:
        await tx.executemany(
            """
            insert into payments (id, kind, status, amount_minor, currency, vendor_id, incident_id,
                                  payer_type, created_at, recorded_at, settled_at)
            values ($1, 'vendor_payment', $2, $3, $4, $5, $6, $7, $8, $8, $9)
            """,
            [(it.id, it.status, it.minor, it.currency, it.vendor_id, it.incident_id, it.payer_type,
              it.created_at, it.ended_at if it.status == "succeeded" else None)
             for it in bills],
        )  # fmt: skip
        await tx.executemany(
            """
            insert into vendor_payments (payment_id, created_by, makers, lines, metadata,
                                         content_hash, payout_version, approvals_needed,
                                         approved_at, replaces)
            values ($1, 'usr_1', '{usr_1}', '[]', '{}', $2, 1, 2, $3, $4)
            """,
            [(it.id, HASH, it.approved_at, it.replaces) for it in bills],
        )
        await tx.executemany(
            """
            insert into payment_transitions (payment_id, seq, before, after, reason, actor, at)
            values ($1, 1, 'processing', $2, 'told', 'system', $3)
            """,
            [(it.id, it.status, it.ended_at) for it in bills if it.ended_at is not None],
        )
        await tx.executemany(
            """
            insert into approvals (id, subject_kind, subject_id, content_hash, person, actor, role,
                                   principal, at, policy_version)
            values ($1, 'payment', $2, $3, $4, $4, 'approver', $4, $5, 'v1')
            """,
            [(PaymentId.new(NOON), it.id, HASH, f"usr_{n}", NOON)
             for it in bills for n in range(it.votes)],
        )  # fmt: skip


def first_day(at: datetime, group_by: Grouping) -> date:
    day = at.astimezone(UTC).date()
    if group_by is Grouping.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if group_by is Grouping.MONTH else day


def within(at: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    return at is not None and (since is None or at >= since) and (until is None or at < until)


def payouts_by_hand(
    bills: Iterable[Bill], group_by: Grouping, since: datetime | None, until: datetime | None
) -> list[tuple[Any, ...]]:
    sums: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for it in bills:
        if it.status in ("succeeded", "failed") and within(it.ended_at, since, until):
            assert it.ended_at is not None
            key = (first_day(it.ended_at, group_by), it.vendor_id, it.currency)
            at = 0 if it.status == "succeeded" else 2
            sums[key][at] += 1
            sums[key][at + 1] += it.minor
    return [(*key, *sums[key]) for key in sorted(sums)]


def spend_by_hand(
    bills: Iterable[Bill], group_by: Grouping, since: datetime | None, until: datetime | None
) -> list[tuple[Any, ...]]:
    sums: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for it in bills:
        if it.status == "succeeded" and within(it.ended_at, since, until):
            assert it.ended_at is not None
            key = (first_day(it.ended_at, group_by), it.payer_type, it.currency)
            sums[key][0] += 1
            sums[key][1] += it.minor
    return [(*key, *sums[key]) for key in sorted(sums)]


def costs_by_hand(
    bills: Iterable[Bill], since: datetime | None, until: datetime | None
) -> list[tuple[Any, ...]]:
    those: dict[tuple[str, str], list[Bill]] = defaultdict(list)
    for it in bills:
        counts = it.status == "succeeded" or it.status in OPEN
        if counts and it.incident_id is not None and within(it.created_at, since, until):
            those[it.currency, it.incident_id].append(it)
    rows = []
    for (currency, incident), group in those.items():
        paid = sum(it.minor for it in group if it.status == "succeeded")
        still = sum(it.minor for it in group if it.status != "succeeded")
        vendors = len({it.vendor_id for it in group})
        rows.append((currency, incident, paid + still, paid, still, len(group), vendors))
    return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Between the two nearest values on a straight line."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
