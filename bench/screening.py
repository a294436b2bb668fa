"""Names screened, by Paywright and by a naive variant of it: who is found, and how fast.

    python -m bench.screening [--entries 20000] [--queries 1000] [--data FOLDER]

`--data` is a folder with labelled names: without it only speed is measured, on invented names.
Prints a table, and as its last line all figures in JSON.
"""

import argparse
import csv
import gzip
import io
import random
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rapidfuzz import fuzz, process, utils
from rich.console import Console
from rich.table import Table

from paywright.screening.compare import compare
from paywright.screening.index import DEFAULT_THRESHOLD, Index
from paywright.screening.model import Entry, EntryKind, Query

MEDIAN_MS_WANTED = 1.0
_NAIVE_CUTOFF = 85
_DATA = Path(__file__).parents[2] / "shared/testdata/06_sanctions"
_SOUNDS = tuple(
    re.findall(
        r"[a-z]+",
        "ba bel bor cha da del dov el fa fi gar gol ha hel il in jo ka kar kol la lem lo ma "
        "mar mi mon na nor o pa pel qua ra ren ri ros sa sel shi so ta tem to u "
        "va vel vik wa wil ya za zel",
    )
)
Find = Callable[[str], set[str]]


class Speed(msgspec.Struct, frozen=True):
    """Milliseconds of processor time a name: one by one, and in a batch. `build_s`: once."""

    build_s: float
    median_ms: float
    p95_ms: float
    batch_ms: float


class Report(msgspec.Struct, frozen=True):
    """quality: share of names found, by kind of query; `f1` of labelled pairs. Empty without
    labelled names."""

    bench: str
    entries: int
    queries: int
    threshold: float
    speed: dict[str, Speed]
    quality: dict[str, dict[str, float]]
    median_ms_wanted: float


def main() -> int:
    options = _options()
    report = Report(
        bench="screening",
        entries=options.entries,
        queries=options.queries,
        threshold=DEFAULT_THRESHOLD,
        speed=_speeds(options.entries, options.queries),
        quality=_qualities(options.data) if options.data.exists() else {},
        median_ms_wanted=MEDIAN_MS_WANTED,
    )
    _show(Console(highlight=False, width=None if sys.stdout.isatty() else 110), report)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.screening", description=__doc__)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--data", type=Path, default=_DATA, help="folder of labelled names")
    options = parser.parse_args()
    if not (100 <= options.entries <= 1_000_000 and 10 <= options.queries <= 100_000):
        parser.error("100 to 1000000 entries and 10 to 100000 queries")
    return options


