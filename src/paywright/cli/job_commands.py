"""Jobs on the command line."""

from typing import Annotated

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.jobs.dead_letters import depth, list_dead, requeue
from paywright.jobs.model import DeadLetter, Depth
from paywright.wiring import App

cli = Cli(help="See what waits and what died; put dead jobs back.")


@cli.command(name="list")
def list_queues(*, as_json: Json = False) -> None:
    """How much work waits, by task."""

    async def main(app: App) -> list[Depth]:
        async with app.db.snapshot() as tx:
            return await depth(tx)

    queues = with_app(main)
    if as_json:
        print_json(queues)
    elif queues:
        rows = [
            [q.task, str(q.queued), str(q.picked), str(q.failed), f"{q.oldest_age_seconds:.0f} s"]
            for q in queues
        ]
        print_table("", ["Task", "Queued", "Picked", "Dead", "Oldest"], rows)
    else:
        out.print("Nothing waits.")


@cli.command
def dead(*, limit: int = 50, as_json: Json = False) -> None:
    """Jobs whose every attempt failed, newest first, each with the reason."""

    async def main(app: App) -> list[DeadLetter]:
        async with app.db.snapshot() as tx:
            return list((await list_dead(tx, limit=limit)).items)

    letters = with_app(main)
    if as_json:
        print_json([msgspec.to_builtins(letter) for letter in letters])
    elif letters:
        rows = [
            [str(x.id), x.task, str(x.attempts), f"{x.died_at:%Y-%m-%d %H:%M:%S}", x.reason]
            for x in letters
        ]
        print_table("", ["Job", "Task", "Attempts", "Died (UTC)", "Reason"], rows)
    else:
        out.print("No dead jobs.")


@cli.command(name="requeue")
def requeue_dead(
    *ids: int,
    all_: Annotated[bool, Parameter(name="--all", negative=(), help="All dead jobs.")] = False,
    as_json: Json = False,
) -> None:
    """Put dead jobs back into the queue, by number or all of them."""

    async def main(app: App) -> list[int]:
        if bool(ids) == all_:
            raise CommandFailed("name the jobs to put back, or say --all")
        return await requeue(app.db, system_cause(), ids=None if all_ else ids)

    done = with_app(main)
    if as_json:
        print_json({"requeued": done})
    else:
        out.print(f"{len(done)} jobs put back.")
