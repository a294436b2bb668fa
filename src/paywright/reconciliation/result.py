"""What a comparison comes to: counts and sums, from the rows of `verdicts_store`. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from paywright.reconciliation.model import DIFFERENCES, LineOutcome, Result, Total


def result_of(rows: Sequence[Any]) -> Result:
    outcomes: Counter[str] = Counter()
    sums: dict[str, Counter[str]] = {}
    digest = 0

    def add(currency: str, side: str, lines: int, minor: Any) -> None:
        of_currency = sums.setdefault(currency, Counter())
        of_currency[side] += lines
        of_currency[f"{side}_minor"] += int(minor)

    for row in rows:
        outcome, lines = LineOutcome(row["outcome"]), int(row["lines"])
        outcomes[outcome.value] += lines
        if outcome is LineOutcome.MATCHED:
            add(row["their_currency"], "matched", lines, row["their_minor"])
        if row["their_currency"] is not None:
            add(row["their_currency"], "theirs", lines, row["their_minor"])
        if row["is_ours_in_day"]:
            add(row["our_currency"], "ours", lines, row["our_minor"])
        # Bits that do not depend on the order; of an even number of equal lines none are left,
        # which is why their number goes with them.
        digest ^= (row["hash"] or 0) & (1 << 64) - 1
    differences = sum(outcomes[outcome] for outcome in DIFFERENCES)
    totals = [_total(currency, sums[currency]) for currency in sorted(sums)]
    return Result(dict(outcomes), totals, f"{differences}:{digest:016x}")


def _total(currency: str, sums: Counter[str]) -> Total:
    fields = [name for name in Total.__struct_fields__ if name != "currency"]
    return Total(currency=currency, **{name: sums[name] for name in fields})
