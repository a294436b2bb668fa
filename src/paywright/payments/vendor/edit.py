"""Edit a vendor payment that waits for approval. Whoever edits it has made it, too."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import AccountId, PaymentId
from paywright.core.money import Money
from paywright.db.pool import Database, Tx, is_duplicate
from paywright.events import Event, emit
from paywright.incidents.take_up import take_up
from paywright.payments.model import PaymentStatus
from paywright.payments.vendor import create_store, store
from paywright.payments.vendor.candidates_store import resembling
from paywright.payments.vendor.checks import (
    VendorPaymentInvalid,
    incident_closed,
    wrong_fields,
    wrong_parties,
)
from paywright.payments.vendor.contents import content_hash
from paywright.payments.vendor.duplicates import Bill
from paywright.payments.vendor.known import load_known
from paywright.payments.vendor.model import Contents, Line, Terms, VendorPayment
from paywright.payments.vendor.on_file import on_file
from paywright.payments.vendor.overriding import Override, unexplained
from paywright.payments.vendor.policing import approvals_needed
from paywright.payments.vendor.present import present
from paywright.payments.vendor.refusals import (
    NoSuchVendorPayment,
    PaymentChanged,
    PaymentNotPending,
)
from paywright.rulesets.cache import RuleSetCache
from paywright.telemetry.patterns import scrub
from paywright.vendors import store as vendors

_TRIES = 10


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be other than it was; UNSET: nothing. None takes away what may be left out.

    debit_account_id: None, or another currency alone: the account that the chart has for it
    metadata:         only the pairs that change; a value of None takes the pair away
    """

    vendor_id: str | UnsetType = UNSET
    amount_minor: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    payer_type: str | UnsetType = UNSET
    lines: tuple[Line, ...] | UnsetType = UNSET
    debit_account_id: AccountId | UnsetType | None = UNSET
    incident_id: str | UnsetType | None = UNSET
    work_order: str | UnsetType | None = UNSET
    bill_number: str | UnsetType | None = UNSET
    bill_date: date | UnsetType | None = UNSET
    due_date: date | UnsetType | None = UNSET
    reference: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    metadata: Mapping[str, str | None] | UnsetType | None = UNSET


# Fields of the contents that are changed as they are.
_PLAIN = (
    *("vendor_id", "payer_type", "lines", "incident_id", "work_order", "bill_number"),
    *("bill_date", "due_date", "reference", "description"),
)
_BILL = ("vendor_id", "amount", "bill_number", "bill_date")  # what makes two bills alike


async def edit_payment(
    db: Database,
    rules: RuleSetCache,
    terms: Terms,
    cause: Cause,
    *,
    payment_id: PaymentId,
    seen: bytes,
    changes: Changes,
    override: Override | None = None,
) -> VendorPayment:
    """Change what waits for approval. Approvals that it had count for nothing from now on.

    seen: the content hash of what the editor has looked at
    The same contents, paid to the same bank details, are no edit: nothing is written.
    Raises NoSuchVendorPayment, PaymentNotPending, PaymentChanged, and what `create_payments`
    refuses.
    """
    cause.actor.require(Permission.CREATE_PAYMENTS)
    for _ in range(_TRIES):
        try:
            async with db.transaction() as tx:
                before = await _locked(tx, payment_id, seen)
                after = await _edited(tx, rules, terms, cause, before, changes, override)
                if _is_same(before, after):
                    return before
                await _save(tx, cause, before, after)
                return after
        except Exception as error:
            if not is_duplicate(error):
                raise
            # Somebody else has just taken the reference or the incident: the next run says so.
    raise AssertionError(f"references or incidents were taken under us {_TRIES} times")


async def _locked(tx: Tx, payment_id: PaymentId, seen: bytes) -> VendorPayment:
    if payment_id not in await store.lock(tx, [payment_id]):
        raise NoSuchVendorPayment(str(payment_id))
    it = (await on_file(tx, [payment_id]))[payment_id]
    vendor_id = it.contents.vendor_id
    it = present(it, (await vendors.payables(tx, [vendor_id]))[vendor_id])
    if it.status is not PaymentStatus.PENDING_APPROVAL:
        raise PaymentNotPending(f"it is {it.status.value}", payment_status=it.status.value)
    if it.content_hash != seen:
        raise PaymentChanged("it has changed", content_hash=it.content_hash.hex())
    return it


