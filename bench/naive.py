"""The same product without batches: what one would write first, and not badly.

A Litestar application with one transaction a request, and a worker whose five tasks claim one
job at a time, one transaction an issue. Same tables, validations, idempotency, rules, evidence
and events; same driver with its prepared statements, event loop, HTTP parser, cache of verified
keys. What it leaves out is in its favour: request ids, security headers, metrics, a log of the
queue, the status `processing` with its event, and the queue's notifications, whose lock in
PostgreSQL would make its many commits wait for each other: it polls instead.

    python -m bench.naive serve|work        settings as of `paywright`
"""

import asyncio
import signal
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvicorn
import uvloop
from litestar import Litestar, Request, Response, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from bench.naive_evidence import facts_of
from paywright.api.auth import Doorkeeper
from paywright.api.issues import IssueRequest, opening, render_opened
from paywright.api.problems import explain
from paywright.api.requests import idempotency_key, read_body
from paywright.cli.processes import end_with_supervisor
from paywright.core.actor import SYSTEM, Permission
from paywright.core.cause import Cause
from paywright.core.ids import ActionId, DecisionId, EventId, IssueId
from paywright.customers.model import UnknownCustomer
from paywright.db.pool import Tx, to_jsonb
from paywright.idempotency import KeyReused
from paywright.issues import rules, rules_engine
from paywright.issues.model import Issue, Routing, Status, Verdict
from paywright.issues.open import OpenIssue
from paywright.issues.route import effective_thresholds, route
from paywright.issues.rows import issue_of_row
from paywright.issues.tasks import DecideIssue
from paywright.rulesets.compile import RuleSet
from paywright.settings import Settings, read_settings
from paywright.telemetry.request_id import new_request_id
from paywright.wiring import App, build

CONCURRENCY = 5
_POLL_S = 0.01
_PRIORITY = {"low": 0, "normal": 10, "high": 20, "critical": 30}


