"""What is asked of `payments` and `refunds` by who compares them with a provider's statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from paywright.db.pool import Row, Tx


async def settled(tx: Tx, provider: str, *, since: datetime, until: datetime) -> list[Row]:
    return await tx.fetch(
        """
        select id, id as payment_id,
               case kind when 'charge' then 'charge' else 'payout' end as kind,
               provider_reference, amount_minor, currency, status, settled_at
          from payments
         where provider = $1 and settled_at >= $2 and settled_at < $3
        union all
        select id, payment_id, 'refund', provider_reference, amount_minor, currency, status,
               settled_at
          from refunds
         where provider = $1 and settled_at >= $2 and settled_at < $3
         order by settled_at, id
        """,
        provider,
        since,
        until,
    )


async def by_id(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    return await tx.fetch(
        """
        select id, id as payment_id,
               case kind when 'charge' then 'charge' else 'payout' end as kind,
               provider_reference, amount_minor, currency, status, settled_at
          from payments
         where id = any($1::uuid[]) and provider is not null
        union all
        select id, payment_id, 'refund', provider_reference, amount_minor, currency, status,
               settled_at
          from refunds
         where id = any($1::uuid[])
        """,
        ids,
    )