async def _edited(
    tx: Tx,
    rules: RuleSetCache,
    terms: Terms,
    cause: Cause,
    before: VendorPayment,
    changes: Changes,
    override: Override | None,
) -> VendorPayment:
    draft = merged(before.contents, changes)
    if wrong := wrong_fields(draft, terms):
        raise wrong
    named = _account_named(before.contents, draft, changes)
    await create_store.take_turns(tx, [draft.vendor_id])
    known = await load_known(tx, [draft], [named])
    account_id = named or known.defaults.get(draft.amount.currency)
    if (problem := wrong_parties(draft, account_id, known, itself=before.id)) or not account_id:
        raise problem or AssertionError("no account, and nobody minds")
    contents = msgspec.structs.replace(draft, debit_account_id=account_id)
    incident_id = contents.incident_id
    is_new = incident_id is not None and incident_id != before.contents.incident_id
    if incident_id is not None and is_new and await take_up(tx, [(cause, incident_id)]):
        raise incident_closed(incident_id)
    resembles, reason = await _resembled(tx, terms, cause, before, contents, override)
    vendor = known.vendors[contents.vendor_id]
    person, revision = cause.actor.person, before.revision + 1
    return msgspec.structs.replace(
        before,
        contents=contents,
        content_hash=content_hash(
            contents, payout_version=vendor.payout_version, revision=revision
        ),
        payout_version=vendor.payout_version,
        revision=revision,
        makers=before.makers if person in before.makers else (*before.makers, person),
        votes=(),
        is_high_risk=False,  # what it is now has not been weighed
        resembles=resembles,
        override_reason=reason,
        approvals_needed=approvals_needed(
            await rules.current(tx),
            contents,
            vendor,
            resembles_other=resembles is not None,
            at=cause.at,
        ),
    )


def _is_same(before: VendorPayment, after: VendorPayment) -> bool:
    return after.contents == before.contents and after.payout_version == before.payout_version


def merged(before: Contents, changes: Changes) -> Contents:
    """Raises VendorPaymentInvalid where no contents come of it."""
    values = {name: value for name in _PLAIN if (value := getattr(changes, name)) is not UNSET}
    minor = before.amount.minor if changes.amount_minor is UNSET else changes.amount_minor
    currency = before.amount.currency if changes.currency is UNSET else changes.currency
    try:
        values["amount"] = Money(minor, currency)
    except ValueError as error:
        field = "amount_minor" if changes.currency is UNSET else "currency"
        raise VendorPaymentInvalid.field(field, str(error)) from None
    if changes.metadata is None:
        values["metadata"] = {}
    elif changes.metadata is not UNSET:
        pairs = {**before.metadata, **changes.metadata}
        values["metadata"] = {key: it for key, it in pairs.items() if it is not None}
    return msgspec.structs.replace(before, **values)


def _account_named(before: Contents, draft: Contents, changes: Changes) -> AccountId | None:
    if changes.debit_account_id is not UNSET:
        return changes.debit_account_id
    has_other = before.amount.currency != draft.amount.currency
    return None if has_other else before.debit_account_id


async def _resembled(
    tx: Tx,
    terms: Terms,
    cause: Cause,
    before: VendorPayment,
    contents: Contents,
    override: Override | None,
) -> tuple[PaymentId | None, str | None]:
    """The bill that it resembles, and why it is another one. Raises DuplicateBill."""
    if override is None and all(
        getattr(contents, it) == getattr(before.contents, it) for it in _BILL
    ):
        return before.resembles, before.override_reason
    bill = Bill(
        vendor_id=contents.vendor_id,
        amount=contents.amount,
        bill_number=contents.bill_number,
        bill_date=contents.bill_date,
        at=cause.at,
        payment_id=before.id,
        incident_id=contents.incident_id,
    )
    (found,) = await resembling(tx, [bill], window=terms.duplicate_window)
    if override is None and before.resembles is not None and before.override_reason is not None:
        override = Override(before.resembles, before.override_reason)
    if problem := unexplained(found, override):
        raise problem
    if found is None or override is None:
        return None, None
    return found.payment_id, override.reason


async def _save(tx: Tx, cause: Cause, before: VendorPayment, after: VendorPayment) -> None:
    await create_store.update(tx, after)
    was, now = _differing(before.contents, after.contents)
    facts = {
        "kind": "vendor_payment",
        "status": after.status.value,
        "vendor_id": after.contents.vendor_id,
        "revision": after.revision,
        "content_hash": after.content_hash.hex(),
        "approvals_needed": after.approvals_needed,
        "approvals_voided": len(before.votes),
        "resembles": None if after.resembles is None else str(after.resembles),
    }
    await emit(tx, cause, Event("payment.updated", str(after.id), facts, before=was, after=now))


def _differing(before: Contents, after: Contents) -> tuple[dict[str, Any], dict[str, Any]]:
    was, now = _told(before), _told(after)
    fields = [it for it in was if was[it] != now[it]]
    mine, other = before.metadata, after.metadata
    pairs = sorted(it for it in {*mine, *other} if mine.get(it) != other.get(it))
    first = {it: was[it] for it in fields}
    second = {it: now[it] for it in fields}
    if pairs:  # whose values may be anything, and anybody's
        first["metadata"] = [it for it in pairs if it in mine]
        second["metadata"] = [it for it in pairs if it in other]
    return first, second


def _told(it: Contents) -> dict[str, Any]:
    """Contents as the log has them: without metadata, and without account numbers in words."""
    fields = msgspec.structs.asdict(it)
    del fields["metadata"], fields["amount"]
    return fields | {
        "amount_minor": it.amount.minor,
        "currency": it.amount.currency,
        "debit_account_id": str(it.debit_account_id),
        "description": None if it.description is None else scrub(it.description),
        "lines": [
            msgspec.structs.asdict(line) | {"description": scrub(line.description)}
            for line in it.lines
        ],
    }
