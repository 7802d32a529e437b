"""Put text into bytes by Specific Character Set (PS3.5 6.1.2, PS3.3 C.12.1.1.2).

The reverse of `charset.Charset.decode`, which judges it: bytes that would not read back as the text
are not given out.
"""

from typing import Final

from iryo.dicom.charset import TERMS, Charset

_BREAKS: Final = "\r\n\f\t"
_RESETS: Final = {"PN": _BREAKS + "\\^=", "LT": _BREAKS, "ST": _BREAKS, "UT": _BREAKS}

# Tables C.12-3 and C.12-4: the escape sequence that makes a set current in G1.
_G1: Final = {
    "100": b"\x1b-A",
    "101": b"\x1b-B",
    "109": b"\x1b-C",
    "110": b"\x1b-D",
    "144": b"\x1b-L",
    "127": b"\x1b-G",
    "126": b"\x1b-F",
    "138": b"\x1b-H",
    "148": b"\x1b-M",
    "203": b"\x1b-b",
    "166": b"\x1b-T",
    "13": b"\x1b)I",
    "149": b"\x1b$)C",
    "58": b"\x1b$)A",
}
_G0: Final = {"87": b"\x1b$B", "159": b"\x1b$(D"}
_ASCII: Final = b"\x1b(B"
_ROMAN: Final = b"\x1b(J"


def encode_text(text: str, charset: Charset, vr: str) -> bytes | None:
    """Return `text` in the bytes of `charset`, or None where the character set cannot hold it.

    Args:
        text: one value or several joined by backslashes, not padded.
        charset: of the data set.
        vr: of the element: in PN code extensions end at ``^`` and ``=`` too (PS3.5 6.1.2.5.3).
    """
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    first = TERMS[charset.terms[0]]
    try:
        coded = text.encode(first.whole) if first.whole else _extended(text, charset.terms, vr)
    except UnicodeEncodeError:
        return None
    return coded if coded is not None and charset.decode(coded, vr)[0] == text else None


def _extended(text: str, terms: tuple[str, ...], vr: str) -> bytes | None:
    resets = _RESETS.get(vr, _BREAKS + "\\")
    numbers = [term.rsplit(" ", 1)[-1] for term in terms]
    out = bytearray()
    run = ""
    for char in text:
        if char in resets:
            piece = _piece(run, numbers)
            if piece is None:
                return None
            out += piece + char.encode("ascii")
            run = ""
        else:
            run += char
    last = _piece(run, numbers)
    return None if last is None else bytes(out + last)


def _piece(run: str, numbers: list[str]) -> bytes | None:
    """Text between two delimiters: the sets of the first term are current at its start."""
    out = bytearray()
    plain = _ROMAN if numbers[0] == "13" else _ASCII
    g0, g1 = "", numbers[0]
    for char in run:
        if char.isascii():
            if g0:
                out += plain
                g0 = ""
            out += char.encode("ascii")
            continue
        found = _first_that_has(char, numbers)
        if found is None:
            return None
        number, coded = found
        if number in _G0:
            if g0 != number:
                out += _G0[number]
                g0 = number
        elif g1 != number or number in ("149", "58"):
            # The standard has 149 and 58 made current in each line, even when named first.
            if g1 != number or not out.count(_G1[number]):
                out += _G1[number]
            g1 = number
        out += coded
    if g0:
        out += plain
    return bytes(out)


def _first_that_has(char: str, numbers: list[str]) -> tuple[str, bytes] | None:
    for number in numbers:
        coded = _coded(char, number)
        if coded is not None:
            return number, coded
    return None


def _coded(char: str, number: str) -> bytes | None:
    try:
        if number in _G0:
            pair = char.encode("euc_jp")
            if number == "159":
                return bytes(b & 0x7F for b in pair[1:]) if pair[:1] == b"\x8f" else None
            return bytes(b & 0x7F for b in pair) if len(pair) == 2 and pair[0] != 0x8E else None
        if number == "13":
            point = ord(char)
            return bytes([point - 0xFEC0]) if 0xFF61 <= point <= 0xFF9F else None
        codec = TERMS.get(f"ISO 2022 IR {number}")
        return char.encode(codec.g1) if codec is not None and codec.g1 else None
    except UnicodeEncodeError:
        return None
