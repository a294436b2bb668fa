"""The chart of accounts of a payment platform: which accounts there are beside its customers'.

Codes read from the large to the small, `provider:stripe:receivable:EUR`. Accounts that mirror
what others keep (banks, providers) may go negative: what happened there is put on file, whether
it suits us or not. What we owe to somebody by name may not.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Invalid
from paywright.core.ids import AccountId
from paywright.db.pool import Database
from paywright.ledger import accounts_store
from paywright.ledger.model import HOUSE, Account, AccountKind
from paywright.ledger.open import UnknownCurrency, open_accounts

_ASSET, _LIABILITY = AccountKind.ASSET, AccountKind.LIABILITY
_INCOME, _EXPENSE = AccountKind.INCOME, AccountKind.EXPENSE


class ChartRow(msgspec.Struct, frozen=True):
    """One account of the chart, or a pattern of many: `{currency}`, `{provider}`, `{bank}`."""

    code: str
    name: str
    kind: AccountKind
    may_go_negative: bool = True


class ChartAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that the chart asks for."""

    code: str
    name: str
    currency: str
    kind: AccountKind
    may_go_negative: bool


class NameInvalid(Invalid):
    """A provider or bank is named by 1 to 24 letters, digits, dots, hyphens and underscores."""


ROWS: tuple[ChartRow, ...] = (
    ChartRow("bank:{bank}:{currency}", "Account with {bank}", _ASSET),
    ChartRow("bank:{bank}:in_transit:{currency}", "On the way through {bank}", _ASSET),
    ChartRow("provider:{provider}:receivable:{currency}", "Owed to us by {provider}", _ASSET),
    ChartRow("provider:{provider}:fees:{currency}", "Fees of {provider}", _EXPENSE),
    ChartRow("fees:income:{currency}", "Fees that we take", _INCOME),
    ChartRow("losses:refunds:{currency}", "Refunds at our own cost", _EXPENSE),
    ChartRow("losses:chargebacks:{currency}", "Chargebacks at our own cost", _EXPENSE),
    ChartRow("vendors:payable:{currency}", "Owed to vendors", _LIABILITY, may_go_negative=False),
    ChartRow("vendors:expense:{currency}", "Spent on the work of vendors", _EXPENSE),
    ChartRow("suspense:{currency}", "Not assigned to anybody yet", _LIABILITY),
    ChartRow("exchange:{currency}", "Bought and sold for other currencies", _ASSET),
    ChartRow("opening:balances:{currency}", "What was there before these books", _LIABILITY),
    ChartRow("rounding:{currency}", "Rounding of what others calculate", _EXPENSE),
)

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,24}", re.ASCII)


def chart(
    currencies: Sequence[str], providers: Sequence[str] = (), banks: Sequence[str] = ()
) -> list[ChartAccount]:
    """All accounts for these currencies, providers and banks, each code once.

    Raises UnknownCurrency and NameInvalid.
    """
    for currency in currencies:
        if currency not in EXPONENT:
            raise UnknownCurrency.field("currency", f"{currency!r} is no currency of ISO 4217")
    for field, names in (("provider", providers), ("bank", banks)):
        for name in names:
            if not _NAME.fullmatch(name):
                raise NameInvalid.field(field, f"{name!r} does not fit into a code")
    accounts = {
        account.code: account
        for currency in currencies
        for row in ROWS
        for account in _filled(row, currency, providers, banks)
    }
    return list(accounts.values())


def _filled(
    row: ChartRow, currency: str, providers: Sequence[str], banks: Sequence[str]
) -> Iterable[ChartAccount]:
    if "{provider}" in row.code:
        values = [{"provider": name} for name in providers]
    elif "{bank}" in row.code:
        values = [{"bank": name} for name in banks]
    else:
        values = [{}]
    for value in values:
        yield ChartAccount(
            code=row.code.format(currency=currency, **value),
            name=f"{row.name.format(**value)}, {currency}",
            currency=currency,
            kind=row.kind,
            may_go_negative=row.may_go_negative,
        )


class Ensured(msgspec.Struct, frozen=True, kw_only=True):
    """What the books have of a chart, by code.

    opened:  just now; kept: before, as the chart has them
    differ:  before, and otherwise than the chart has them; nothing is changed about these
    """

    opened: Sequence[str]
    kept: Sequence[str]
    differ: Mapping[str, Sequence[str]]


async def ensure_chart(db: Database, cause: Cause, *, accounts: Sequence[ChartAccount]) -> Ensured:
    """Open what is missing of a chart. The same chart again changes nothing."""
    cause.actor.require(Permission.MANAGE_ACCOUNTS)
    async with db.transaction() as tx:
        wanted = [_account(cause, account) for account in accounts]
        ids = await open_accounts(tx, cause, wanted)
        new = {account.code for account in wanted if account.id in ids}
        codes = await accounts_store.ids_by_code(tx, [account.code for account in accounts])
        there = await accounts_store.select(tx, list(codes.values()))
    by_code = {account.code: account for account in there.values()}
    differ = {
        wish.code: fields for wish in accounts if (fields := _differing(wish, by_code[wish.code]))
    }
    opened = [it.code for it in accounts if it.code in new]
    kept = [it.code for it in accounts if it.code not in new and it.code not in differ]
    return Ensured(opened=opened, kept=kept, differ=differ)


def _account(cause: Cause, wish: ChartAccount) -> Account:
    return Account(
        id=AccountId.new(cause.at),
        code=wish.code,
        name=wish.name,
        owner=HOUSE,
        currency=wish.currency,
        kind=wish.kind,
        may_go_negative=wish.may_go_negative,
        opened_at=cause.at,
        moved_at=cause.at,
    )


def _differing(wish: ChartAccount, there: Account) -> list[str]:
    """Which fields matter, and are not as the chart has them. Names are free."""
    wanted = {
        "owner": HOUSE,
        "currency": wish.currency,
        "kind": wish.kind,
        "may_go_negative": wish.may_go_negative,
    }
    return [name for name, value in wanted.items() if getattr(there, name) != value]
