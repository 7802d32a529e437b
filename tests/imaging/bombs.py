"""Small files that want much: one function each writes what is imported.

The name of a function is what reports call the bomb. `BOMBS` says what must become of it.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from iryo.dicom import codecs_encode, syntaxes
from tests.dicom.handmade import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    explicit,
    file,
    implicit,
    item,
)
from tests.dicom.test_codecs import described

__all__ = ["BOMBS", "Bomb"]

_IDS: Final = (
    explicit(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
    explicit(0x00080018, "UI", b"1.2.3.4.5.1\0"),
)
_MORE_IDS: Final = (
    explicit(0x0020000D, "UI", b"1.2.3.4\0"),
    explicit(0x0020000E, "UI", b"1.2.3.4.5.66"),
)


@dataclass(frozen=True, slots=True)
class Bomb:
    """What is written, and what must become of it.

    Attributes:
        write: writes a file, or several, into a folder.
        outcome: the reasons of failure that are right; "imported" among them where it may go in.
        memory: MiB that importing it may take beyond what any import does.
    """

    write: Callable[[Path], None]
    outcome: frozenset[str]
    memory: int = 700


def whole(*elements: bytes, syntax: str = EXPLICIT, first: bytes = b"") -> bytes:
    """A file with its identifiers and these elements, which come after group 0020."""
    return file(*_IDS, first, *_MORE_IDS, *elements, syntax=syntax)


def pixels(
    value: bytes,
    *,
    rows: int = 16,
    columns: int = 16,
    samples: int = 1,
    bits: int = 16,
    frames: str | None = None,
    undefined: bool = False,
) -> tuple[bytes, ...]:
    """Group 0028 and pixel data."""

    def number(tag: int, value: int) -> bytes:
        return explicit(tag, "US", struct.pack("<H", value))

    text = b"" if frames is None else frames.encode() + b" " * (len(frames) % 2)
    return (
        number(0x00280002, samples),
        explicit(0x00280004, "CS", b"MONOCHROME2 " if samples == 1 else b"RGB "),
        *((number(0x00280006, 0),) if samples > 1 else ()),
        *((explicit(0x00280008, "IS", text),) if text else ()),
        number(0x00280010, rows),
        number(0x00280011, columns),
        number(0x00280100, bits),
        number(0x00280101, bits),
        number(0x00280102, bits - 1),
        number(0x00280103, 0),
        explicit(0x7FE00010, "OB" if undefined else "OW", value, UNDEFINED if undefined else None),
    )


def fragments(frames: Iterable[bytes]) -> bytes:
    """Encapsulated pixel data: an empty offset table, a fragment a frame, the delimiter."""
    even = (frame + b"\0" * (len(frame) % 2) for frame in frames)
    return (
        implicit(0xFFFEE000)
        + b"".join(implicit(0xFFFEE000, one) for one in even)
        + implicit(0xFFFEE0DD)
    )


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def one(make: Callable[[], bytes]) -> Callable[[Path], None]:
    """A bomb that is one file."""

    def write(folder: Path) -> None:
        (folder / "bomb.dcm").write_bytes(make())

    return write


# ------------------------------------------------------------------ compression


def deflate() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [packer.compress(explicit(0x00082111, "OB", b"", 3 << 30))]
    parts += [packer.compress(bytes(16 << 20)) for _ in range(192)]
    return file(*parts, packer.flush(), syntax=DEFLATED)


def deflated_empty_items() -> bytes:
    """500 MB of empty items in half a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    sequence = explicit(0x0040A730, "SQ", b"", UNDEFINED)
    parts = [packer.compress(b"".join([*_IDS, *_MORE_IDS]) + sequence)]
    parts += [packer.compress(item() * (1 << 20)) for _ in range(60)]
    return file(*parts, packer.flush(), syntax=DEFLATED)


