"""A partner bank that pays everything, after a fixed time, and watches how many ask at once.

    python -m bench.gateway_provider [--delay-ms 100]       PORT of the environment

Raw asyncio: an ordinary server would cost more than the client that is measured.
GET /stats tells what it saw; POST /reset has it begin anew.
"""

import argparse
import asyncio
import os
import time
from typing import cast

import msgspec
import uvloop

from paywright.cli.processes import end_with_supervisor


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """keys: distinct ones that were paid; amount_minor: of these; asked: requests that moved money
    or repeated it; first_s, last_s: of the machine's clock, the first request and the last answer;
    in_flight_mean: over the middle four fifths of that time"""

    keys: int
    amount_minor: int
    asked: int
    answered: int
    seconds: float
    in_flight_mean: float
    in_flight_max: int


class _Asked(msgspec.Struct, frozen=True):
    amount_minor: int
    currency: str


class Bank:
    """What the connections share."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.reset()

    def reset(self) -> None:
        self._paid: dict[str, int] = {}
        self._asked = self._answered = self._now = 0
        # Each change of how many are in flight, and when.
        self._changes: list[tuple[float, int]] = []

    def begin(self) -> None:
        self._asked += 1
        self._change(1)

    def pay(self, key: str, body: bytes) -> bytes:
        asked = msgspec.json.decode(body, type=_Asked)
        self._paid.setdefault(key, asked.amount_minor)
        self._answered += 1
        self._change(-1)
        return msgspec.json.encode(
            {
                "id": f"bp_{key}",
                "idempotency_key": key,
                "status": "settled",
                "amount_minor": self._paid[key],
                "currency": asked.currency,
            }
        )

    def stats(self) -> Stats:
        changes = self._changes
        seconds = changes[-1][0] - changes[0][0] if changes else 0.0
        return Stats(
            keys=len(self._paid),
            amount_minor=sum(self._paid.values()),
            asked=self._asked,
            answered=self._answered,
            seconds=seconds,
            in_flight_mean=self._mean(seconds),
            in_flight_max=max((n for _, n in changes), default=0),
        )

    def _mean(self, seconds: float) -> float:
        if not seconds:
            return 0.0
        since = self._changes[0][0] + seconds / 10
        until = since + seconds * 8 / 10
        area, at, now = 0.0, since, 0
        for moment, count in self._changes:
            if moment > until:
                break
            if moment > since:
                area += now * (moment - at)
                at = moment
            now = count
        return (area + now * (until - at)) / (until - since)

    def _change(self, by: int) -> None:
        self._now += by
        self._changes.append((time.monotonic(), self._now))


class _Connection(asyncio.Protocol):
    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head_end = received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        first, *lines = received[:head_end].decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (it.partition(": ") for it in lines)}
        body_end = head_end + 4 + int(headers.get("content-length", "0"))
        if len(received) < body_end:
            return
        self._received = received[body_end:]
        method, target, _ = first.split(" ")
        self._serve(method, target, headers, received[head_end + 4 : body_end])

    def _serve(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        if target == "/stats":
            self._answer(200, msgspec.json.encode(self._bank.stats()))
        elif target == "/reset":
            self._bank.reset()
            self._answer(200, b"{}")
        elif method == "POST":
            self._bank.begin()
            key = headers["idempotency-key"]
            if self._bank.delay_s:
                later = asyncio.get_running_loop().call_later
                later(self._bank.delay_s, lambda: self._answer(201, self._bank.pay(key, body)))
            else:
                self._answer(201, self._bank.pay(key, body))
        else:  # nobody has to ask what became of anything here
            self._answer(404, b'{"code":"payment_not_found"}')

    def _answer(self, status: int, body: bytes) -> None:
        assert self._transport is not None
        head = f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: "
        self._transport.write(f"{head}{len(body)}\r\n\r\n".encode() + body)


async def _serve(port: int, delay_ms: int) -> None:
    bank = Bank(delay_ms / 1000)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(bank), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway_provider", description=__doc__)
    parser.add_argument("--delay-ms", type=int, default=100, help="until it answers (100)")
    options = parser.parse_args()
    end_with_supervisor()
    uvloop.run(_serve(int(os.environ["PORT"]), options.delay_ms))


if __name__ == "__main__":
    main()
