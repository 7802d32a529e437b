"""Names are found in every script and spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.imaging.names import MAX_TERM, fold, terms, words

NAME = "SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("シブヤ", "しぶや"),
        ("ｼﾌﾞﾔ", "シブヤ"),
        ("MÜLLER", "muller"),
        ("ＡＢＣ１", "abc1"),
        ("straße", "STRASSE"),
        ("Å", "a"),
    ],
)
def test_spellings_meet(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_voicing_marks_make_other_letters() -> None:
    assert fold("は") != fold("ば")
    assert fold("は") != fold("ぱ")


@pytest.mark.parametrize(
    "query", ["shibu", "YASUKO", "渋谷", "美智", "智子", "しるがね", "シルガネ", "ひで", "ﾋﾃﾞｵ"]
)
def test_a_name_is_found_by_the_beginnings_of_its_parts(query: str) -> None:
    found = terms([NAME])
    assert all(any(term.startswith(word) for term in found) for word in words(query))


def test_the_middle_of_an_alphabetic_word_does_not_find_it() -> None:
    assert not any(term.startswith("suko") for term in terms([NAME]))


@given(st.lists(st.one_of(st.none(), st.text()), max_size=4))
def test_terms_are_folded_bounded_and_complete(values: list[str | None]) -> None:
    found = terms(values)
    assert all(0 < len(term) <= MAX_TERM for term in found)
    for value in values:
        assert set(words(value or "")) <= found


@given(st.text())
def test_fold_is_idempotent_for_words(value: str) -> None:
    for word in words(value):
        assert words(word) == [word] or not word
