"""Open accounts: one for a caller, or all that are missing from a list."""

import re
from collections.abc import Callable, Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Conflict, Invalid
from paywright.core.ids import AccountId
from paywright.db.pool import Database, Tx
from paywright.events.emit import Event, emit_all
from paywright.idempotency import Answer, Claim, claim, fingerprint
from paywright.ledger import accounts_store
from paywright.ledger.model import Account, AccountKind

SCOPE = "accounts.open"
NAME_MAX = 200
_REFERENCE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class UnknownCurrency(Invalid):
    """The currency is not one of ISO 4217 that payments are made in."""


class AccountFieldInvalid(Invalid):
    """A field of the account is not as it must be.

    An owner or a code has 1 to 64 letters, digits, `_`, `.`, `:` or `-`. A name has at most 200
    characters.
    """


class CodeTaken(Conflict):
    """Another account has this code.

    A code names one account, also after it was closed.
    """


class OpenAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that somebody asks for. `code`: its name in the chart of accounts."""

    owner: str
    currency: str
    kind: AccountKind
    name: str = ""
    code: str | None = None
    may_go_negative: bool = False

    def claim(self, key: str, answer: Answer) -> Claim:
        fields, digest = fingerprint(msgspec.structs.asdict(self))
        return Claim(SCOPE, key, fields, digest, answer)

    def account(self, cause: Cause) -> Account:
        return Account(
            id=AccountId.new(cause.at),
            owner=self.owner,
            name=self.name,
            currency=self.currency,
            kind=self.kind,
            code=self.code,
            may_go_negative=self.may_go_negative,
            opened_at=cause.at,
            moved_at=cause.at,
        )


class Opened(msgspec.Struct, frozen=True):
    """`replayed`: the account was opened by an earlier request with the same key."""

    answer: Answer
    replayed: bool


# How an account is told to the caller. Part of the transaction: the answer is stored with it.
Render = Callable[[Account], Answer]


async def open_account(
    db: Database, cause: Cause, *, wanted: OpenAccount, key: str, render: Render
) -> Opened:
    """Open an account. Safe to repeat with the same key.

    Raises UnknownCurrency, AccountFieldInvalid, CodeTaken, KeyReused.
    """
    cause.actor.require(Permission.MANAGE_ACCOUNTS)
    check(wanted)
    account = wanted.account(cause)
    answer = render(account)
    async with db.transaction() as tx:
        (earlier,) = await claim(tx, [wanted.claim(key, answer)], at=cause.at)
        if isinstance(earlier, Answer):
            return Opened(earlier, replayed=True)
        if earlier is not None:
            raise earlier
        # A refusal takes the key back with it: a corrected request may use it.
        if not await open_accounts(tx, cause, [account]):
            raise CodeTaken.field("code", f"{account.code} is the code of another account")
    return Opened(answer, replayed=False)


async def open_accounts(tx: Tx, cause: Cause, accounts: Sequence[Account]) -> set[AccountId]:
    """Open those whose id and code are free; their ids. The others stay as they are."""
    if not accounts:
        return set()
    opened = await accounts_store.insert(tx, accounts)
    await emit_all(tx, [(cause, _opened(it)) for it in accounts if it.id in opened])
    return opened


def check(wanted: OpenAccount) -> None:
    """Raise UnknownCurrency or AccountFieldInvalid for an account that cannot be."""
    if wanted.currency not in EXPONENT:
        raise UnknownCurrency.field("currency", f"{wanted.currency[:40]!r} is not known")
    for field, text in (("owner", wanted.owner), ("code", wanted.code)):
        if text is not None and _REFERENCE.fullmatch(text) is None:
            raise AccountFieldInvalid.field(field, f"must match {_REFERENCE.pattern}")
    if len(wanted.name) > NAME_MAX or "\0" in wanted.name:
        raise AccountFieldInvalid.field("name", f"at most {NAME_MAX} characters, no NUL")


def _opened(account: Account) -> Event:
    # Not the name: it may be a person's.
    facts = {
        "owner": account.owner,
        "currency": account.currency,
        "kind": account.kind.value,
        "code": account.code,
        "may_go_negative": account.may_go_negative,
    }
    return Event("account.opened", str(account.id), facts, after={"status": account.status.value})
