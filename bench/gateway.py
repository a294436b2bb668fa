"""What calls to providers cost, how many a worker keeps under way, and what memory they take.

    python -m bench.gateway [--count 1000] [--payouts 2000] [--payments 10000] [--quick]

Prints tables, and as its last line all figures in JSON. The exit status is 1 when the provider's
books and ours differ: then there is no speed to speak of.
"""

import argparse
import sys

import msgspec
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import gateway_calls, gateway_flood, gateway_worker
from bench.gateway_calls import Overhead
from bench.gateway_flood import IN_FLIGHT, Flood, Kept
from bench.gateway_worker import CALLS_MAX, DELAY_MS, Memory, Settled
from bench.load import LoadFailed
from bench.machine import Machine, describe
from bench.stack import BenchFailed, server

ADDED_US_WANTED = 1_000.0
IN_FLIGHT_WANTED = 200.0
SLOPE_WANTED = 100.0  # bytes of resident memory a payment
_METHOD = (
    "(a) In one process, on one embedded PostgreSQL with durable commits: what begin, Gateway.call "
    "and end add to a call, beside what the HTTP client alone takes for a server that answers at "
    "once; one call after the other, then many in flight that share their transactions; then "
    f"{IN_FLIGHT} callers and a provider that answers after {DELAY_MS} ms. (b) One worker process, "
    f"the same provider, {CALLS_MAX} calls at most; payments from a backlog. (c) The same worker, "
    "asked for more over the API; its memory after each part. All processes on the same cores: so "
    f"the provider can have no more in flight than {DELAY_MS} ms worth of what is settled."
)


class Report(msgspec.Struct, frozen=True):
    bench: str
    method: str
    machine: Machine
    overhead: Overhead
    flood: Flood
    kept: Kept
    settled: Settled
    memory: Memory
    wanted: dict[str, float]
    wrong: list[str]


def main() -> int:
    options = _options()
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        report = uvloop.run(_run(out, options))
    except (BenchFailed, LoadFailed) as error:
        out.print(f"[bold red]✗[/] {error}")
        return 1
    _show(out, report)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 1 if report.wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--count", type=int, default=None, help="calls for (a) (1000)")
    parser.add_argument("--payouts", type=int, default=2_000, help="backlog of (b) (2000)")
    parser.add_argument("--payments", type=int, default=None, help="more of them for (c) (10000)")
    parser.add_argument("--quick", action="store_true", help="300 calls, 4000 payments")
    options = parser.parse_args()
    options.count = options.count or (300 if options.quick else 1_000)
    options.payments = options.payments or (4_000 if options.quick else 10_000)
    if not (100 <= options.count <= 20_000 and 100 <= options.payouts <= 50_000):
        parser.error("100 to 20000 calls, 100 to 50000 payouts")
    return options


async def _run(out: Console, options: argparse.Namespace) -> Report:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with server() as it:
        machine = await describe(it)
        _show_machine(out, machine)
        console = Console(stderr=True)
        with Progress(*columns, console=console, refresh_per_second=2) as bar:
            task = bar.add_task("preparing", total=None)
            await it.prepare(gateway_worker.fill)
            bar.update(task, description="what a call costs")
            overhead = await gateway_calls.measure(it, count=options.count)
            bar.update(task, description="many calls at once")
            flood, kept = await gateway_flood.measure(it, count=options.count, delay_ms=DELAY_MS)
            settled, memory, wrong = await gateway_worker.measure(
                it,
                backlog=options.payouts,
                payments=options.payments,
                told=lambda what: bar.update(task, description=what),
            )
    return Report(
        bench="gateway",
        method=_METHOD,
        machine=machine,
        overhead=overhead,
        flood=flood,
        kept=kept,
        settled=settled,
        memory=memory,
        wanted={
            "added_us_median": ADDED_US_WANTED,
            "under_way_mean": IN_FLIGHT_WANTED,
            "slope_bytes_per_payment": SLOPE_WANTED,
        },
        wrong=wrong,
    )


