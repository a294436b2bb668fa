"""Settle what a provider carries out: intend, act, record.

What we are about to ask is on file, with the next turn queued, before we ask; no transaction
spans the call. An operation is only ever submitted under its own id as the provider's idempotency
key: asking twice does it once.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from paywright.batching import Coalescer
from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.gateway.calling import Gateway
from paywright.gateway.model import OrderKind
from paywright.idempotency import Answer
from paywright.ledger import accounts_store
from paywright.payments.operations import account_code, order_of
from paywright.payments.settle_begin import Asked, Call, Schedule, begin_turns
from paywright.payments.settle_book import Done
from paywright.payments.settle_record import record
from paywright.payments.tasks import Target


class Settling:
    """Settles payments and refunds, for one process. However many are under way at a time share
    their transactions, and few connections.

    schedule: when to ask what became of what has no answer
    """

    def __init__(
        self,
        db: Database,
        keys: KeyRing,
        gateway: Gateway,
        *,
        schedule: Schedule,
        clock: Callable[[], datetime],
    ) -> None:
        self.gateway = gateway
        self.schedule = schedule
        self._db = db
        self._keys = keys
        self._clock = clock
        self._turns: Coalescer[Asked, Call | None] = Coalescer(self._begin, name="turns")
        self._records: Coalescer[Done, Answer | None] = Coalescer(self._record, name="answers")
        self._accounts: dict[tuple[str, str], AccountId] = {}  # by provider and currency

    async def settle(self, cause: Cause, target: Target, *, turn: int) -> None:
        """One turn: submit the operation, or ask what became of it, and record the answer.

        Safe to repeat, and to be run by two at once: the provider knows the operation by its id,
        and its money moves once.
        """
        call = await self._turns.submit(Asked(cause, target, turn))
        if call is not None:
            await self.carry_out(cause, call)

    async def carry_out(self, cause: Cause, call: Call) -> Answer | None:
        """Make a call that is on file, and record the answer.

        Returns what is told of a charge or a refund that has changed by it.
        """
        order = order_of(call.operation, self._keys)
        called = await self.gateway.call(call.begun.provider, order, call.begun.call)
        return await self._records.submit(Done(cause, call, called))

    async def close(self) -> None:
        """Finish what is under way."""
        await self._turns.close()
        await self._records.close()

    async def _begin(self, asked: Sequence[Asked]) -> Sequence[Call | None]:
        # Twice in a batch would be two calls that do not know of each other. The latest turn stands
        # for all: the turn after an earlier one may be here with it, and would not be queued again.
        in_order = sorted(asked, key=lambda it: it.turn)
        once = list({it.target: it for it in in_order}.values())
        async with self._db.transaction() as tx:
            calls = await begin_turns(tx, self.gateway, once, self.schedule)
        made = {it.target: call for it, call in zip(once, calls, strict=True)}
        return [made.pop(it.target, None) for it in asked]

    async def _record(self, done: Sequence[Done]) -> Sequence[Answer | None]:
        payouts = [op for it in done if (op := it.call.operation).kind is OrderKind.PAYOUT]
        async with self._db.transaction() as tx:
            await self._find_accounts(tx, {(it.provider, it.amount.currency) for it in payouts})
            answers = await record(
                tx, self.gateway.policy, done, paid_through=self._accounts, at=self._clock()
            )
        return [answers.get(it.call.operation.target) for it in done]

    async def _find_accounts(self, tx: Tx, wanted: set[tuple[str, str]]) -> None:
        """The accounts that payouts leave through. They stay, once they are there."""
        missing = wanted - self._accounts.keys()
        if not missing:
            return
        codes = {
            pair: account_code(self.gateway.providers[pair[0]], pair[0], OrderKind.PAYOUT, pair[1])
            for pair in missing
        }
        ids = await accounts_store.ids_by_code(tx, sorted(set(codes.values())))
        self._accounts |= {pair: ids[code] for pair, code in codes.items() if code in ids}
