"""How fast vendor payments are entered, and how fast they are found among a million.

    python -m bench.vendor [--rounds 3] [--count 12000] [--rows 1000000] [--only enter|look]
                           [--quick]

Prints tables, and as its last line all figures in JSON. The exit status is 1 when what is on file
is not what was acknowledged: then there is no speed to speak of.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence

import msgspec
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import vendor_http, vendor_show
from bench.ledger_http import Figures
from bench.load import LoadFailed
from bench.machine import Machine, describe
from bench.stack import BenchFailed, server
from bench.vendor_show import Verdict
from bench.vendor_workload import LINES

_COUNT, _QUICK = 12_000, 4_000
_ROWS, _QUICK_ROWS = 1_000_000, 100_000
_METHOD = (
    f"POST /api/v1/vendor-payments, {LINES} lines each, and POST /api/v1/transfers, in turn, to "
    f"one API process over {vendor_http.CONNECTIONS} connections, a fresh copy of one database a "
    "run. Lists and reports over HTTP, too, of payments that were put on file before. Durable "
    "commits on one embedded PostgreSQL with its default settings; all processes, that which makes "
    "the load among them, on the same cores; medians of the rounds."
)


class Report(msgspec.Struct, frozen=True):
    """entering: figures of bills and transfers: `per_second`, `p50_ms`, microseconds `us_*` of one;
    looking: milliseconds of one answer, by what was asked; rows: payments on file"""

    bench: str
    method: str
    machine: Machine
    rounds: int
    count: int
    rows: int
    verdicts: Sequence[Verdict]
    wrong: Sequence[str]
    entering: dict[str, Figures]
    looking: dict[str, Figures]
    runs: dict[str, Sequence[Figures]]


def main() -> int:
    options = _options()
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        report = uvloop.run(_run(out, options))
    except (BenchFailed, LoadFailed) as error:
        out.print("[bold red]✗[/]", end=" ")
        out.print(error, markup=False)
        return 1
    if report.entering:
        vendor_show.show_entering(out, report.entering, report.runs)
    if report.looking:
        vendor_show.show_looking(out, report.looking, report.rows)
    vendor_show.show_verdicts(out, report.verdicts, report.wrong)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 1 if report.wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.vendor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=None, help="of entering (3)")
    parser.add_argument("--count", type=int, default=None, help="bills of a round (12000)")
    parser.add_argument("--rows", type=int, default=None, help="payments on file (1000000)")
    parser.add_argument("--only", choices=("enter", "look"), help="one half of it")
    parser.add_argument("--quick", action="store_true", help="1 round, a tenth of the rows")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.count = options.count or (_QUICK if options.quick else _COUNT)
    options.rows = options.rows or (_QUICK_ROWS if options.quick else _ROWS)
    if not 10_000 <= options.rows <= 10_000_000 or options.rows % 1_000:
        parser.error("10000 to 10000000 rows, in thousands")
    return options


async def _run(out: Console, options: argparse.Namespace) -> Report:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    runs: dict[str, list[Figures]] = {"bills": [], "transfers": []}
    wrong: list[str] = []
    looking: dict[str, Figures] = {}
    with server() as it:
        machine = await describe(it)
        vendor_show.show_machine(out, machine, _METHOD)
        console = Console(stderr=True)
        with Progress(*columns, console=console, refresh_per_second=2) as bar:
            task = bar.add_task("preparing", total=None)
            await it.prepare(vendor_http.fill_template)
            if options.only != "look":
                for number in range(1, options.rounds + 1):
                    bar.update(task, description=f"transfers and bills, round {number}")
                    for name, measure in _ENTERING:
                        figures, found = await measure(it, options.count)
                        runs[name].append(figures)
                        wrong += [f"{name}: {what}" for what in found]
            if options.only != "enter":
                bar.update(task, description=f"{options.rows:,} payments")
                looking = await vendor_http.looking(it, options.rows)
    entering = {name: _medians(them) for name, them in runs.items() if them}
    return Report(
        bench="vendor",
        method=_METHOD,
        machine=machine,
        rounds=options.rounds,
        count=options.count,
        rows=options.rows,
        verdicts=vendor_show.verdicts(entering, looking),
        wrong=wrong,
        entering=entering,
        looking=looking,
        runs=dict(runs),
    )


_ENTERING = (("transfers", vendor_http.moving), ("bills", vendor_http.entering))


def _medians(runs: Sequence[Figures]) -> Figures:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


if __name__ == "__main__":
    sys.exit(main())
