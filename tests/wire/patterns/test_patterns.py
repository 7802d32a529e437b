"""Patterns: Python's `re` is the oracle wherever the dialects agree."""

import re
import unicodedata
import warnings
from itertools import pairwise
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import assume, given
from hypothesis import strategies as st

from iryo.wire.patterns import PatternError, compile_pattern
from iryo.wire.patterns.automaton import Automaton
from iryo.wire.patterns.charsets import ANY, complement, named, union
from iryo.wire.patterns.syntax import Chars, Look
from tests.wire.oracle import SERVICES


def kind(pattern: str) -> str:
    matcher: Any = compile_pattern(pattern)
    return type(matcher.__self__).__name__


def all_patterns(service: str) -> set[str]:
    model = Loader().load_service_model(service, "service-2")
    return {shape["pattern"] for shape in model["shapes"].values() if "pattern" in shape}


# Services with many and odd patterns, beside the five.
@pytest.mark.parametrize(
    "service",
    [*SERVICES, "iam", "ec2-instance-connect", "sagemaker", "guardduty", "connect", "glue"],
)
def test_every_pattern_of_real_models_compiles_without_a_warning(service: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pattern in all_patterns(service):
            compile_pattern(pattern)


# A small grammar in which Python, Java and ECMA-262 agree.
ATOMS = st.sampled_from(
    ["a", "b", "[ab]", "[^a]", "[a-c]", r"\w", r"\d", r"\S", r"\-", "[b-]", "1"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda both: f"({both[0]}|{both[1]})"),
        inner.map(lambda one: f"({one})*"),
        inner.map(lambda one: f"(?:{one})+"),
        inner.map(lambda one: f"({one})?"),
        inner.map(lambda one: f"({one}){{1,3}}"),
        inner.map(lambda one: f"({one}){{2}}"),
        inner.map(lambda one: f"({one}){{1,}}"),
        inner.map(lambda one: f"^{one}$"),
    ),
    max_leaves=6,
)
TEXTS = st.text("abc1-é \n", max_size=10)


@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=8))
def test_the_answer_is_that_of_re(pattern: str, texts: list[str]) -> None:
    matches = compile_pattern(pattern)
    oracle = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    for text in texts:
        assert bool(matches(text)) is bool(oracle.fullmatch(text)), (pattern, text)


@given(st.data(), PATTERNS)
def test_what_fits_is_found_to_fit(data: st.DataObject, pattern: str) -> None:
    oracle = re.compile(pattern, re.ASCII)
    text = data.draw(st.from_regex(oracle, fullmatch=True, alphabet=st.characters(codec="ascii")))
    assume("\n" not in text)
    assert compile_pattern(pattern)(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a|a)*",
        "(a*)*",
        "(a+)+",
        "([a-z]+)*",
        "(a|aa)+",
        "[a-z]*[a-z]*",
        # medical-imaging, JobName
        "[a-zA-Z0-9!-~]+([a-zA-Z0-9!-~ ]*[a-zA-Z0-9!-~]+)*",
    ],
)
def test_a_hostile_text_takes_no_time_to_speak_of(pattern: str) -> None:
    assert kind(pattern) == "Automaton"
    # With backtracking this would outlast the sun.
    assert not compile_pattern(pattern)("a" * 5000 + "\n")
    assert compile_pattern(pattern)("a" * 5000)