def _show_machine(out: Console, machine: Machine) -> None:
    out.print(f"\n[bold]Calls to providers[/]\n\n{_METHOD}\n")
    out.print(
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}, PostgreSQL {machine.postgresql}, fsync {machine.fsync}, "
        f"synchronous_commit {machine.synchronous_commit}, load before {machine.load_before:g}\n"
    )
    if machine.load_before > machine.cores / 2:
        out.print("[yellow]●[/] other programs may be at work here: expect noise\n")


def _show(out: Console, report: Report) -> None:
    table = _table("µs of one call, one after the other", "median", "p99")
    for told, figures in (
        ("the HTTP client alone", report.overhead.client),
        ("begin: breaker and attempt", report.overhead.begin),
        ("retry wrapper, deadline, metrics", report.overhead.wrapped),
        ("end: attempt and breaker", report.overhead.end),
        ("begin, wrapper and end: what the gateway adds", report.overhead.added),
        ("transactions of their own, if not shared", report.overhead.commits),
    ):
        table.add_row(told, f"{figures['median']:,.0f}", f"{figures['p99']:,.0f}")
    out.print(table)
    flood = report.flood
    table = _table(f"{flood.in_flight} calls in flight", "µs a call", "median ms", "p99 ms")
    for told, us, ms in (
        ("the HTTP client alone", flood.client_us, flood.client_ms),
        ("added by the gateway, with commits", flood.added_us, flood.added_ms),
    ):
        table.add_row(told, f"{us:,.0f}", f"{ms['median']:,.0f}", f"{ms['p99']:,.0f}")
    out.print("", table)
    kept = report.kept
    table = _table(f"{kept.callers} callers, provider of {kept.delay_ms} ms, no payments", "")
    table.add_row("calls a second", f"{kept.per_second:,.0f}")
    table.add_row("in flight at the provider, mean", f"{kept.at_provider_mean:,.0f}")
    table.add_row("  at most", f"{kept.at_provider_max:,}")
    out.print("", table)
    settled = report.settled
    table = _table(f"one worker, {settled.payments} payments, provider of {DELAY_MS} ms", "")
    for told, figure in (
        ("settled a second", f"{settled.per_second:,.0f}"),
        ("calls begun and not ended, mean", f"{settled.under_way_mean:,.0f}"),
        ("  at most", f"{settled.under_way_max:,}"),
        (
            "  so long is each of them, ms",
            f"{1e3 * settled.under_way_mean / settled.per_second:,.0f}",
        ),
        ("in flight at the provider, mean", f"{settled.at_provider_mean:,.0f}"),
        ("  at most", f"{settled.at_provider_max:,}"),
        ("processor of the worker, µs a payment", f"{settled.worker_cpu_us:,.0f}"),
    ):
        table.add_row(told, figure)
    out.print("", table)
    first, last = report.memory.mb[0], report.memory.mb[-1]
    out.print(
        f"\nresident memory of the worker: {first[1]:.0f} MB after {first[0]:,} payments, "
        f"{last[1]:.0f} MB after {last[0]:,}\n"
    )
    _show_verdicts(out, report)


def _show_verdicts(out: Console, report: Report) -> None:
    def verdict(good: bool, told: str) -> None:
        out.print("[green]✓[/]" if good else "[bold red]✗[/]", told)

    for what in report.wrong:
        verdict(False, what)
    if not report.wrong:
        verdict(True, "each payment was asked for once, and the provider's books are ours")
    added = report.overhead.added["median"]
    verdict(added <= ADDED_US_WANTED, f"{added:,.0f} µs added to a call, wanted ≤ 1,000")
    mean = report.settled.under_way_mean
    verdict(mean >= IN_FLIGHT_WANTED, f"{mean:,.0f} calls under way by our books, wanted ≥ 200")
    slope = report.memory.slope_bytes_per_payment
    verdict(slope <= SLOPE_WANTED, f"{slope:,.0f} bytes of memory a payment, wanted ≤ 100")
    out.print()


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", box=None)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


if __name__ == "__main__":
    sys.exit(main())
