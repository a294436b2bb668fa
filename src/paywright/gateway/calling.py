"""Call a provider: repeat what failed in passing, within a deadline, and list every try.

What is repeated is the same order under the same idempotency key, so that it is carried out once.
A decline is an answer, and is never repeated.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal

import msgspec
import stamina
import structlog

from paywright.gateway.breaker import Policy
from paywright.gateway.calls import Try
from paywright.gateway.model import (
    TRANSIENT,
    Answer,
    Lost,
    NotFound,
    Order,
    Provider,
    Why,
)
from paywright.gateway.outcomes import kept, outcome_of
from paywright.gateway.routes import Routes
from paywright.telemetry import metrics

log = structlog.get_logger()

Asked = Literal["submit", "look_up"]


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """How a call is repeated at once.

    retries_max: beside the first try
    backoff_ms:  the longest wait before each repetition; the last one stands for all further
    deadline_ms: for the call with all its repetitions and waits
    Raises ValueError without any backoff.
    """

    retries_max: int
    backoff_ms: Sequence[int]
    deadline_ms: int

    def __post_init__(self) -> None:
        if not self.backoff_ms:
            raise ValueError("a backoff is needed")


class Called(msgspec.Struct, frozen=True):
    """tries: at least one, in order"""

    tries: Sequence[Try]

    @property
    def answer(self) -> Answer | NotFound:
        """The last one. NotFound: the deadline was over before it could be submitted."""
        return self.tries[-1].answer


def pause_s(
    retries: Retries, answer: Answer | NotFound, *, tried: int, left_s: float, jitter: float
) -> float | None:
    """How long to wait before the same is asked again; None: the answer stands.

    Full jitter, on top of what the provider itself asks for: those it sent away together must not
    come back together.

    tried:  repetitions so far, 0 or more
    left_s: until the deadline
    jitter: uniform in [0, 1)
    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """
    if not isinstance(answer, Lost) or answer.why not in TRANSIENT or tried >= retries.retries_max:
        return None
    longest_ms = retries.backoff_ms[min(tried, len(retries.backoff_ms) - 1)]
    wait_s = (answer.retry_after_s or 0.0) + jitter * longest_ms / 1000
    return wait_s if wait_s < left_s else None


class _Again(Exception):
    """A try failed in passing."""

    def __init__(self, what: str, wait_s: float) -> None:
        super().__init__(what)  # for the log line that tells of the wait
        self.wait_s = wait_s


def _wait_of(error: Exception) -> float | bool:
    return error.wait_s if isinstance(error, _Again) else False


class Gateway:
    """All providers that are set up, and how they are called.

    jitter:    draws from [0, 1)
    monotonic: a clock in seconds
    Raises ValueError for a route to a provider that cannot do what it is named for.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        retries: Retries,
        policy: Policy,
        routes: Routes,
        jitter: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        routes.check(providers)
        self.providers = providers
        self.retries = retries
        self.policy = policy
        self.routes = routes
        self.jitter = jitter
        self.monotonic = monotonic

    async def close(self) -> None:
        for provider in self.providers.values():
            await provider.close()

    async def call(self, begun_provider: str, order: Order, call: Asked) -> Called:
        """Have an order carried out, or ask what became of it. What the provider has never seen
        is submitted then. Never raises for what the network does."""
        provider = self.providers.get(begun_provider)
        if provider is None:  # it was, when the order was written down
            lost = Lost(why=Why.UNREACHABLE, detail="not set up", sent=False)
            return Called([Try(answer=lost, call=call, latency_ms=0)])
        one = _OneCall(self, begun_provider, provider, order, call)
        wait_s = await one.turn(0)
        if wait_s is not None:  # rare, and only then are the repetitions set up
            await one.repeat(wait_s)
        return Called(one.tries)


class _OneCall:
    """One call under way."""

    def __init__(
        self, gateway: Gateway, name: str, provider: Provider, order: Order, call: Asked
    ) -> None:
        self.tries: list[Try] = []
        self._gateway = gateway
        self._name = name
        self._provider = provider
        self._order = order
        self._call: Asked = call
        self._ends_at = gateway.monotonic() + gateway.retries.deadline_ms / 1000

    @property
    def _left_s(self) -> float:
        return self._ends_at - self._gateway.monotonic()

    async def repeat(self, wait_s: float | None) -> None:
        """Turns after the first one. wait_s: before the next"""
        with suppress(_Again):  # where stamina is switched off, it lets it through
            # The deadline is kept by `pause_s` and by each try: it must count the waits to come.
            async for attempt in stamina.retry_context(on=_wait_of, attempts=None, timeout=None):
                with attempt:
                    if attempt.num > 1:
                        wait_s = await self.turn(attempt.num - 1)
                    if wait_s is not None:
                        raise _Again(f"{self._name}: {self._call}", wait_s)

    async def turn(self, tried: int) -> float | None:
        """How long to wait before one more is worth it; None: it is not."""
        answer = await self._exchange()
        if isinstance(answer, NotFound) and self._left_s > 0:
            # From now on it may have been sent: what is repeated is this.
            self._call = "submit"
            answer = await self._exchange()
        return pause_s(
            self._gateway.retries,
            answer,
            tried=tried,
            left_s=self._left_s,
            jitter=self._gateway.jitter(),
        )

    async def _exchange(self) -> Answer | NotFound:
        """One try, listed and measured."""
        monotonic, outcome = self._gateway.monotonic, None
        metrics.provider_call_begun(provider=self._name)
        began = monotonic()
        try:
            answer = await self._answer()
            outcome, _ = outcome_of(answer)
        finally:
            seconds = monotonic() - began
            metrics.provider_call_ended(provider=self._name, outcome=outcome, seconds=seconds)
        latency_ms = max(0, round(seconds * 1000))
        self.tries.append(Try(answer=answer, call=self._call, latency_ms=latency_ms))
        return answer

    async def _answer(self) -> Answer | NotFound:
        ask = self._provider.submit if self._call == "submit" else self._provider.look_up
        try:
            async with asyncio.timeout(self._left_s):
                return kept(await ask(self._order))
        except TimeoutError:
            return Lost(why=Why.TIMEOUT, detail="our deadline")
        except Exception as error:
            # A bug of the adapter's, after which nobody knows what was sent.
            log.exception("gateway.adapter_failed", provider=self._name, call=self._call)
            return Lost(why=Why.UNREADABLE, detail=type(error).__name__)
