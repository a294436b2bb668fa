"""The figures of `bench.vendor`, for people, and what was wanted of them."""

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from bench.ledger_http import Figures
from bench.machine import Machine

_RATIO_MIN = 0.5  # bills with ten lines to single transfers
_PENDING_MS_MAX = 10.0
_SPENT = (
    ("on the wall", "wall"),
    ("processor, API process", "api"),
    ("processor, PostgreSQL for its clients", "postgresql_clients"),
    ("processor, PostgreSQL otherwise", "postgresql_rest"),
    ("processor, load generator", "load_generator"),
)


class Verdict(msgspec.Struct, frozen=True):
    """`wanted`: at least, or with `at_most` at most."""

    told: str
    value: float
    wanted: float
    at_most: bool
    good: bool


def verdicts(entering: Mapping[str, Figures], looking: Mapping[str, Figures]) -> list[Verdict]:
    found = []
    if entering:
        ratio = entering["bills"]["per_second"] / entering["transfers"]["per_second"]
        told = "bills entered to single transfers"
        found.append(Verdict(told, round(ratio, 3), _RATIO_MIN, False, ratio >= _RATIO_MIN))
    for name, figures in looking.items():
        if name.startswith("pending, ") and "200 rows" not in name:
            p99 = figures["p99_ms"]
            told = f"{name}, p99 (ms)"
            found.append(Verdict(told, p99, _PENDING_MS_MAX, True, p99 <= _PENDING_MS_MAX))
    return found


def show_machine(out: Console, machine: Machine, method: str) -> None:
    out.print(f"\n[bold]Vendor payments[/]\n\n{method}\n")
    out.print(
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}, PostgreSQL {machine.postgresql}, fsync {machine.fsync}, "
        f"synchronous_commit {machine.synchronous_commit}, shared_buffers "
        f"{machine.shared_buffers}, load before {machine.load_before:g}\n"
    )
    if machine.load_before > machine.cores / 2:
        out.print("[yellow]●[/] other programs may be at work here: expect noise\n")


def show_entering(
    out: Console, entering: Mapping[str, Figures], runs: Mapping[str, Sequence[Figures]]
) -> None:
    bills, moves = entering["bills"], entering["transfers"]
    table = _table("entered over HTTP", "bills, 10 lines", "transfers", "bills / transfers")
    for told, name, form in (
        ("a second", "per_second", ",.0f"),
        ("  latency p50 (ms)", "p50_ms", ".2f"),
        ("  latency p99 (ms)", "p99_ms", ".2f"),
        ("one after the other, p50 (ms)", "idle_p50_ms", ".2f"),
        *((f"{told}, µs of one", f"us_{name}", ".0f") for told, name in _SPENT),
    ):
        values = (format(bills[name], form), format(moves[name], form))
        ratio = f"{bills[name] / moves[name]:.2f}" if moves[name] else "-"
        table.add_row(told, *values, ratio)
    out.print(table)
    out.print()
    for name, them in runs.items():
        each = ", ".join(f"{run['per_second']:,.0f}" for run in them)
        out.print(f"{name} a second, each round: {each}")
    out.print()


def show_looking(out: Console, looking: Mapping[str, Figures], rows: int) -> None:
    table = _table(
        f"asked of {rows:,} payments over HTTP", "p50 (ms)", "p99 (ms)", "processor (ms)"
    )
    for name, figures in looking.items():
        values = (figures["p50_ms"], figures["p99_ms"], figures["processor_ms"])
        table.add_row(name, *(f"{it:,.2f}" for it in values))
    out.print(table)
    out.print()


def show_verdicts(out: Console, found: Sequence[Verdict], wrong: Sequence[str]) -> None:
    for what in wrong:
        out.print("[bold red]✗[/]", what)
    for it in found:
        mark = "[green]✓[/]" if it.good else "[bold red]✗[/]"
        sign = "≤" if it.at_most else "≥"
        out.print(f"{mark} {it.told}: {it.value:g}, wanted {sign} {it.wanted:g}")
    out.print()


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", box=None)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table
