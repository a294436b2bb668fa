"""Charge a customer's card: intend it, in one commit with the turn that finds out what became of
it. The call itself is made by `settle`."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, Forbidden, Invalid, Problem
from paywright.core.ids import AccountId, PaymentId
from paywright.core.money import Money
from paywright.customers import store as customers
from paywright.customers.model import UnknownCustomer
from paywright.db.pool import Database, Tx
from paywright.events import Event
from paywright.events.emit import emit_all
from paywright.gateway import calls
from paywright.gateway.calling import Gateway
from paywright.gateway.calls import Begun, Intent, Waits
from paywright.gateway.model import OrderKind
from paywright.idempotency import Answer, Claim, amend, claim_fresh, release
from paywright.idempotency.model import quick_fingerprint
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, AccountKind, AccountStatus
from paywright.payments import charges_store
from paywright.payments.charges_store import NewCharge
from paywright.payments.opening import Opened, open_all, queue_look_ups, unavailable
from paywright.payments.operations import Operation, account_code
from paywright.payments.settle_begin import Call, Schedule
from paywright.payments.told import CHARGES, answer_of, charges_told

_CARD_NUMBER = re.compile(r"[0-9]{13}")
_UNKNOWN = Answer(202, b"", is_recipe=True)  # within the transaction that claims the key


class ChargeImpossible(Invalid):
    """The charge cannot be made as it is asked for.

    `errors` names the field. Nothing was changed, no provider was asked, and the key stays free.
    """


class ReferenceInUse(Conflict):
    """Another payment has this reference."""


class ChargeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Take money from a customer. credit_account_id: whose it is then"""

    cause: Cause
    key: str
    customer_id: str
    amount: Money
    payment_method: str
    credit_account_id: AccountId
    reference: str | None = None
    description: str | None = None

    @property
    def claim(self) -> Claim:
        asked = {
            "amount_minor": self.amount.minor,
            "credit_account_id": self.credit_account_id,
            "currency": self.amount.currency,
            "customer_id": self.customer_id,
            "description": self.description,
            "payment_method": self.payment_method,
            "reference": self.reference,
        }
        return Claim(CHARGES, self.key, *quick_fingerprint(asked))


async def open_charges(
    db: Database, gateway: Gateway, schedule: Schedule, requests: Sequence[ChargeRequest]
) -> list[Opened | Problem]:
    """Put each charge on file, `processing`, with the call that is now to be made for it.

    Those that cannot be made are Problems, and nothing is kept of them: ChargeImpossible,
    UnknownCustomer, ReferenceInUse, ProviderUnavailable.
    """
    return await open_all(db, requests, partial(_open, gateway, schedule))


class _Draft(msgspec.Struct, eq=False):
    request: ChargeRequest
    id: PaymentId
    accounts: Mapping[str, AccountId]  # by provider: what it owes us
    problem: Problem | None = None
    begun: Begun | None = None


async def _open(
    gateway: Gateway, schedule: Schedule, tx: Tx, requests: Sequence[ChargeRequest]
) -> list[Opened | Problem]:
    drafts = await _checked(tx, gateway, requests)
    open_now = [it for it in drafts if it.problem is None]
    are_claimed = await _begin(tx, gateway, open_now)
    made = [it for it in open_now if it.begun is not None]
    if are_claimed and len(made) < len(open_now):
        refused = [it.request.key for it in open_now if it.begun is None]
        await release(tx, CHARGES, refused)
    if made:
        await charges_store.insert_charges(tx, [_new(it) for it in made])
        await queue_look_ups(tx, [(it.request.cause, it.id) for it in made], schedule)
        told = await charges_told(tx, [it.id for it in made])
        answers = {it.id: answer_of(told[it.id]) for it in made}
        claims = [msgspec.structs.replace(it.request.claim, answer=answers[it.id]) for it in made]
        if are_claimed:
            await amend(tx, claims)
        else:
            await claim_fresh(tx, claims, at=max(it.request.cause.at for it in made))
        await emit_all(tx, [(it.request.cause, _event(it)) for it in made])
        return [it.problem or Opened(answers[it.id], _call(it)) for it in drafts]
    return [it.problem for it in drafts if it.problem is not None]


async def _checked(tx: Tx, gateway: Gateway, requests: Sequence[ChargeRequest]) -> list[_Draft]:
    """Each request with what is wrong with it, else with who may be asked."""
    known = await customers.known(tx, [it.customer_id for it in requests])
    credits_ = await accounts_store.select(tx, [it.credit_account_id for it in requests])
    asked = [it.reference for it in requests if it.reference is not None]
    taken = await charges_store.taken_references(tx, asked) if asked else set()
    routes = [
        gateway.routes.of(OrderKind.CHARGE, it.amount.currency, gateway.providers)
        for it in requests
    ]
    codes = {
        (name, it.amount.currency): account_code(
            gateway.providers[name], name, OrderKind.CHARGE, it.amount.currency
        )
        for it, names in zip(requests, routes, strict=True)
        for name in names
    }
    ids = await accounts_store.ids_by_code(tx, sorted(set(codes.values()))) if codes else {}
    drafts = []
    for it, names in zip(requests, routes, strict=True):
        able = [name for name in names if codes[name, it.amount.currency] in ids]
        accounts = {name: ids[codes[name, it.amount.currency]] for name in able}
        draft = _Draft(it, PaymentId.new(it.cause.at), accounts)
        draft.problem = (
            _forbidden(it)
            or _wrong_method(it)
            or _wrong_parties(it, known, taken)
            or _wrong_account(it, credits_.get(it.credit_account_id))
            or _nobody(it, names, accounts)
        )
        if draft.problem is None and it.reference is not None:
            taken = taken | {it.reference}
        drafts.append(draft)
    return drafts