def deflated_header() -> bytes:
    """A private element that the limit on inflated data lets through: 400 MB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [packer.compress(b"".join([*_IDS, *_MORE_IDS]))]
    parts += [packer.compress(explicit(0x00291010, "OB", b"", 400 << 20))]
    parts += [packer.compress(bytes(16 << 20)) for _ in range(25)]
    return file(*parts, packer.flush(), syntax=DEFLATED)


def deflated_frames() -> bytes:
    """400 frames of 32-bit samples, each 64 MB of zeros: 26 GB to store."""
    frame = deflated(bytes(4096 * 4096 * 4))
    value = fragments([frame] * 400)
    return whole(
        *pixels(value, rows=4096, columns=4096, bits=32, frames="400", undefined=True),
        syntax=syntaxes.DEFLATED_FRAME,
    )


def deflated_texts(folder: Path) -> None:
    """Files of 150 kB, each with 150 MB of metadata: what they add up to is more than a server."""
    for number in range(9):
        ids = b"".join(_IDS).replace(b"1.2.3.4.5.1", b"1.2.3.4.5.%d" % number)
        text = explicit(0x00204000, "UT", b"", 150 << 20) + b"a" * (150 << 20)
        data = deflated(ids + b"".join(_MORE_IDS) + text)
        (folder / f"{number}.dcm").write_bytes(file(data, syntax=DEFLATED))


def rle() -> bytes:
    """A frame of 4 GB declared, in some segments that expand 64 times."""
    segment = b"\x81\0" * 4000
    head = struct.pack("<I2I", 2, 64, 64 + len(segment)).ljust(64, b"\0")
    value = fragments([head + segment * 2])
    return whole(*pixels(value, rows=65535, columns=32000, undefined=True), syntax=syntaxes.RLE)


def rle_within() -> bytes:
    """The same with a size that is taken, and segments that give too little."""
    segment = b"\x81\0" * 4000
    head = struct.pack("<I2I", 2, 64, 64 + len(segment)).ljust(64, b"\0")
    value = fragments([head + segment * 2])
    return whole(*pixels(value, rows=8000, columns=8000, undefined=True), syntax=syntaxes.RLE)


def codestream(uid: str) -> bytes:
    """A true codestream of 16 x 16."""
    grey = np.arange(256, dtype="<u2").reshape(16, 16)
    description = described(uid, rows=16, columns=16, samples=1, bits_allocated=16, bits_stored=16)
    return codecs_encode.encode(grey, description, uid)


def _jpeg_2000(uid: str, *, header: bool, components: int | None = None, tile: int = 0) -> bytes:
    data = bytearray(codestream(uid))
    at = data.index(b"\xff\x51") + 2
    side = 60000
    if header:
        struct.pack_into(">II", data, at + 4, side, side)
        if not tile:
            struct.pack_into(">II", data, at + 20, side, side)
    if tile:
        struct.pack_into(">II", data, at + 20, tile, tile)
    if components:
        struct.pack_into(">H", data, at + 36, components)
    return bytes(data)


def jpeg_2000(uid: str, rows: int, **how: int) -> bytes:
    """A codestream that declares 60000 x 60000, or absurd tiles or components."""
    data = _jpeg_2000(
        uid, header=rows > 16, components=how.get("components"), tile=how.get("tile", 0)
    )
    value = fragments([data])
    return whole(*pixels(value, rows=rows, columns=rows, undefined=True), syntax=uid)


def jpeg(uid: str, marker: bytes, rows: int) -> bytes:
    """A JPEG or JPEG-LS that declares 60000 x 60000."""
    if uid == syntaxes.JPEG_BASELINE:
        import imagecodecs

        data = bytearray(imagecodecs.jpeg8_encode(np.zeros((16, 16), np.uint8)))
    else:
        data = bytearray(codestream(uid))
    at = data.index(marker)
    struct.pack_into(">HH", data, at + 5, 60000, 60000)
    bits = 8 if uid == syntaxes.JPEG_BASELINE else 16
    value = fragments([bytes(data)])
    return whole(*pixels(value, rows=rows, columns=rows, bits=bits, undefined=True), syntax=uid)


def jpeg_ls_oversize() -> bytes:
    """Dimensions in an LSE marker, as large as 32 bits hold (T.87 C.2.4.1.4)."""
    data = codestream(syntaxes.JPEG_LS)
    lse = b"\xff\xf8" + struct.pack(">HBBII", 12, 4, 4, 0x7FFFFFFF, 0x7FFFFFFF)
    value = fragments([data[:2] + lse + data[2:]])
    return whole(*pixels(value, undefined=True), syntax=syntaxes.JPEG_LS)


def blank_frames() -> bytes:
    """200 fragments of a true and tiny codestream of 3000 x 3000: much work for little."""
    uid = syntaxes.JPEG_2000_LOSSLESS
    description = described(
        uid, rows=3000, columns=3000, samples=1, bits_allocated=16, bits_stored=16
    )
    data = codecs_encode.encode(np.zeros((3000, 3000), "<u2"), description, uid)
    value = fragments([data] * 40)
    return whole(*pixels(value, rows=3000, columns=3000, frames="40", undefined=True), syntax=uid)


# ------------------------------------------------------------------ numbers and lengths


def frames_absurd() -> bytes:
    return whole(*pixels(bytes(512), frames=str(1 << 31)))


def sides_absurd() -> bytes:
    return whole(*pixels(bytes(512), rows=65535, columns=65535, samples=4))


def length_of_4_gb() -> bytes:
    return whole(explicit(0x00420011, "OB", b"x" * 64, 0xFFFFFFFE))


def million_fragments() -> bytes:
    return whole(
        *pixels(fragments([b""] * 1_000_000), undefined=True), syntax=syntaxes.JPEG_BASELINE
    )


def million_frames() -> bytes:
    """Two million frames of a bit."""
    return whole(*pixels(bytes(250_000), rows=1, columns=1, bits=1, frames="2000000"))


def many_tiny_frames() -> bytes:
    """As many as are taken, of a byte each: each would be a codestream of its own."""
    return whole(*pixels(bytes(400_000), rows=1, columns=1, bits=8, frames="400000"))


def offset_table() -> bytes:
    """An offset table of 10 million entries."""
    table = implicit(0xFFFEE000, bytes(40 << 20))
    value = table + implicit(0xFFFEE000, b"\xff\xd8\xff\xd9") + implicit(0xFFFEE0DD)
    return whole(*pixels(value, undefined=True), syntax=syntaxes.JPEG_BASELINE)


# ------------------------------------------------------------------ structure


def nested() -> bytes:
    return whole(
        (explicit(0x0040A730, "SQ", b"", UNDEFINED) + implicit(0xFFFEE000, b"", UNDEFINED)) * 10_000
    )


def nested_known() -> bytes:
    """Nested with lengths that are right."""
    value = b""
    for _ in range(2_000):
        value = explicit(0x0040A730, "SQ", item(value))
    return whole(value)


def empty_items() -> bytes:
    return whole(explicit(0x0040A730, "SQ", item() * 10_000_000))


def empty_items_undefined() -> bytes:
    return whole(
        explicit(
            0x0040A730, "SQ", item(undefined=True) * 1_500_000 + implicit(0xFFFEE0DD), UNDEFINED
        )
    )


def undefined_everywhere() -> bytes:
    return whole(*(explicit(0x00291000 + n, "UN", b"", UNDEFINED) for n in range(60_000)))


def item_ends() -> bytes:
    """Delimiters that end nothing, five million of them."""
    return whole(implicit(0xFFFEE00D) * 5_000_000)


def private_creators() -> bytes:
    groups = range(0x0009, 0x4001, 2)
    return file(
        *_IDS,
        *_MORE_IDS,
        *(
            implicit(group << 16 | 0x10 + n, b"CREATOR %04x%02x" % (group, n))
            for group in groups
            if group > 0x20
            for n in range(64)
        ),
        syntax=EXPLICIT,
    )


def private_creators_implicit() -> bytes:
    """Private elements without VR, each after more creators: each looks them all up."""
    ids = b"".join(
        implicit(tag, value)
        for tag, value in (
            (0x00080016, b"1.2.840.10008.5.1.4.1.1.7\0"),
            (0x00080018, b"1.2.3.4.5.1\0"),
            (0x0020000D, b"1.2.3.4\0"),
            (0x0020000E, b"1.2.3.4.5.66"),
        )
    )
    pairs = (
        implicit(0x00290010 + n % 0xF0, b"SIEMENS CSA HEADER")
        + implicit(0x00291000 + n % 0xF000, b"ab")
        for n in range(200_000)
    )
    return file(ids, *pairs, syntax=IMPLICIT)


def same_tag() -> bytes:
    return whole(explicit(0x00104000, "LT", b"ab") * 500_000)


# ------------------------------------------------------------------ values


def _charset(name: bytes) -> bytes:
    return explicit(0x00080005, "CS", name + b" " * (len(name) % 2))


def escapes() -> bytes:
    """20 MB of escape sequences, each of which means something."""
    text = b"\x1b$B!!\x1b(B^" * (2 << 20)
    return whole(explicit(0x00104000, "UT", text), first=_charset(b"\\ISO 2022 IR 87"))


def escapes_unknown() -> bytes:
    return whole(
        explicit(0x00104000, "UT", b"\x1b" * (8 << 20)), first=_charset(b"\\ISO 2022 IR 87")
    )


def text_of_100_mb() -> bytes:
    return whole(
        explicit(0x00104000, "UT", "渋谷".encode() * (100 << 20 >> 3)),
        first=_charset(b"ISO_IR 192"),
    )


def text_undecodable() -> bytes:
    """20 MB of bytes that become four characters each."""
    return whole(explicit(0x00104000, "UT", b"\xff" * (20 << 20)), first=_charset(b"ISO_IR 192"))


def name_components() -> bytes:
    return whole(first=explicit(0x00100010, "UN", b"a^" * 1_000_000))


def name_in_many_words() -> bytes:
    """A name of 60 kB: 30,000 words by which it could be found."""
    text = b" ".join(b"%x" % n for n in range(12_000))[:65_000]
    return whole(first=explicit(0x00100010, "PN", text))


def ideographs() -> bytes:
    text = ("渋谷" * 10_000)[:21_000].encode()
    return whole(first=_charset(b"ISO_IR 192") + explicit(0x00100010, "PN", text))


def uid_long() -> bytes:
    return file(*_IDS, explicit(0x0020000D, "UN", b"1" * 1_000_000), _MORE_IDS[1])


def class_long() -> bytes:
    return file(explicit(0x00080016, "UI", b"1" * 60_000), _IDS[1], *_MORE_IDS)


def syntax_long() -> bytes:
    return whole(syntax="1." * 30_000)


def patient_id_long() -> bytes:
    return whole(
        first=explicit(0x00100020, "LO", np.random.default_rng(1).bytes(30_000).hex().encode())
    )


def numbers_in_text() -> bytes:
    return whole(explicit(0x30060050, "UN", b"1\\" * 5_000_000))


def integers_in_text() -> bytes:
    return whole(explicit(0x00189810, "UN", b"1\\" * 5_000_000))


def integer_long() -> bytes:
    """A number of a million digits: to read it takes the square of that."""
    return whole(explicit(0x00200013, "UN", b"1" * 1_000_000))


def frames_long() -> bytes:
    return whole(explicit(0x00280008, "UN", b"9" * 1_000_000), *pixels(bytes(512))[2:])


def many_values() -> bytes:
    return whole(
        explicit(0x00181271, "FD", bytes(60_000)), explicit(0x00660016, "OF", bytes(64 << 20))
    )


def binary_of_300_mb() -> bytes:
    return whole(explicit(0x00291010, "OB", bytes(300 << 20)))


def one_byte_values() -> bytes:
    """A JSON form of many times the file: attributes of a few bytes each."""
    return whole(*(explicit(0x00291000 + n % 0xF000, "SS", b"\0\0") for n in range(1_500_000)))


def overlays() -> bytes:
    group = b"".join(
        explicit(0x60000010 + (n << 17), "US", struct.pack("<H", 65535))
        + explicit(0x60000011 + (n << 17), "US", struct.pack("<H", 65535))
        + explicit(0x60000015 + (n << 17), "IS", b"99999999")
        + explicit(0x60003000 + (n << 17), "OW", bytes(64))
        for n in range(16)
    )
    return whole(group, *pixels(bytes(512)))


def icon() -> bytes:
    inner = b"".join(pixels(b"\0\0", rows=65535, columns=65535))
    return whole(explicit(0x00880200, "SQ", item(inner)), *pixels(bytes(512)))


def waveform() -> bytes:
    inner = explicit(0x003A0005, "US", b"\xff\xff") + explicit(
        0x003A0010, "UL", b"\xff\xff\xff\xff"
    )
    return whole(explicit(0x54000100, "SQ", item(inner, explicit(0x54001010, "OW", bytes(64)))))


def trailing_zeros() -> bytes:
    return whole(*pixels(bytes(512))) + bytes(600 << 20)


# ------------------------------------------------------------------ archives


def archive(
    write: Callable[[zipfile.ZipFile], None], change: Callable[[bytearray], None] | None = None
) -> Callable[[Path], None]:
    """A bomb that is a zip archive, perhaps with bytes changed afterwards."""

    def made(folder: Path) -> None:
        path = folder / "bomb.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            write(packed)
        if change is not None:
            data = bytearray(path.read_bytes())
            change(data)
            path.write_bytes(data)

    return made


def zip_ratio(packed: zipfile.ZipFile) -> None:
    with packed.open("zeros.dcm", "w", force_zip64=True) as member:
        for _ in range(100):
            member.write(bytes(10 << 20))


def zip_nested(packed: zipfile.ZipFile) -> None:
    packed.writestr("inner.zip", b"PK\3\4" + bytes(1000))


def zip_small(packed: zipfile.ZipFile) -> None:
    packed.writestr("zeros.dcm", bytes(30 << 20))


def _directory(data: bytearray) -> int:
    return data.rindex(b"PK\1\2")


def size_small(data: bytearray) -> None:
    """The directory says 100 bytes, the member has 30 MB."""
    struct.pack_into("<I", data, _directory(data) + 24, 100)


def size_large(data: bytearray) -> None:
    struct.pack_into("<I", data, _directory(data) + 24, 0xFFFFFF00)


def packed_large(data: bytearray) -> None:
    struct.pack_into("<I", data, _directory(data) + 20, 0xFFFFFF00)


def zip_overlapping(folder: Path) -> None:
    """Fifield's: 20,000 members that are all the same 30 MB."""
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.dcm", bytes(30 << 20))
        for number in range(20_000):
            info = zipfile.ZipInfo(f"{number}.dcm")
            for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(info, name, getattr(packed.filelist[0], name))
            packed.filelist.append(info)


