"""How assessments, dry runs and exemptions look on a terminal, and as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from paywright.cli.console import out, print_table
from paywright.core.ids import PaymentId
from paywright.core.money import Money
from paywright.risk.dry_run import DryRun
from paywright.risk.model import Assessment, Exemption, Fired, Level
from paywright.risk.rule_set import named


def print_assessment(found: Assessment) -> None:
    payment_id = PaymentId.of(found.payment_id)
    out.print(f"{payment_id}: {found.level}, {found.score} points, rules {found.rules_version}")
    rows = [
        [it.rule_id, f"{it.points}{' (waived)' if it.is_waived else ''}", it.reason]
        for it in found.fired
    ]
    if rows:
        print_table("", ["Rule", "Points", "Why"], rows)
    print_table("", ["Fact", "Value"], [[k, str(v)] for k, v in named(found.facts).items()])


def print_dry_run(found: DryRun) -> None:
    out.print(f"Version {found.version} on {found.assessed:,} past payments:")
    levels = [[it.value, f"{found.before[it]:,}", f"{found.after[it]:,}"] for it in Level]
    print_table("", ["Level", "Before", "After"], levels)
    rows = [
        [it.rule_id, *(f"{n:,}" for n in (it.fired_before, it.fired_after, it.points_after))]
        for it in found.rules
    ]
    print_table("", ["Rule", "Fired before", "Fires after", "Points after"], rows)
    changes = [
        [
            str(PaymentId.of(it.payment_id)),
            f"{it.level_before} → {it.level_after}",
            f"{it.score_before} → {it.score_after}",
            ", ".join(fired.rule_id for fired in it.fired_after),
        ]
        for it in found.changes[:20]
    ]
    if changes:
        title = f"{sum(found.moves.values()):,} would come to another level"
        print_table(title, ["Payment", "Level", "Score", "Rules"], changes)


def print_exemptions(found: Sequence[Exemption]) -> None:
    rows = [
        [str(it.id), it.customer_id, it.rule_id or "every rule", _scope(it), _until(it), it.reason]
        for it in found
    ]
    print_table("", ["Exemption", "Customer", "Rule", "For", "Until", "Reason"], rows)


def plain_assessment(found: Assessment) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(found),
        "payment_id": str(PaymentId.of(found.payment_id)),
        "exempted": None if found.exempted is None else str(found.exempted),
        "fired": _plain_fired(found.fired),
        "facts": named(found.facts),
    }


def plain_dry_run(found: DryRun) -> dict[str, Any]:
    changes = [
        {
            **msgspec.structs.asdict(it),
            "payment_id": str(PaymentId.of(it.payment_id)),
            "fired_before": _plain_fired(it.fired_before),
            "fired_after": _plain_fired(it.fired_after),
        }
        for it in found.changes
    ]
    return {**msgspec.structs.asdict(found), "changes": changes}


def plain_exemption(it: Exemption) -> dict[str, Any]:
    return {**msgspec.structs.asdict(it), "id": str(it.id)}


def _plain_fired(fired: Sequence[Fired]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(it) for it in fired]


def _scope(it: Exemption) -> str:
    payee = f"to {it.payee}" if it.payee else "all payments"
    if it.currency is None or it.amount_max_minor is None:
        return payee
    return f"{payee} up to {Money(it.amount_max_minor, it.currency)}"


def _until(it: Exemption) -> str:
    if it.ended_at is not None:
        return f"ended {it.ended_at:%Y-%m-%d}"
    return f"{it.expires_at:%Y-%m-%d %H:%M}"
