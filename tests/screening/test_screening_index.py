"""Who is found among many, how sure, and why. All names are invented."""

import random

import pytest

from paywright.screening.align import align
from paywright.screening.compare import score_of
from paywright.screening.index import DEFAULT_THRESHOLD, Index
from paywright.screening.model import Alias, Entry, EntryKind, Query
from paywright.screening.names import for_search, parse

VEXLEY = Entry(
    list="demo",
    id="1",
    kind=EntryKind.PERSON,
    name="VEXLEY, Zoltan Arvid",
    aliases=(Alias("Zoli Vexley"), Alias("The Badger", is_weak=True)),
    birth_dates=("1957-10-07",),
    countries=("hu",),
    identifiers=("HU1234567",),
    programs=("DEMO",),
)
OTHERS = [
    Entry(list="demo", id="2", kind=EntryKind.PERSON, name="QUORRINGER, Ismelda"),
    Entry(list="demo", id="3", kind=EntryKind.ORGANIZATION, name="GLIMMERSTADT HANDELS GMBH"),
    Entry(list="demo", id="4", kind=EntryKind.VESSEL, name="NORTHERN QUILL"),
]
INDEX = Index([VEXLEY, *OTHERS])


def score(**asked: object) -> float:
    found = INDEX.search(Query(name="Zoltan Vexlei", **asked), threshold=0.1)  # type: ignore[arg-type]
    return next(match.score for match in found if match.entry_id == "1")


def test_an_entry_is_found_once_by_its_best_name() -> None:
    (match,) = INDEX.search(Query(name="Zoltan Vexlay"))
    assert (match.list, match.entry_id, match.name) == ("demo", "1", "VEXLEY, Zoltan Arvid")
    assert match.programs == ("DEMO",)
    assert any("spelled differently" in reason for reason in match.why)


def test_an_alias_finds_its_entry() -> None:
    (match,) = INDEX.search(Query(name="Zoli Vexley"))
    assert match.matched_name == "Zoli Vexley"
    assert "matches an alias" in match.why


def test_a_weak_alias_is_worth_less() -> None:
    (match,) = INDEX.search(Query(name="The Badger"))
    assert match.score < 1
    assert "matches a weak alias" in match.why


def test_nobody_is_found_for_a_name_that_is_not_listed() -> None:
    assert INDEX.search(Query(name="Henrietta Olmstrand")) == []
    assert INDEX.search(Query(name="")) == []
    assert INDEX.search(Query(name="\ud800\U0001f600")) == []


def test_an_empty_list_finds_nobody() -> None:
    assert Index([]).search(Query(name="Zoltan Vexley")) == []
    assert len(Index([])) == 0
    assert len(INDEX) == 4


@pytest.mark.parametrize(
    ("birth_date", "told"),
    [("1957-10-07", "born on the same day"), ("1957", "born in the same year")],
)
def test_a_birth_date_in_common_raises_the_score(birth_date: str, told: str) -> None:
    assert score(birth_date=birth_date) > score()
    (match,) = INDEX.search(Query(name="Zoltan Vexley", birth_date=birth_date))
    assert told in match.why


def test_another_year_of_birth_lowers_the_score() -> None:
    assert score(birth_date="1990-01-01") < score(birth_date="1958-01-01") < score()
    assert score(birth_date="no date") == score()


def test_a_country_raises_or_lowers_the_score() -> None:
    assert score(countries=("HU",)) > score() > score(countries=("se",))


def test_a_ship_is_not_a_person() -> None:
    assert score(kind=EntryKind.VESSEL) < score(kind=EntryKind.PERSON) == score()


def test_an_identifier_in_common_decides_whatever_the_name() -> None:
    (match,) = INDEX.search(Query(name="Henrietta Olmstrand", identifiers=("hu-123 4567",)))
    assert match.entry_id == "1"
    assert match.score == 1
    assert "an identifier in common" in match.why


def test_the_best_comes_first_and_no_more_than_asked_for() -> None:
    entries = [
        Entry(list="demo", id=str(n), kind=EntryKind.PERSON, name=f"VEXLEY, Zoltan {word}")
        for n, word in enumerate(("Arvid", "Boris", "", "Clemens"))
    ]
    found = Index(entries).search(Query(name="Zoltan Vexley"), limit=3)
    assert len(found) == 3
    assert found[0].entry_id == "2"
    assert [match.score for match in found] == sorted((m.score for m in found), reverse=True)


def test_many_names_are_searched_as_each_alone() -> None:
    queries = [Query(name=name) for name in ("Zoltan Vexley", "nobody", "Zoltan Vexley")]
    assert INDEX.search_many(queries) == [INDEX.search(query) for query in queries]


_SOUNDS = ("ba", "de", "fi", "go", "ku", "lar", "mes", "nor", "pyl", "rost", "shan", "tre", "vik")


def _invented(dice: random.Random) -> str:
    words = ["".join(dice.choices(_SOUNDS, k=dice.randint(2, 4))) for _ in range(3)]
    return f"{words[0].upper()}, {words[1].title()} {words[2].title()}"


def _misspelt(dice: random.Random, name: str) -> str:
    at = dice.randrange(1, len(name) - 1)
    changed = name[:at] + dice.choice("aeiourtn") + name[at + dice.randint(0, 1) :]
    words = changed.replace(",", "").split()
    dice.shuffle(words)
    return " ".join(words[: dice.choice((2, 3, 3))])


def test_what_comparing_with_all_finds_the_index_finds() -> None:
    """The keys under which words are filed lose next to nothing."""
    dice = random.Random(7)
    names = [_invented(dice) for _ in range(400)]
    index = Index(
        Entry(list="x", id=str(n), kind=EntryKind.PERSON, name=name) for n, name in enumerate(names)
    )
    parsed = [for_search(parse(name, EntryKind.PERSON)) for name in names]
    wanted = found = 0
    for _ in range(120):
        asked = _misspelt(dice, dice.choice(names))
        query = for_search(parse(asked))
        sure = {
            str(n)
            for n, listed in enumerate(parsed)
            if score_of(query, listed, align(query, listed)) >= DEFAULT_THRESHOLD + 0.05
        }
        hits = {match.entry_id for match in index.search(Query(name=asked), limit=400)}
        wanted += len(sure)
        found += len(sure & hits)
    assert wanted > 100
    assert found / wanted >= 0.99


def test_a_name_that_is_not_enough_alone_is_found_by_its_birth_date() -> None:
    asked = Query(name="Zoltan", birth_date="1957-10-07", countries=("hu",))
    assert INDEX.search(Query(name=asked.name)) == []
    (match,) = INDEX.search(asked)
    assert match.entry_id == "1"
    assert INDEX.search(Query(name=asked.name, birth_date="1990-01-01", countries=("hu",))) == []


def test_a_word_that_is_first_seen_as_half_of_another_is_found_in_any_spelling() -> None:
    names = ("VEX, Leymar Arvid", "VEXLEYMAR, Otto")
    listed = Index(
        Entry(list="x", id=str(n), kind=EntryKind.PERSON, name=name) for n, name in enumerate(names)
    )
    assert [match.entry_id for match in listed.search(Query(name="Otto Vexleimmar"))] == ["1"]
