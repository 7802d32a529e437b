"""Files that are almost right: real ones, changed where a parser believes them.

A mutant is made from a number and nothing else, so that a failure can be repeated.
"""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from iryo import dicom
from iryo.dicom import codecs_encode, syntaxes
from iryo.dicom.model import Dataset
from iryo.dicom.syntaxes import syntax
from iryo.errors import IryoError
from tests.dicom.realfiles import WHEELS, files
from tests.dicom.test_codecs import described
from tests.imaging.encapsulate import encapsulated_file

__all__ = ["Mutant", "corpus", "mutant"]

_SMALL: Final = 70_000
_LENGTHS: Final = (0, 1, 2, 3, 7, 8, 0xFFFE, 0xFFFF, 0x10000, 1 << 24, 0x7FFFFFFF, 0xFFFFFFFE)
_NUMBERS: Final = (0, 1, 2, 3, 4, 7, 8, 9, 12, 13, 15, 16, 17, 24, 32, 63, 64, 255, 1 << 15, 65535)
_UNDEFINED: Final = b"\xff\xff\xff\xff"
_PIECES: Final = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0\0\0\0\0",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff",
    b"\x40\0\x75\x02SQ\0\0\x10\0\0\0",
    b"\x28\0\x08\0IS\x0a\x002000000000",
    b"\x28\0\x10\0US\x02\0\xff\xff",
    b"\xe0\x7f\x10\0OW\0\0\x04\0\0\0\0\0\0\0",
    b"\xe0\x7f\x08\0OF\0\0\x04\0\0\0\0\0\0\0",
    b"\x08\0\x05\0CS\x0e\0ISO 2022 IR 87",
    b"\x09\0\x10\0LO\x04\0ABCD",
)
_TEXTS: Final = (
    b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    b"\x1b$B" + b"!" * 31,
    b"\x1b" * 16,
    b"\xff\xfe\xfd\xfc" * 4,
    b"\\" * 64,
    b"=" * 8 + b"^" * 8,
    b"1e400\\NaN\\-inf\\0x10 ",
    b"999999999999999999999999",
    b"-1",
    b"\0\0\0\0",
    b"\x00\xd8\x00\xdc",
    "\u202e\U0001f600\uffff".encode(),
    b"1.2.\0.3 ",
    b"9" * 300,
)
_CHARSETS: Final = (
    b"ISO_IR 192", b"ISO_IR 100", b"ISO_IR 13", b"\\ISO 2022 IR 87", b"ISO 2022 IR 149", b"GB18030",
    b"ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", b"none", b"", b"\\\\\\\\", b"ISO_IR 6\\GBK",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file that may be broken.

    Attributes:
        number: it is made from this.
        origin: the name of the real file.
        steps: what was done to it.
        data: its bytes.
    """

    number: int
    origin: str
    steps: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """An element of the real file: where its tag, its length field and its value stand."""

    tag: int
    vr: str
    at: int
    field: int  # 0: undefined length, or none that is known
    wide: int  # bytes of the length field
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class _Seed:
    name: str
    data: bytes
    places: tuple[_Place, ...]
    fragments: tuple[tuple[int, int], ...]
    order: str


@cache
def corpus(*, everything: bool = False) -> tuple[_Seed, ...]:
    """The real files that mutants are made of: those of the wheels; or all that are here."""
    found = []
    for path in files(dicom=True):
        shared = not any(path.is_relative_to(root) for root in WHEELS)
        if path.stat().st_size <= (4 * _SMALL if everything else _SMALL) and (
            everything or not shared
        ):
            found.append(_seed(path.name, path.read_bytes()))
    found += [_seed(f"made {syntax(uid).name}", data) for uid, data in _made()]
    return tuple(seed for seed in found if seed is not None)


@cache
def _coded(everything: bool) -> tuple[_Seed, ...]:
    """Those of them with codestreams."""
    return tuple(seed for seed in corpus(everything=everything) if seed.fragments)


def _made() -> list[tuple[str, bytes]]:
    """Files in the syntaxes that no wheel has."""
    noise = np.random.default_rng(3)
    grey = noise.integers(0, 4000, (24, 40)).astype("<u2")
    made = []
    for uid in (
        syntaxes.HTJ2K_LOSSLESS_RPCL,
        syntaxes.HTJ2K_LOSSLESS,
        syntaxes.HTJ2K,
        syntaxes.JPEG_XL_LOSSLESS,
    ):
        description = described(
            uid, rows=24, columns=40, samples=1, bits_allocated=16, bits_stored=16
        )
        frames = [codecs_encode.encode(grey + n, description, uid) for n in range(3)]
        made.append((uid, encapsulated_file(uid, frames, Rows=24, Columns=40)))
    return made


def _seed(name: str, data: bytes) -> _Seed | None:
    try:
        instance = dicom.read(data)
    except IryoError:
        return None
    if instance.deflated:
        return _Seed(name, data, (), (), "<")
    places: list[_Place] = []
    _walk(data, instance.meta, places)
    _walk(data, instance.elements, places)
    pixels = instance.pixels
    fragments = () if pixels is None or pixels.fragments is None else pixels.fragments
    return _Seed(name, data, tuple(places), fragments, ">" if instance.big_endian else "<")


def _walk(data: bytes, dataset: Dataset, places: list[_Place]) -> None:
    for element in dataset:
        head = element.start - element.at
        wide = 4 if head == 12 or dataset.implicit else 2
        field = element.start - wide
        if data[field : element.start] == b"\xff" * wide:
            field = 0
        places.append(
            _Place(element.tag, element.vr, element.at, field, wide, element.start, element.stop)
        )
        for item in element.items or ():
            _walk(data, item, places)


def mutant(number: int, *, everything: bool = False) -> Mutant:
    """The mutant of a number. All of one real file keep its series; each has a SOP instance UID."""
    chance = random.Random(number)
    seeds = corpus(everything=everything)
    seed = chance.choice(_coded(everything) if chance.random() < 0.4 else seeds)
    data = _renamed(seed, number)
    steps = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        step = chance.choice(_STEPS)
        changed = step(chance, seed, data)
        if changed is not None and len(changed) < 1 << 22:
            data = changed
            steps.append(step.__name__.strip("_"))
    return Mutant(number, seed.name, tuple(steps), data)


def _renamed(seed: _Seed, number: int) -> bytes:
    """The real file with digits of its SOP Instance UID replaced, so that no two have the same."""
    data = bytearray(seed.data)
    tail = f"{number:010}".encode()
    for place in seed.places:
        if place.tag == 0x00080018 and place.stop - place.start > len(tail) + 4:
            end = len(bytes(data[place.start : place.stop]).rstrip(b"\0 ")) + place.start
            data[end - len(tail) : end] = tail
            data[end - len(tail) - 2 : end - len(tail)] = b".7"
    return bytes(data)


def _with_value(seed: _Seed, data: bytes, place: _Place, value: bytes) -> bytes | None:
    """The file with another value of an element, and the length that it has."""
    if not place.field or len(value) >= 1 << 8 * place.wide:
        return None
    length = len(value).to_bytes(place.wide, "big" if seed.order == ">" else "little")
    return data[: place.field] + length + value + data[place.stop :]


def _pick(chance: random.Random, seed: _Seed, *tags: int) -> _Place | None:
    places = [place for place in seed.places if place.tag in tags] if tags else list(seed.places)
    return chance.choice(places) if places else None


# ------------------------------------------------------------------ steps; None: not here


def _bits_flipped(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    if not data:
        return None
    raw = bytearray(data)
    header = max((p.start for p in seed.places), default=len(raw)) + 64
    for _ in range(chance.randint(1, 12)):
        end = min(header, len(raw)) if chance.random() < 0.7 else len(raw)
        raw[chance.randrange(max(end, 1))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def _cut(chance: random.Random, _seed: _Seed, data: bytes) -> bytes | None:
    return data[: chance.randrange(1, len(data))] if len(data) > 1 else None


def _length(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    if place is None or not place.field or place.start > len(data):
        return None
    value = chance.choice((*_LENGTHS, len(data), place.stop - place.start + chance.randint(-9, 9)))
    size = place.wide
    order = "big" if seed.order == ">" else "little"
    raw = max(value, 0).to_bytes(8, "little")[:size]
    if order == "big":
        raw = raw[::-1]
    return data[: place.field] + raw + data[place.start :]


def _unlimited(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    if place is None or place.wide != 4 or not place.field:
        return None
    end = chance.choice((b"", b"\xfe\xff\xdd\xe0\0\0\0\0"))
    return (
        data[: place.field] + _UNDEFINED + data[place.start : place.stop] + end + data[place.stop :]
    )


def _vr(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    if place is None:
        return None
    vrs = (
        b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN"
    )
    vr = chance.choice([*vrs.split(), b"UR", b"US", b"UT", b"UV", b"ZZ", b"\0\0", b"  "])
    return data[: place.at + 4] + vr + data[place.at + 6 :]


def _tag(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place, other = _pick(chance, seed), _pick(chance, seed)
    if place is None or other is None:
        return None
    tag = chance.choice((other.tag, 0x7FE00010, 0x00080005, 0xFFFEE00D, 0x00091010, 0x00020010))
    raw = struct.pack(seed.order + "HH", tag >> 16, tag & 0xFFFF)
    return data[: place.at] + raw + data[place.at + 4 :]


def _piece(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    at = (
        chance.randrange(len(data) + 1) if place is None else chance.choice((place.at, place.start))
    )
    return data[:at] + chance.choice(_PIECES) * chance.choice((1, 1, 2, 70)) + data[at:]


def _number(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(
        chance, seed, 0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101,
        0x00280102, 0x00280103,
    )  # fmt: skip
    if place is None:
        return None
    value = struct.pack(seed.order + "H", chance.choice(_NUMBERS))
    return _with_value(seed, data, place, value)


def _frames(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed, 0x00280008)
    text = chance.choice(
        (b"0 ", b"1 ", b"2 ", b"3 ", b"-1", b"2147483648", b"x ", b"", b"1\\2 ", b"1e9 ")
    )
    return None if place is None else _with_value(seed, data, place, text)


def _syntax(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed, 0x00020010)
    uid = chance.choice([*_UIDS, b"1.2.3", b"9" * 65, b"1.2.\0.4 ", b""])
    return None if place is None else _with_value(seed, data, place, uid + b"\0" * (len(uid) % 2))


def _charset(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed, 0x00080005)
    value = chance.choice(_CHARSETS)
    return (
        None if place is None else _with_value(seed, data, place, value + b" " * (len(value) % 2))
    )


def _text(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    value = chance.choice(_TEXTS) * chance.choice((1, 1, 1, 20))
    return (
        None if place is None else _with_value(seed, data, place, value + b" " * (len(value) % 2))
    )


def _fragment(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    if not seed.fragments:
        return None
    at, length = chance.choice(seed.fragments)
    match chance.randrange(4):
        case 0:  # its length
            size = struct.pack(
                seed.order + "I", chance.choice((*_LENGTHS, max(length - 1, 0), length + 8))
            )
            return data[: at - 4] + size + data[at:]
        case 1:  # gone
            return data[: at - 8] + data[at + length :]
        case 2:  # in two
            half = length // 2 & ~1
            head = struct.pack(seed.order + "HHI", 0xFFFE, 0xE000, length - half)
            first = struct.pack(seed.order + "I", half)
            return data[: at - 4] + first + data[at : at + half] + head + data[at + half :]
        case _:  # its codestream
            raw = bytearray(data)
            for _ in range(chance.randint(1, 4)):
                place = at + chance.randrange(max(1, min(length, 200)))
                if place < len(raw):
                    raw[place] = chance.choice((0, 0xFF, chance.randrange(256)))
            return bytes(raw)


def _offsets(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    if not seed.fragments:
        return None
    first = seed.fragments[0][0] - 8
    table = b"".join(
        struct.pack(seed.order + "I", chance.choice((0, 8, 0x7FFFFFFF, chance.randrange(1 << 16))))
        for _ in range(chance.randint(0, 6))
    )
    return (
        data[:first]
        + struct.pack(seed.order + "HHI", 0xFFFE, 0xE000, len(table))
        + table
        + data[first:]
    )


def _group_2(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    body = next((p.at for p in seed.places if p.tag >> 16 > 2), None)
    if body is None:
        return None
    return chance.choice((data[128:], data[132:], data[body:], data[:132] + data[body:]))


def _spliced(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    other = chance.choice(corpus())
    one, two = _pick(chance, seed), _pick(chance, other)
    if one is None or two is None:
        return None
    return data[: one.at] + other.data[two.at :]


def _repeated(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    if place is None:
        return None
    piece = data[place.at : place.stop]
    return data[: place.stop] + piece * chance.choice((1, 3, 40)) + data[place.stop :]


def _removed(chance: random.Random, seed: _Seed, data: bytes) -> bytes | None:
    place = _pick(chance, seed)
    return None if place is None else data[: place.at] + data[place.stop :]


_Step = Callable[[random.Random, _Seed, bytes], bytes | None]
_STEPS: Final[Sequence[_Step]] = (
    _bits_flipped, _cut, _length, _length, _unlimited, _vr, _tag, _piece, _number, _number, _frames,
    _syntax, _syntax, _charset, _text, _text, _fragment, _fragment, _fragment, _offsets, _group_2,
    _spliced, _repeated, _removed,
)  # fmt: skip
_UIDS: Final = tuple(
    uid.encode()
    for uid in (
        "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
        "1.2.840.113619.5.2", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1",
        "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.100",
        "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.112",
        "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",
    )
)  # fmt: skip
