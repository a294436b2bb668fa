"""Other words for a summary, by somebody who may get it wrong or mean harm."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import a_cause
from tests.gateway.answering import answering, http
from tests.processes import free_port

from paywright.db.pool import Database
from paywright.gateway.breaker import State
from paywright.gateway.model import OrderKind
from paywright.gateway.override import set_breaker
from paywright.gateway.reword import OpenAICompatible, says_the_same
from paywright.gateway.summarize import Summary, summarize

NAMES = ["partner_bank", "stripe", "OperatorA"]
LINE = (
    "partner_bank: 28 of 1,240 attempts (2.3 %) failed, most with timeout; the median latency was "
    "310 ms. Its circuit breaker has been open since 10:42 UTC; the next probe is in 12 s."
)
OTHER = (
    "stripe: all 30 attempts got an answer; 2 were declined; the median latency was 96 ms. Its "
    "circuit breaker has been forced closed by OperatorA since 2026-01-04 09:10 UTC."
)
WHOLE = "In the last 10 minutes 28 of 1,270 attempts (2.2 %) with 2 providers failed."
OURS = "\n".join([WHOLE, LINE, OTHER])


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        "With partner_bank, 28 of the 1240 requests (2.3%) failed, most of these with timeout, "
        "while the median latency was 310 milliseconds. The breaker is open since 10:42 UTC and "
        "the next probe is scheduled in 12 seconds.",
        "partner_bank: 28 of 1\u202f240 calls (2.3 percent) failed \u2014 most because of timeout. "
        "Median latency: 310 ms. Open since 10:42 UTC. Next probe in 12 s.",
    ],
)
def test_what_says_the_same_is_used(line: str) -> None:
    text = says_the_same(OURS, f"{WHOLE}\n\n{line}\n{OTHER}\n", names=NAMES)
    assert text is not None
    assert text.count("\n") == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # a changed, dropped, added, swapped or written-out number
        ("28 of", "29 of"), ("28 of", "27 of"), ("2.3 %", "23 %"), ("2.3 %", "2,3 %"),
        ("310 ms", "310 s"), ("310 ms", "0.31 s"), ("12 s", "12 minutes"), ("12 s", "12"),
        ("10:42", "10:24"), ("10:42", "10.42"), ("10:42 UTC", "10:42"), ("10:42", "22:42"),
        ("28 of 1,240", "28"), ("(2.3 %) ", ""), ("28 of 1,240", "1,240 of 28"),
        ("28 of", "twenty-eight of"), ("28 of", "Twenty eight of"), ("12 s", "a dozen seconds"),
        ("28 of", "about 28 of"), ("28 of", "at least 28 of"), ("28 of", "-28 of"),
        ("28 of", "28k of"), ("28 of", "28+ of"), ("28 of", "28th of"), ("28 of", "28 million of"),
        ("28 of", "28 000 of"), ("28 of", "2 8 of"), ("28 of", "28.0 of"), ("28 of", "0x28 of"),
        ("28 of", "28-30 of"), ("28 of 1,240", "28/1,240"), ("28 of", "28 times 10 of"),
        ("28 of", "\u0662\u0668 of"), ("28 of", "\uff12\uff18 of"), ("28 of", "28\u00b2 of"),
        ("12 s", "12 s, again in 13 s"), ("most with", "21 with"), ("most with", "half with"),
        ("12 s", "12 s half"), ("failed", "failed twice"),
        # swapped between providers
        ("310 ms", "96 ms"), ("of 1,240", "of 30"), ("partner_bank", "stripe"),
        ("partner_bank: 28", "partner_bank and stripe: 28"), ("partner_bank: ", ""),
        ("partner_bank", "partner_bank_2"), ("partner_bank", "another provider"),
        # another state, another outcome, the opposite
        ("open since", "closed since"), ("been open", "been half-open"), ("open since", "since"),
        ("open since", "forced open since"), ("open since", "open and closed since"),
        ("failed", "succeeded"), ("failed", "did not fail"), ("failed", "hardly failed"),
        ("been open", "not been open"), ("has been open", "isn't open"), ("has been", "was down,"),
        ("most with timeout", "most without timeout"), ("timeout", "throttling"),
        ("most with", "all with"), ("next probe", "last probe"), ("median", "average"),
        ("since", "until"), ("probe is in", "payment is in"), ("the next", "ignore the next"),
        # more than text
        ("12 s.", "12 s. Call +49 30 1234!"), ("12 s.", "12 s. See https://example.com."),
        ("12 s.", "12 s. <b>"), ("12 s.", "**12 s.**"), ("12 s.", "12 s.\u200b"),
        ("12 s.", "12 s. [x](//x)"), ("12 s.", "12 s. All is well."), ("12 s.", "12 s.\x1b[2J"),
        ("12 s.", "12 s.\nRestart it."), ("12 s.", "12 s." + " It is." * 40),
        ("12 s.", "12 s. Send the money to OperatorA."), ("12 s.", "12 s\u0660."),
        ("open since 10:42 UTC;", "open since 10:42 UTC and lets calls through;"),
        ("12 s.", "12 s. It is down."), ("12 s.", "12 s. The provider is out."),
    ],
)  # fmt: skip
def test_what_says_anything_else_is_not_used(old: str, new: str) -> None:
    assert old in LINE
    line = LINE.replace(old, new, 1)
    assert says_the_same(OURS, f"{WHOLE}\n{line}\n{OTHER}", names=NAMES) is None


@pytest.mark.parametrize(
    "theirs",
    [
        "", "\n\n", WHOLE, f"{LINE}\n{WHOLE}\n{OTHER}", f"{WHOLE}\n{OTHER}\n{LINE}",
        f"{WHOLE} {LINE} {OTHER}", f"Here it is:\n{OURS}", f"{OURS}\n{OURS}",
        f"{WHOLE}\n{LINE.replace('310', '96')}\n{OTHER.replace('96', '310')}",
        # every number in its order, and yet those of one provider said of the other
        f"{WHOLE}\npartner_bank aside,\n{LINE.replace('partner_bank: ', '')} {OTHER}",
        "I am sorry, I cannot do that.",
    ],
)  # fmt: skip
def test_lines_stay_lines_in_their_order(theirs: str) -> None:
    assert says_the_same(OURS, theirs, names=NAMES) is None


class Bank:
    handles = frozenset({OrderKind.PAYOUT})


PROVIDERS: Any = {"partner_bank": Bank(), "backup_bank": Bank()}


def completion(text: str, **changes: Any) -> bytes:
    body = {"id": "c", "choices": [{"index": 0, "message": {"role": "x", "content": text}}]}
    return http(200, json.dumps(body | changes).encode())


async def told_by(db: Database, answer: bytes, **options: Any) -> tuple[Summary, list[bytes]]:
    """The summary, where a language model answers that, and what it was sent."""
    async with answering(answer, **options) as server:
        model = OpenAICompatible(url=server.url, key="k3y", model="small", timeout_ms=500)
        try:
            told = await summarize(db, a_cause(), providers=PROVIDERS, minutes=10, reworder=model)
        finally:
            await model.close()
        return told, server.requests


async def force(db: Database) -> str:
    """Keep one breaker open, by somebody with an id of digits; the template's text."""
    await set_breaker(
        db,
        a_cause(),
        provider="partner_bank",
        known=PROVIDERS,
        wanted=State.OPEN,
        why="Ida Beispiel of the bank called",
    )
    told = await summarize(db, a_cause(), providers=PROVIDERS, minutes=10, reworder=None)
    assert not told.is_reworded
    return told.text


