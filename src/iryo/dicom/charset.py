r"""Text by Specific Character Set (0008,0005): PS3.3 C.12.1.1.2 and PS3.5 6.1.2.

Every defined term is in `TERMS`. The sets of code extensions (ISO 2022) are a small machine with
two places: bytes below 0x80 are read by the set in G0, those above by the set in G1; an escape
sequence puts another set into one of them; a delimiter puts back what the first value of
(0008,0005) says (PS3.5 6.1.2.5.3). Values are split after decoding, since 0x5C may be half of a
Kanji.

Wrong bytes are repaired where that is sure, and a note says so. Where it is not sure each byte
that has no meaning stays to be seen as ``\xNN``, which can be turned back into the byte.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from iryo.dicom.repair import (
    Repair,
    guess_default,
    guess_escapeless,
    guess_latin,
    kanji,
    katakana,
    shift_jis,
)

_ESC: Final = 0x1B
# PS3.5 6.1.2.5.3: line and page ends, and tab.
_BREAKS: Final = frozenset(b"\r\n\f\t")
_DELIMITERS: Final = {
    "PN": _BREAKS | frozenset(b"\\^="),
    "LT": _BREAKS,
    "ST": _BREAKS,
    "UT": _BREAKS,
}
_ORDINARY: Final = _BREAKS | frozenset(b"\\")


class Term(NamedTuple):
    """A defined term.

    Attributes:
        g0: the set of the bytes below 0x80: "ascii", "roman" (ISO-IR 14), "kanji" (JIS X 0208) or
            "supplement" (JIS X 0212).
        g1: the Python codec of the bytes above 0x7F, "katakana" (ISO-IR 13), or "" for none.
        whole: the Python codec of all bytes, for the sets that take no code extensions; or "".
    """

    g0: str
    g1: str
    whole: str = ""


_PARTS: Final = {
    "6": Term("ascii", ""),
    "100": Term("ascii", "iso8859_1"),
    "101": Term("ascii", "iso8859_2"),
    "109": Term("ascii", "iso8859_3"),
    "110": Term("ascii", "iso8859_4"),
    "144": Term("ascii", "iso8859_5"),
    "127": Term("ascii", "iso8859_6"),
    "126": Term("ascii", "iso8859_7"),
    "138": Term("ascii", "iso8859_8"),
    "148": Term("ascii", "iso8859_9"),
    "203": Term("ascii", "iso8859_15"),
    "13": Term("roman", "katakana"),
    "166": Term("ascii", "tis_620"),
}
TERMS: Final[dict[str, Term]] = {
    "": _PARTS["6"],
    **{f"ISO_IR {number}": term for number, term in _PARTS.items()},
    **{f"ISO 2022 IR {number}": term for number, term in _PARTS.items()},
    # As value 1 the standard does not allow these four; files have them. Kanji are in G0 only
    # after an escape sequence even then.
    "ISO 2022 IR 87": Term("ascii", ""),
    "ISO 2022 IR 159": Term("ascii", ""),
    "ISO 2022 IR 149": Term("ascii", "euc_kr"),
    "ISO 2022 IR 58": Term("ascii", "gb2312"),
    "ISO_IR 192": Term("", "", "utf_8"),
    "GB18030": Term("", "", "gb18030"),
    "GBK": Term("", "", "gbk"),
}

# Tables C.12-3 and C.12-4: what follows ESC, the place that it fills, the set, the term.
_ESCAPES: Final[dict[bytes, tuple[int, str, str]]] = {
    b"(B": (0, "ascii", "6"),
    b"-A": (1, "iso8859_1", "100"),
    b"-B": (1, "iso8859_2", "101"),
    b"-C": (1, "iso8859_3", "109"),
    b"-D": (1, "iso8859_4", "110"),
    b"-L": (1, "iso8859_5", "144"),
    b"-G": (1, "iso8859_6", "127"),
    b"-F": (1, "iso8859_7", "126"),
    b"-H": (1, "iso8859_8", "138"),
    b"-M": (1, "iso8859_9", "148"),
    b"-b": (1, "iso8859_15", "203"),
    b")I": (1, "katakana", "13"),
    b"(J": (0, "roman", "13"),
    b"-T": (1, "tis_620", "166"),
    b"$B": (0, "kanji", "87"),
    b"$(D": (0, "supplement", "159"),
    b"$)C": (1, "euc_kr", "149"),
    b"$)A": (1, "gb2312", "58"),
}
# Not DICOM's, but Japanese writers use them and their meaning is sure (ISO-2022-JP, JIS X 0202).
_STRANGERS: Final[dict[bytes, tuple[int, str, str]]] = {
    b"$@": (0, "kanji", "87"),
    b"$(B": (0, "kanji", "87"),
    b"(I": (0, "katakana", "13"),
}
# Names that files give in place of a term; what is meant is sure.
_ALIASES: Final = {
    "UTF-8": "ISO_IR 192",
    "UTF8": "ISO_IR 192",
    "ISO_IR 193": "ISO_IR 192",
    "ISO 2022 GBK": "GBK",
    "ISO 2022 58": "ISO 2022 IR 58",
    "GB2312": "ISO 2022 IR 58",
    "ISO-8859-1": "ISO_IR 100",
    "ISO8859-1": "ISO_IR 100",
    "LATIN1": "ISO_IR 100",
    "LATIN-1": "ISO_IR 100",
    "ASCII": "ISO_IR 6",
}
_SPELLING: Final = re.compile(r"ISO[^A-Z0-9]*(2022)?[^A-Z0-9]*IR[^A-Z0-9]*(\d+)")
_ESCAPE: Final = re.compile(rb"\x1b(\$[()][\x40-\x7e]|\$[@AB]|[()\-][\x40-\x7e])")
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_PAIRS: Final = re.compile(rb"[\x21-\x7e]+")
_LOW: Final = re.compile(rb"[^\x1b\x80-\xff\\^=\r\n\f\t]+")
_UNREAD: Final = re.compile("[\udc00-\udcff]")


@dataclass(frozen=True, slots=True)
class Charset:
    """How text in a data set is decoded.

    Attributes:
        terms: the values of (0008,0005), spelled as the standard spells them.
        note: what was wrong with (0008,0005) itself, or None.
    """

    terms: tuple[str, ...]
    note: str | None = None

    @staticmethod
    def of(raw: bytes) -> "Charset":
        """From the bytes of (0008,0005). Unknown terms count as ISO_IR 6 and are noted."""
        return _charset(raw[:1024])

    def decode(self, raw: bytes, vr: str) -> tuple[str, str | None]:
        r"""The text, and a note on what was wrong with it or None.

        Several values stay joined by a backslash; padding stays. Where a value may hold the
        notation ``\xNN`` and several values, take `values`.
        """
        text, note = self._decode(raw, vr)
        return _visible(text), note

    def values(self, raw: bytes, vr: str) -> tuple[list[str], str | None]:
        """The values of an attribute that can have several, padding kept, and the note."""
        text, note = self._decode(raw, vr)
        return [_visible(value) for value in text.split("\\")], note

    def _decode(self, raw: bytes, vr: str) -> tuple[str, str | None]:
        if raw.isascii() and _ESC not in raw:
            return raw.decode("ascii"), None
        first = TERMS[self.terms[0]]
        if first.whole:
            try:
                return raw.decode(first.whole), None
            except UnicodeDecodeError:
                note = f"bytes that are not {self.terms[0]}: shown as \\xNN"
                return raw.decode(first.whole, "surrogateescape"), note
        if _ESC not in raw:
            repaired = self._repair(raw, first)
            if repaired is not None:
                return repaired
        return _Machine(self.terms, _DELIMITERS.get(vr, _ORDINARY)).run(raw)

    def _repair(self, raw: bytes, first: Term) -> Repair | None:
        """Text whose bytes say that (0008,0005) is wrong; None where it may be right."""
        if first.g1 == "katakana":
            return shift_jis(raw, "ISO_IR 13")
        if len(self.terms) > 1 or (not first.g1 and "2022" in self.terms[0]):
            return None if first.g1 else guess_escapeless(raw, self.terms)
        if not first.g1:
            return guess_default(raw)
        if first.g1 == "iso8859_1":
            return guess_latin(raw)
        return None


class _Machine:
    """Reads one value with code extensions (PS3.5 6.1.2.4, 6.1.2.5)."""

    def __init__(self, terms: tuple[str, ...], delimiters: frozenset[int]) -> None:
        first = TERMS[terms[0]]
        self.start = (first.g0, first.g1)
        self.g0, self.g1 = self.start
        self.last_g1 = first.g1
        self.declared = {term.rsplit(" ", 1)[-1] for term in terms}
        self.delimiters = delimiters
        self.notes: dict[str, None] = {}
        self.out: list[str] = []

    def run(self, raw: bytes) -> tuple[str, str | None]:
        """The text and the note."""
        pos = 0
        while pos < len(raw):
            byte = raw[pos]
            if byte == _ESC:
                pos = self._escape(raw, pos)
            elif byte >= 0x80:
                pos = self._take(_HIGH, raw, pos, self._high)
            elif self.g0 in ("kanji", "supplement") and 0x21 <= byte <= 0x7E:
                pos = self._take(_PAIRS, raw, pos, self._pairs)
            elif match := _LOW.match(raw, pos):
                self.out.append(self._low(match[0]))
                pos = match.end()
            else:
                self.out.append(chr(byte))
                if byte in self.delimiters:
                    self.g0, self.g1 = self.start
                pos += 1
        return "".join(self.out), "; ".join(self.notes) or None

    def _take(
        self, pattern: re.Pattern[bytes], raw: bytes, pos: int, read: Callable[[bytes], str]
    ) -> int:
        match = pattern.match(raw, pos)
        assert match is not None  # noqa: S101  the byte at pos is one of the pattern's
        self.out.append(read(match[0]))
        return match.end()

    def _escape(self, raw: bytes, pos: int) -> int:
        match = _ESCAPE.match(raw, pos)
        known = _ESCAPES.get(match[1]) or _STRANGERS.get(match[1]) if match else None
        if match is None or known is None:
            self._note("an unknown escape sequence: shown as \\x1B")
            self.out.append(chr(0xDC00 + _ESC))
            return pos + 1
        place, name, number = known
        if number not in self.declared and number != "6":
            self._note(f"an escape sequence of ISO 2022 IR {number}, which is not declared: read")
        if place:
            self.g1 = self.last_g1 = name
        else:
            self.g0 = name
        return match.end()

    def _low(self, run: bytes) -> str:
        if self.g0 == "katakana":
            return katakana(bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in run))
        return run.decode("ascii")

    def _pairs(self, run: bytes) -> str:
        text, note = kanji(run, supplement=self.g0 == "supplement")
        self._note(note)
        return text

    def _high(self, run: bytes) -> str:
        g1 = self.g1
        if not g1 and self.last_g1:
            # Writers that escape once per value, not once per component.
            g1 = self.last_g1
            self._note("no escape sequence after a delimiter: the last one is taken to hold")
        if not g1:
            self._note("bytes above 0x7F without a set for them: shown as \\xNN")
            return run.decode("ascii", "surrogateescape")
        if g1 == "katakana":
            text = katakana(run)
        else:
            text = run.decode(g1, "surrogateescape")
            # Bytes 0x80 to 0x9F are control characters in all of these: nothing to be seen.
            text = re.sub("[\x80-\x9f]", lambda m: chr(0xDC00 + ord(m[0])), text)
        if _UNREAD.search(text):
            self._note("bytes that the declared set does not have: shown as \\xNN")
        return text

    def _note(self, note: str | None) -> None:
        if note:
            self.notes[note] = None


def _visible(text: str) -> str:
    return _UNREAD.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02X}", text)


@lru_cache(maxsize=512)
def _charset(raw: bytes) -> Charset:
    terms = []
    wrong = []
    for value in raw.decode("latin-1").split("\\"):
        given = value.strip(" \0")
        term = given if given in TERMS else _spelling(given)
        if term != given:
            wrong.append(f"{given[:32]!a} read as {term}")
        terms.append(term)
    if len(terms) > 1:
        # C.12.1.1.2: ISO_IR 192, GB18030 and GBK stand alone.
        alone = [term for term in terms if TERMS[term].whole]
        if TERMS[terms[0]].whole:
            wrong.append(f"{terms[0]} takes no further values: they are ignored")
            terms = terms[:1]
        elif alone:
            wrong.append(f"{alone[0]} may not be a further value: it is ignored")
            terms = [term for term in terms if not TERMS[term].whole]
    return Charset(tuple(terms), "; ".join(wrong) or None)


def _spelling(given: str) -> str:
    upper = given.upper()
    if upper in TERMS:
        return upper
    if upper in _ALIASES:
        return _ALIASES[upper]
    match = _SPELLING.fullmatch(upper)
    if match:
        for form in (
            ("ISO 2022 IR ", "ISO_IR ")
            if match[2] in {"87", "159", "149", "58"} or match[1]
            else ("ISO_IR ", "ISO 2022 IR ")
        ):
            if form + match[2] in TERMS:
                return form + match[2]
    return "ISO_IR 6"


DEFAULT: Final = Charset(("",))
