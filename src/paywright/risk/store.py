"""All SQL over `risk_assessments` and `risk_profiles` that the making of payments needs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from paywright.core.ids import ExemptionId
from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Row, Tx
from paywright.risk.model import Assessment, Fired, Level
from paywright.risk.velocity import Profile
from paywright.rulesets.cel import Scalar
from paywright.screening.model import Match

_COLUMNS = (
    *("payment_id", "at", "payer", "payee", "score", "level", "rules_version", "generation"),
    *("exemption_id", "fired", "facts", "matches"),
)
_SCORE_MAX = 2**15 - 1
_EPOCH = date(1970, 1, 1).toordinal()

_encode = msgspec.json.Encoder().encode
_sums = msgspec.json.Decoder(dict[str, int]).decode
_slots = msgspec.json.Decoder(dict[int, int]).decode
_facts = msgspec.json.Decoder(list[Scalar]).decode
_fired = msgspec.json.Decoder(tuple[Fired, ...]).decode
_matches = msgspec.json.Decoder(list[Match]).decode


async def lock_profiles(tx: Tx, customer_ids: Sequence[str]) -> dict[str, Profile]:
    """A profile for each; the rows are locked in the order of their ids until the transaction
    ends. `customer_ids`: in order."""
    found = await _lock(tx, customer_ids)
    if len(found) < len(customer_ids):
        new = [it for it in customer_ids if it not in found]
        await tx.execute(
            """
            insert into risk_profiles (customer_id, day, count, sums, slots)
            select customer_id, '1970-01-01', 0, '{}', '{}'
              from unnest($1::text[]) with ordinality as new (customer_id, place)
             order by place
                on conflict do nothing
            """,
            new,
        )
        # Somebody else may have made them first, and counted.
        found |= await _lock(tx, new)
    return found


async def _lock(tx: Tx, customer_ids: Sequence[str]) -> dict[str, Profile]:
    rows = await tx.fetch(
        """
        select customer_id, day, count, sums, slots
          from risk_profiles
         where customer_id = any($1::text[])
         order by customer_id collate "C"
           for no key update
        """,
        customer_ids,
    )
    return {
        row["customer_id"]: Profile(
            day=row["day"].toordinal() - _EPOCH,
            count=row["count"],
            sums=_sums(row["sums"]),
            slots=_slots(row["slots"]),
        )
        for row in rows
    }


async def save_profiles(tx: Tx, profiles: Mapping[str, Profile]) -> None:
    """The caller has locked them."""
    await tx.execute(
        """
        update risk_profiles
           set day = new.day, count = new.count, sums = new.sums, slots = new.slots
          from unnest($1::text[], $2::date[], $3::integer[], $4::json[], $5::json[])
               as new (customer_id, day, count, sums, slots)
         where risk_profiles.customer_id = new.customer_id
        """,
        list(profiles),
        [date.fromordinal(it.day + _EPOCH) for it in profiles.values()],
        [it.count for it in profiles.values()],
        [_encode(it.sums).decode() for it in profiles.values()],
        [_encode(it.slots).decode() for it in profiles.values()],
    )


async def insert(tx: Tx, assessments: Iterable[Assessment]) -> None:
    await copy_rows(tx, "risk_assessments", _COLUMNS, [_row(it) for it in assessments])


def _row(it: Assessment) -> bytes:
    return b"".join(
        (
            copy.row(12),
            copy.uuid(it.payment_id),
            copy.timestamptz(it.at),
            copy.maybe_text(it.payer),
            copy.maybe_text(it.payee),
            copy.smallint(min(it.score, _SCORE_MAX)),
            copy.word(it.level.value),
            copy.word(it.rules_version),
            copy.bigint(it.generation),
            copy.maybe_uuid(it.exempted),
            copy.bytea(_encode(it.fired)) if it.fired else copy.NULL,
            copy.bytea(_encode(it.facts)),
            copy.bytea(_encode(it.matches)) if it.matches else copy.NULL,
        )
    )


def assessment_of_row(row: Row) -> Assessment:
    """An assessment from a row with all columns."""
    exempted = row["exemption_id"]
    return Assessment(
        payment_id=row["payment_id"],
        at=row["at"],
        payer=row["payer"],
        payee=row["payee"],
        score=row["score"],
        level=Level(row["level"]),
        fired=() if row["fired"] is None else _fired(row["fired"]),
        exempted=None if exempted is None else ExemptionId.of(exempted),
        rules_version=row["rules_version"],
        generation=row["generation"],
        facts=_facts(row["facts"]),
        matches=() if row["matches"] is None else _matches(row["matches"]),
    )