def _forbidden(it: ChargeRequest) -> Problem | None:
    try:
        it.cause.actor.require(Permission.CHARGE)
    except Forbidden as problem:
        return problem
    return None


def _wrong_method(it: ChargeRequest) -> Problem | None:
    # No token has so many digits in a row; card numbers have 13 to 19 (ISO/IEC 7812-1).
    if _CARD_NUMBER.search(it.payment_method.replace("_", "")):
        return ChargeImpossible.field("payment_method", "must be a token, not a card number")
    return None


def _wrong_parties(
    it: ChargeRequest, known: Mapping[str, object], taken: set[str]
) -> Problem | None:
    if it.customer_id not in known:
        return UnknownCustomer.field("customer_id", f"{it.customer_id} is not on file")
    if it.reference is not None and it.reference in taken:
        return ReferenceInUse.field("reference", f"{it.reference} is another payment's")
    return None


def _wrong_account(it: ChargeRequest, account: Account | None) -> Problem | None:
    name = "credit_account_id"
    if account is None:
        return ChargeImpossible.field(name, "there is no such account")
    if account.status is not AccountStatus.ACTIVE:
        return ChargeImpossible.field(name, f"is {account.status.value}")
    if account.currency != it.amount.currency:
        return ChargeImpossible.field(name, f"is kept in {account.currency}")
    if account.kind is not AccountKind.LIABILITY:
        # What is charged is owed to somebody; a refund takes it from the same account.
        return ChargeImpossible.field(name, f"must be a liability, and is an {account.kind.value}")
    return None


def _nobody(
    it: ChargeRequest, names: Sequence[str], accounts: Mapping[str, AccountId]
) -> Problem | None:
    if accounts:
        return None
    if names:
        missing = f"the books have no account provider:{names[0]}:receivable:{it.amount.currency}"
        return ChargeImpossible.field("currency", missing)
    return ChargeImpossible.field("payment_method", "no provider of charges is set up")


async def _begin(tx: Tx, gateway: Gateway, drafts: Sequence[_Draft]) -> bool:
    """Put the calls on file, or say who is not asked. Returns whether the keys are claimed, without
    their answers."""
    intents = [
        Intent(
            operation_id=it.id,
            payment_id=it.id,
            kind=OrderKind.CHARGE,
            call="submit",
            providers=list(it.accounts),
            comes_back=False,
        )
        for it in drafts
    ]
    if not intents:
        return False
    at = max(it.request.cause.at for it in drafts)
    claimed: list[Claim] = []

    async def claim_first() -> None:
        # Somebody else may be at work under the same key, and wait for these breakers in the end.
        claimed.extend(msgspec.structs.replace(it.request.claim, answer=_UNKNOWN) for it in drafts)
        await claim_fresh(tx, claimed, at=at)

    results = await calls.begin(tx, intents, policy=gateway.policy, at=at, before_locks=claim_first)
    for draft, result in zip(drafts, results, strict=True):
        if isinstance(result, Waits):
            seconds = (result.retry_at - at).total_seconds()
            draft.problem = unavailable(
                result, provider=next(iter(draft.accounts)), seconds=seconds
            )
        else:
            draft.begun = result
    return bool(claimed)


def _provider(draft: _Draft) -> str:
    if draft.begun is None:
        raise AssertionError("nobody is asked")
    return draft.begun.provider


def _new(draft: _Draft) -> NewCharge:
    it, provider = draft.request, _provider(draft)
    return NewCharge(
        id=draft.id,
        customer_id=it.customer_id,
        amount=it.amount,
        payment_method=it.payment_method,
        provider=provider,
        debit_account_id=draft.accounts[provider],
        credit_account_id=it.credit_account_id,
        reference=it.reference,
        description=it.description,
        request_key=it.key,
        created_at=it.cause.at,
    )


def _call(draft: _Draft) -> Call:
    it, new = draft.request, _new(draft)
    if draft.begun is None:
        raise AssertionError("nobody is asked")
    operation = Operation(
        id=draft.id,
        payment_id=draft.id,
        kind=OrderKind.CHARGE,
        status="processing",
        provider=new.provider,
        amount=it.amount,
        asked_at=it.cause.at,
        debit_account_id=new.debit_account_id,
        credit_account_id=new.credit_account_id,
        description=it.description,
        customer_id=it.customer_id,
        payment_method=it.payment_method,
    )
    return Call(operation, draft.begun, next_turn=1)


def _event(draft: _Draft) -> Event:
    it = draft.request
    facts = {
        "kind": "charge",
        "status": "processing",
        "customer_id": it.customer_id,
        "credit_account_id": str(it.credit_account_id),
        "amount_minor": it.amount.minor,
        "currency": it.amount.currency,
        "provider": _provider(draft),
    }
    return Event("payment.processing", str(draft.id), facts)
