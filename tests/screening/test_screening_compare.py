"""What is one name, and what are two. All names are invented, or of no one in particular."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paywright.screening.compare import compare
from paywright.screening.index import DEFAULT_THRESHOLD, Index
from paywright.screening.model import Entry, EntryKind, Query

SAME = [
    ("Marta Quillbrook", "QUILLBROOK, Marta"),
    ("Marta Quillbrook", "Marta Ines Quillbrook"),
    ("Mahmood Tarkhani", "Mahmoud Tarkhani"),
    ("Yusuf al-Qarmadi", "Yousef Karmadi"),
    ("Safi al-Din Morgh", "Safiuddin Morgh"),
    ("AbdulRahman Zelkin", "'Abd al-Rahman Zelkin"),
    ("MartaQuillbrook", "Marta Quillbrook"),
    ("M. Quillbrook", "Marta Quillbrook"),
    ("JC Vandermoor", "Jean-Claude Vandermoor"),
    ("Dr. Marta Quillbrook", "Marta Quillbrook"),
    ("Ig0r Zelk1nov", "Igor Zelkinov"),
    ("Игорь Зелькинов", "Igor Zelkinov"),
    ("Νίκος Ζελκίνος", "Nikos Zelkinos"),
    ("سليم بختاري", "Salim Bakhtari"),
    ("Glimmerstadt Handels GmbH", "GLIMMERSTADT HANDELS G.m.b.H."),
    ("OOO Zelkinvest", "Limited Liability Company Zelkinvest"),
    ("Van der Quill Corp", "Vanderquill Corporation"),
]
DIFFERENT = [
    ("Marta Quillbrook", "Egon Quillbrook"),
    ("Marta Quillbrook", "Marta Hazelthorn"),
    ("Marta", "Marta Ines Quillbrook"),
    ("Igor Petrovich Zelkinov", "Igor Semyonovich Zelkinov"),
    ("Glimmerstadt Handels GmbH", "Hollerbach Handels GmbH"),
    ("Bank of Quillbrook Limited", "Bank of Hazelthorn Limited"),
    ("Management Company", "Quillbrook Management Company"),
    ("ABC Trading", "CBA Trading"),
    ("Wei Zhang", "Маргарита Зелькинова"),
]
HOSTILE = [
    "",
    " ",
    "\x00\x1b[2J",
    "\ud800",
    "\U0001f600" * 50,
    "..,,--''",
    "a" * 10_000,
    "ab " * 5_000,
    "محمد " * 2_000,
    "\u0301" * 10_000,
    "'; drop table customers; --",
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_another_spelling_of_a_name_is_the_same_name(one: str, other: str) -> None:
    found = compare(one, other)
    assert found.score >= DEFAULT_THRESHOLD
    assert found.why


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_name_is_another_name(one: str, other: str) -> None:
    assert compare(one, other).score < DEFAULT_THRESHOLD


@pytest.mark.parametrize("name", HOSTILE)
def test_no_string_is_too_strange_to_compare(name: str) -> None:
    for other in (*HOSTILE, "Marta Quillbrook"):
        assert 0 <= compare(name, other).score <= 1


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_it_does_not_matter_which_name_comes_first(one: str, other: str) -> None:
    assert compare(one, other).score == pytest.approx(compare(other, one).score, abs=0.001)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=3, max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_name_with_a_letter_is_like_itself(name: str) -> None:
    if name.strip():
        assert compare(name, name).score == 1


def test_the_end_of_a_long_name_counts() -> None:
    words = [f"{a}{b}{c}or" for a in "bdfgk" for b in "aeiou" for c in "lmnrs"]
    long = " ".join(words * 8)
    assert len(long) > 5_000
    assert compare(long, long).score == 1
    assert compare(long, f"{long} Quillbrook").score < 1


def test_the_kind_says_whether_a_word_is_a_legal_form() -> None:
    person = compare("Quillbrook Trading Marta", "Quillbrook Marta", kind=EntryKind.PERSON)
    company = compare("Quillbrook Trading Marta", "Quillbrook Marta", kind=EntryKind.ORGANIZATION)
    assert company.score < person.score


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("QUILLBROOK, Marta", "QUILLBRUOK, Marta", "surname spelled differently"),
        ("QUILLBROOK, Marta", "QUILLBROOC, Marta", "surname spelled differently, sounds the same"),
        ("QUILLBROOK, Marta Ines", "QUILLBROOK, Ines Marta", "words in another order"),
        ("M. Quillbrook", "Marta Quillbrook", "an initial for a name"),
        ("QUILLBROOK, Marta", "QUILLBROOK, Egon", "another given name"),
        ("Quillbrook Ltd", "Quillbrook", "another legal form, or none"),
    ],
)
def test_the_reason_is_said_in_words(one: str, other: str, told: str) -> None:
    assert any(told in reason for reason in compare(one, other).why), compare(one, other).why


def test_no_reason_repeats_a_name() -> None:
    for one, other in (*SAME, *DIFFERENT):
        for reason in compare(one, other).why:
            assert "quill" not in reason.lower()
            assert "zelk" not in reason.lower()


@pytest.mark.parametrize(
    ("native", "latin"),
    [
        ("שמואל גולדברג", "GOLDBERG, Shmuel"),
        ("חיים פרידמן", "FRIEDMAN, Chaim"),
        ("پرویز گلپایگانی", "GOLPAYEGANI, Parviz"),
        ("علیرضا رضایی", "REZAEI, Alireza"),
        ("طارق الزهراني", "AL-ZAHRANI, Tareq"),
        ("خالد الحداد", "EL HADDAD, Khaled"),
        ("강성호", "GANG, Seongho"),
        ("강성호", "KANG, Sung-ho"),
        ("王志强", "WANG, Chih-chiang"),
        ("王志强", "WANG, Zhiqiang"),
        ("すずき ゆうこ", "SUZUKI, Yuko"),
        ("Вячеслав Щербаков", "SHCHERBAKOV, Vyacheslav"),
    ],
)
def test_a_name_is_known_in_the_usual_spellings_of_its_script(native: str, latin: str) -> None:
    assert compare(native, latin).score >= DEFAULT_THRESHOLD
    index = Index([Entry(list="x", id="1", kind=EntryKind.PERSON, name=latin)])
    assert index.search(Query(name=native))


@pytest.mark.parametrize(
    ("native", "latin"),
    [
        ("שמואל גולדברג", "ROSENBERG, Shmuel"),
        ("علیرضا رضایی", "KARIMI, Alireza"),
        ("طارق الزهراني", "AL-MASRI, Tareq"),
        ("강성호", "KIM, Min-su"),
        ("王志强", "WANG, Hsiu-ying"),
    ],
)
def test_another_name_is_another_name_in_any_script(native: str, latin: str) -> None:
    assert compare(native, latin).score < DEFAULT_THRESHOLD


def test_names_of_ten_thousand_letters_are_compared_in_half_a_second() -> None:
    one = " ".join(
        f"{a}{b}{c}or{d}" for a in "bdfgk" for b in "aeiou" for c in "lmnrs" for d in "tkn" * 3
    )
    began = time.process_time()
    assert 0 < compare(one[:10_000], one[-10_000:].title()).score <= 1
    assert time.process_time() - began < 0.5