def zip_many(folder: Path) -> None:
    """A directory of a million members and more: 65 MiB."""
    entry = (
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
        + b"a"
    )
    count = (65 << 20) // len(entry)
    size = count * len(entry)
    big = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, size, 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (folder / "bomb.zip").write_bytes(entry * count + big + locator + end)


def zip_lzma(packed: zipfile.ZipFile) -> None:
    packed.writestr(zipfile.ZipInfo("x.dcm"), bytes(60 << 20), zipfile.ZIP_LZMA)


def zip_bzip2(packed: zipfile.ZipFile) -> None:
    packed.writestr(zipfile.ZipInfo("x.dcm"), bytes(60 << 20), zipfile.ZIP_BZIP2)


def gzipped() -> bytes:
    return zlib.compress(whole(*pixels(bytes(512))), wbits=31)


def _is(*reasons: str) -> frozenset[str]:
    return frozenset(reasons)


_LARGE: Final = _is("TooLarge")
_IN: Final = _is("imported")
_J2K, _HT, _LS = syntaxes.JPEG_2000_LOSSLESS, syntaxes.HTJ2K_LOSSLESS_RPCL, syntaxes.JPEG_LS

BOMBS: Final[dict[str, Bomb]] = {
    "deflate": Bomb(one(deflate), _LARGE, 1200),
    "deflated-empty-items": Bomb(one(deflated_empty_items), _LARGE, 3000),
    "deflated-header": Bomb(one(deflated_header), _LARGE, 1500),
    "deflated-texts": Bomb(deflated_texts, _is("imported", "TooLarge"), 6000),
    "deflated-frames": Bomb(one(deflated_frames), _LARGE),
    "rle": Bomb(one(rle), _LARGE),
    "rle-within": Bomb(one(rle_within), _is("imported")),
    "jpeg-2000": Bomb(one(lambda: jpeg_2000(_J2K, 60000)), _LARGE),
    "jpeg-2000-other-size": Bomb(one(lambda: jpeg_2000(_J2K, 17)), _is("SizeMismatch")),
    "jpeg-2000-tiles": Bomb(one(lambda: jpeg_2000(_J2K, 16, tile=1)), _IN),
    "jpeg-2000-components": Bomb(one(lambda: jpeg_2000(_J2K, 16, components=16384)), _IN),
    "htj2k": Bomb(one(lambda: jpeg_2000(_HT, 60000)), _is("imported", "TooLarge")),
    "htj2k-other-size": Bomb(one(lambda: jpeg_2000(_HT, 17)), _is("SizeMismatch")),
    "htj2k-tiles": Bomb(one(lambda: jpeg_2000(_HT, 16, tile=1)), _IN),
    "jpeg": Bomb(
        one(lambda: jpeg(syntaxes.JPEG_BASELINE, b"\xff\xc0", 60000)), _is("imported", "TooLarge")
    ),
    "jpeg-other-size": Bomb(
        one(lambda: jpeg(syntaxes.JPEG_BASELINE, b"\xff\xc0", 16)), _is("SizeMismatch")
    ),
    "jpeg-ls": Bomb(one(lambda: jpeg(_LS, b"\xff\xf7", 60000)), _LARGE),
    "jpeg-ls-other-size": Bomb(one(lambda: jpeg(_LS, b"\xff\xf7", 16)), _is("SizeMismatch")),
    "jpeg-ls-oversize": Bomb(one(jpeg_ls_oversize), _IN),
    "blank-frames": Bomb(one(blank_frames), _IN),
    "frames-absurd": Bomb(one(frames_absurd), _LARGE),
    "sides-absurd": Bomb(one(sides_absurd), _LARGE),
    "length-of-4-gb": Bomb(one(length_of_4_gb), _is("Truncated")),
    "million-fragments": Bomb(one(million_fragments), _is("FrameExtraction")),
    "million-frames": Bomb(one(million_frames), _LARGE),
    "many-tiny-frames": Bomb(one(many_tiny_frames), _IN),
    "offset-table": Bomb(one(offset_table), _IN, 1500),
    "nested": Bomb(one(nested), _is("TooDeep")),
    "nested-known": Bomb(one(nested_known), _is("TooDeep")),
    "empty-items": Bomb(one(empty_items), _LARGE, 1500),
    "empty-items-undefined": Bomb(one(empty_items_undefined), _is("imported", "TooLarge"), 2500),
    "undefined-everywhere": Bomb(
        one(undefined_everywhere), _is("TooDeep", "Truncated", "Malformed")
    ),
    "item-ends": Bomb(one(item_ends), _is("TooLarge", "imported")),
    "private-creators": Bomb(one(private_creators), _is("imported", "TooLarge"), 1500),
    "private-creators-implicit": Bomb(one(private_creators_implicit), _IN),
    "same-tag": Bomb(one(same_tag), _IN),
    "escapes": Bomb(one(escapes), _IN, 1500),
    "escapes-unknown": Bomb(one(escapes_unknown), _IN, 1500),
    "text-of-100-mb": Bomb(one(text_of_100_mb), _IN, 1500),
    "text-undecodable": Bomb(one(text_undecodable), _IN, 2500),
    "name-components": Bomb(one(name_components), _IN),
    "name-in-many-words": Bomb(one(name_in_many_words), _IN),
    "ideographs": Bomb(one(ideographs), _IN),
    "uid-long": Bomb(one(uid_long), _is("InvalidUid")),
    "class-long": Bomb(one(class_long), _is("InvalidUid", "imported")),
    "syntax-long": Bomb(one(syntax_long), _is("InvalidUid")),
    "patient-id-long": Bomb(one(patient_id_long), _IN),
    "numbers-in-text": Bomb(one(numbers_in_text), _IN, 1500),
    "integers-in-text": Bomb(one(integers_in_text), _IN, 1500),
    "integer-long": Bomb(one(integer_long), _IN),
    "frames-long": Bomb(one(frames_long), _IN),
    "many-values": Bomb(one(many_values), _is("imported", "TooLarge"), 1500),
    "binary-of-300-mb": Bomb(one(binary_of_300_mb), _LARGE, 1500),
    "one-byte-values": Bomb(one(one_byte_values), _is("imported", "TooLarge"), 2500),
    "overlays": Bomb(one(overlays), _IN),
    "icon": Bomb(one(icon), _IN),
    "waveform": Bomb(one(waveform), _IN),
    "trailing-zeros": Bomb(one(trailing_zeros), _LARGE),
    "zip-ratio": Bomb(archive(zip_ratio), _LARGE),
    "zip-nested": Bomb(archive(zip_nested), _is("NotDicom")),
    "zip-size-small": Bomb(archive(zip_small, size_small), _is("InvalidInput")),
    "zip-size-large": Bomb(archive(zip_small, size_large), _LARGE),
    "zip-packed-large": Bomb(archive(zip_small, packed_large), _is("BadZip")),
    "zip-overlapping": Bomb(zip_overlapping, _is("BadZip", "InvalidInput")),
    "zip-many": Bomb(zip_many, _LARGE),
    "zip-lzma": Bomb(archive(zip_lzma), _is("BadZip")),
    "zip-bzip2": Bomb(archive(zip_bzip2), _is("BadZip")),
    "gzip": Bomb(one(gzipped), _is("NotDicom")),
}
