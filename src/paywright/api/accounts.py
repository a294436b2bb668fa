"""Accounts over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.answers import respond
from paywright.api.customers import CurrencyCode
from paywright.api.requests import END, NO_NUL, Reference, Text, idempotency_key, read_body, read_id
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.idempotency import Answer
from paywright.ledger.model import Account, AccountKind, AccountStatus
from paywright.ledger.open import NAME_MAX, OpenAccount, open_account
from paywright.ledger.status import close_account, freeze_account, unfreeze_account
from paywright.ledger.views import Filters, get_account, list_accounts
from paywright.wiring import App

AccountName = Annotated[str, Meta(max_length=NAME_MAX, pattern=NO_NUL)]


class AccountRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """asset, expense: grows by debits; liability (customers' money), income: by credits.

    code: a name of its own in the chart of accounts; no two accounts have the same
    """

    owner: Reference
    currency: CurrencyCode
    kind: AccountKind
    name: AccountName = ""
    code: Reference | None = None
    may_go_negative: bool = False


class StatusRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Text


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """Balances are in the direction in which the account grows. Available: less what is held."""

    id: str
    code: str | None
    name: str
    owner: str
    currency: str
    kind: AccountKind
    status: AccountStatus
    may_go_negative: bool
    balance_minor: int
    available_minor: int
    debits_posted_minor: int
    credits_posted_minor: int
    debits_pending_minor: int
    credits_pending_minor: int
    opened_at: datetime
    moved_at: datetime

    @classmethod
    def of(cls, account: Account) -> "AccountView":
        balances = account.balances()
        return cls(
            id=str(account.id),
            code=account.code,
            name=account.name,
            owner=account.owner,
            currency=account.currency,
            kind=account.kind,
            status=account.status,
            may_go_negative=account.may_go_negative,
            balance_minor=balances.balance,
            available_minor=balances.available,
            debits_posted_minor=account.debits_posted,
            credits_posted_minor=account.credits_posted,
            debits_pending_minor=account.debits_pending,
            credits_pending_minor=account.credits_pending,
            opened_at=account.opened_at,
            moved_at=account.moved_at,
        )


class AccountPage(msgspec.Struct, frozen=True):
    items: Sequence[AccountView]
    next_cursor: str | None


def render_account(account: Account) -> Answer:
    """The answer to a request that opened an account. Stored with its key, replayed bit for bit."""
    return Answer(201, msgspec.json.encode(AccountView.of(account)))


@post(
    "/accounts",
    status_code=201,
    opt={"permission": Permission.MANAGE_ACCOUNTS, "body": AccountRequest},
)
async def create_account(
    request: Request[Any, Any, Any],
    app: App,
    cause: Cause,
    key: Annotated[str | None, Parameter(header="Idempotency-Key", required=False)] = None,
) -> Response[AccountView]:
    """Open an account.

    Needs an `Idempotency-Key`. The same request with the same key again gets the same answer, with
    `Idempotency-Replayed: true`.
    """
    body: AccountRequest = await read_body(request, AccountRequest)
    opened = await open_account(
        app.db,
        cause,
        wanted=OpenAccount(**msgspec.structs.asdict(body)),
        key=idempotency_key(request),
        render=render_account,
    )
    return respond(opened.answer, replayed=opened.replayed)


@get("/accounts", opt={"permission": Permission.READ_LEDGER})
async def get_accounts(
    app: App,
    cause: Cause,
    owner: Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END)] = None,
    currency: Annotated[str | None, Parameter(pattern=r"^[A-Z]{3}" + END)] = None,
    kind: AccountKind | None = None,
    status: AccountStatus | None = None,
    code: Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END)] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> AccountPage:
    """List accounts, newest first. `next_cursor` leads to the next page."""
    filters = Filters(owner=owner, currency=currency, kind=kind, status=status, code=code)
    page = await list_accounts(app.db, cause, filters=filters, cursor=cursor, limit=limit)
    return AccountPage([AccountView.of(account) for account in page.items], page.next_cursor)


@get("/accounts/{account_id:str}", opt={"permission": Permission.READ_LEDGER})
async def get_one_account(app: App, cause: Cause, account_id: str) -> AccountView:
    """One account, with what it holds and what of it is available."""
    wanted = read_id(AccountId, account_id, field="account_id")
    return AccountView.of(await get_account(app.db, cause, account_id=wanted))


_CHANGE: dict[str, Any] = {"permission": Permission.MANAGE_ACCOUNTS, "body": StatusRequest}


@post("/accounts/{account_id:str}/freeze", status_code=200, opt=_CHANGE)
async def create_freeze(
    request: Request[Any, Any, Any], app: App, cause: Cause, account_id: str
) -> AccountView:
    """Freeze an account: nothing moves until it is unfrozen. Safe to repeat.

    Its holds may be released, and they expire.
    """
    body: StatusRequest = await read_body(request, StatusRequest)
    wanted = read_id(AccountId, account_id, field="account_id")
    return AccountView.of(
        await freeze_account(app.db, cause, account_id=wanted, reason=body.reason)
    )


@post("/accounts/{account_id:str}/unfreeze", status_code=200, opt=_CHANGE)
async def create_unfreeze(
    request: Request[Any, Any, Any], app: App, cause: Cause, account_id: str
) -> AccountView:
    """Let money move again. Safe to repeat."""
    body: StatusRequest = await read_body(request, StatusRequest)
    wanted = read_id(AccountId, account_id, field="account_id")
    return AccountView.of(
        await unfreeze_account(app.db, cause, account_id=wanted, reason=body.reason)
    )


@post("/accounts/{account_id:str}/close", status_code=200, opt=_CHANGE)
async def create_closure(
    request: Request[Any, Any, Any], app: App, cause: Cause, account_id: str
) -> AccountView:
    """Close an account for good. Safe to repeat.

    Its balance must be zero, and nothing may be on hold: 409 otherwise.
    """
    body: StatusRequest = await read_body(request, StatusRequest)
    wanted = read_id(AccountId, account_id, field="account_id")
    return AccountView.of(await close_account(app.db, cause, account_id=wanted, reason=body.reason))


ROUTES = [
    create_account,
    get_accounts,
    get_one_account,
    create_freeze,
    create_unfreeze,
    create_closure,
]
