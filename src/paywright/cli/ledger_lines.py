"""Lines of a file for the ledger: what they say, and which of them belong together. Pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar
from uuid import UUID

import msgspec

from paywright.core.errors import Invalid, Problem
from paywright.core.ids import AccountId, Id, TransferId
from paywright.core.money import Money
from paywright.ledger.model import AccountKind, TransferKind
from paywright.ledger.open import OpenAccount, check
from paywright.ledger.refusals import ChainOpen, Refused

LINE_MAX = 64 * 1024  # bytes
CHAIN_MAX = 10_000  # lines
_KEY_MAX = 200
_DESCRIPTION_MAX = 500
_AnyId = TypeVar("_AnyId", bound=Id)


class LineInvalid(Refused, Invalid):
    """A line of the file does not say what it must say."""

    result = "invalid"


class ChainTooLong(Refused, Invalid):
    """So many linked movements cannot be made at once."""

    result = "chain_too_long"


class _Line(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    pass


class AccountLine(_Line, tag="account", frozen=True, kw_only=True):
    code: str
    owner: str
    currency: str
    kind: AccountKind
    name: str = ""
    may_go_negative: bool = False


class _Movement(_Line, frozen=True, kw_only=True):
    key: str
    description: str | None = None
    linked: bool = False


class TransferLine(_Movement, tag="transfer", frozen=True, kw_only=True):
    debit: str
    credit: str
    currency: str
    amount_minor: int | None = None
    amount: str | None = None
    balancing_debit: bool = False
    balancing_credit: bool = False


class HoldLine(TransferLine, tag="hold", frozen=True, kw_only=True):
    expires_in_s: int | None = None


class PostHoldLine(_Movement, tag="post_hold", frozen=True, kw_only=True):
    hold: str
    amount_minor: int | None = None


class ReleaseHoldLine(_Movement, tag="release_hold", frozen=True, kw_only=True):
    hold: str


Said = AccountLine | TransferLine | HoldLine | PostHoldLine | ReleaseHoldLine
KINDS = {
    "transfer": TransferKind.POST,
    "hold": TransferKind.HOLD,
    "post_hold": TransferKind.POST_HOLD,
    "release_hold": TransferKind.RELEASE_HOLD,
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file. `problem`: what it says makes no sense; `said` is None then.

    type, name: as far as they could be read; the name is the code of an account, else a key
    """

    number: int
    type: str | None = None
    name: str | None = None
    said: Said | None = None
    linked: bool = False
    problem: Problem | None = None

    @property
    def is_account(self) -> bool:
        return self.type == "account"


Unit = list[Line]  # an account, a movement, or a chain of linked movements

_decoder = msgspec.json.Decoder(Said)


def parse(number: int, text: bytes) -> Line:
    """Read one line. What is wrong with it is part of the answer."""
    if len(text) > LINE_MAX:
        return Line(number=number, problem=LineInvalid(f"is longer than {LINE_MAX} bytes"))
    try:
        said = _decoder.decode(text)
    except msgspec.ValidationError as error:
        return _unfit(number, text, _explained(error))
    except _UNREADABLE as error:
        return _unread(number, error)
    try:
        _check(said)
    except Problem as problem:
        return _unfit(number, text, problem)
    account = isinstance(said, AccountLine)
    return Line(
        number=number,
        type=said.__struct_config__.tag,  # type: ignore[arg-type]
        name=said.code if account else said.key,
        said=said,
        linked=False if account else said.linked,
    )


def _unfit(number: int, text: bytes, problem: Problem) -> Line:
    """A line that is JSON, and no more. Its neighbours need to know whether it was linked."""
    try:
        found = msgspec.json.decode(text)
    except _UNREADABLE as error:
        return _unread(number, error)
    raw = found if isinstance(found, dict) else {}
    kind = raw.get("type")
    name = raw.get("code" if kind == "account" else "key")
    return Line(
        number=number,
        type=kind if isinstance(kind, str) else None,
        name=name if isinstance(name, str) else None,
        linked=kind != "account" and raw.get("linked") is True,
        problem=problem,
    )


# What is nested too deeply is not JSON to us.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _unread(number: int, error: Exception) -> Line:
    return Line(number=number, problem=LineInvalid(f"is not JSON: {error}"))


_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_NAMED = re.compile(r"field `([^`]*)`")