@post("/api/v1/issues", status_code=201)
async def open_issue(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    secret = request.headers.get("authorization", "").removeprefix("Bearer ")
    actor = await state.doorkeeper.actor_of(secret)
    actor.require(Permission.OPEN_ISSUES)
    client = request.client
    cause = Cause(actor, datetime.now(UTC), new_request_id(), client.host if client else None)
    body = await read_body(request, IssueRequest)
    wanted = opening(cause, body, key=idempotency_key(request, body.idempotency_key))
    rules.check_details(wanted.details)
    async with state.app.db.transaction() as tx:
        status, answer, replayed = await _open(tx, wanted)
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(answer, status_code=status, media_type="application/json", headers=headers)


async def _open(tx: Tx, wanted: OpenIssue) -> tuple[int, bytes, bool]:
    cause = wanted.cause
    if not await tx.fetchval("select true from customers where id = $1", wanted.customer_id):
        raise UnknownCustomer.field("customer_id", f"{wanted.customer_id} is not on file")
    owner = await tx.fetchval(
        "select customer_id from payments where reference = $1 and kind = 'charge'",
        wanted.transaction_id,
    )
    if owner is not None and owner != wanted.customer_id:
        raise rules.TransactionOfAnotherCustomer.field("transaction_id", "belongs to another")
    issue = Issue(
        id=IssueId.new(cause.at),
        type=wanted.type,
        status=Status.PENDING,
        priority=wanted.priority,
        customer_id=wanted.customer_id,
        transaction_id=wanted.transaction_id,
        details=msgspec.to_builtins(wanted.details),
        opened_by=cause.actor.id,
        created_at=cause.at,
        updated_at=cause.at,
    )
    answer = render_opened(issue)
    claim = wanted.claim(answer)
    taken = await tx.execute(
        """
        insert into idempotency_keys (scope, key, fingerprint, status, body, created_at)
        values ($1, $2, $3, $4, $5, $6)
            on conflict do nothing
        """,
        *(claim.scope, claim.key, claim.fingerprint, answer.status, answer.body),
        cause.at,
    )
    if taken == "INSERT 0 0":
        row = await tx.fetchrow(
            "select fingerprint, status, body from idempotency_keys where scope = $1 and key = $2",
            *(claim.scope, claim.key),
        )
        if row is None or row["fingerprint"] != claim.fingerprint:
            raise KeyReused("differs from the first request")
        return row["status"], row["body"], True
    await _file_issue(tx, cause, issue)
    return answer.status, answer.body, False


async def _file_issue(tx: Tx, cause: Cause, issue: Issue) -> None:
    await tx.execute(
        """
        insert into issues (id, type, status, priority, customer_id, transaction_id, details,
                            opened_by, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        """,
        *(issue.id, issue.type, issue.status, issue.priority, issue.customer_id),
        *(issue.transaction_id, to_jsonb(issue.details), issue.opened_by, issue.created_at),
    )
    await tx.execute(
        """
        insert into pgqueuer (priority, entrypoint, payload, dedupe_key, headers, status)
        values ($1, $2, $3, $4, $5, 'queued')
            on conflict do nothing
        """,
        *(_PRIORITY[issue.priority], DecideIssue.job_name(), DecideIssue(issue.id).encode()),
        *(str(issue.id), to_jsonb({"request_id": cause.request_id})),
    )
    facts = {
        "type": issue.type.value,
        "priority": issue.priority.value,
        "customer_id": issue.customer_id,
        "transaction_id": issue.transaction_id,
        "details": issue.details,
    }
    await emit_one(tx, cause, "issue.opened", issue.id, facts, after={"status": issue.status.value})


async def decide_one(app: App, rule_set: RuleSet) -> bool:
    """Take the next job and decide its issue; whether there was one."""
    async with app.db.transaction() as tx:
        job = await tx.fetchrow(
            """
            select id, payload, headers->>'request_id' as request_id
              from pgqueuer
             where entrypoint = 'decide_issue' and status = 'queued' and execute_after <= now()
             order by priority desc, id
             limit 1
               for update skip locked
            """
        )
        if job is None:
            return False
        row = await tx.fetchrow(
            """
            select id, type, status, priority, customer_id, transaction_id, details, opened_by,
                   created_at, updated_at, attempts, failure_reason, resolved_at
              from issues
             where id = $1 and status = 'pending'
               for update
            """,
            DecideIssue.decode(job["payload"]).issue_id,
        )
        if row is not None:
            cause = Cause(SYSTEM, datetime.now(UTC), job["request_id"])
            await _decide(tx, app, rule_set, cause, issue_of_row(row))
        await tx.execute("delete from pgqueuer where id = $1", job["id"])
    return True


async def _decide(tx: Tx, app: App, rule_set: RuleSet, cause: Cause, issue: Issue) -> None:
    facts = await facts_of(tx, issue, at=cause.at)
    verdict = rules_engine.decide(rule_set, facts)
    thresholds = effective_thresholds(app.thresholds, rule_set.thresholds_for(issue.type))
    routing = route(verdict, thresholds)
    decision_id = DecisionId.new(cause.at)
    await tx.execute(
        """
        insert into decisions (id, issue_id, action, confidence, reasoning, policy_applied,
                               policy_version, engine, routing, inputs, decided_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        *(decision_id, issue.id, verdict.action, verdict.confidence, verdict.reasoning),
        *(verdict.policy_applied, verdict.policy_version, verdict.engine, routing),
        *(msgspec.json.encode(facts).decode(), cause.at),
    )
    resolved = routing is Routing.AUTO_RESOLVE
    status = Status.RESOLVED if resolved else Status.AWAITING_REVIEW
    await tx.execute(
        """
        update issues
           set status = $2, resolved_at = $3, attempts = attempts + 1, updated_at = $4
         where id = $1
        """,
        *(issue.id, status, cause.at if resolved else None, cause.at),
    )
    told = _told(decision_id, verdict, routing)
    await emit_one(
        tx,
        *(cause, "issue.decided", issue.id, told),
        before={"status": issue.status.value},
        after={"status": status.value},
    )
    if resolved:
        action_id = ActionId.new(cause.at)
        await tx.execute(
            """
            insert into issue_actions (id, issue_id, action, source, status, parameters,
                                       requested_by, requested_at, updated_at)
            values ($1, $2, $3, 'machine', 'requested', '{}', $4, $5, $5)
            """,
            *(action_id, issue.id, verdict.action, cause.actor.id, cause.at),
        )
        asked = {"action_id": str(action_id), "action": verdict.action, "source": "machine"}
        await emit_one(tx, cause, "issue.action_requested", issue.id, asked)


def _told(decision_id: DecisionId, verdict: Verdict, routing: Routing) -> dict[str, Any]:
    return {
        "decision_id": str(decision_id),
        "action": verdict.action,
        "confidence": verdict.confidence,
        "routing": routing,
        "policy_applied": verdict.policy_applied,
        "policy_version": verdict.policy_version,
        "engine": verdict.engine,
    }


async def emit_one(
    tx: Tx,
    cause: Cause,
    type: str,
    subject: IssueId,
    data: dict[str, Any],
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await tx.execute(
        """
        insert into events (id, at, type, subject, actor, ip, request_id, data, before, after)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *(EventId.new(cause.at), cause.at, type, str(subject), cause.actor.id, cause.ip),
        *(cause.request_id, to_jsonb(data)),
        None if before is None else to_jsonb(before),
        None if after is None else to_jsonb(after),
    )


async def serve(settings: Settings) -> None:
    app = await build(settings, url=settings.database_url, application="naive-api")
    await listen(app, open_issue, settings)


async def listen(app: App, route: HTTPRouteHandler, settings: Settings) -> None:
    """Serve one route of a naive variant."""
    doorkeeper = Doorkeeper(app.db, app.identity, app.limiter, limit=0, window_s=1)
    await doorkeeper.listener.start()
    api = Litestar(
        [route],
        state=State({"app": app, "doorkeeper": doorkeeper}),
        exception_handlers={Exception: explain},
        openapi_config=None,
        logging_config=None,
    )
    config = uvicorn.Config(
        api, port=settings.port, http="httptools", log_config=None, access_log=False
    )
    await uvicorn.Server(config).serve()


async def work(settings: Settings) -> None:
    app = await build(settings, url=settings.database_url, application="naive-worker")
    async with app.db.transaction() as tx:
        rule_set = await app.issue_rules.current(tx)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def keep_deciding() -> None:
        while not stopping.is_set():
            if not await decide_one(app, rule_set):
                await asyncio.sleep(_POLL_S)

    await asyncio.gather(*(keep_deciding() for _ in range(CONCURRENCY)))


if __name__ == "__main__":
    end_with_supervisor()
    uvloop.run({"serve": serve, "work": work}[sys.argv[1]](read_settings()))
