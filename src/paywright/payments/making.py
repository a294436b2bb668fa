"""Charges and refunds that are asked for now: opened, called and recorded, for one process."""

from functools import partial

import structlog

from paywright.batching import Coalescer
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.db.pool import Database
from paywright.idempotency import Answer, Claim, recall
from paywright.payments.charge import ChargeRequest, open_charges
from paywright.payments.opening import Opened
from paywright.payments.orders import Answered
from paywright.payments.refund import RefundRequest, open_refunds
from paywright.payments.settle import Settling

log = structlog.get_logger()


class Making:
    """Who asks waits for the provider's answer; who dies meanwhile leaves a turn that finds out.

    charge and refund raise what refuses them: see `open_charges` and `open_refunds`.
    """

    def __init__(self, db: Database, settling: Settling) -> None:
        self._db = db
        self._settling = settling
        parts = (db, settling.gateway, settling.schedule)
        self._charges: Coalescer[ChargeRequest, Opened] = Coalescer(
            partial(open_charges, *parts), name="charges"
        )
        self._refunds: Coalescer[RefundRequest, Opened] = Coalescer(
            partial(open_refunds, *parts), name="refunds"
        )

    async def charge(self, request: ChargeRequest) -> Answered:
        """Make a charge. The answer is a recipe: a ChargeTold."""
        opened = await self._charges.submit(request)
        return await self._finished(request.cause, request.claim, opened)

    async def refund(self, request: RefundRequest) -> Answered:
        """Give back a charge. The answer is a recipe: a RefundTold."""
        opened = await self._refunds.submit(request)
        return await self._finished(request.cause, request.claim, opened)

    async def close(self) -> None:
        """Finish what is under way."""
        await self._charges.close()
        await self._refunds.close()

    async def _finished(self, cause: Cause, claim: Claim, opened: Opened) -> Answered:
        if opened.call is None:
            return Answered(opened.answer, replayed=opened.replayed)
        try:
            told = await self._settling.carry_out(cause, opened.call)
        except Problem as problem:
            # The provider has been asked: to be told of a refusal now would be to ask anew. A turn
            # finds out, when the answer can be recorded.
            log.warning("payment.answer_not_recorded", problem=type(problem).__name__)
            return Answered(opened.answer)
        if told is not None:
            return Answered(told)
        # Nothing has changed, or somebody else was faster.
        async with self._db.snapshot() as tx:
            known = (await recall(tx, [claim]))[0]
        return Answered(known if isinstance(known, Answer) else opened.answer)