def test_harmless_patterns_stay_with_re() -> None:
    assert {
        kind(each) for each in ("[0-9a-z]{32}", r"\d+", "arn:.*", "(a|b)", "(?!aws:)[a-z]+")
    } == {"Pattern"}


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-%@]*", ["", "渋谷 é1_%@"], ["!", "a\u0301"]),
        (r"[\P{M}\p{M}]{1,5}", ["a\u0301", "\n"], ["", "abcdef"]),
        (r"\p{ASCII}{0,3}", ["", "\x00\x7f"], ["é", "abcd"]),
        (r"[\p{L}||\p{M}]+", ["a|"], ["1"]),
        (r"\pL\p{Lu}\P{IsLetter}", ["aA1"], ["aaa", "1A1"]),
        (r"\p{Punct}\p{Alnum}\p{XDigit}\p{IsWhitespace}", ["!aF "], ["aaF "]),
        (r"[\w -:`]+", ["a 9:`"], ["é", ";"]),
        (r"[a-\d]+", ["a-1"], ["b"]),
        (r"[a-]+[]]", ["a-]"], ["b]"]),
        (r"[^a]", ["b", "\n"], ["a"]),
        (r".", ["a", "\x85"], ["\n", "\r", "\u2028", ""]),
        (r"(?s).", ["\n"], [""]),
        (r"(?i)true|false", ["TRUE", "fAlse"], ["no"]),
        (r"a{2}b{1,}c{,2}", ["aabc{,2}"], ["aabcc"]),
        (r"a{", ["a{"], ["a"]),
        (r"a++b", ["aab"], ["b"]),
        (r"a+?b??", ["aa", "aab"], ["b"]),
        (r"\x41\u0042\x{43}\u{1F600}\uD83D\uDE00\0\013\t", ["ABC😀😀\0\v\t"], ["ABC"]),
        (r"\uD83Dx", ["\ud83dx"], ["x"]),
        (r"\uD83D\u0041", ["\ud83dA"], ["A"]),
        (r"[\b\n]", ["\b", "\n"], ["b"]),
        (r"\ba\b\B", [], ["a"]),
        (r"\bab\B", [], ["ab"]),
        (r"(?<x>a)\1(?P<y>b)", ["aab"], ["ab"]),
        (r"(?<=a)b|(?<!a)c|a(?=b)b", ["c", "ab"], ["b"]),
        (r"\Aab\z", ["ab"], ["ab\n", "a"]),
        (r"^ab$\n?", ["ab"], ["ab\n"]),
        (r"$|^arn:.+", ["", "arn:a"], ["arn:"]),
        (r"(a|b)*$|^(c|d)+^e*", ["", "ab"], ["cd", "abc", "ce"]),
        (r"[^\x00-\U]", [], []),
        ("", [""], ["a"]),
        ("(|a)+b", ["b", "aab"], ["c"]),
        (r"[^\x00-\uFFFF]", ["😀"], ["a"]),
        (r"[^\s\S]", [], ["a", ""]),
        (r"([^\s\S]|b)*c*d*", ["bcd"], ["a"]),
    ],
)
def test_the_dialect(pattern: str, fits: list[str], fails: list[str]) -> None:
    if r"\U" in pattern:
        with pytest.raises(PatternError, match="unknown escape"):
            compile_pattern(pattern)
        return
    matches = compile_pattern(pattern)
    assert [text for text in fits if not matches(text)] == []
    assert [text for text in fails if matches(text)] == []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a)", "closes nothing"),
        ("(a", "the end in the middle"),
        ("[a", "the end in the middle"),
        ("a\\", "the end in the middle"),
        ("*a", "repeats nothing"),
        ("(?#a)", "unknown kind"),
        ("(" * 60 + ")" * 60, "50 deep"),
        (r"\p{Nonsense}", "unknown"),
        (r"\p", "unknown"),
        (r"\xg", "hexadecimal"),
        (r"\u12", "hexadecimal"),
        (r"\y", "unknown escape"),
        (r"[\p{Print}&&[^|]]", "intersection"),
        ("[z-a]", "before its start"),
        ("((a{1,200}){1,200}){1,200}", "20000 places"),
    ],
)
def test_what_cannot_be_read_says_so(pattern: str, words: str) -> None:
    with pytest.raises(PatternError, match=re.escape(words)):
        compile_pattern(pattern)


def test_an_automaton_takes_no_look_around() -> None:
    with pytest.raises(PatternError, match="takes no Look"):
        Automaton(Look(Chars(ANY), ahead=True, negative=False))


def test_an_automaton_forgets_rather_than_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.wire.patterns.automaton._MOST_STATES", 3)
    matches = compile_pattern("(ab|cd)*(ac|bd)*x")
    automaton: Any = matches.__self__  # type: ignore[attr-defined]
    assert isinstance(automaton, Automaton)
    for _ in range(2):
        assert matches("ababcdacbdx")
        assert not matches("ababcdacbdy")
        assert len(automaton._states) <= 3


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda two: (min(two), max(two)))
    )
)
def test_sets_of_code_points(ranges: list[tuple[int, int]]) -> None:
    found = union(ranges)
    assert {point for low, high in found for point in range(low, high + 1)} == {
        point for low, high in ranges for point in range(low, high + 1)
    }
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(found))
    assert complement(complement(found)) == found
    assert union((*found, *complement(found))) == ANY


@given(st.characters(), st.sampled_from(["L", "M", "Nd", "P", "Zs", "C"]))
def test_categories_are_those_of_unicode(character: str, name: str) -> None:
    found = any(low <= ord(character) <= high for low, high in named(name) or ())
    assert found is unicodedata.category(character).startswith(name)
