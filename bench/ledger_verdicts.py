"""What was wanted of the ledger's speed, and whether it is so."""

from collections.abc import Mapping

import msgspec

from bench.ledger_flat import Flat
from bench.ledger_http import Figures


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`wanted`: at least, or with `at_most` at most."""

    name: str
    told: str
    value: float
    wanted: float
    at_most: bool = False
    good: bool


def verdicts(
    *, http: Mapping[str, Figures] | None, in_process: Figures | None, flat: Flat | None
) -> list[Verdict]:
    found: list[Verdict] = []
    if http is not None:
        found += _of_http(http["ours"], http["naive"], http["two_processes"])
    if in_process is not None:
        found += _of_writers(in_process)
    if flat is not None:
        largest = max(map(int, flat.us_each))
        told = f"the cost of a transfer on {largest:,} to that on an empty ledger"
        found.append(_verdict("flat", told, flat.ratio, 1.3, at_most=True))
    return found


def _of_http(ours: Figures, naive: Figures, two: Figures) -> list[Verdict]:
    random = ours["random_per_second"]
    return [
        _verdict(
            "single_ratio", "single transfers to naive", random / naive["random_per_second"], 3.5
        ),
        _verdict("single_per_second", "single transfers a second", random, 6_000),
        _verdict(
            "hot_ratio", "one hot account to random ones", ours["hot_per_second"] / random, 0.9
        ),
        # Not slower: what is within a twentieth is noise.
        _verdict(
            "two_processes_ratio",
            "two API processes to one",
            two["two_processes_per_second"] / random,
            0.95,
        ),
        _verdict(
            "batch_1000_per_second",
            "transfers a second in requests of 1,000",
            ours["batch_1000_per_second"],
            20_000,
        ),
        _verdict(
            "idle_ratio",
            "latency of one request on an idle server to naive (p50)",
            ours["idle_p50_ms"] / naive["idle_p50_ms"],
            1.3,
            at_most=True,
        ),
    ]


def _of_writers(figures: Figures) -> list[Verdict]:
    speeds = {k: v for k, v in figures.items() if k.endswith("_per_second")}
    one = max(v for k, v in speeds.items() if k.startswith("one_"))
    sharded = max(v for k, v in speeds.items() if k.startswith("two_"))
    return [
        _verdict("one_writer_per_second", "transfers a second by one writer", one, 25_000),
        _verdict(
            "sharded_ratio", "two writers with accounts of their own to one", sharded / one, 1
        ),
    ]


def _verdict(
    name: str, told: str, value: float, wanted: float, *, at_most: bool = False
) -> Verdict:
    value = round(value, 2)
    good = value <= wanted if at_most else value >= wanted
    return Verdict(name=name, told=told, value=value, wanted=wanted, at_most=at_most, good=good)
