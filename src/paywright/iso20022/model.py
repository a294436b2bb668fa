"""The nouns of the messages: what they say, as far as it is about payments.

What there may be 100,000 of is left out of garbage collection (`gc=False`): none of it refers back.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from paywright.core.money import Money


class Amount(msgspec.Struct, frozen=True, gc=False):
    """written: as in the file; value: None where that is not a number; minor: in units of the
    currency, None where the currency is unknown or cannot express it."""

    written: str
    currency: str | None
    value: Decimal | None
    minor: int | None

    @property
    def money(self) -> Money | None:
        if self.minor is None or self.currency is None:
            return None
        return Money(self.minor, self.currency)


class Party(msgspec.Struct, frozen=True, gc=False):
    """ids: identifier of a legal entity, BIC, or numbers under other schemes."""

    name: str | None = None
    country: str | None = None
    town: str | None = None
    address: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True, gc=False):
    """number: under another scheme than IBAN; scheme: its code, `BBAN`, or what was agreed on."""

    iban: str | None = None
    number: str | None = None
    scheme: str | None = None
    currency: str | None = None


class Agent(msgspec.Struct, frozen=True, gc=False):
    """A bank. clearing_system: `USABA`, `GBDSC`, …: who gave out the `member_id`."""

    bic: str | None = None
    clearing_system: str | None = None
    member_id: str | None = None
    name: str | None = None
    other: str | None = None


class Remittance(msgspec.Struct, frozen=True, gc=False):
    """references: of the creditor, as `RF18…` (ISO 11649); documents: numbers of bills."""

    unstructured: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()


class Transaction(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One payment, as it is asked for. number: its place in the file, from 1."""

    number: int
    end_to_end_id: str | None = None
    instruction_id: str | None = None
    transaction_id: str | None = None
    uetr: str | None = None
    amount: Amount | None = None
    service_level: str | None = None
    charge_bearer: str | None = None
    date: str | None = None
    debtor: Party | None = None
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    creditor: Party | None = None
    creditor_account: Account | None = None
    creditor_agent: Agent | None = None
    ultimate_debtor: str | None = None
    ultimate_creditor: str | None = None
    purpose: str | None = None
    category_purpose: str | None = None
    mandate_id: str | None = None
    remittance: Remittance | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A payment information block: what its transactions have in common.

    date:   on which to pay or collect, as written
    debtor: of credit transfers; of direct debits there is the creditor
    count, control_sum: as declared; sums: added up here, by currency
    """

    id: str | None = None
    method: str | None = None
    batch_booking: str | None = None
    service_level: str | None = None
    local_instrument: str | None = None
    category_purpose: str | None = None
    sequence_type: str | None = None
    priority: str | None = None
    charge_bearer: str | None = None
    date: str | None = None
    debtor: Party | None = None
    debtor_account: Account | None = None
    debtor_agent: Agent | None = None
    creditor: Party | None = None
    creditor_account: Account | None = None
    creditor_agent: Agent | None = None
    creditor_scheme_id: str | None = None
    count: str | None = None
    control_sum: str | None = None
    counted: int = 0
    sums: Mapping[str, Decimal] = {}
    transactions: tuple[Transaction, ...] = ()


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a bank says so. code: of the external status reasons, or the bank's own."""

    code: str | None
    text: str | None


class TransactionStatus(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a bank says of one payment.

    status:     `RJCT`, …; where the bank gives none, that of its block or of the whole message, if
                it is not about a part only
    payment_id: of the payment information block that it came in
    """

    end_to_end_id: str | None
    status: str | None
    reason_code: str | None = None
    reason_text: str | None = None
    amount: Money | None = None
    payment_id: str | None = None
    instruction_id: str | None = None
    transaction_id: str | None = None
    uetr: str | None = None
    reasons: tuple[Reason, ...] = ()


class PaymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank says of a payment information block."""

    payment_id: str
    status: str | None
    reasons: tuple[Reason, ...] = ()
    count: str | None = None
    control_sum: str | None = None


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank answers. message_id: of the message that it answers; report_id: its own."""

    message_id: str
    group_status: str | None
    reasons: tuple[Reason, ...] = ()
    payments: tuple[PaymentStatus, ...] = ()
    transactions: tuple[TransactionStatus, ...] = ()
    message_name: str | None = None
    report_id: str | None = None
    created_at: str | None = None
    count: str | None = None
    control_sum: str | None = None


class Balance(msgspec.Struct, frozen=True):
    """kind: `OPBD`, `CLBD`, …; direction: `CRDT`, or `DBIT` for an overdrawn account."""

    kind: str | None
    amount: Amount | None
    direction: str | None
    date: str | None


class Entry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A booking on an account, or one that is expected. end_to_end_ids: of its payments."""

    number: int
    amount: Amount | None
    direction: str | None
    status: str | None
    booked_on: str | None = None
    value_on: str | None = None
    reference: str | None = None
    bank_code: str | None = None
    reversal: bool = False
    end_to_end_ids: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    remittance: tuple[str, ...] = ()


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Of one account. count, control_sum: of its entries, as declared."""

    id: str | None
    account: Account | None = None
    owner: str | None = None
    servicer: Agent | None = None
    created_at: str | None = None
    since: str | None = None
    until: str | None = None
    balances: tuple[Balance, ...] = ()
    entries: tuple[Entry, ...] = ()
    count: str | None = None
    control_sum: str | None = None


class Weight(StrEnum):
    ERROR = "error"  # two parts of the file do not agree, or a rule is broken
    NOTICE = "notice"  # some banks take it, others do not


class Finding(msgspec.Struct, frozen=True):
    """place: where, in words; rule: a name that stays the same for machines."""

    rule: str
    place: str
    message: str
    weight: Weight = Weight.ERROR


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says. `transactions` and entries of messages that have no blocks stand in one
    block without an id.

    name:     `pain.001.001.09`; kind: `pain.001`; title: what that is
    business: of the business application header around it: `from`, `to`, `id`, `message`
    counted, sums: transactions or entries added up here
    """

    name: str
    kind: str
    title: str
    namespace: str
    id: str | None = None
    created_at: str | None = None
    initiating_party: Party | None = None
    instructing_agent: Agent | None = None
    instructed_agent: Agent | None = None
    business: Mapping[str, str] = {}
    count: str | None = None
    control_sum: str | None = None
    total: Amount | None = None
    counted: int = 0
    sums: Mapping[str, Decimal] = {}
    blocks: tuple[Block, ...] = ()
    report: StatusReport | None = None
    statements: tuple[Statement, ...] = ()
