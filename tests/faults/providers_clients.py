"""Clients of a town: they ask, ask again where no answer came, and remember all that they are told.
Some lose patience, and some give up."""

import asyncio
import random
import time
from typing import Any, Self

import httpx2
import msgspec
from tests.faults.providers_plan import Asking, Back, Manner, Plan
from tests.faults.providers_town import Town
from tests.simulator.simulating import IBAN

_PAUSE_S = 0.1
_FINAL = ("succeeded", "failed", "refunded", "partially_refunded")


class Told(msgspec.Struct, frozen=True):
    """An answer. Moments are those of a clock that only goes forward."""

    sent_at: float
    heard_at: float
    status: int
    body: bytes

    def read(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)

    @property
    def slug(self) -> str:
        """The kind of a refusal, `charge-declined`; empty for what is none."""
        return "" if self.status < 400 else self.read()["type"].rpartition("/")[2]

    @property
    def about(self) -> str | None:
        """The id of what it tells about; None: nothing was kept of the request."""
        told = self.read()
        if self.slug == "refund-declined":
            return told["refund_id"]
        return told["payment_id"] if self.slug == "charge-declined" else told.get("id")

    @property
    def is_final(self) -> bool:
        return self.status in (201, 422) and self.about is not None


class Request(msgspec.Struct):
    """What was asked under one key, and all that was told."""

    key: str
    path: str
    body: dict[str, Any]
    manner: Manner
    kind: str
    answers: list[Told] = []
    gave_up: bool = False


class Clients:
    """All clients of one run. wrong: what no client should ever see"""

    def __init__(self, town: Town, plan: Plan) -> None:
        self._town, self._plan = town, plan
        self.requests: list[Request] = []
        self.wrong: list[str] = []
        self.lost = 0

    async def __aenter__(self) -> Self:
        self._doors = [self._town.caller(url, timeout_s=10) for url in self._town.doors]
        return self

    async def __aexit__(self, *_: object) -> None:
        for door in self._doors:
            await door.aclose()

    async def carry_out(self, asking: Asking) -> None:
        """From the first request to the last answer, with the refunds of it."""
        await asyncio.sleep(asking.at_s)
        key = f"s{self._plan.seed}-{asking.number:04}"
        request = Request(key, *_wanted(self._town, asking), asking.manner, asking.kind)
        self.requests.append(request)
        answer = await self._insist(request)
        if answer is None or answer.status >= 400 or not asking.refunds:
            return
        charge_id = answer.read()["id"]
        if answer.status == 202 and not await self._has_succeeded(charge_id):
            return
        backs = [
            Request(f"{key}-r{number}", *_back(charge_id, back), back.manner, "refund")
            for number, back in enumerate(asking.refunds)
        ]
        self.requests += backs
        if asking.at_once:
            await asyncio.gather(*map(self._insist, backs))
        else:
            for back in backs:
                await self._insist(back)

    async def ask_again(self) -> None:
        """Everything that was not given up, once more at every door, when nothing goes wrong."""
        for door in range(len(self._doors)):
            asked = [it for it in self.requests if not it.gave_up]
            for some in (asked[i : i + 20] for i in range(0, len(asked), 20)):
                await asyncio.gather(*(self._ask_surely(it, door) for it in some))

    @property
    def someone_waits(self) -> bool:
        """Whether a card's owner was told at last that it is not known yet."""
        return any(
            it.kind in ("charge", "refund") and it.answers[-1].status == 202
            for it in self.requests
            if not it.gave_up
        )

    @property
    def progress(self) -> tuple[int, int]:
        """Both only grow: those who ask, and the answers that they got."""
        return len(self.requests), sum(len(it.answers) for it in self.requests)

    async def _ask_surely(self, request: Request, door: int) -> None:
        while await self._ask(request, door, patience_s=20) is None:
            await asyncio.sleep(_PAUSE_S)

    async def _insist(self, request: Request) -> Told | None:
        """The first answer to any copy; None: it gave up."""
        manner = request.manner
        copies = [self._insist_once(request, number) for number in range(manner.copies)]
        answers = [it for it in await asyncio.gather(*copies) if it is not None]
        request.gave_up = not answers
        bound = [it for it in answers if it.about is not None]
        if manner.reuses_key and bound:
            await self._reuse_key(request)
        return next(iter(bound or answers), None)

    async def _insist_once(self, request: Request, copy: int) -> Told | None:
        dice = random.Random(f"{request.key}:{copy}")
        tries = 0
        while request.manner.tries_max == 0 or tries < request.manner.tries_max:
            tries += 1
            door = dice.randrange(len(self._doors))
            answer = await self._ask(request, door, patience_s=request.manner.patience_s)
            if answer is not None:
                return answer
            await asyncio.sleep(dice.uniform(0, 2 * _PAUSE_S))
        return None

    async def _ask(self, request: Request, door: int, *, patience_s: float) -> Told | None:
        """None: no answer came, or it was that there is none."""
        answer = await self._post(request, request.body, door, patience_s=patience_s)
        if answer is not None:
            request.answers.append(answer)
        return answer

    async def _post(
        self, request: Request, body: dict[str, Any], door: int, *, patience_s: float
    ) -> Told | None:
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(patience_s):
                answer = await self._doors[door].post(
                    request.path, json=body, headers={"Idempotency-Key": request.key}
                )
        except (httpx2.TransportError, TimeoutError):
            self.lost += 1
            return None
        if answer.status_code >= 500:
            self.lost += 1
            if answer.status_code != 503:
                self.wrong.append(f"{request.key} was told {answer.status_code}: {answer.text}")
            return None
        return Told(sent_at, time.monotonic(), answer.status_code, answer.content)

    async def _reuse_key(self, request: Request) -> None:
        body = request.body | {"amount_minor": (request.body.get("amount_minor") or 0) + 1}
        for door in range(len(self._doors)):
            answer = await self._post(request, body, door, patience_s=5)
            if answer is not None and answer.slug != "key-reused":
                self.wrong.append(f"{request.key}, for another amount, was told {answer.body!r}")

    async def _has_succeeded(self, charge_id: str) -> bool:
        """Ask how a charge stands until it is known."""
        dice = random.Random(charge_id)
        while True:
            try:
                answer = await dice.choice(self._doors).get(f"/api/v1/charges/{charge_id}")
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                status = answer.json()["status"]
                if status in _FINAL:
                    return status != "failed"
            elif answer is not None and answer.status_code != 503:
                self.wrong.append(f"GET {charge_id}: {answer.status_code} {answer.text}")
                return False
            await asyncio.sleep(_PAUSE_S)


def _wanted(town: Town, asking: Asking) -> tuple[str, dict[str, Any]]:
    """Path and body."""
    wallet = town.wallets[asking.currency][asking.wallet]
    money = {"amount_minor": asking.amount_minor, "currency": asking.currency}
    if asking.kind == "charge":
        return "/api/v1/charges", money | {
            "customer_id": f"payer_{asking.wallet}",
            "payment_method": asking.whom,
            "credit_account_id": wallet,
        }
    payee = {"name": asking.whom, "iban": IBAN}
    if asking.kind == "connect":
        payee = {
            "name": "Nordlicht Bau GmbH",
            "provider_account": asking.whom,
            "bank": "stripe",
        }
    return "/api/v1/transfers", money | {"debit_account_id": wallet, "beneficiary": payee}


def _back(charge_id: str, back: Back) -> tuple[str, dict[str, Any]]:
    body = {} if back.amount_minor is None else {"amount_minor": back.amount_minor}
    return f"/api/v1/charges/{charge_id}/refunds", body