def _speeds(entries: int, queries: int) -> dict[str, Speed]:
    dice = random.Random(1)
    words = ["".join(dice.choices(_SOUNDS, k=dice.randint(2, 4))) for _ in range(entries // 3)]
    names = [_invented(dice, words) for _ in range(entries)]
    # Nine of ten customers are not on any list, and share words with those who are
    asked = [dice.choice(names) if n % 10 == 0 else _invented(dice, words) for n in range(queries)]
    began = time.process_time()
    index = _index(enumerate(names))
    ours_built = time.process_time() - began
    began = time.process_time()
    naive = _naive(dict(enumerate(names)))
    naive_built = time.process_time() - began
    single = _each(asked, lambda name: index.search(Query(name=name)))
    fresh = _index(enumerate(names))
    began = time.process_time()
    fresh.search_many([Query(name=name) for name in asked])
    batch_ms = (time.process_time() - began) / queries * 1000
    baseline = _each(asked[:200], naive)
    return {
        "ours": _speed(ours_built, single, batch_ms),
        "naive": _speed(naive_built, baseline, statistics.mean(baseline)),
    }


def _invented(dice: random.Random, words: Sequence[str]) -> str:
    """Some words are in many names, as in real lists."""
    size = dice.choice((2, 3, 3, 4))
    picked = [words[int(len(words) * dice.random() ** 2)] for _ in range(size)]
    return f"{picked[0].upper()}, {' '.join(word.title() for word in picked[1:])}"


def _index(names: Sequence[tuple[int, str]] | enumerate[str]) -> Index:
    return Index(
        Entry(list="bench", id=str(n), kind=EntryKind.UNKNOWN, name=name) for n, name in names
    )


def _naive(names: dict[int, str]) -> Find:
    """Every name of the list, with sorted words, by likeness of letters."""
    prepared = {str(n): utils.default_process(name) for n, name in names.items()}

    def find(name: str) -> set[str]:
        hits = process.extract(
            utils.default_process(name),
            prepared,
            scorer=fuzz.token_sort_ratio,
            score_cutoff=_NAIVE_CUTOFF,
            limit=None,
        )
        return {key for _, _, key in hits}

    return find


def _each(names: Sequence[str], find: Callable[[str], object]) -> list[float]:
    taken: list[float] = []
    for name in names:
        began = time.process_time()
        find(name)
        taken.append((time.process_time() - began) * 1000)
    return taken


def _speed(build_s: float, taken: Sequence[float], batch_ms: float) -> Speed:
    p95 = sorted(taken)[int(len(taken) * 0.95)]
    figures = (build_s, statistics.median(taken), p95, batch_ms)
    return Speed(*(round(figure, 3) for figure in figures))


def _qualities(data: Path) -> dict[str, dict[str, float]]:
    packed = gzip.decompress((data / "ofac_lists/sdn.csv.gz").read_bytes())
    rows = [row for row in csv.reader(io.StringIO(packed.decode("utf-8", "replace"))) if row[1:]]
    listed = {int(row[0]): row[1] for row in rows if row[0].strip().isdigit()}
    index = _index(list(listed.items()))

    def ours(name: str) -> set[str]:
        return {match.entry_id for match in index.search(Query(name=name), limit=1_000)}

    return {
        "ours": {**_recall(data, ours), "f1": _f1(data, _ours_same)},
        "naive": {**_recall(data, _naive(listed)), "f1": _f1(data, _naive_same)},
    }


def _ours_same(one: str, other: str) -> bool:
    return compare(one, other).score >= DEFAULT_THRESHOLD


def _naive_same(one: str, other: str) -> bool:
    likeness = fuzz.token_sort_ratio(utils.default_process(one), utils.default_process(other))
    return likeness >= _NAIVE_CUTOFF


def _recall(data: Path, find: Find) -> dict[str, float]:
    """By kind of query. Of `clean_customer`, the share that raised a false alert."""
    with (data / "ofac_screening_queries.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    hits: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        found, expected = find(row["query"]), row["expected_ent_num"]
        hits[row["klass"].partition(":")[0]].append(expected in found if expected else bool(found))
    return {klass: round(sum(found) / len(found), 4) for klass, found in sorted(hits.items())}


def _f1(data: Path, is_same: Callable[[str, str], bool]) -> float:
    with (data / "nomenklatura_name_pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [is_same(row["name1"], row["name2"]) for row in rows]
    wanted = [row["is_match"] == "true" for row in rows]
    right = sum(one and other for one, other in zip(found, wanted, strict=True))
    return round(2 * right / (sum(found) + sum(wanted)), 4)


def _show(out: Console, report: Report) -> None:
    out.print(
        f"\n[bold]Names screened[/]\n\n{report.queries:,} names against {report.entries:,} entries "
        "in one process; processor time. Naive: token_sort_ratio with every entry.\n"
    )
    table = Table(header_style="bold", box=None)
    for name in ("", "Paywright", "naive"):
        table.add_column(name, justify="right" if name else "left")
    ours, naive = report.speed["ours"], report.speed["naive"]
    for what, one, other in (
        ("a name, median (ms)", ours.median_ms, naive.median_ms),
        ("a name, 95 of 100 (ms)", ours.p95_ms, naive.p95_ms),
        ("a name in a batch (ms)", ours.batch_ms, naive.batch_ms),
        ("building the index (s)", ours.build_s, naive.build_s),
    ):
        table.add_row(what, f"{one:.2f}", f"{other:.2f}")
    for klass, share in report.quality.get("ours", {}).items():
        table.add_row(klass, f"{share:.3f}", f"{report.quality['naive'][klass]:.3f}")
    out.print(table)
    good = ours.median_ms <= report.median_ms_wanted
    told = f"{ours.median_ms:.2f} ms a name, wanted {report.median_ms_wanted:g}"
    out.print("\n[green]✓[/]" if good else "\n[bold red]✗[/]", told, "\n")


if __name__ == "__main__":
    sys.exit(main())
