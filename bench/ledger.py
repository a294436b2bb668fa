"""Transfers in a second, by Paywright and by a naive variant of it, and where the time goes.

    python -m bench.ledger [--rounds 3] [--rows 1000000] [--only http …] [--quick]

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

from bench import ledger_flat, ledger_http, ledger_in_process, ledger_show
from bench.ledger_fill import check_room
from bench.ledger_flat import Flat
from bench.ledger_http import NAIVE, OURS, Figures, Sizes
from bench.ledger_in_process import Profile
from bench.ledger_verdicts import Verdict, verdicts
from bench.ledger_workload import open_accounts
from bench.load import LoadFailed
from bench.machine import Machine, describe
from bench.stack import BenchFailed, Server, server

_ROWS_MAX = 100_000_000
PARTS = ("http", "in-process", "profile", "flat")
_SIZES = Sizes(
    ours=24_000, naive=6_000, batched=40_000, in_process=40_000, growth=200_000, flat=25_600
)
_QUICK = Sizes(ours=6_000, naive=1_500, batched=8_000, in_process=8_000, growth=20_000, flat=5_120)
_METHOD = (
    "Durable commits on one embedded PostgreSQL with its default settings; all processes, that "
    "which makes the load among them, on the same cores; a fresh database a run; variants in turn; "
    "medians of the rounds; the books verified after every run."
)


class Report(msgspec.Struct, frozen=True):
    """Figures by name: `*_per_second` are transfers, `us_*` microseconds of one transfer. Parts
    that were left out are null."""

    bench: str
    method: str
    machine: Machine
    rounds: int
    sizes: Sizes
    verdicts: Sequence[Verdict]
    wrong: Sequence[str]
    http: dict[str, Figures] | None
    in_process: Figures | None
    profile: Profile | None
    flat: Flat | None
    runs: dict[str, Sequence[Figures]]


def main() -> int:
    options = _options()
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        report = uvloop.run(_run(out, options))
    except (BenchFailed, LoadFailed) as error:
        out.print(f"[bold red]✗[/] {error}")
        return 1
    ledger_show.show(
        out,
        http=report.http,
        in_process=report.in_process,
        profile=report.profile,
        flat=report.flat,
        runs=report.runs,
    )
    ledger_show.show_verdicts(out, report.verdicts, report.wrong)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 1 if report.wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--rounds", type=int, default=None, help="runs of each variant (3)")
    parser.add_argument(
        "--rows",
        type=int,
        action="append",
        help="transfers on file while a batch is timed; may be given again (1000000)",
    )
    parser.add_argument(
        "--only", choices=PARTS, nargs="+", default=list(PARTS), help="these parts and no other"
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of it, 1 round")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.rows = sorted({0, *(options.rows or [100_000 if options.quick else 1_000_000])})
    options.sizes = _QUICK if options.quick else _SIZES
    if not (1 <= options.rounds <= 20 and 0 <= options.rows[0] <= options.rows[-1] <= _ROWS_MAX):
        parser.error(f"1 to 20 rounds, and at most {_ROWS_MAX} rows")
    return options


async def _run(out: Console, options: argparse.Namespace) -> Report:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with server() as it:
        if "flat" in options.only:
            check_room(it, sum(options.rows))  # before anybody has waited
        machine = await describe(it)
        ledger_show.show_machine(out, machine, _METHOD)
        console = Console(stderr=True)
        with Progress(*columns, console=console, refresh_per_second=2) as bar:
            task = bar.add_task("preparing", total=None)
            await it.prepare(open_accounts)
            bench = _Bench(it, options, lambda what: bar.update(task, description=what))
            await bench.run()
    return bench.report(machine)


class _Bench:
    """The parts, one after the other, and what came of them."""

    def __init__(
        self, it: Server, options: argparse.Namespace, told: Callable[[str], None]
    ) -> None:
        self._server = it
        self._parts: list[str] = options.only
        self._rounds: int = options.rounds
        self._rows: list[int] = options.rows
        self._sizes: Sizes = options.sizes
        self._told = told
        self._runs: dict[str, list[Figures]] = {}
        self._wrong: list[str] = []
        self._profile: Profile | None = None
        self._flat: Flat | None = None

    async def run(self) -> None:
        for number in range(1, self._rounds + 1):
            if "http" in self._parts:
                await self._http(number)
            if "in-process" in self._parts:
                self._told(f"in process, round {number}")
                found = await ledger_in_process.measure(self._server, self._sizes)
                self._keep("in_process", found)
        if "profile" in self._parts:
            self._told("profile and growth")
            self._profile, wrong = await ledger_in_process.profile(self._server, self._sizes)
            self._wrong += [f"profile: {what}" for what in wrong]
        if "flat" in self._parts:
            self._flat, wrong = await ledger_flat.measure(
                self._server,
                self._rows,
                transfers=self._sizes.flat,
                rounds=self._rounds,
                told=self._told,
            )
            self._wrong += wrong

    async def _http(self, number: int) -> None:
        for variant in (OURS, NAIVE):
            self._told(f"{variant.name} over HTTP, round {number}")
            found = await ledger_http.measure(self._server, variant, self._sizes)
            self._keep(variant.name, found)
        self._told(f"two API processes, round {number}")
        self._keep("two_processes", await ledger_http.measure_two(self._server, self._sizes))

    def _keep(self, name: str, found: tuple[Figures, list[str]]) -> None:
        figures, wrong = found
        self._runs.setdefault(name, []).append(figures)
        self._wrong += [f"{name}: {what}" for what in wrong]

    def report(self, machine: Machine) -> Report:
        medians = {name: _medians(runs) for name, runs in self._runs.items()}
        in_process = medians.pop("in_process", None)
        http = medians or None
        return Report(
            bench="ledger",
            method=_METHOD,
            machine=machine,
            rounds=self._rounds,
            sizes=self._sizes,
            verdicts=verdicts(http=http, in_process=in_process, flat=self._flat),
            wrong=self._wrong,
            http=http,
            in_process=in_process,
            profile=self._profile,
            flat=self._flat,
            runs=dict(self._runs),
        )


def _medians(runs: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


if __name__ == "__main__":
    sys.exit(main())
