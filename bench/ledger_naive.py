"""Transfers without batches: what one would write first, and not badly.

A Litestar route with one transaction a request, of single-row statements: claim the key, lock
both accounts in the order of their ids, check, write. Same tables, validations, rules and answers;
same driver with its prepared statements, event loop, HTTP parser, garbage collection and cache
of verified keys. What it leaves out is in its favour: request ids from outside, security headers,
metrics, holds, linked movements.

    python -m bench.ledger_naive        settings as of `paywright`
"""

from datetime import UTC, datetime
from typing import Any

import uvloop
from litestar import Request, Response, post
from litestar.datastructures import State

from bench.naive import listen
from paywright.api.movement_answers import RENDER
from paywright.api.movement_requests import TransferRequest, transfer_order
from paywright.api.requests import idempotency_key, read_body
from paywright.cli.processes import end_with_supervisor
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId, EventId, PaymentId
from paywright.db.pool import Tx, to_jsonb
from paywright.idempotency import Answer, KeyReused
from paywright.ledger import rules
from paywright.ledger.model import AccountKind, AccountStatus, Instruction, Standing, Transfer
from paywright.ledger.rules import Book
from paywright.payments.orders import Order, receipt_of
from paywright.settings import Settings, read_settings
from paywright.telemetry.request_id import new_request_id
from paywright.wiring import build_patiently


@post("/api/v1/transfers", status_code=201)
async def create_transfer(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    secret = request.headers.get("authorization", "").removeprefix("Bearer ")
    actor = await state.doorkeeper.actor_of(secret)
    actor.require(Permission.MOVE_MONEY)
    client = request.client
    cause = Cause(actor, datetime.now(UTC), new_request_id(), client.host if client else None)
    body = await read_body(request, TransferRequest)
    order = transfer_order(cause, body, key=idempotency_key(request, body.idempotency_key))
    async with state.app.db.transaction() as tx:
        answer, replayed = await _transfer(tx, order)
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(
        answer.body, status_code=answer.status, media_type="application/json", headers=headers
    )


async def _transfer(tx: Tx, order: Order) -> tuple[Answer, bool]:
    (element,) = order.elements
    claim = element.claim
    assert claim is not None, "a single transfer has a key"
    taken = await tx.execute(
        """
        insert into idempotency_keys (scope, key, fingerprint, status, body, created_at)
        values ($1, $2, $3, 0, '', $4)
            on conflict do nothing
        """,
        *(claim.scope, claim.key, claim.fingerprint, order.cause.at),
    )
    if taken == "INSERT 0 0":
        row = await tx.fetchrow(
            "select fingerprint, status, body from idempotency_keys where scope = $1 and key = $2",
            *(claim.scope, claim.key),
        )
        if row is None or row["fingerprint"] != claim.fingerprint:
            raise KeyReused("differs from the first request")
        return Answer(row["status"], row["body"]), True
    asked = element.instruction
    accounts = await _lock(tx, asked)
    (outcome,) = rules.apply(Book(accounts), [asked])
    if isinstance(outcome, Problem):
        raise outcome
    for account in accounts.values():
        await _save_balances(tx, account)
    await _file(tx, order.cause, outcome)
    answer = RENDER.happened(receipt_of(outcome, accounts))
    await tx.execute(
        "update idempotency_keys set status = $3, body = $4 where scope = $1 and key = $2",
        *(claim.scope, claim.key, answer.status, answer.body),
    )
    return answer, False


async def _lock(tx: Tx, asked: Instruction) -> dict[AccountId, Standing]:
    rows = await tx.fetch(
        """
        select id, currency, kind, moved_at, may_go_negative, status, debits_posted,
               credits_posted, debits_pending, credits_pending
          from accounts
         where id in ($1, $2)
         order by id
           for no key update
        """,
        *(asked.debit_account_id, asked.credit_account_id),
    )
    return {
        (account_id := AccountId.of(row["id"])): Standing(
            id=account_id,
            currency=row["currency"],
            kind=AccountKind(row["kind"]),
            moved_at=row["moved_at"],
            may_go_negative=row["may_go_negative"],
            status=AccountStatus(row["status"]),
            debits_posted=row["debits_posted"],
            credits_posted=row["credits_posted"],
            debits_pending=row["debits_pending"],
            credits_pending=row["credits_pending"],
        )
        for row in rows
    }


async def _save_balances(tx: Tx, account: Standing) -> None:
    await tx.execute(
        """
        update accounts
           set debits_posted = $2, credits_posted = $3, moved_at = $4
         where id = $1
        """,
        *(account.id, account.debits_posted, account.credits_posted, account.moved_at),
    )


async def _file(tx: Tx, cause: Cause, it: Transfer) -> None:
    await tx.execute(
        """
        insert into ledger_transfers (id, kind, debit_account_id, credit_account_id, amount_minor,
                                      held_minor, currency, created_at, debit_balance,
                                      debit_available, credit_balance, credit_available,
                                      description)
        values ($1, 'post', $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11)
        """,
        *(it.id, it.debit_account_id, it.credit_account_id, it.amount_minor, it.currency),
        *(it.created_at, it.debit.balance, it.debit.available),
        *(it.credit.balance, it.credit.available, it.description),
    )
    await tx.execute(
        """
        insert into payments (id, kind, status, amount_minor, currency, debit_account_id,
                              credit_account_id, description, created_at, recorded_at)
        values ($1, 'transfer', 'succeeded', $2, $3, $4, $5, $6, $7, $8)
        """,
        *(it.id, it.amount_minor, it.currency, it.debit_account_id, it.credit_account_id),
        *(it.description, it.created_at, cause.at),
    )
    facts = {
        "kind": "transfer",
        "debit_account_id": str(it.debit_account_id),
        "credit_account_id": str(it.credit_account_id),
        "amount_minor": it.amount_minor,
        "currency": it.currency,
    }
    await tx.execute(
        """
        insert into events (id, at, type, subject, actor, ip, request_id, data, after)
        values ($1, $2, 'payment.completed', $3, $4, $5, $6, $7, $8)
        """,
        *(EventId.new(cause.at), cause.at, str(PaymentId.of(it.id)), cause.actor.id, cause.ip),
        *(cause.request_id, to_jsonb(facts), to_jsonb({"status": "succeeded"})),
    )


async def serve(settings: Settings) -> None:
    app = await build_patiently(settings, url=settings.database_url, application="naive-api")
    await listen(app, create_transfer, settings)


if __name__ == "__main__":
    end_with_supervisor()
    uvloop.run(serve(read_settings()))
