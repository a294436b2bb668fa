"""Names that others have labelled, and official aliases: what must be found, and what must not.

The files stand beside the project, not in it; without them these tests are skipped.
"""

import csv
import gzip
import io
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from paywright.screening.compare import compare
from paywright.screening.index import DEFAULT_THRESHOLD, Index
from paywright.screening.model import Entry, EntryKind, Query

FOLDER = Path(__file__).parents[2].parent / "shared/testdata/06_sanctions"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="labelled names are not there")

F1_WANTED = 0.88
FALSE_ALERTS_WANTED = 0.01
RECALL_WANTED = {
    "spelling_close": 0.95,
    "reorder_or_punct": 0.98,
    "spelling_far": 0.62,
    "partial_overlap": 0.70,
}
_KINDS = {"individual": EntryKind.PERSON, "vessel": EntryKind.VESSEL}


def test_labelled_pairs_are_told_apart() -> None:
    with (FOLDER / "nomenklatura_name_pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    hits = [compare(row["name1"], row["name2"]).score >= DEFAULT_THRESHOLD for row in rows]
    wanted = [row["is_match"] == "true" for row in rows]
    right = sum(hit and want for hit, want in zip(hits, wanted, strict=True))
    assert 2 * right / (sum(hits) + sum(wanted)) >= F1_WANTED


@pytest.fixture(scope="module")
def index() -> Index:
    packed = gzip.decompress((FOLDER / "ofac_lists/sdn.csv.gz").read_bytes())
    rows = csv.reader(io.StringIO(packed.decode("utf-8", "replace")))
    return Index(
        Entry(
            list="sdn",
            id=row[0].strip(),
            kind=_KINDS.get(row[2].strip(), EntryKind.ORGANIZATION),
            name=row[1],
        )
        for row in rows
        if len(row) > 2
    )


def test_aliases_find_their_primary_name_and_customers_find_nobody(index: Index) -> None:
    with (FOLDER / "ofac_screening_queries.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    answers = index.search_many([Query(name=row["query"]) for row in rows], limit=1_000)
    found: dict[str, list[bool]] = defaultdict(list)
    for row, matches in zip(rows, answers, strict=True):
        expected = row["expected_ent_num"]
        hit = any(match.entry_id == expected or not expected for match in matches)
        found[row["klass"].partition(":")[0]].append(hit)
    share = {klass: sum(hits) / len(hits) for klass, hits in found.items()}
    assert share["clean_customer"] <= FALSE_ALERTS_WANTED
    short = {klass: share[klass] for klass, least in RECALL_WANTED.items() if share[klass] < least}
    assert not short


def test_a_name_is_known_in_the_scripts_and_spellings_of_the_world() -> None:
    variants = (FOLDER / "putin_name_variants.txt").read_text(encoding="utf-8").split("\n")
    listed = Index(
        [Entry(list="x", id="1", kind=EntryKind.PERSON, name="PUTIN, Vladimir Vladimirovich")]
    )
    names = [name for name in variants if name.strip()]
    found = sum(bool(listed.search(Query(name=name))) for name in names)
    assert found / len(names) >= 0.7


def test_entities_are_told_apart_by_more_than_their_name() -> None:
    right = total = 0
    for line in (FOLDER / "nomenklatura_entity_checks.jsonl").read_bytes().splitlines():
        row = msgspec.json.decode(line)
        if "name" not in row["query"] or "name" not in row["candidate"]:
            continue
        index = Index([Entry(list="x", id="1", kind=EntryKind.UNKNOWN, **_known(row["candidate"]))])
        asked = _known(row["query"])
        births = asked.pop("birth_dates")
        query = Query(**asked, birth_date=births[0] if births else None)  # type: ignore[arg-type]
        total += 1
        right += bool(index.search(query)) == row["match"]
    assert right / total >= 0.8


def _known(entity: dict[str, object]) -> dict[str, object]:
    birth, country = entity.get("birthDate"), entity.get("country")
    return {
        "name": entity["name"],
        "birth_dates": [birth] if birth else [],
        "countries": [country] if country else [],
    }
