"""The adapter of a KYC provider: the simulator as a process, and servers that talk nonsense."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.gateway.answering import answering, http
from tests.processes import free_port
from tests.simulator.simulating import TOKEN, Simulator

from paywright.kyc.http_provider import HttpKycProvider
from paywright.kyc.model import Forgotten, Lost, Refused, Subject, Underway, Verdict

IDA = Subject(customer_id="cust_ida", name="Ida Beispiel", country="AT")
CHECK = {"id": "check_1", "customer_reference": "cust_ida", "status": "verified"}


@pytest.fixture
async def provider(simulator: Simulator) -> AsyncIterator[HttpKycProvider]:
    it = HttpKycProvider(url=simulator.urls["kyc"], token=TOKEN, timeout_ms=500)
    yield it
    await it.close()


def named(name: str) -> Subject:
    return Subject(customer_id="cust_ida", name=name, country=None)


async def test_a_verdict_is_read_at_once_and_later(provider: HttpKycProvider) -> None:
    begun = await provider.begin(IDA, idempotency_key="k1")
    assert begun == Verdict("check_00000001", is_verified=True)
    assert await provider.look_up("check_00000001") == begun
    rejected = await provider.begin(named("Ida Reject"), idempotency_key="k2")
    assert rejected == Verdict("check_00000002", is_verified=False, reason="document_expired")


async def test_a_check_that_takes_time(provider: HttpKycProvider, simulator: Simulator) -> None:
    simulator.set(decide_after_ms=300)
    begun = await provider.begin(named("Ida Doubt"), idempotency_key="k1")
    assert isinstance(begun, Underway)
    assert await provider.look_up(begun.reference) == begun
    await asyncio.sleep(0.35)
    assert await provider.look_up(begun.reference) == Verdict(
        begun.reference, is_verified=False, reason="document_forged"
    )


async def test_what_the_provider_will_not_check(provider: HttpKycProvider) -> None:
    assert await provider.begin(named(" "), idempotency_key="k1") == Refused("name_missing")
    assert await provider.begin(named("x" * 10_000), idempotency_key="k1") == Refused("malformed")
    assert await provider.look_up("check_99999999") == Forgotten()


async def test_names_of_any_script_arrive(provider: HttpKycProvider) -> None:
    name = "Ирина Примерова · 例 子 · \u0301\u200d\N{GRINNING FACE}"
    assert isinstance(await provider.begin(named(name), idempotency_key="k1"), Verdict)


async def test_a_key_that_was_used_for_another_name_is_no_refusal(
    provider: HttpKycProvider,
) -> None:
    await provider.begin(IDA, idempotency_key="k1")
    answer = await provider.begin(named("Ole Muster"), idempotency_key="k1")
    assert answer == Lost(why="status_422")


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"drop_rate": 1}, "connection_lost"),
        ({"timeout_after_apply_rate": 1}, "timeout"),
        ({"timeout_after_apply_rate": 1, "lost_answer": "close"}, "connection_lost"),
        ({"error_after_apply_rate": 1}, "status_500"),
        ({"garbage_rate": 1}, "unreadable"),
    ],
)
async def test_a_lost_answer_is_lost_and_the_check_is_made_once(
    provider: HttpKycProvider, simulator: Simulator, knobs: dict[str, Any], why: str
) -> None:
    simulator.set(**knobs)
    assert await provider.begin(IDA, idempotency_key="k1") == Lost(why=why)
    assert await provider.look_up("check_1") == Lost(why=why)
    simulator.set()
    assert isinstance(await provider.begin(IDA, idempotency_key="k1"), Verdict)
    assert simulator.books()["checks_total"] == 1


async def test_a_wrong_token_an_empty_port_and_too_many_questions(simulator: Simulator) -> None:
    wrong = HttpKycProvider(url=simulator.urls["kyc"], token="wrong", timeout_ms=500)
    assert await wrong.begin(IDA, idempotency_key="k1") == Lost(why="status_401")
    nowhere = HttpKycProvider(url=f"http://127.0.0.1:{free_port()}", token="t", timeout_ms=500)
    assert await nowhere.begin(IDA, idempotency_key="k1") == Lost(why="connection_lost")
    simulator.set(rate_limit_per_s=1)
    answers = [await wrong.look_up("check_1") for _ in range(2)]
    assert Lost(why="status_429", retry_after_s=1.0) in answers
    await wrong.close()
    await nowhere.close()


@pytest.mark.parametrize(
    ("answer", "begun", "looked_up"),
    [
        (http(200, b"[]"), Lost(why="unreadable"), Lost(why="unreadable")),
        (http(200, b"<html>"), Lost(why="unreadable"), Lost(why="unreadable")),
        (http(200, b" " * 100_000), Lost(why="unreadable"), Lost(why="unreadable")),
        (http(404, b"no such page"), Lost(why="status_404"), Lost(why="status_404")),
        (http(404, b'{"code":"check_not_found"}'), Lost(why="status_404"), Forgotten()),
        (http(302, b"", "Location: /"), Lost(why="status_302"), Lost(why="status_302")),
    ],
)
async def test_what_is_no_answer_decides_nothing(answer: bytes, begun: Any, looked_up: Any) -> None:
    async with answering(answer) as server:
        provider = HttpKycProvider(url=server.url, token="t", timeout_ms=500)
        assert await provider.begin(IDA, idempotency_key="k1") == begun
        assert await provider.look_up("check_1") == looked_up
        await provider.close()


@pytest.mark.parametrize(
    ("changes", "begun", "looked_up"),
    [
        ({"customer_reference": "cust_ole"}, Lost(why="contradiction"), Verdict("check_1", True)),
        ({"id": "check_2"}, Verdict("check_2", True), Lost(why="contradiction")),
        ({"status": "maybe"}, Lost(why="unreadable"), Lost(why="unreadable")),
        # What might be about the person is not taken over.
        ({"status": "rejected", "reason": "Ida lives elsewhere"}, Verdict("check_1", False),
         Verdict("check_1", False)),
    ],
)  # fmt: skip
async def test_a_verdict_about_another_check_is_none(
    changes: dict[str, Any], begun: Any, looked_up: Any
) -> None:
    async with answering(http(200, json.dumps(CHECK | changes).encode())) as server:
        provider = HttpKycProvider(url=server.url, token="t", timeout_ms=500)
        assert await provider.begin(IDA, idempotency_key="k1") == begun
        assert await provider.look_up("check_1") == looked_up
        await provider.close()


async def test_a_reference_cannot_lead_elsewhere() -> None:
    async with answering(http(404, b"{}")) as server:
        provider = HttpKycProvider(url=server.url, token="t", timeout_ms=500)
        await provider.look_up("../../control/books?x=1#y")
        await provider.close()
    path = server.requests[0].split(b" ")[1]
    assert path == b"/v1/checks/..%2F..%2Fcontrol%2Fbooks%3Fx%3D1%23y"
