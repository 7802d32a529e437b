"""Clean free text (PS3.15 E.3.5): what is surely no identity stays, all else goes.

No rule finds every name; so words are kept that stand in a list of words of anatomy, technique and
planes, and numbers of at most three digits (of a slice thickness, a delay), and nothing else.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ["clean_text", "safe_words"]

# Latin words, numbers with a fraction, runs of kana or kanji.
_WORD: Final = re.compile(r"[A-Za-z]+|[0-9]+(?:\.[0-9]+)?|[\u3040-\u30ff\u4e00-\u9fff々ー]+|\S")
_NUMBER: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?")


@cache
def safe_words() -> frozenset[str]:
    """Words that are kept, in lower case."""
    text = files("iryo.dicom").joinpath("data/safe_words.txt").read_text("utf-8")
    lines = (line.partition("#")[0] for line in text.splitlines())
    return frozenset(word for line in lines for word in line.lower().split())


def clean_text(text: str) -> str:
    r"""The safe words of a text in their order, a space between them; values stay apart (``\``)."""
    known = safe_words()
    return "\\".join(
        " ".join(
            word
            for word in _WORD.findall(value)
            if word.lower() in known or _NUMBER.fullmatch(word)
        )
        for value in text.split("\\")
    )
