"""Passwords: which are taken, and how they are kept."""

import pickle

import pytest
from argon2 import extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from iryo.access.passwords import _NOBODYS, Passwords, WeakPassword, check_password

PASSWORDS = Passwords()


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "short"),
        ("elevenchars", "short"),
        ("x" * 1025, "long"),
        ("Password1234", "common"),
        ("ｐａｓｓｗｏｒｄ1234", "common"),  # full width, as a Japanese keyboard may write it
        ("aaaaaaaaaaaa", "common"),
        ("abababababab", "common"),
        ("abcdefghijkl", "common"),
        ("zyxwvutsrqpo", "common"),
        ("I am YAMADA and nobody else", "name"),
    ],
)
def test_what_is_not_taken(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword) as raised:
        check_password(password, ["yamada"])
    assert raised.value.reason == reason
    assert raised.value.where == "password"
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.reason, again.message) == (reason, raised.value.message)


@pytest.mark.parametrize(
    "password",
    ["twelve chars", "x1" * 5 + "y" * 1014, "馬は電池の正しいホチキスです", "-" * 11 + "ab"],
)
def test_what_is_taken(password: str) -> None:
    check_password(password, ["yamada", "to", ""])


def test_a_name_of_two_letters_may_stand_in_a_password() -> None:
    check_password("potatoes are fine", ["to"])


def test_only_a_hash_is_kept_with_the_parameters_of_owasp() -> None:
    kept = PASSWORDS.hash("correct horse")
    found = extract_parameters(kept)
    assert kept.startswith("$argon2id$")
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19 * 1024, 2, 1)
    assert kept != PASSWORDS.hash("correct horse")
    assert PASSWORDS.fits(kept, "correct horse")
    assert not PASSWORDS.fits(kept, "correct horsf")
    assert not PASSWORDS.fits(kept, "x" * 1025)
    assert not PASSWORDS.outdated(kept)


def test_who_has_no_password_costs_as_much_as_who_has_one() -> None:
    assert extract_parameters(_NOBODYS) == extract_parameters(PASSWORDS.hash("a"))
    assert not PASSWORDS.fits(None, "correct horse")
    assert not PASSWORDS.fits("no hash at all", "correct horse")


def test_hashes_of_weaker_days_are_known() -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")
    assert PASSWORDS.outdated(old)
    assert PASSWORDS.fits(old, "correct horse")


@settings(max_examples=10)
@given(st.text(max_size=40))
def test_every_text_fits_itself(text: str) -> None:
    assert PASSWORDS.fits(PASSWORDS.hash(text), text)
