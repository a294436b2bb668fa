"""Open issues: on file, queued and answered in one transaction, a list at a time."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import IssueId
from paywright.customers import store as customers
from paywright.customers.model import UnknownCustomer
from paywright.db.pool import Database, Tx
from paywright.events.emit import Event, emit_all
from paywright.idempotency import Answer, Claim, KeyReused, claim, fingerprint, release
from paywright.issues import rules, store
from paywright.issues.details import Details
from paywright.issues.model import Issue, IssueType, Priority, Status
from paywright.issues.tasks import ask_for_decisions
from paywright.payments import store as payments

SCOPE = "issues.open"


class OpenIssue(msgspec.Struct, frozen=True, kw_only=True):
    """A request to open an issue, with the cause of its own that it keeps within a batch."""

    cause: Cause
    idempotency_key: str
    type: IssueType
    customer_id: str
    transaction_id: str
    details: Details
    priority: Priority

    def claim(self, answer: Answer) -> Claim:
        fields, digest = fingerprint(
            {
                "type": self.type,
                "customer_id": self.customer_id,
                "transaction_id": self.transaction_id,
                "details": self.details,
                "priority": self.priority,
            }
        )
        return Claim(SCOPE, self.idempotency_key, fields, digest, answer)


class Opened(msgspec.Struct, frozen=True):
    """`replayed`: the issue was opened by an earlier request with the same key."""

    answer: Answer
    replayed: bool


# How an issue is told to the caller. Part of the transaction, since the answer is stored with it.
Render = Callable[[Issue], Answer]


async def open_issues(
    db: Database, requests: Sequence[OpenIssue], *, render: Render
) -> list[Opened | Problem]:
    """Open each issue, or say why not; one refused request does not touch the others.

    Safe to repeat: a request whose key is on file gets the answer of the first time.
    """
    outcomes: list[Opened | Problem | None] = [_refusal(request) for request in requests]
    sound = [i for i, outcome in enumerate(outcomes) if outcome is None]
    issues = {i: _issue(requests[i]) for i in sound}
    answers = {i: render(issue) for i, issue in issues.items()}
    async with db.transaction() as tx:
        # Keys first: a repetition gets its answer even if the customer is gone meanwhile.
        claims = [requests[i].claim(answers[i]) for i in sound]
        # `at` only ages the keys out: that of any request of the batch will do.
        taken = dict(zip(sound, await claim(tx, claims, at=requests[0].cause.at), strict=True))
        fresh = [i for i in sound if taken[i] is None]
        refused = await _unknown(tx, requests, fresh)
        if refused:
            # A refusal does not use the key up, nor does it answer for it.
            await release(tx, SCOPE, [requests[i].idempotency_key for i in refused])
        for i, earlier in taken.items():
            outcomes[i] = _outcome(requests, i, answers[i], earlier, refused)
        filed = [(requests[i].cause, issues[i]) for i in fresh if i not in refused]
        if filed:
            await file_issues(tx, filed)
    return [outcome for outcome in outcomes if outcome is not None]


def _outcome(
    requests: Sequence[OpenIssue],
    index: int,
    answer: Answer,
    earlier: Answer | KeyReused | None,
    refused: Mapping[int, Problem],
) -> Opened | Problem:
    if index in refused:
        return refused[index]
    if earlier is None:
        return Opened(answer, replayed=False)
    for other, problem in refused.items():
        # Sent twice at the same time, and refused: both are told so.
        if requests[other].idempotency_key == requests[index].idempotency_key:
            return problem
    return Opened(earlier, replayed=True) if isinstance(earlier, Answer) else earlier


def _refusal(request: OpenIssue) -> Problem | None:
    try:
        request.cause.actor.require(Permission.OPEN_ISSUES)
        rules.check_details(request.details)
    except Problem as problem:
        return problem
    return None


async def _unknown(
    tx: Tx, requests: Sequence[OpenIssue], indexes: Sequence[int]
) -> dict[int, Problem]:
    """Whose customer is not on file, or whose transaction is somebody else's."""
    if not indexes:
        return {}
    known = await customers.known(tx, sorted({requests[i].customer_id for i in indexes}))
    references = sorted({requests[i].transaction_id for i in indexes})
    charges = await payments.charges_by_reference(tx, references)
    problems: dict[int, Problem] = {}
    for i in indexes:
        request = requests[i]
        charge = charges.get(request.transaction_id)
        if request.customer_id not in known:
            text = f"{request.customer_id} is not on file"
            problems[i] = UnknownCustomer.field("customer_id", text)
        elif charge is not None and charge.customer_id != request.customer_id:
            text = "belongs to another customer"
            problems[i] = rules.TransactionOfAnotherCustomer.field("transaction_id", text)
    return problems


def _issue(request: OpenIssue) -> Issue:
    cause = request.cause
    return Issue(
        id=IssueId.new(cause.at),
        type=request.type,
        status=Status.PENDING,
        priority=request.priority,
        customer_id=request.customer_id,
        transaction_id=request.transaction_id,
        details=msgspec.to_builtins(request.details),
        opened_by=cause.actor.id,
        created_at=cause.at,
        updated_at=cause.at,
    )


async def file_issues(tx: Tx, opened: Sequence[tuple[Cause, Issue]]) -> None:
    """Put new issues on file, queue them for a decision, and tell of them."""
    await store.insert_issues(tx, [issue for _, issue in opened])
    await ask_for_decisions(tx, opened)
    await emit_all(tx, [(cause, _opened(issue)) for cause, issue in opened])


def _opened(issue: Issue) -> Event:
    facts = {
        "type": issue.type.value,
        "priority": issue.priority.value,
        "customer_id": issue.customer_id,
        "transaction_id": issue.transaction_id,
        "details": issue.details,
    }
    return Event("issue.opened", str(issue.id), facts, after={"status": issue.status.value})
