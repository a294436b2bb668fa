"""Apply a file to the ledger: line by line in its order, many lines in a transaction."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from paywright.cli.ledger_books import Books
from paywright.cli.ledger_lines import (
    KINDS,
    LINE_MAX,
    AccountLine,
    HoldLine,
    Line,
    PostHoldLine,
    TransferLine,
    Unit,
    account_id,
    amount_of,
    hold_id,
    parse,
    transfer_id,
    units,
    wanted,
)
from paywright.core.cause import Cause
from paywright.core.errors import FieldError, Problem
from paywright.core.ids import AccountId, TransferId
from paywright.ledger.model import Account, Balances, Instruction, Transfer, TransferKind
from paywright.ledger.refusals import AccountNotFound, Exists, ExistsWithDifferentFields, Refused

CHUNK = 1_000


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a line. Minor units.

    result:       ok, exists, or why it was refused
    amount_minor: what moved; of a hold and its release, what was held
    balances:     of both accounts, after it
    """

    line: int
    type: str | None = None
    key: str | None = None
    code: str | None = None
    result: str
    id: str | None = None
    amount_minor: int | None = None
    balances: dict[str, Balances] | None = None
    field: str | None = None
    detail: str | None = None

    @property
    def is_fine(self) -> bool:
        return self.result in {"ok", "exists"}


async def apply_file(
    books: Books, cause: Callable[[], Cause], lines: Iterable[bytes], *, chunk: int = CHUNK
) -> AsyncGenerator[list[Result]]:
    """The results of all lines, in order, chunk by chunk. What has been told is on file.

    cause: asked for each chunk: a long file takes its time
    """
    for part in chunks(units(_parsed(lines)), chunk):
        yield await _apply(books, cause(), part)


def read_lines(file: BinaryIO, advance: Callable[[int], object]) -> Iterator[bytes]:
    """The lines of a file. One that is too long is cut, just enough to be found too long.

    advance: told how many bytes were read
    """
    while line := file.readline(LINE_MAX + 2):
        advance(len(line))
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LINE_MAX)
            advance(len(rest))
        yield line.rstrip(b"\r\n")


def _parsed(lines: Iterable[bytes]) -> Iterator[Line]:
    for number, text in enumerate(lines, 1):
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901
        if text.strip():
            yield parse(number, text)


def chunks(found: Iterable[Unit], size: int) -> Iterator[list[Unit]]:
    """As many units as fit, at least one. Within a chunk nothing depends on a line that the same
    transaction would have to see first: no key or code comes twice, no account is opened after it
    was named."""
    part: list[Unit] = []
    count, seen = 0, set[str]()
    for unit in found:
        names = _names(unit)
        if part and (count + len(unit) > size or not seen.isdisjoint(_owned(unit))):
            yield part
            part, count, seen = [], 0, set()
        part.append(unit)
        count += len(unit)
        seen |= names
    if part:
        yield part


def _owned(unit: Unit) -> set[str]:
    """What a unit would make: names that nothing before it in its chunk may have used."""
    if unit[0].is_account:
        code = unit[0].name or ""
        return {f"code {code}", f"code {account_id(code)}"}
    return {f"key {line.name}" for line in unit}


def _names(unit: Unit) -> set[str]:
    """That, and what it uses."""
    names = _owned(unit)
    for line in unit:
        if isinstance(line.said, TransferLine):
            names |= {f"code {line.said.debit}", f"code {line.said.credit}"}
    return names


async def _apply(books: Books, cause: Cause, part: Sequence[Unit]) -> list[Result]:
    """Accounts first: nothing in the chunk that comes before one has named it."""
    lines = [line for unit in part for line in unit]
    results = await _open(books, cause, [line for line in lines if line.is_account])
    results |= await _move(books, cause, [line for line in lines if not line.is_account])
    return [results[line.number] for line in lines]


async def _open(books: Books, cause: Cause, lines: Sequence[Line]) -> dict[int, Result]:
    results = {it.number: _refused(it, it.problem) for it in lines if it.problem is not None}
    said = {it.number: it.said for it in lines if isinstance(it.said, AccountLine)}
    if not said:
        return results
    accounts = {number: _account(cause, line) for number, line in said.items()}
    opened, there = await books.open(cause, list(accounts.values()))
    for line in lines:
        if (account := accounts.get(line.number)) is None:
            continue
        found = there[account.code or ""]
        if account.id in opened:
            results[line.number] = _result(line, "ok", id=str(account.id))
        elif fields := [name for name in _FIELDS if getattr(found, name) != getattr(account, name)]:
            errors = [FieldError(name, "differs from the account on file") for name in fields]
            problem = ExistsWithDifferentFields(f"differs in {', '.join(fields)}", errors=errors)
            results[line.number] = _refused(line, problem, id=str(found.id))
        else:
            results[line.number] = _result(line, "exists", id=str(found.id))
    return results


