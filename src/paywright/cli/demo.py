"""The main job, as a client sees it: post the sample issues over HTTP, wait for the decisions."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import msgspec
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from paywright.cli.console import CommandFailed, out
from paywright.samples import SampleIssue, sample_issues

_PATIENCE_S = 90.0
_UNDECIDED = ("pending", "processing")
_COLOURS = {"auto_resolve": "green", "human_review": "yellow", "escalate": "red"}


def run_demo(base_url: str, key: str, *, alive: Callable[[], None]) -> list[dict[str, Any]]:
    """Post the samples, wait until each is decided, and return the issues as the API shows them.

    alive: called while waiting; raises when the servers are gone
    Raises CommandFailed when something is refused or takes too long.
    """
    with (
        httpx2.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=20
        ) as client,
        Progress(
            TextColumn("  {task.description:<9}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=out,
        ) as progress,
    ):
        samples = sample_issues()
        posting = progress.add_task("posting", total=len(samples))
        deciding = progress.add_task("deciding", total=len(samples))
        ids = []
        for sample in samples:
            ids.append(_post(client, sample))
            progress.advance(posting)
        decided: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + _PATIENCE_S
        pause_s = 0.1
        while len(decided) < len(ids):
            for issue_id in ids:
                if issue_id in decided:
                    continue
                issue = read_answer(client.get(f"/api/v1/issues/{issue_id}"), 200)
                if issue["status"] in _UNDECIDED:
                    break  # the rest is hardly further; ask for one at a time
                decided[issue_id] = issue
                progress.advance(deciding)
            else:
                continue
            alive()
            if time.monotonic() > deadline:
                waiting = len(ids) - len(decided)
                raise CommandFailed(f"{waiting} issues are undecided after {_PATIENCE_S:g} s")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 2.0)
    return [decided[issue_id] for issue_id in ids]


def decisions_table(issues: Sequence[dict[str, Any]]) -> Table:
    """`Issue ID | Type | Decision | Confidence | Routing`."""
    table = Table(header_style="bold", box=box.ROUNDED)
    table.add_column("Issue ID", no_wrap=True)
    for name in ("Type", "Decision"):
        table.add_column(name, overflow="fold")
    table.add_column("Confidence", justify="right", overflow="fold")
    table.add_column("Routing", overflow="fold")
    for issue in issues:
        decision = issue["decision"]
        if decision is None:
            failed = (issue["failure_reason"] or issue["status"]).splitlines()[0]
            table.add_row(issue["id"], issue["type"], "—", "—", f"[red]{failed}[/]")
            continue
        colour = _COLOURS[decision["routing"]]
        table.add_row(
            issue["id"],
            issue["type"],
            decision["action"],
            f"{decision['confidence']} %",
            f"[{colour}]{decision['routing']}[/]",
        )
    return table


def _post(client: httpx2.Client, sample: SampleIssue) -> str:
    body = msgspec.structs.asdict(sample)
    key = body.pop("idempotency_key")
    answer = client.post("/api/v1/issues", json=body, headers={"Idempotency-Key": key})
    return read_answer(answer, 201)["id"]


def read_answer(answer: httpx2.Response, expected: int) -> Any:
    if answer.status_code == 429:
        wait_s = answer.headers.get("retry-after", "60")
        raise CommandFailed(f"the API's rate limit is reached; try again in {wait_s} s")
    if answer.status_code != expected:
        raise CommandFailed(f"the API answered {answer.status_code}: {answer.text[:500]}")
    return answer.json()
