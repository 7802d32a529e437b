"""Words by which people find patients, folded so that scripts and spellings meet.

A Person Name has up to three groups, alphabetic=ideographic=phonetic, each of components parted by
carets (PS3.5 6.2.1). All of them are searchable: SHIBUYA, 渋谷 and しぶや find the same person.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

__all__ = ["MAX_TERM", "MAX_TERMS", "SEARCHED", "fold", "terms", "words"]

MAX_TERM: Final = 64
MAX_TERMS: Final = 512  # of an image set: nobody has so many names
SEARCHED: Final = ("patient_name", "patient_id", "accession_number", "study_description")
"""Columns of an image set whose words find it."""
_HIRAGANA_TO_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_SEPARATORS: Final = {ord(char): " " for char in "^=,;・.\\/()[]'\"　"}


def fold(value: str) -> str:
    """One spelling for what people take as the same.

    Width (ｼﾌﾞﾔ, シブヤ), kana (しぶや, シブヤ), case and accents are folded: NFKD, casefold,
    combining marks off, except the voicing marks of kana, which make other letters.
    """
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", value).casefold())
    kept = (c for c in decomposed if not unicodedata.combining(c) or c in "\u3099\u309a")
    return unicodedata.normalize("NFC", "".join(kept)).translate(_HIRAGANA_TO_KATAKANA)


def words(value: str) -> list[str]:
    """The folded words of a name, an id or a query, each cut to MAX_TERM characters."""
    return [word[:MAX_TERM] for word in fold(value).translate(_SEPARATORS).split()]


def terms(values: Iterable[str | None]) -> set[str]:
    """All terms under which an image set is found.

    Alphabetic words are found by their beginnings. Ideographs and kana have no spaces between the
    parts of a name, so each of their suffixes is a term as well: 美智 and 智子 both find 美智子.
    """
    found = (
        suffix for value in values for word in words(value or "") for suffix in _suffixes(word)
    )
    return set(islice(found, MAX_TERMS))


def _suffixes(word: str) -> Iterator[str]:
    yield word
    for start in range(1, len(word)):
        if ord(word[start]) >= 0x2E80:  # CJK radicals and all that follows
            yield word[start:]