def _explained(error: msgspec.ValidationError) -> Problem:
    message, field = str(error), ""
    if place := _PLACE.fullmatch(message):
        message, field = place[1], place[2]
    elif named := _NAMED.search(message):
        field = named[1]
    return LineInvalid.field(field, message) if field else LineInvalid(message)


def _check(said: Said) -> None:
    """Raise a Problem for what the types of the fields do not say."""
    if isinstance(said, AccountLine):
        check(wanted(said))
        return
    for field, text, longest in (
        ("key", said.key, _KEY_MAX),
        ("description", said.description or "", _DESCRIPTION_MAX),
    ):
        if len(text) > longest or "\0" in text:
            raise LineInvalid.field(field, f"at most {longest} characters, no NUL")
    if not said.key:
        raise LineInvalid.field("key", "is empty")
    if isinstance(said, TransferLine):
        _check_amount(said)


def _check_amount(said: TransferLine) -> None:
    amounts = (said.amount_minor is not None) + (said.amount is not None)
    balancing = said.balancing_debit or said.balancing_credit
    if amounts > 1 or (amounts < 1 and not balancing):
        raise LineInvalid.field("amount", "either amount_minor or amount is needed")
    try:
        amount_of(said)
    except ValueError as error:
        raise LineInvalid.field("amount", str(error)) from None


def amount_of(said: TransferLine) -> int | None:
    """In minor units. Raises ValueError."""
    if said.amount is None:
        return said.amount_minor
    return Money.parse(said.amount, said.currency).minor


def wanted(said: AccountLine) -> OpenAccount:
    return OpenAccount(
        owner=said.owner,
        currency=said.currency,
        kind=said.kind,
        name=said.name,
        code=said.code,
        may_go_negative=said.may_go_negative,
    )


def account_id(code: str) -> AccountId:
    """The id that an account gets when a file opens it."""
    return _stable(AccountId, "account", code)


def transfer_id(key: str) -> TransferId:
    """The id of a movement, and so its identity: the same key is the same movement for good."""
    return _stable(TransferId, "movement", key)


def hold_id(text: str) -> TransferId:
    """A hold by its own id, or by the key of its line."""
    try:
        return TransferId.parse(text)
    except ValueError:
        return transfer_id(text)


def _stable(kind: type[_AnyId], what: str, name: str) -> _AnyId:
    """A UUID of a name (RFC 9562, version 8: its other 122 bits are ours to choose)."""
    digest = hashlib.sha256(f"paywright {what}\0{name}".encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0b11 << 62) | 0b10 << 62
    return kind.of(UUID(int=number))


def units(lines: Iterable[Line]) -> Iterator[Unit]:
    """Put linked movements together, in order. At most CHAIN_MAX lines are in memory at once."""
    chain: Unit = []
    too_long = False
    for line in lines:
        if line.is_account and (chain or too_long):
            yield from _ended(chain, too_long)
            chain, too_long = [], False
        if too_long or (len(chain) == CHAIN_MAX and chain):
            yield from ([_too_long(it)] for it in [*chain, line])
            chain, too_long = [], line.linked
            continue
        chain.append(line)
        if not line.linked:
            yield _told_apart(chain)
            chain = []
    yield from _ended(chain, too_long)


def _ended(chain: Unit, too_long: bool) -> Iterator[Unit]:
    """A chain whose last movement is linked to what is none."""
    if chain and not too_long:
        open_end = ChainOpen.field("linked", "no movement comes after this one")
        last = msgspec.structs.replace(
            chain[-1], linked=False, problem=chain[-1].problem or open_end
        )
        yield _told_apart([*chain[:-1], last])


def _too_long(line: Line) -> Line:
    problem = ChainTooLong(f"at most {CHAIN_MAX} movements can be linked")
    return msgspec.structs.replace(line, linked=False, problem=problem)


def _told_apart(chain: Unit) -> Unit:
    """The same key twice in one chain: the second is refused, and with it the chain."""
    if len(chain) == 1:
        return chain
    seen: dict[str | None, int] = {}
    found: Unit = []
    for line in chain:
        first = seen.setdefault(line.name, line.number)
        if line.name is not None and first != line.number and line.problem is None:
            told = LineInvalid.field("key", f"is that of line {first}, in the same chain")
            line = msgspec.structs.replace(line, problem=told)  # noqa: PLW2901
        found.append(line)
    return found
