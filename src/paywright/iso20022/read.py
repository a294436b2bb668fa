"""What a file says, whichever message it is."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from paywright.iso20022.initiations import (
    bare_block,
    business_of,
    head_of,
    merged,
    read_block,
    read_transaction,
    sums_of,
)
from paywright.iso20022.kinds import TITLES
from paywright.iso20022.model import Balance, Block, Entry, Message, Statement, Transaction
from paywright.iso20022.pain002 import Reading as ReportReading
from paywright.iso20022.pain002 import is_report
from paywright.iso20022.pieces import Document, MessageInvalid, Piece, read_pieces
from paywright.iso20022.statements import read_balance, read_entry, read_statement

_ACCOUNTS = ("Stmt", "Rpt", "Ntfctn")


def read_message(data: bytes) -> Message:
    """Raises MessageInvalid."""
    document: Document | None = None
    business: Mapping[str, str] = {}
    reading = _Reading()
    for it in read_pieces(data):
        if isinstance(it, Document):
            document = it
        elif it.name == "AppHdr":
            business = business_of(it.fields)
        else:
            reading.take(it, answers=document is not None and is_report(document))
    if document is None:
        raise MessageInvalid("there is no <Document> in it")
    return reading.message(document, business)


class _Reading:
    """What was read so far. Parts wait for the end of their block."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.blocks: list[Block] = []
        self.statements: list[Statement] = []
        self.report = ReportReading()
        self._transactions: list[Transaction] = []
        self._bare: list[Transaction] = []
        self._entries: list[Entry] = []
        self._balances: list[Balance] = []
        self._number = 0

    def take(self, piece: Piece, *, answers: bool) -> None:
        fields, name = piece.fields, piece.name
        if name in ("GrpHdr", "Assgnmt"):
            self.head = head_of(fields)
        if answers:
            self.report.take(piece)
        elif name == "PmtInf":
            self.blocks.append(read_block(fields, self._transactions))
            self._transactions = []
        elif name in _ACCOUNTS:
            self.statements.append(read_statement(fields, self._balances, self._entries))
            self._balances, self._entries = [], []
        elif name == "Bal":
            self._balances.append(read_balance(fields))
        elif name == "Ntry":
            self._number += 1
            self._entries.append(read_entry(fields, self._number))
        elif name in ("CdtTrfTxInf", "DrctDbtTxInf", "TxInf"):
            self._number += 1
            waiting = self._transactions if piece.in_block else self._bare
            waiting.append(read_transaction(fields, self._number))

    def message(self, document: Document, business: Mapping[str, str]) -> Message:
        blocks = [*self.blocks, bare_block(self._bare)] if self._bare else self.blocks
        report = self.report.report() if is_report(document) else None
        sums = [it.sums for it in blocks] or [_entry_sums(self.statements)]
        counted = sum(it.counted for it in blocks)
        if report is not None:
            counted = len(report.transactions)
        elif self.statements:
            counted = sum(len(it.entries) for it in self.statements)
        return Message(
            name=document.name,
            kind=document.kind,
            title=TITLES.get(document.kind, "a message of ISO 20022"),
            namespace=document.namespace,
            business=business,
            counted=counted,
            sums=merged(sums),
            blocks=tuple(blocks),
            report=report,
            statements=tuple(self.statements),
            **self.head,
        )


def _entry_sums(statements: Sequence[Statement]) -> dict[str, Decimal]:
    return sums_of([entry.amount for it in statements for entry in it.entries])
