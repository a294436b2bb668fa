"""The transfers of `bench.ledger_workload`, with amounts as various as those of real payments: what
the rules remember of earlier amounts is then of no help. All are too small to need a code."""

import random
from collections.abc import Iterator

import msgspec

from bench.ledger_workload import Wish, wishes

_AMOUNT_MAX = 500_000  # minor units; the rules that come along find more large
_PATH = "/api/v1/transfers"


def various(count: int, *, seed: int) -> Iterator[Wish]:
    """seed: no two calls on one database have the same"""
    dice = random.Random(seed)
    for wish in wishes(count, seed=seed):
        yield msgspec.structs.replace(wish, amount_minor=dice.randint(1, _AMOUNT_MAX))


def requests(count: int, *, seed: int, secret: str) -> list[bytes]:
    """`POST /api/v1/transfers`, ready to be sent. `secret`: an API key or an access token."""
    return [_request(wish, secret) for wish in various(count, seed=seed)]


def _request(wish: Wish, secret: str) -> bytes:
    asked = msgspec.structs.asdict(wish)
    key = asked.pop("key")
    body = msgspec.json.encode(asked)
    head = (
        f"POST {_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {secret}\r\nidempotency-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
