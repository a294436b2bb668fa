"""Sample issues without a server: put them into the database, decide them here."""

from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from paywright.api.issue_views import IssueStory
from paywright.api.issues import IssueRequest, opening, render_opened
from paywright.cli import prepare
from paywright.cli.console import out, print_json
from paywright.cli.demo import decisions_table
from paywright.cli.session import Json, with_app
from paywright.core.errors import Problem
from paywright.core.ids import IssueId
from paywright.issues.clear import clear_issues
from paywright.issues.decide import decide_issues
from paywright.issues.open import Opened, open_issues
from paywright.issues.views import get_issue
from paywright.samples import sample_issues
from paywright.wiring import App

Clear = Annotated[
    bool,
    Parameter(negative=(), help="First remove the sample issues, with what was decided on them."),
]


def ingest_samples(*, clear: Clear = False, as_json: Json = False) -> None:
    """Put the sample customers, transactions and issues into the database."""

    async def main(app: App) -> dict[str, int]:
        await prepare.ensure_rules(app)
        removed = 0
        if clear:
            cause = prepare.system_cause()
            removed = len(await clear_issues(app.db, cause, keys=_keys()))
        await prepare.load_samples(app)
        opened = await _open(app)
        new = sum(not issue.replayed for issue in opened)
        return {"removed": removed, "opened": new, "already_there": len(opened) - new}

    counts = with_app(main)
    if as_json:
        print_json(counts)
        return
    out.print(
        f"{counts['opened']} sample issues opened, {counts['already_there']} were there already"
        + (f", {counts['removed']} removed before" if clear else "")
        + ". `paywright process-samples` decides them here, a worker does it anyway."
    )


def process_samples(*, as_json: Json = False) -> None:
    """Decide the sample issues in this process, without a server, and show the decisions."""

    async def main(app: App) -> list[dict[str, Any]]:
        await prepare.ensure_rules(app)
        await prepare.load_samples(app)
        ids = [_issue_id(opened) for opened in await _open(app)]
        cause = prepare.system_cause()
        asked = [(cause, issue_id) for issue_id in ids]
        await decide_issues(app.db, app.issue_rules, asked, defaults=app.thresholds)
        stories = [await get_issue(app.db, cause, issue_id=issue_id) for issue_id in ids]
        return [msgspec.to_builtins(IssueStory.told(story)) for story in stories]

    issues = with_app(main)
    if as_json:
        print_json(issues)
    else:
        out.print(decisions_table(issues))


async def _open(app: App) -> list[Opened]:
    cause = prepare.system_cause()
    requests = []
    for sample in sample_issues():
        body: IssueRequest = msgspec.convert(msgspec.structs.asdict(sample), IssueRequest)
        requests.append(opening(cause, body, key=sample.idempotency_key))
    outcomes = await open_issues(app.db, requests, render=render_opened)
    for outcome in outcomes:
        if isinstance(outcome, Problem):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Opened)]


def _issue_id(opened: Opened) -> IssueId:
    return IssueId.parse(msgspec.json.decode(opened.answer.body)["id"])


def _keys() -> list[str]:
    return [sample.idempotency_key for sample in sample_issues()]
