"""The figures of `bench.ledger`, for people."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.ledger_flat import Flat
from bench.ledger_http import BATCH_CONNECTIONS, CONNECTIONS, Figures
from bench.ledger_in_process import Profile
from bench.ledger_verdicts import Verdict
from bench.machine import Machine

_WRITERS = {
    "one_256": "one writer, 256 a batch",
    "one_1000": "one writer, 1,000 a batch",
    "two_tasks_256": "two writers in one process, 256",
    "two_processes_256": "two processes of one, 256",
    "two_processes_1000": "two processes of one, 1,000",
}


def show_machine(out: Console, machine: Machine, method: str) -> None:
    out.print(f"\n[bold]Transfers between accounts[/]\n\n{method}\n")
    out.print(
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.system}, "
        f"Python {machine.python}, PostgreSQL {machine.postgresql}, fsync {machine.fsync}, "
        f"synchronous_commit {machine.synchronous_commit}, shared_buffers "
        f"{machine.shared_buffers}, load before {machine.load_before:g}\n"
    )
    if machine.load_before > machine.cores / 2:
        out.print("[yellow]●[/] other programs may be at work here: expect noise\n")


def show(
    out: Console,
    *,
    http: Mapping[str, Figures] | None,
    in_process: Figures | None,
    profile: Profile | None,
    flat: Flat | None,
    runs: Mapping[str, Sequence[Figures]],
) -> None:
    if http is not None:
        _show_http(out, http)
        _show_rounds(out, runs)
    if in_process is not None:
        _show_writers(out, in_process)
    if profile is not None:
        _show_profile(out, profile)
        _show_growth(out, profile)
    if flat is not None:
        _show_flat(out, flat)


def show_verdicts(out: Console, verdicts: Sequence[Verdict], wrong: Sequence[str]) -> None:
    for what in wrong:
        out.print("[bold red]✗[/]", what)
    if not wrong:
        out.print(
            "[green]✓[/] every acknowledged transfer is on file exactly once, and the books are "
            "sound after every run"
        )
    for it in verdicts:
        mark = "[green]✓[/]" if it.good else "[bold red]✗[/]"
        sign = "≤" if it.at_most else "≥"
        out.print(f"{mark} {it.told}: {_number(it.value)}, wanted {sign} {_number(it.wanted)}")
    out.print()


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", box=None)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _show_http(out: Console, http: Mapping[str, Figures]) -> None:
    ours, naive, two = http["ours"], http["naive"], http["two_processes"]
    table = _table("over HTTP", "Paywright", "naive", "ratio")

    def row(told: str, name: str, *, of: Figures = ours, against: str = "", form: str = "") -> None:
        other = naive.get(against or name)
        shape = form or ",.0f"
        table.add_row(
            told,
            format(of[name], shape),
            "" if other is None else format(other, shape),
            "" if other is None else f"{of[name] / other:.2f}",
        )

    for told, name in (
        (f"random accounts, {CONNECTIONS} connections (transfers/s)", "random"),
        (f"one account in each, {CONNECTIONS} connections (transfers/s)", "hot"),
        ("one request after the other (transfers/s)", "idle"),
    ):
        row(told, f"{name}_per_second")
        row("  latency p50 (ms)", f"{name}_p50_ms", form=".2f")
        row("  latency p99 (ms)", f"{name}_p99_ms", form=".2f")
    told = f"two API processes, {CONNECTIONS} connections (transfers/s)"
    row(told, "two_processes_per_second", of=two, against="none")
    row("  latency p99 (ms)", "two_processes_p99_ms", of=two, against="none", form=".2f")
    for size in (100, 1_000):
        told = f"{size:,} a request, {BATCH_CONNECTIONS} connections (transfers/s)"
        row(told, f"batch_{size}_per_second")
        row("  latency of a request p50 (ms)", f"batch_{size}_p50_ms", form=".1f")
        row("  latency of a request p99 (ms)", f"batch_{size}_p99_ms", form=".1f")
    row("resident memory, API (MB)", "memory_mb")
    out.print(table)
    table = _table("µs of one transfer, random accounts", "Paywright", "naive", "ratio")
    for told, name in (
        ("on the wall", "wall"),
        ("processor, API process", "api"),
        ("processor, PostgreSQL for its clients", "postgresql_clients"),
        ("processor, PostgreSQL otherwise", "postgresql_rest"),
        ("processor, load generator", "load_generator"),
    ):
        one, other = ours[f"us_{name}"], naive[f"us_{name}"]
        ratio = f"{one / other:.2f}" if other else ""
        table.add_row(told, f"{one:.1f}", f"{other:.1f}", ratio)
    out.print()
    out.print(table)


def _show_rounds(out: Console, runs: Mapping[str, Sequence[Figures]]) -> None:
    out.print()
    for name in ("ours", "naive"):
        told = ", ".join(f"{run['random_per_second']:,.0f}" for run in runs[name])
        out.print(f"transfers a second by {name}, random accounts, each round: {told}")


def _show_writers(out: Console, figures: Figures) -> None:
    table = _table(
        *("without HTTP", "transfers/s", "µs each", "writers", "PostgreSQL", "its rest"),
    )
    for name, told in _WRITERS.items():
        spent = ("wall", "writer", "postgresql_clients", "postgresql_rest")
        table.add_row(
            told,
            f"{figures[f'{name}_per_second']:,.0f}",
            *(f"{figures[f'{name}_us_{what}']:.1f}" for what in spent),
        )
    out.print()
    out.print(table)
    out.print("µs each: on the wall, then of the processor; two writers have no account in common")


def _show_profile(out: Console, profile: Profile) -> None:
    out.print()
    for told, figures in (
        ("processor of the writer, µs of one transfer", profile.processor),
        ("waited for the server, µs of one transfer", profile.statements),
    ):
        table = _table(told, "µs", "share")
        whole = sum(figures.values())
        for name, us in figures.items():
            table.add_row(name, f"{us:.1f}", f"{us / whole:.0%}" if whole else "")
        table.add_row("all", f"{whole:.1f}", "")
        out.print(table)
        out.print()
    out.print(
        "One writer, batches of 256. Samples, making the orders included; an id that an event "
        "needs counts as an id. Waiting includes what the driver does for a statement."
    )


def _show_growth(out: Console, profile: Profile) -> None:
    table = _table("for each million transfers", "MB")
    whole = 0
    for name, parts in profile.bytes_per_million.items():
        whole += sum(parts.values())
        table.add_row(name, f"{sum(parts.values()) / 1e6:,.0f}")
        for part, size in parts.items():
            table.add_row(f"  {'the table' if part == name else part}", f"{size / 1e6:,.0f}")
    table.add_row("all", f"{whole / 1e6:,.0f}")
    table.add_row("log of changes (bytes of one transfer)", f"{profile.wal_bytes_each:,}")
    out.print()
    out.print(table)


def _show_flat(out: Console, flat: Flat) -> None:
    spent = ("wall", "writer", "postgresql_clients", "postgresql_rest")
    columns = ("µs each", "writer", "PostgreSQL", "its rest", "log bytes", "GB", "fill s")
    table = _table("transfers on file", *columns)
    for name, figures in flat.us_each.items():
        table.add_row(
            f"{int(name):,}",
            *(f"{figures[what]:.1f}" for what in spent),
            f"{figures['wal_bytes']:,.0f}",
            f"{flat.database[name] / 1e9:.2f}",
            f"{flat.fill_seconds[name]:.0f}",
        )
    out.print()
    out.print(table)
    for name, runs in flat.runs.items():
        told = ", ".join(f"{run['wall']:.1f}" for run in runs)
        out.print(f"µs each on {int(name):,}, each round since a checkpoint: {told}")
    out.print()
