"""Text whose bytes are not what Specific Character Set says: what is sure, and what is not.

Each function gives the text with a note on what was done. Bytes that stay unread are lone
surrogates (U+DC00 + byte), which `charset` turns into a notation that can be seen.
"""

import re
from typing import Final, TypeAlias

Repair: TypeAlias = tuple[str, str | None]

# Bytes that JIS X 0201 does not have: the first bytes of Shift-JIS pairs, and above.
_NOT_X0201: Final = re.compile(rb"[\x80-\xa0\xe0-\xff]")
# Code page 932 makes private signs of them.
_NOT_SHIFT_JIS: Final = re.compile(rb"[\x80\xa0\xfd-\xff]")
# A run of at most two letters of Latin-1 beside an ASCII letter: how European names look.
_LATIN_RUN: Final = re.compile(rb"[\x80-\xff]+")
_LATIN_LETTERS: Final = re.compile(rb"[\xc0-\xd6\xd8-\xf6\xf8-\xff]{1,2}")
# What UTF-8 text of Latin letters looks like when it is taken for Latin-1: a capital letter with
# an accent and then a sign or a control character, which no Latin-1 text has.
_UTF8_LETTER: Final = re.compile(rb"[\xc3-\xc9][\x80-\xbf]")


def shift_jis(raw: bytes, declared: str) -> Repair | None:
    """Shift-JIS where half-width Katakana alone are declared; None where it is not that."""
    if not _NOT_X0201.search(raw):
        return None
    # First, since Shift-JIS that is UTF-8 by chance would be rare Kanji beside half Katakana.
    text = utf_8(raw)
    if text is not None and all(char < "\x80" or char > "\u07ff" for char in text):
        return text, f"UTF-8 under {declared}: read as UTF-8"
    if _NOT_SHIFT_JIS.search(raw):
        return None
    for codec in ("shift_jis", "cp932"):
        try:
            return raw.decode(codec), f"Shift-JIS under {declared}: read as Shift-JIS"
        except UnicodeDecodeError:
            continue
    return None


def guess_default(raw: bytes) -> Repair:
    """Bytes above 0x7F where no character set is declared."""
    text = utf_8(raw)
    if text is not None:
        return text, "UTF-8 without a declared character set: read as UTF-8"
    if all(_like_latin(raw, match) for match in _LATIN_RUN.finditer(raw)):
        return raw.decode("latin-1"), "bytes above 0x7F without a character set: read as ISO_IR 100"
    note = "bytes above 0x7F without a declared character set: shown as \\xNN"
    return raw.decode("ascii", "surrogateescape"), note


def guess_latin(raw: bytes) -> Repair | None:
    """UTF-8 under ISO_IR 100, where no Latin-1 text would look like that."""
    text = utf_8(raw)
    if text is None:
        return None
    low = len(_LATIN_RUN.sub(b"", raw))
    pairs = _UTF8_LETTER.findall(raw)
    sure = (
        2 * len(pairs) == len(raw) - low  # nothing but accented letters
        or any(0x80 <= byte < 0xA0 for byte in raw)  # Latin-1 has control characters there
        or any(ord(char) > 0x7FF for char in text)  # three bytes that fit by chance
    )
    return (text, "UTF-8 under ISO_IR 100: read as UTF-8") if sure else None


def guess_escapeless(raw: bytes, terms: tuple[str, ...]) -> Repair | None:
    """Bytes above 0x7F where code extensions are declared and no escape sequence stands."""
    text = utf_8(raw)
    if text is not None:
        return text, "UTF-8 under ISO 2022: read as UTF-8"
    if {"ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 13"}.intersection(terms):
        # EUC-JP has none of these bytes (but for half-width Katakana and JIS X 0212).
        if re.search(rb"[\x81-\x8d\x90-\xa0]", raw):
            return shift_jis(raw, "ISO 2022 IR 87")
        return None
    for term, codec in (("ISO 2022 IR 149", "euc_kr"), ("ISO 2022 IR 58", "gb2312")):
        if term in terms:
            try:
                return raw.decode(codec), f"no escape sequence: read as {term}"
            except UnicodeDecodeError:
                continue
    return None


def utf_8(raw: bytes) -> str | None:
    """The text if all of it is UTF-8, else None."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def katakana(run: bytes) -> str:
    """JIS X 0201: ASCII, and half-width Katakana at 0xA1 to 0xDF."""
    return "".join(
        chr(byte)
        if byte < 0x80
        else chr(0xFEC0 + byte)
        if 0xA1 <= byte <= 0xDF
        else chr(0xDC00 + byte)
        for byte in run
    )


def kanji(run: bytes, *, supplement: bool) -> Repair:
    """Pairs of 7-bit bytes: JIS X 0208, or with `supplement` JIS X 0212."""
    escape = b"\x1b$(D" if supplement else b"\x1b$B"
    try:
        return (escape + run).decode("iso2022_jp_2" if supplement else "iso2022_jp"), None
    except UnicodeDecodeError:
        pass
    out = []
    note = None
    for at in range(0, len(run), 2):
        pair = run[at : at + 2]
        try:
            out.append((escape + pair).decode("iso2022_jp_2" if supplement else "iso2022_jp"))
            continue
        except UnicodeDecodeError:
            pass
        try:
            # Row 13 and others: NEC's and IBM's signs, which every Japanese system has.
            out.append(_to_shift_jis(pair).decode("cp932"))
            note = note or "characters that JIS X 0208 does not have: read as Microsoft's"
        except (UnicodeDecodeError, IndexError):
            out.extend(chr(0xDC00 + byte) for byte in pair)
            note = "bytes that are no character: shown as \\xNN"
    return "".join(out), note


def _to_shift_jis(pair: bytes) -> bytes:
    row, cell = pair[0], pair[1]
    first = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    second = cell + (0x1F + (cell >= 0x60) if row & 1 else 0x7E)
    return bytes((first, second))


def _like_latin(raw: bytes, match: re.Match[bytes]) -> bool:
    around = raw[max(0, match.start() - 1) : match.start()] + raw[match.end() : match.end() + 1]
    return bool(_LATIN_LETTERS.fullmatch(match[0])) and any(
        0x41 <= byte & 0xDF <= 0x5A for byte in around
    )
