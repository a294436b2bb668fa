"""Payouts through Stripe Connect, in two steps: our money goes to the connected account by a
transfer, and on to that account's bank by a payout.

Who dies between the steps leaves a transfer without a payout. A look-up says `NotFound` then: the
payout was never asked for, and to submit the order again completes it, under the same keys. To say
`Pending` would wait for ever for what nobody asks for. Giving the money back on `NotFound` would
pay twice, here as everywhere: it is what `NotFound` does not allow.

What fails is fetched back before it is called declined: only then is the money ours again.
"""

from typing import TYPE_CHECKING

import msgspec

from paywright.gateway.model import (
    Answer,
    Approved,
    Creditor,
    Declined,
    Lost,
    NotFound,
    OrderKind,
    PayoutOrder,
    Why,
)
from paywright.gateway.stripe.amounts import asked
from paywright.gateway.stripe.answers import (
    KEY,
    Named,
    Page,
    Payout,
    Transfer,
    contradiction,
    is_about,
    of_payout,
    read,
    read_made,
)
from paywright.gateway.stripe.listing import collect

if TYPE_CHECKING:  # it imports the SDK
    from paywright.gateway.stripe.client import Api

_DESCRIPTION_MAX = 140


class _Found(msgspec.Struct, frozen=True):
    """How far an order has come. A payout has its transfer."""

    transfer: Transfer | None = None
    payout: Payout | None = None


def account_of(creditor: Creditor) -> str:
    """Raises ValueError for a creditor without an account of Stripe's: a bug of the caller's."""
    if creditor.provider_account is None:
        raise ValueError("Stripe pays only to its own accounts")
    return creditor.provider_account


async def send(api: "Api", order: PayoutOrder, *, is_old: bool) -> Answer:
    """Take the steps that were not taken yet.

    is_old: Stripe may have forgotten the keys, so that it is asked first what there is
    """
    account = account_of(order.creditor)
    found = await _find(api, order) if is_old else _Found()
    if isinstance(found, Lost):
        return found
    if (settled := await _settle(api, order, found)) is not None:
        return settled
    transfer = found.transfer or await _transfer(api, order, account)
    if not isinstance(transfer, Transfer):
        return transfer
    heard = await api.post(
        "/v1/payouts",
        _money(order) | _about(order),
        key=f"{order.idempotency_key}:payout",
        account=account,
    )
    payout = read_made(heard, Payout, OrderKind.PAYOUT)
    if isinstance(payout, Lost):
        return _sent(payout)
    if isinstance(payout, Declined):
        return await _fetch_back(api, order, transfer, payout)
    return await _judge(api, order, transfer, payout)


async def look_up(api: "Api", order: PayoutOrder) -> Answer | NotFound:
    found = await _find(api, order)
    if isinstance(found, Lost):
        return found
    return await _settle(api, order, found) or NotFound()


async def _settle(api: "Api", order: PayoutOrder, found: _Found) -> Answer | None:
    """What it has come to. None: not both steps were taken."""
    transfer, payout = found.transfer, found.payout
    if transfer is None:
        return None
    if payout is None:
        # Somebody has taken back what was never paid out.
        return Declined("reversed", reference=transfer.id) if transfer.reversed else None
    return await _judge(api, order, transfer, payout)


async def _judge(api: "Api", order: PayoutOrder, transfer: Transfer, payout: Payout) -> Answer:
    answer = of_payout(transfer, payout, order)
    if isinstance(answer, Declined):
        return await _fetch_back(api, order, transfer, answer)
    if isinstance(answer, Approved) and transfer.reversed:
        return Lost(why=Why.CONTRADICTION, detail="paid out, and taken back as well")
    return answer


async def _transfer(api: "Api", order: PayoutOrder, account: str) -> Transfer | Declined | Lost:
    params = _money(order) | _about(order)
    params |= {"destination": account, "transfer_group": order.idempotency_key}
    heard = await api.post("/v1/transfers", params, key=order.idempotency_key)
    transfer = read_made(heard, Transfer, OrderKind.PAYOUT)
    if isinstance(transfer, Transfer) and not _is_ours(transfer, order):
        return contradiction()
    return transfer


async def _fetch_back(
    api: "Api", order: PayoutOrder, transfer: Transfer, declined: Declined
) -> Answer:
    """Reverse the transfer, unless that was done. A second reversal of the whole is refused by
    Stripe, also when the key is forgotten."""
    if not transfer.reversed:
        heard = await api.post(
            f"/v1/transfers/{transfer.id}/reversals",
            {"metadata": {KEY: order.idempotency_key}},
            key=f"{order.idempotency_key}:reversal",
        )
        reversal = read(heard, Named)
        if isinstance(reversal, Lost):
            return _sent(reversal)
    return msgspec.structs.replace(declined, reference=transfer.id)


async def _find(api: "Api", order: PayoutOrder) -> _Found | Lost:
    transfers = await collect(
        api, "/v1/transfers", {"transfer_group": order.idempotency_key}, Page[Transfer]
    )
    if isinstance(transfers, Lost):
        return transfers
    if not transfers:
        return _Found()
    transfer = transfers[0]
    if len(transfers) > 1 or not _is_ours(transfer, order):
        return contradiction()
    # Payouts have no exact filter. Those of one account since its transfer are few.
    payouts = await collect(
        api,
        "/v1/payouts",
        {"created": {"gte": transfer.created}},
        Page[Payout],
        account=account_of(order.creditor),
    )
    if isinstance(payouts, Lost):
        return payouts
    ours = [payout for payout in payouts if payout.metadata.get(KEY) == order.idempotency_key]
    if len(ours) > 1:
        return Lost(why=Why.CONTRADICTION, detail="paid out more than once")
    return _Found(transfer, ours[0] if ours else None)


def _is_ours(transfer: Transfer, order: PayoutOrder) -> bool:
    is_there = transfer.destination == account_of(order.creditor)
    is_whole = transfer.reversed or transfer.amount_reversed == 0
    return is_about(transfer, order) and is_there and is_whole


def _sent(lost: Lost) -> Lost:
    """Money has moved in an earlier step, whatever became of this one."""
    return msgspec.structs.replace(lost, sent=True)


def _money(order: PayoutOrder) -> dict[str, object]:
    return {"amount": asked(order.amount), "currency": order.amount.currency.lower()}


def _about(order: PayoutOrder) -> dict[str, object]:
    about: dict[str, object] = {"metadata": {KEY: order.idempotency_key}}
    if order.description:
        about["description"] = order.description[:_DESCRIPTION_MAX]
    return about
