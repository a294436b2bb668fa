"""What it costs to weigh a transfer before it is made, and where the difference goes.

    python -m bench.confirm [--rounds 3] [--count 24000] [--no-profile] [--quick]

bare: between accounts of the house, by an API key: idempotency, ledger, event
full: between accounts of customers, by somebody who has signed in: counted by the rate limit,
      assessed (velocity, KYC, sanctions standing of both parties, rules), on file with the
      assessment

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
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import confirm_fill, confirm_http, confirm_show
from bench.confirm_http import PLANS, WARM_UP
from bench.confirm_statements import statements
from bench.ledger_http import CONNECTIONS, Figures
from bench.load import LoadFailed
from bench.machine import Machine, describe
from bench.stack import BenchFailed, Server, server

WANTED = 0.6  # full to bare
_COUNT, _QUICK = 24_000, 6_000
_METHOD = (
    "POST /api/v1/transfers to one API process over 128 connections. Durable commits on one "
    "embedded PostgreSQL with its default settings; all processes, that which makes the load among "
    f"them, on the same cores; {confirm_fill.CUSTOMERS} customers, {confirm_fill.ENTRIES:,} "
    "entries of a sanctions list; a fresh copy of one database a run; variants in turn; medians of "
    "the rounds; the books verified after every run."
)


class Report(msgspec.Struct, frozen=True):
    """Figures by variant and name: `per_second` are transfers, `us_*` microseconds of one transfer.

    ratio:      of the speeds, full to bare
    processor:  of the API process, microseconds of one transfer by subject
    statements: waited for, microseconds of one transfer by who asked
    """

    bench: str
    method: str
    machine: Machine
    rounds: int
    count: int
    connections: int
    ratio: float
    wanted: float
    wrong: Sequence[str]
    http: dict[str, Figures]
    processor: dict[str, Figures]
    statements: dict[str, Figures]
    runs: dict[str, Sequence[Figures]]


def main() -> int:
    options = _options()
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        report = uvloop.run(_run(out, options))
    except (BenchFailed, LoadFailed) as error:
        out.print(f"[bold red]✗[/] {error}")
        return 1
    confirm_show.show(out, report.http, report.runs)
    if report.processor:
        told = "processor of the API process, µs of one transfer"
        confirm_show.show_profile(out, told, report.processor)
        told = "waited for, without HTTP, µs of one transfer"
        confirm_show.show_profile(out, told, report.statements)
    confirm_show.show_verdict(out, report.ratio, WANTED, report.wrong)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 1 if report.wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.confirm", description=__doc__)
    parser.add_argument("--rounds", type=int, default=None, help="runs of each variant (3)")
    parser.add_argument("--count", type=int, default=None, help="transfers of a run (24000)")
    parser.add_argument("--no-profile", dest="profile", action="store_false", help="only the speed")
    parser.add_argument("--quick", action="store_true", help="a quarter of it, 1 round")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.count = options.count or (_QUICK if options.quick else _COUNT)
    if not (1 <= options.rounds <= 20 and CONNECTIONS * WARM_UP <= options.count <= 1_000_000):
        parser.error(f"1 to 20 rounds of {CONNECTIONS * WARM_UP} to 1000000 transfers")
    return options


async def _run(out: Console, options: argparse.Namespace) -> Report:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with server() as it:
        machine = await describe(it)
        confirm_show.show_machine(out, machine, _METHOD)
        console = Console(stderr=True)
        with Progress(*columns, console=console, refresh_per_second=2) as bar:
            task = bar.add_task("preparing", total=None)
            await it.prepare(confirm_fill.fill)
            bench = _Bench(it, options, lambda what: bar.update(task, description=what))
            await bench.run()
    return bench.report(machine)


class _Bench:
    """The runs, one after the other, and what came of them."""

    def __init__(
        self, it: Server, options: argparse.Namespace, told: Callable[[str], None]
    ) -> None:
        self._server = it
        self._rounds: int = options.rounds
        self._count: int = options.count
        self._has_profile: bool = options.profile
        self._told = told
        self._runs: dict[str, list[Figures]] = {plan.name: [] for plan in PLANS}
        self._processor: dict[str, Figures] = {}
        self._statements: dict[str, Figures] = {}
        self._wrong: list[str] = []

    async def run(self) -> None:
        for number in range(1, self._rounds + 1):
            for plan in PLANS:
                self._told(f"{plan.name}, round {number}")
                figures, wrong = await confirm_http.measure(self._server, plan, self._count)
                self._runs[plan.name].append(figures)
                self._wrong += [f"{plan.name}: {what}" for what in wrong]
        if not self._has_profile:
            return
        for plan in PLANS:
            self._told(f"{plan.name}, profile")
            spent, wrong = await confirm_http.profile(self._server, plan, self._count)
            self._processor[plan.name] = spent
            self._wrong += [f"{plan.name}, profile: {what}" for what in wrong]
            self._statements[plan.name] = await statements(self._server, plan, self._count)

    def report(self, machine: Machine) -> Report:
        http = {name: _medians(runs) for name, runs in self._runs.items()}
        return Report(
            bench="confirm",
            method=_METHOD,
            machine=machine,
            rounds=self._rounds,
            count=self._count,
            connections=CONNECTIONS,
            ratio=round(http["full"]["per_second"] / http["bare"]["per_second"], 3),
            wanted=WANTED,
            wrong=self._wrong,
            http=http,
            processor=self._processor,
            statements=self._statements,
            runs=dict(self._runs),
        )


def _medians(runs: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


if __name__ == "__main__":
    sys.exit(main())
