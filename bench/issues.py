"""Issues created and decided in a second, by Paywright and by a naive variant of it.

    python -m bench.issues [--issues 6000] [--rounds 3] [--quick]

Prints tables, and as its last line all figures in JSON. The exit status is 1 when an invariant
was broken: then there is no speed to speak of.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence

import msgspec
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.load import LoadFailed
from bench.machine import Machine, describe
from bench.stack import BenchFailed, server
from bench.variants import (
    CREATE_CONNECTIONS,
    END_TO_END_CONNECTIONS,
    NAIVE,
    OURS,
    Created,
    Figures,
    measure,
    size_of,
)

RATIO_WANTED = 3.0
MEMORY_MB_WANTED = 200.0
_METHOD = (
    "One API process and one worker process of each variant, loaded from this process over "
    "loopback, all on the same cores; a fresh database a run on one embedded PostgreSQL; variants "
    "in turn; medians of the rounds."
)


class Report(msgspec.Struct, frozen=True):
    """`ratio`: ours to naive; wanted is `end_to_end` of 3 or more."""

    bench: str
    method: str
    machine: Machine
    issues: int
    rounds: int
    connections: int
    ours: Figures
    naive: Figures
    ratio: dict[str, float]
    ratio_wanted: float
    memory_mb_wanted: float
    runs: dict[str, Sequence[Figures]]
    wrong: Sequence[str]


def main() -> int:
    options = _options()
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        report = uvloop.run(_run(out, issues=options.issues, rounds=options.rounds))
    except (BenchFailed, LoadFailed) as error:
        out.print(f"[bold red]✗[/] {error}")
        return 1
    _show(out, report)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 1 if report.wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.issues", description=__doc__)
    parser.add_argument("--issues", type=int, default=None, help="end to end (6000)")
    parser.add_argument("--rounds", type=int, default=None, help="runs of each variant (3)")
    parser.add_argument("--quick", action="store_true", help="1500 issues, 1 round")
    options = parser.parse_args()
    options.issues = options.issues or (1_500 if options.quick else 6_000)
    options.rounds = options.rounds or (1 if options.quick else 3)
    if not (200 <= options.issues <= 100_000 and 1 <= options.rounds <= 20):
        parser.error("200 to 100000 issues and 1 to 20 rounds")
    return options


async def _run(out: Console, *, issues: int, rounds: int) -> Report:
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn())
    runs: dict[str, list[Figures]] = {OURS.name: [], NAIVE.name: []}
    with server() as it:
        machine = await describe(it)
        _show_machine(out, machine)
        console = Console(stderr=True)
        with Progress(*columns, TimeElapsedColumn(), console=console, refresh_per_second=2) as bar:
            task = bar.add_task("preparing", total=2 * rounds * size_of(issues))
            await it.prepare()
            for round_number in range(1, rounds + 1):
                for variant in (OURS, NAIVE):
                    bar.update(task, description=f"{variant.name}, round {round_number}")
                    figures = await measure(
                        it, variant, issues=issues, told=lambda count: bar.advance(task, count)
                    )
                    runs[variant.name].append(figures)
    return _report(machine, runs, issues=issues, rounds=rounds)


def _report(
    machine: Machine, runs: dict[str, list[Figures]], *, issues: int, rounds: int
) -> Report:
    ours, naive = median_of(runs[OURS.name]), median_of(runs[NAIVE.name])
    ratio = {
        "end_to_end": ours.end_to_end / naive.end_to_end,
        "drain": ours.drain / naive.drain,
        **{
            f"create_{n}": ours.create[str(n)].per_second / naive.create[str(n)].per_second
            for n in CREATE_CONNECTIONS
        },
    }
    return Report(
        bench="issues",
        method=_METHOD,
        machine=machine,
        issues=issues,
        rounds=rounds,
        connections=END_TO_END_CONNECTIONS,
        ours=ours,
        naive=naive,
        ratio={name: round(value, 2) for name, value in ratio.items()},
        ratio_wanted=RATIO_WANTED,
        memory_mb_wanted=MEMORY_MB_WANTED,
        runs=dict(runs),
        wrong=[*(f"ours: {w}" for w in ours.wrong), *(f"naive: {w}" for w in naive.wrong)],
    )


def median_of(runs: Sequence[Figures]) -> Figures:
    """Each figure's median; memory's maximum; all that was wrong."""

    def median(figure: Callable[[Figures], float]) -> float:
        return statistics.median(figure(run) for run in runs)

    return Figures(
        end_to_end=median(lambda run: run.end_to_end),
        create={
            name: Created(
                median(lambda run, name=name: run.create[name].per_second),
                median(lambda run, name=name: run.create[name].p50_ms),
                median(lambda run, name=name: run.create[name].p99_ms),
            )
            for name in runs[0].create
        },
        drain=median(lambda run: run.drain),
        api_cpu_ms=median(lambda run: run.api_cpu_ms),
        worker_cpu_ms=median(lambda run: run.worker_cpu_ms),
        api_memory_mb=max(run.api_memory_mb for run in runs),
        worker_memory_mb=max(run.worker_memory_mb for run in runs),
        wrong=[wrong for run in runs for wrong in run.wrong],
    )


def _show_machine(out: Console, machine: Machine) -> None:
    out.print(f"\n[bold]Payment issues, created and decided[/]\n\n{_METHOD}\n")
    out.print(
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}, PostgreSQL {machine.postgresql}, fsync {machine.fsync}, "
        f"synchronous_commit {machine.synchronous_commit}, shared_buffers "
        f"{machine.shared_buffers}, load before {machine.load_before:g}\n"
    )
    if machine.load_before > machine.cores / 2:
        out.print("[yellow]●[/] other programs may be at work here: expect noise\n")


def _show(out: Console, report: Report) -> None:
    ours, naive = report.ours, report.naive
    table = Table(header_style="bold", box=None)
    for name in ("", "Paywright", "naive", "ratio"):
        table.add_column(name, justify="right" if name else "left")

    def row(
        what: str, figure: Callable[[Figures], float], ratio: str = "", form: str = ",.0f"
    ) -> None:
        told = f"{report.ratio[ratio]:.2f}" if ratio else ""
        table.add_row(what, format(figure(ours), form), format(figure(naive), form), told)

    row(
        f"created and decided, {report.connections} connections (issues/s)",
        lambda run: run.end_to_end,
        "end_to_end",
    )
    for n in map(str, CREATE_CONNECTIONS):
        per_second = f"created, {n} connections (issues/s)"
        row(per_second, lambda run, n=n: run.create[n].per_second, f"create_{n}")
        row("  latency p50 (ms)", lambda run, n=n: run.create[n].p50_ms, form=".1f")
        row("  latency p99 (ms)", lambda run, n=n: run.create[n].p99_ms, form=".1f")
    row("decided from a backlog (issues/s)", lambda run: run.drain, "drain")
    row("processor time an issue, API (ms)", lambda run: run.api_cpu_ms, form=".3f")
    row("processor time an issue, worker (ms)", lambda run: run.worker_cpu_ms, form=".3f")
    row("resident memory, API (MB)", lambda run: run.api_memory_mb)
    row("resident memory, worker (MB)", lambda run: run.worker_memory_mb)
    out.print(table)
    for name, runs in report.runs.items():
        told = ", ".join(f"{run.end_to_end:,.0f}" for run in runs)
        out.print(f"\ncreated and decided a second by {name}, each round: {told}", end="")
    out.print("\n")
    _show_verdicts(out, report)


def _show_verdicts(out: Console, report: Report) -> None:
    def verdict(good: bool, told: str) -> None:
        out.print("[green]✓[/]" if good else "[bold red]✗[/]", told)

    for wrong in report.wrong:
        verdict(False, wrong)
    if not report.wrong:
        verdict(True, "every acknowledged issue is on file and was decided exactly once")
    ratio = report.ratio["end_to_end"]
    verdict(ratio >= RATIO_WANTED, f"{ratio:.2f} times naive, wanted {RATIO_WANTED:g}")
    memory_mb = max(report.ours.api_memory_mb, report.ours.worker_memory_mb)
    told = f"{memory_mb:.0f} MB resident in the largest process, wanted {MEMORY_MB_WANTED:g}"
    verdict(memory_mb <= MEMORY_MB_WANTED, told)
    out.print()


if __name__ == "__main__":
    sys.exit(main())