_FIELDS = ("owner", "currency", "kind", "name", "may_go_negative")


def _account(cause: Cause, said: AccountLine) -> Account:
    account = wanted(said).account(cause)
    return msgspec.structs.replace(account, id=account_id(said.code))


async def _move(books: Books, cause: Cause, lines: Sequence[Line]) -> dict[int, Result]:
    if not lines:
        return {}
    transfers = [it.said for it in lines if isinstance(it.said, TransferLine)]
    named = {name for it in transfers for name in (it.debit, it.credit)}
    codes = await books.codes(named)
    accounts: dict[str, AccountId] = {}
    for name in named:
        if (found := codes.get(name) or _id_of(name)) is not None:
            accounts[name] = found
    asked = [_instruction(cause, line, accounts) for line in lines]
    refused = {
        index: problem
        for index, line in enumerate(lines)
        if (problem := line.problem or _nowhere(line, accounts)) is not None
    }
    outcomes = await books.move(cause, asked, refused)
    return {
        line.number: _told(line, item, outcome)
        for line, item, outcome in zip(lines, asked, outcomes, strict=True)
    }


def _id_of(name: str) -> AccountId | None:
    try:
        return AccountId.parse(name)
    except ValueError:
        return None


def _nowhere(line: Line, accounts: dict[str, AccountId]) -> Problem | None:
    """Why a movement has no place to go to, or to come from."""
    if isinstance(line.said, TransferLine):
        for side, name in (("debit", line.said.debit), ("credit", line.said.credit)):
            if name not in accounts:
                return AccountNotFound.field(side, f"there is no account {name[:64]}")
    return None


def _instruction(cause: Cause, line: Line, accounts: dict[str, AccountId]) -> Instruction:
    said = line.said
    if said is None or isinstance(said, AccountLine):
        # It is refused anyway; it only keeps its place in a chain.
        nothing = TransferId.new(cause.at)
        return Instruction(id=nothing, kind=TransferKind.POST, at=cause.at, linked=line.linked)
    asked = Instruction(
        id=transfer_id(said.key),
        kind=KINDS[line.type or ""],
        at=cause.at,
        linked=line.linked,
        description=said.description,
    )
    if not isinstance(said, TransferLine):
        amount = said.amount_minor if isinstance(said, PostHoldLine) else None
        return msgspec.structs.replace(asked, hold_id=hold_id(said.hold), amount_minor=amount)
    return msgspec.structs.replace(
        asked,
        debit_account_id=accounts.get(said.debit),
        credit_account_id=accounts.get(said.credit),
        amount_minor=amount_of(said),
        currency=said.currency,
        expires_in_s=said.expires_in_s if isinstance(said, HoldLine) else None,
        balancing_debit=said.balancing_debit,
        balancing_credit=said.balancing_credit,
    )


def _told(line: Line, item: Instruction, outcome: Transfer | Problem) -> Result:
    if isinstance(outcome, Exists):
        return _result(line, "exists", id=str(item.id))
    if isinstance(outcome, Problem):
        return _refused(line, outcome)
    return _result(
        line,
        "ok",
        id=str(outcome.id),
        amount_minor=outcome.amount_minor,
        balances={"debit": outcome.debit, "credit": outcome.credit},
    )


_IN_FILES = {"debit_account_id": "debit", "credit_account_id": "credit", "hold_id": "hold"}


def _refused(line: Line, problem: Problem, **more: Any) -> Result:
    """A refusal, in the words of the file."""
    given: object = problem.extra.get("errors")
    errors = [it for it in given if isinstance(it, FieldError)] if isinstance(given, list) else []
    told = [(_field(line, it.field), it.message) for it in errors]
    detail = told[0][1] if len(told) == 1 else "; ".join(f"{field}: {m}" for field, m in told)
    return _result(
        line,
        problem.result if isinstance(problem, Refused) else "invalid",
        field=told[0][0] if told else None,
        detail=detail or problem.detail or problem.title(),
        **more,
    )


def _field(line: Line, field: str) -> str:
    if field == "amount_minor" and isinstance(line.said, TransferLine) and line.said.amount:
        return "amount"
    return _IN_FILES.get(field, field)


def _result(line: Line, result: str, **more: Any) -> Result:
    key, code = (None, line.name) if line.is_account else (line.name, None)
    return Result(line=line.number, type=line.type, key=key, code=code, result=result, **more)
