"""What is on file of all that a list of vendor payments names."""

from collections.abc import Sequence
from uuid import UUID

from paywright.core.ids import AccountId
from paywright.db.pool import Tx
from paywright.ledger import accounts_store
from paywright.payments.vendor import create_store
from paywright.payments.vendor.checks import Background, Entered, payable_code
from paywright.vendors import store as vendors


async def load_known(
    tx: Tx, entered: Sequence[Entered], accounts: Sequence[AccountId | None]
) -> Background:
    """Four statements at most, however many payments there are.

    accounts: that each is paid from; None: from the one that the chart has for its currency
    The caller has taken its turn with their vendors (`create_store.take_turns`).
    """
    vendor_ids = list({it.vendor_id for it in entered})
    currencies = {
        it.amount.currency for it, named in zip(entered, accounts, strict=True) if named is None
    }
    codes = {payable_code(it): it for it in currencies}
    wanted = {it for it in accounts if it is not None}
    found = await accounts_store.named(tx, list(wanted), list(codes))
    references = [it.reference for it in entered if it.reference is not None]
    pairs = [(it.incident_id, it.vendor_id) for it in entered if it.incident_id is not None]
    owners: dict[str, UUID] = await create_store.references(tx, references) if references else {}
    return Background(
        vendors=await vendors.payables(tx, vendor_ids),
        accounts={it.id: it for it in found},
        defaults={codes[it.code]: it.id for it in found if it.code in codes},
        references=owners,
        open_for=await create_store.open_for(tx, pairs) if pairs else {},
    )