async def test_other_words_are_used_where_they_say_the_same(db: Database) -> None:
    ours = await force(db)
    assert "forced open by system since 12:00 UTC" in ours
    theirs = ours.replace("system", "OperatorA").replace("In the last", "During the past")
    told, [request] = await told_by(db, completion(theirs))
    assert told.is_reworded
    assert told.text == ours.replace("In the last", "During the past")
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions ")
    assert b"authorization: bearer k3y" in head.lower()
    sent = json.loads(body)
    assert (sent["model"], sent["temperature"]) == ("small", 0)
    assert sent["messages"][1]["content"] == ours.replace("system", "OperatorA")


async def test_who_rewords_learns_nothing_about_people(db: Database) -> None:
    await force(db)
    _, [request] = await told_by(db, completion("x"))
    for secret in (b"Ida", b"system since", b'called"', b"req_test"):
        assert secret not in request


@pytest.mark.parametrize(
    "answer",
    [
        completion("All is well."),
        completion(""),
        http(500, b"{}"),
        http(401, b""),
        http(429, b"{}", "Retry-After: 1"),
        http(302, b"", "Location: http://127.0.0.1:9/"),
        http(200, b"<html>"),
        http(200, b'{"choices": []}'),
        http(200, b'{"choices": [{"message": {"content": null}}]}'),
        http(200, b'{"choices": [{"message": {"content": ["x"]}}]}'),
        http(200, b"[" * 5_000),
        http(200, b"\xff\xfe"),
        http(200, b" " * 100_000),
        completion("x")[:-10],
        b"",
    ],
)
async def test_what_cannot_be_used_leaves_our_own_words(db: Database, answer: bytes) -> None:
    ours = await force(db)
    told, requests = await told_by(db, answer)
    assert (told.text, told.is_reworded) == (ours, False)
    assert len(requests) == 1


async def test_who_rewords_slowly_is_not_waited_for(db: Database) -> None:
    began = time.monotonic()
    told, _ = await told_by(db, completion("x"), chunk_pause_s=0.1)
    assert not told.is_reworded
    assert time.monotonic() - began < 2
    nobody = OpenAICompatible(url=f"http://127.0.0.1:{free_port()}", key="", model="m")
    told = await summarize(db, a_cause(), providers=PROVIDERS, minutes=10, reworder=nobody)
    assert not told.is_reworded
    await nobody.close()


async def test_no_connection_is_held_while_somebody_rewords(database_url: str) -> None:
    db = await Database.connect(database_url, connections_max=1)

    class Slow:
        async def reword(self, text: str) -> str | None:
            async with asyncio.timeout(5), db.transaction() as tx:
                await tx.execute("select 1")
            return text

        async def close(self) -> None:
            pass

    told = await summarize(db, a_cause(), providers=PROVIDERS, minutes=10, reworder=Slow())
    await db.close()
    assert told.is_reworded
    assert told.figures.at == a_cause().at
    assert told.figures.providers[0].window.seconds == timedelta(minutes=10).total_seconds()


@pytest.mark.parametrize(
    ("url", "key", "model"),
    [("llm.example.com", "k", "m"), ("https://", "k", "m"), ("https://llm.example.com", "k", ""),
     ("https://llm.example.com", "ключ", "m"), ("https://llm.example.com", "a\r\nb", "m")],
)  # fmt: skip
def test_what_cannot_work_as_a_reworder_is_refused(url: str, key: str, model: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|needs a"):
        OpenAICompatible(url=url, key=key, model=model)
