"""Every text of every page is translated, and no catalogue holds what nobody says."""

import re

import pytest

from scripts.translations import LANGUAGES, PARTS, ROOT, updated, written

CASES = [(part, language) for part in PARTS for language in LANGUAGES]
VALUE = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%|<[^>]*>")


def _forms(string: object) -> tuple[str, ...]:
    return tuple(string) if isinstance(string, tuple | list) else (str(string),)


@pytest.mark.parametrize(("part", "language"), CASES)
def test_catalogues_are_what_the_script_writes(part: str, language: str) -> None:
    path = ROOT / part / "locale" / f"{language}.po"
    assert path.read_text() == written(updated(part, language)), "run scripts/translations.py"


@pytest.mark.parametrize(("part", "language"), CASES)
def test_each_text_is_translated(part: str, language: str) -> None:
    messages = [message for message in updated(part, language) if message.id]
    lacking = [m.id for m in messages if not (m.string and all(_forms(m.string)))]
    assert not lacking


@pytest.mark.parametrize(("part", "language"), CASES)
def test_translations_hold_the_same_values(part: str, language: str) -> None:
    wrong = {}
    for message in filter(lambda one: one.id, updated(part, language)):
        english = _forms(message.id)[-1]
        expected = sorted(VALUE.findall(english))
        for form in _forms(message.string):
            if sorted(VALUE.findall(form)) != expected:
                wrong[english] = form
    assert not wrong
