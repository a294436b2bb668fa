"""An id that is on file already: the same movement again, or another one. Pure."""

from paywright.core.errors import Problem
from paywright.ledger import refusals
from paywright.ledger.model import RESOLVES, Instruction, Transfer, TransferKind


def exists(on_file: Transfer, item: Instruction) -> Problem:
    """Whether the movement on file is the one that is asked for, or another."""
    resolves = item.kind in RESOLVES
    amount = item.amount_minor
    if amount is None and item.kind is TransferKind.POST_HOLD:
        amount = -on_file.held_minor  # the whole
    elif amount is None or (resolves and item.kind is not TransferKind.POST_HOLD):
        amount = on_file.amount_minor
    asked = {
        "kind": item.kind,
        "hold_id": item.hold_id,
        "amount_minor": amount,
        "debit_account_id": on_file.debit_account_id if resolves else item.debit_account_id,
        "credit_account_id": on_file.credit_account_id if resolves else item.credit_account_id,
        "currency": on_file.currency if resolves else item.currency,
        "description": item.description,
    }
    if item.balancing_debit or item.balancing_credit:  # moved what there was
        asked["amount_minor"] = min(amount, on_file.amount_minor)
    fields = [name for name, value in asked.items() if getattr(on_file, name) != value]
    if item.kind is TransferKind.HOLD and _lifetime_s(on_file) != item.expires_in_s:
        fields.append("expires_in_s")
    if not fields:
        return refusals.Exists(f"{on_file.id} is on file already", transfer_id=str(on_file.id))
    told = [refusals.FieldError(name, "differs from the movement on file") for name in fields]
    return refusals.ExistsWithDifferentFields(f"differs in {', '.join(fields)}", errors=told)


def _lifetime_s(hold: Transfer) -> int | None:
    if hold.expires_at is None:
        return None
    return round((hold.expires_at - hold.created_at).total_seconds())
