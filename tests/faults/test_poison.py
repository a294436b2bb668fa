"""One issue that can never be decided, among fifty that can."""

import asyncio
import json
from uuid import UUID

import pytest
from tests.faults.stage import Clients, Stage, all_decided, balance
from tests.processes import Process, until

from paywright.core.ids import IssueId, KeyId
from paywright.db.pool import Database
from paywright.identity.permissions import Role

pytestmark = pytest.mark.faults

TRIGGER = """
    create function refuse() returns trigger language plpgsql as $$
    begin
        if new.issue_id = '{}' then raise exception 'the ledger is on fire'; end if;
        return new;
    end $$;
    create trigger refuse before insert on decisions for each row execute function refuse();
"""
REASON = "RaiseError: the ledger is on fire"


async def test_a_poisoned_issue_fails_alone_and_is_decided_once_it_is_mended(
    stage: Stage, db: Database, clients: Clients
) -> None:
    async with stage.client(await stage.api()) as client:
        await clients.post_new(client, 51)
        poisoned = clients.issue_id(sorted(clients.answers)[25])
        await db.pool.execute(TRIGGER.format(UUID(int=IssueId.parse(poisoned).int)))
        stage.start("work")
        await all_decided(db)
        await balance(db, clients, dead=1)

        issue = (await client.get(f"/api/v1/issues/{poisoned}")).json()
        assert (issue["status"], issue["failure_reason"]) == ("failed", REASON)
        assert issue["decision"] is None
        assert issue["history"][-1]["type"] == "issue.failed"
        assert issue["history"][-1]["data"]["reason"] == REASON

        [job] = (await client.get("/api/v1/jobs/dead")).json()["items"]
        assert (job["task"], job["attempts"], job["reason"]) == ("decide_issue", 5, REASON)
        assert [job["id"]] == [told["id"] for told in await dead_on_the_command_line(stage)]
        [queue] = (await client.get("/api/v1/jobs")).json()["items"]
        assert (queue["queued"], queue["picked"], queue["dead"]) == (0, 0, 1)

        await db.pool.execute("drop trigger refuse on decisions")
        nobody = stage.client(stage.processes[0], Role.VIEWER)
        async with nobody:
            refused = await nobody.post("/api/v1/jobs/dead/requeue", json={"ids": [job["id"]]})
            assert refused.status_code == 403
        answer = await client.post("/api/v1/jobs/dead/requeue", json={"ids": [job["id"]]})
        assert (answer.status_code, answer.json()) == (200, {"ids": [job["id"]]})

        async def is_decided() -> bool:
            return (await client.get(f"/api/v1/issues/{poisoned}")).json()["decision"] is not None

        await until(is_decided)
        await all_decided(db)
        assert (await client.get("/api/v1/jobs/dead")).json()["items"] == []
        told = await db.pool.fetchrow("select * from events where type = 'job.requeued'")
        key = await db.pool.fetchval("select id from api_keys where role = 'operator'")
        assert told["subject"] == f"job_{job['id']}"
        assert told["actor"] == str(KeyId.of(key))
        assert told["request_id"] == answer.headers["x-request-id"]
        issue = (await client.get(f"/api/v1/issues/{poisoned}")).json()
        assert issue["failure_reason"] is None

    # The log remembers the death; for the rest it is as if nothing had been.
    dead = await db.pool.fetchval("select count(*) from events where type = 'job.dead'")
    assert dead == 1
    assert await db.pool.fetchval("select count(*) from decisions") == 51
    assert await db.pool.fetchval("select count(*) from pgqueuer") == 0


async def dead_on_the_command_line(stage: Stage) -> list[dict[str, object]]:
    settings = {"DATABASE_URL": stage.url, "PAYWRIGHT_DATA_DIR": stage.folder}
    command = Process("jobs", "dead", "--json", folder=stage.folder, settings=settings)
    stage.processes.append(command)
    assert await asyncio.to_thread(command.wait) == 0, command.complained()
    dead = json.loads(command.said())
    assert [job["reason"] for job in dead] == [REASON]
    return dead
