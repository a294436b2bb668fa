"""The figures of `bench.confirm`, for people."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.ledger_http import CONNECTIONS, Figures
from bench.machine import Machine

_SPENT = (
    ("on the wall", "wall"),
    ("processor, API process", "api"),
    ("processor, PostgreSQL for its clients", "postgresql_clients"),
    ("processor, PostgreSQL otherwise", "postgresql_rest"),
    ("processor, load generator", "load_generator"),
)


def show_machine(out: Console, machine: Machine, method: str) -> None:
    out.print(f"\n[bold]Confirming a transfer[/]\n\n{method}\n")
    out.print(
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}, PostgreSQL {machine.postgresql}, fsync {machine.fsync}, "
        f"synchronous_commit {machine.synchronous_commit}, shared_buffers "
        f"{machine.shared_buffers}, load before {machine.load_before:g}\n"
    )
    if machine.load_before > machine.cores / 2:
        out.print("[yellow]●[/] other programs may be at work here: expect noise\n")


def show(out: Console, http: Mapping[str, Figures], runs: Mapping[str, Sequence[Figures]]) -> None:
    bare, full = http["bare"], http["full"]
    table = _table(f"over HTTP, {CONNECTIONS} connections", "bare", "full", "full / bare")
    for told, name, form in (
        ("transfers a second", "per_second", ",.0f"),
        ("  latency p50 (ms)", "p50_ms", ".2f"),
        ("  latency p99 (ms)", "p99_ms", ".2f"),
        ("one request after the other, p50 (ms)", "idle_p50_ms", ".2f"),
        ("resident memory, API (MB)", "memory_mb", ".0f"),
    ):
        values = (format(bare[name], form), format(full[name], form))
        table.add_row(told, *values, f"{full[name] / bare[name]:.2f}")
    out.print(table)
    out.print()
    spent = [(told, bare[f"us_{name}"], full[f"us_{name}"]) for told, name in _SPENT]
    out.print(_compared("µs of one transfer", spent))
    out.print()
    for name, them in runs.items():
        each = ", ".join(f"{run['per_second']:,.0f}" for run in them)
        out.print(f"transfers a second, {name}, each round: {each}")
    out.print()


def show_profile(out: Console, told: str, profile: Mapping[str, Figures]) -> None:
    """Subjects that only one of the two has, too; those that cost most first."""
    bare, full = profile["bare"], profile["full"]
    rows = [(name, bare.get(name, 0.0), full.get(name, 0.0)) for name in {**full, **bare}]
    rows.append(("all", sum(bare.values()), sum(full.values())))
    out.print(_compared(told, rows))
    out.print()


def show_verdict(out: Console, ratio: float, wanted: float, wrong: Sequence[str]) -> None:
    for what in wrong:
        out.print("[bold red]✗[/]", what)
    if not wrong:
        out.print(
            "[green]✓[/] every acknowledged transfer is on file exactly once, with its assessment "
            "where there is one, and the books are sound after every run"
        )
    mark = "[green]✓[/]" if ratio >= wanted else "[bold red]✗[/]"
    out.print(f"{mark} full to bare: {ratio:.2f}, wanted ≥ {wanted:g}\n")


def _compared(told: str, rows: Sequence[tuple[str, float, float]]) -> Table:
    table = _table(told, "bare", "full", "difference")
    for name, bare, full in rows:
        table.add_row(name, f"{bare:.1f}", f"{full:.1f}", f"{full - bare:+.1f}")
    return table


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", box=None)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table
