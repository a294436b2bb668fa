"""Several processes and several people want the same thing at once: one of them gets it."""

import asyncio
from collections import Counter

import pytest
from tests.faults.stage import (
    Clients,
    Stage,
    all_decided,
    balance,
    holding,
    ready,
    waiting_on_lock,
)
from tests.processes import free_port

from paywright.core.ids import IssueId
from paywright.db.pool import Database
from paywright.identity.permissions import Role

pytestmark = pytest.mark.faults


async def test_two_apis_and_two_workers_make_one_issue_of_each_key(
    stage: Stage, db: Database, clients: Clients
) -> None:
    stage.start("work")
    stage.start("work")
    one, other = await asyncio.gather(stage.api(), stage.api())
    keys = [clients.new_key() for _ in range(150)]
    async with stage.client(one) as first, stage.client(other) as second:
        for some in (keys[:50], keys[50:]):
            answers = await asyncio.gather(
                *(clients.post(client, key) for key in some for client in (first, second) * 2)
            )
            assert {answer and answer.status_code for answer in answers} == {201}
            replayed = Counter("idempotency-replayed" in a.headers for a in answers if a)
            assert replayed == {False: len(some), True: 3 * len(some)}
    await all_decided(db)
    await balance(db, clients)


async def test_two_api_processes_share_a_port_and_one_may_die(
    stage: Stage, db: Database, clients: Clients
) -> None:
    port = free_port()
    both = [stage.start("serve", PORT=port, API_PROCESSES=2) for _ in range(2)]
    await asyncio.gather(*map(ready, both))
    stage.start("work")
    keys = [clients.new_key() for _ in range(60)]
    # A connection for each request: the kernel spreads connections.
    for survivors in (both, both[1:]):
        for api in set(both) - set(survivors):
            api.kill()
        answers = []
        for key in keys:
            async with stage.client(both[1]) as client:
                answers.append(await clients.post(client, key))
        assert {answer and answer.status_code for answer in answers} == {201}
    await all_decided(db)
    await balance(db, clients)


async def test_of_two_reviewers_at_once_one_settles_the_issue(
    stage: Stage, db: Database, clients: Clients
) -> None:
    stage.start("work")
    one, other = await asyncio.gather(stage.api(), stage.api())
    async with stage.client(one) as client:
        await clients.post_new(client, 9)
    await all_decided(db)
    row = await db.pool.fetchrow(
        "select id, (select action from decisions where issue_id = issues.id) as action"
        "  from issues where status = 'awaiting_review' limit 1"
    )
    issue_id = IssueId.of(row["id"])
    async with (
        stage.client(one, Role.REVIEWER) as first,
        stage.client(other, Role.REVIEWER) as second,
    ):
        verdicts = [{"decision": "approve"}, {"decision": "reject", "comment": "not so"}]
        async with holding(stage.url, "select 1 from issues where id = $1 for update", row["id"]):
            reviews = asyncio.gather(
                *(
                    client.post(f"/api/v1/issues/{issue_id}/review", json=verdict)
                    for client, verdict in zip((first, second), verdicts, strict=True)
                )
            )
            await waiting_on_lock(db, "paywright-api", count=2)
        answers = await reviews
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        won = next(answer for answer in answers if answer.status_code == 200).json()
        lost = next(answer for answer in answers if answer.status_code == 409)
        assert lost.headers["content-type"] == "application/problem+json"
        assert lost.json()["type"] == "/problems/already-reviewed"
        story = (await first.get(f"/api/v1/issues/{issue_id}")).json()
    assert story["status"] == "resolved"
    assert story["review"] == won
    assert [event["type"] for event in story["history"]].count("issue.reviewed") == 1
    assert await db.pool.fetchval("select count(*) from reviews") == 1
    acted = await db.pool.fetchval(
        "select count(*) from issue_actions where issue_id = $1", row["id"]
    )
    assert acted == (1 if won["decision"] == "approve" else 0)
