"""Rules of SEPA: which characters, which currency."""

from collections.abc import Iterator

from paywright.iso20022.model import Block, Finding, Transaction, Weight
from paywright.iso20022.wording import is_foreign, outside, slash_fault

_SEPA = "SEPA"


def sepa_findings(
    it: Block | Transaction, place: str, service_level: str | None = None
) -> Iterator[Finding]:
    """Of a block, or of a transaction; service_level: of the block that it is in."""
    if (it.service_level or service_level) != _SEPA:
        return
    texts = _texts(it)
    joined = "".join(texts)
    if found := outside(joined):
        yield Finding(
            "characters", place, f"{found[:20]} may not be taken by every bank of SEPA",
            Weight.ERROR if is_foreign(found) else Weight.NOTICE,
        )  # fmt: skip
    for name in _ids(it):
        if "/" in name and (fault := slash_fault(name)):
            yield Finding("slashes", place, f"{name[:40]} {fault}")
    if isinstance(it, Transaction) and it.amount is not None and it.amount.currency != "EUR":
        yield Finding("currency", place, f"SEPA pays EUR only, not {it.amount.currency}")


def _ids(it: Block | Transaction) -> list[str]:
    found = (
        (it.id,) if isinstance(it, Block) else (it.end_to_end_id, it.instruction_id, it.mandate_id)
    )
    return [name for name in found if name]


def _texts(it: Block | Transaction) -> list[str]:
    found = _ids(it)
    for side in (it.debtor, it.creditor):
        if side is not None:
            found += [text for text in (side.name, side.town, *side.address) if text]
    if isinstance(it, Transaction):
        found += [text for text in (it.ultimate_debtor, it.ultimate_creditor) if text]
        if (told := it.remittance) is not None:
            found += [*told.unstructured, *told.references, *told.documents]
    return found
