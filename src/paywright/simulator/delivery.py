"""How events get to whoever is to be told: in the background, at least once, and badly on request.

An event that somebody is to be told is in the books before it is sent, and is struck off once it
has arrived: what a kill interrupted is told after the restart.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from paywright.simulator.books import Books
from paywright.simulator.faults import FaultSource, Luck
from paywright.simulator.posting import NotPosted, Poster
from paywright.simulator.webhooks import Hooks, OutgoingEvent, Teller, body_of, signed

# Providers try for days, with pauses of hours. Whoever tries things out cannot wait for that.
PAUSES_S = (1.0, 5.0, 30.0)
HELD_BACK_MAX_S = 2.0
_AT_ONCE_MAX = 32
_TIMEOUT_S = 10.0
_MARGIN_S = 0.01  # who is told and looks at once is to see it


class Delivery(msgspec.Struct, kw_only=True):
    """What became of one event so far.

    tries:       how often it was sent, duplicates counted
    last_status: of the last try; None: there was none, or no answer came
    """

    event_id: str
    side: Teller
    type: str
    object: str
    created_at: datetime
    state: Literal["waiting", "delivered", "dropped", "failed"] = "waiting"
    tries: int = 0
    last_status: int | None = None


class _Waiting(msgspec.Struct, kw_only=True):
    event: OutgoingEvent
    luck: Luck
    delivery: Delivery
    task: asyncio.Task[None] | None = None


class Webhooks:
    """Tells events to the hooks.

    sources:  whose dice decide about the events of a side
    pauses_s: after a try that failed; there are no more tries than that and one
    """

    def __init__(
        self,
        books: Books,
        hooks: Hooks,
        sources: Mapping[Teller, FaultSource],
        *,
        clock: Callable[[], datetime],
        pauses_s: Sequence[float] = PAUSES_S,
        held_back_max_s: float = HELD_BACK_MAX_S,
    ) -> None:
        self.hooks = hooks
        self.deliveries: dict[str, Delivery] = {}
        self._books = books
        self._sources = sources
        self._clock = clock
        self._pauses_s = pauses_s
        self._held_back_max_s = held_back_max_s
        self._waiting: dict[str, _Waiting] = {}
        self._held_back: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._may_send = asyncio.Semaphore(_AT_ONCE_MAX)
        self._poster = Poster(timeout_s=_TIMEOUT_S)

    async def resume(self) -> None:
        """Go on with what the books say was not told yet."""
        for event in list(self._books.untold.values()):
            self._expect(event)

    def announce(self, event: OutgoingEvent) -> None:
        """Have the event told once it is true, if by then somebody is to be told. Waits for
        nothing."""
        if event.id in self.deliveries:
            return
        if self.hooks.of(event.side) is not None:
            self._books.add(event)
        elif event.created_at <= self._clock():
            return  # nobody listens
        self._expect(event)

    def set_hooks(self, hooks: Hooks) -> None:
        """From now on tell these; also what is only about to become true, and what could not be
        told before."""
        self.hooks = hooks
        for waiting in list(self._waiting.values()):
            if hooks.of(waiting.event.side) is None:
                continue
            if waiting.event.id not in self._books.untold:
                self._books.add(waiting.event)
            if waiting.task is None:
                waiting.task = asyncio.create_task(self._see_to(waiting))
        for event in list(self._books.untold.values()):
            if event.id not in self._waiting:
                self._expect(event)

    def forget(self) -> None:
        """Tell nothing of what has been announced, and list it no more."""
        for waiting in self._waiting.values():
            if waiting.task is not None:
                waiting.task.cancel()
        self._waiting.clear()
        self._held_back.clear()
        self.deliveries.clear()

    async def close(self) -> None:
        self.forget()
        self._poster.close()

    def _expect(self, event: OutgoingEvent) -> None:
        delivery = Delivery(
            event_id=event.id,
            side=event.side,
            type=event.type,
            object=event.object,
            created_at=event.created_at,
        )
        luck = self._sources[event.side].draw_luck()
        waiting = _Waiting(event=event, luck=luck, delivery=delivery)
        self._waiting[event.id] = waiting
        self.deliveries[event.id] = delivery
        waiting.task = asyncio.create_task(self._see_to(waiting))

    async def _see_to(self, waiting: _Waiting) -> None:
        event, delivery = waiting.event, waiting.delivery
        early_s = (event.created_at - self._clock()).total_seconds()
        if early_s > 0:
            await asyncio.sleep(early_s + _MARGIN_S)
        if self.hooks.of(event.side) is None:
            self._nobody_listens(waiting)
            return
        faults = self._sources[event.side].faults
        if waiting.luck.is_dropped(faults):
            self._finish(waiting, "dropped")
            return
        await asyncio.sleep(waiting.luck.delay_s(faults))
        if waiting.luck.is_held_back(faults):
            await self._hold_back(event.object)
        body = body_of(event)
        for pause_s in (*self._pauses_s, None):
            has_arrived = await self._send(event, delivery, body)
            self._let_go_of(event.object)
            if has_arrived:
                if waiting.luck.is_duplicated(faults):
                    await self._send(event, delivery, body)
                self._finish(waiting, "delivered")
                return
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        delivery.state = "failed"  # stays in the books: it is tried again after a restart
        del self._waiting[event.id]

    def _nobody_listens(self, waiting: _Waiting) -> None:
        """What was promised to somebody waits for a hook; anything else is of no interest."""
        waiting.task = None
        if waiting.event.id not in self._books.untold:
            del self._waiting[waiting.event.id]
            del self.deliveries[waiting.event.id]

    def _finish(self, waiting: _Waiting, state: Literal["delivered", "dropped"]) -> None:
        waiting.delivery.state = state
        self._books.strike_off(waiting.event.id)
        del self._waiting[waiting.event.id]

    async def _hold_back(self, object: str) -> None:
        turn = asyncio.Event()
        self._held_back[object].append(turn)
        try:
            async with asyncio.timeout(self._held_back_max_s):
                await turn.wait()
        except TimeoutError:
            turns = self._held_back.get(object, [])
            if turn in turns:
                turns.remove(turn)

    def _let_go_of(self, object: str) -> None:
        for turn in self._held_back.pop(object, ()):
            turn.set()

    async def _send(self, event: OutgoingEvent, delivery: Delivery, body: bytes) -> bool:
        """Whether it has arrived: a 2xx."""
        async with self._may_send:
            hook = self.hooks.of(event.side)
            if hook is None:
                return False
            proof = signed(event.side, event.id, body, secret=hook.secret, at=self._clock())
            headers = {**proof, "Content-Type": "application/json"}
            delivery.tries += 1
            try:
                delivery.last_status = await self._poster.post(hook.url, body, headers)
            except NotPosted:
                delivery.last_status = None
                return False
            return 200 <= delivery.last_status < 300


def listed(webhooks: Webhooks, *, after: int, limit: int) -> dict[str, Any]:
    """`limit` deliveries in the order in which they were announced, beyond the first `after`."""
    everything = list(webhooks.deliveries.values())
    return {"total": len(everything), "deliveries": everything[after : after + limit]}
