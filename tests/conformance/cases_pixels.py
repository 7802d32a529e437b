"""Built files whose pixel data is special."""

import struct
from typing import Any

import imagecodecs
import numpy as np
from pydicom.pixels.utils import compress
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.conformance.build import (
    Array,
    Case,
    bare,
    declare,
    encapsulated,
    fragments,
    image,
    native,
    p10,
    ramp,
)
from tests.dicom.handmade import explicit

COERCED = frozenset({0xB000})
EXTRACTION = frozenset({0xB110})
FRAMES = frozenset({0xB111})
KEPT = frozenset({0xB100})

G8 = ramp(33, 31)
G12 = ramp(32, 24, top=4095, kind="<u2")
S16 = (G12.astype("<i4") - 1024).astype("<i2")
COLOUR = ramp(32, 24, 3)
TWELVE: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}

_GE = "1.2.840.113619.5.2"
_ELSCINT = "1.3.46.670589.33.1.4.1"


def _jpeg(array: Array, **how: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(array, **how))


def _jpeg_2000(array: Array, form: str = "j2k") -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(array, level=0, reversible=True, codecformat=form))


GREY_JPEG = _jpeg(G8)
LOSSLESS_JPEG = bytes(imagecodecs.ljpeg_encode(G12, bitspersample=12))
JPEG_LS = bytes(imagecodecs.jpegls_encode(G12))
J2K = _jpeg_2000(G12)


# Two samples in three bytes, the first in the low bits (PS3.5 8.1.1, as of 1993).
PACKED = np.packbits(
    np.unpackbits(G12.reshape(-1, 1).view("u1"), axis=1, bitorder="little")[:, :12],
    bitorder="little",
).tobytes()


def _rle(array: Array, **attributes: Any) -> bytes:
    dataset = native(image(array, **attributes), array.tobytes())
    p10(dataset)
    compress(dataset, RLELossless, generate_instance_uid=False)
    return p10(dataset, RLELossless)


def _overlay() -> bytes:
    """A graphic in bit 12 of the pixels, as PS3.5 8.1.2 once allowed."""
    dataset = image(G12, **TWELVE)
    for tag, vr, value in (
        (0x60000010, "US", 32),
        (0x60000011, "US", 24),
        (0x60000040, "CS", "G"),
        (0x60000050, "SS", [1, 1]),
        (0x60000100, "US", 16),
        (0x60000102, "US", 12),
    ):
        dataset.add_new(tag, vr, value)
    graphic = ramp(32, 24, top=1, kind="<u2") << 12
    return p10(native(dataset, (G12 | graphic).tobytes()))


def _number_of_frames(text: bytes) -> bytes:
    """Three frames, and whatever Number of Frames says."""
    data = p10(native(image(G12, NumberOfFrames="777", **TWELVE), np.stack([G12] * 3).tobytes()))
    return data.replace(b"IS\x04\x00" + b"777 ", b"IS" + struct.pack("<H", len(text)) + text)


def _segmented_palette() -> bytes:
    """PALETTE COLOR with segmented lookup tables (PS3.3 C.7.9.2), as ultrasound has them."""
    dataset = image(G8, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        # A discrete segment of one entry, then a linear one to the end.
        table = struct.pack("<6H", 0, 1, 0, 1, 255, 0xFF00)
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", table)
    return p10(native(dataset, G8.tobytes()))


NATIVE = (
    Case("a grey image of odd size", p10(native(image(G8), G8.tobytes())), [G8], exact=True),
    Case(
        "signed samples, deflated",
        p10(native(image(S16), S16.tobytes()), DeflatedExplicitVRLittleEndian),
        [S16],
    ),
    Case(
        "ultrasound without Number of Frames",
        p10(native(image(COLOUR), np.stack([COLOUR] * 3).tobytes())),
        [COLOUR] * 3,
        warnings=FRAMES,
        exact=True,
    ),
    Case("Number of Frames is 0", _number_of_frames(b"0 "), [G12] * 3, warnings=FRAMES),
    Case("Number of Frames is empty", _number_of_frames(b""), [G12] * 3, warnings=FRAMES),
    Case("Number of Frames with blanks", _number_of_frames(b" 3  "), [G12] * 3, exact=True),
    Case("an overlay in unused bits", _overlay(), [G12], exact=True),
    Case("a palette in segments", _segmented_palette(), [G8], exact=True),
    Case(
        "High Bit counted from 1",
        p10(native(image(G12, HighBit=16), G12.tobytes())),
        [G12],
        warnings=COERCED,
        exact=True,
    ),
    Case(
        "no Photometric Interpretation",
        p10(native(image(G12, PhotometricInterpretation=None, **TWELVE), G12.tobytes())),
        [G12],
        warnings=COERCED,
        exact=True,
        decodes=False,  # it wants the attribute
    ),
    Case(
        "planes of colour",
        p10(native(image(COLOUR, PlanarConfiguration=1), COLOUR.transpose(2, 0, 1).tobytes())),
        [COLOUR],
        exact=True,
    ),
    Case(
        "YBR_FULL_422 with a sample for every pixel",
        p10(native(image(COLOUR, PhotometricInterpretation="YBR_FULL_422"), COLOUR.tobytes())),
        [COLOUR],
        warnings=COERCED,
        exact=True,
        decodes=False,  # it says what is wrong, and stops
    ),
    Case(
        "CMYK",
        p10(native(image(ramp(32, 24, 4), SamplesPerPixel=4), ramp(32, 24, 4).tobytes())),
        [ramp(32, 24, 4)],
        exact=True,
        decodes=False,  # it knows 1 and 3 samples
    ),
    Case(
        "bytes after the last frame",
        p10(native(image(G12, **TWELVE), G12.tobytes() + b"made by a gateway")),
        [G12],
        exact=True,
    ),
    Case(
        "samples of 12 bits, packed",
        p10(native(image(G12, BitsAllocated=12, **TWELVE), PACKED, "OW")),
        kept=[PACKED],
        warnings=KEPT,
        says="12-bit",
        exact=True,
    ),
    Case(
        "one row is missing",
        p10(native(image(G12), G12.tobytes()[:-48])),
        refused="Truncated",
        says="found 1488 bytes of pixel data, expected 1536",
    ),
    Case(
        "Pixel Data of no bytes",
        p10(native(image(G12), b"")),
        [],
        warnings=frozenset({0xB007}),
        exact=True,
    ),
    Case(
        "Rows is 0",
        p10(native(image(G12, Rows=0), G12.tobytes())),
        refused="PixelDescription",
        says="(0028,0010)",
    ),
)

ENCODINGS = (
    Case(
        "big endian, bytes",
        p10(native(image(G8), G8.tobytes(), "OB"), ExplicitVRBigEndian),
        [G8],
        exact=True,
    ),
    Case(
        "big endian, words of bytes",
        p10(
            native(
                image(G8[:32]),
                G8[:32].reshape(-1).view("<u2").astype(">u2").tobytes(),
                "OW",
            ),
            ExplicitVRBigEndian,
        ),
        [G8[:32]],
        exact=True,
    ),
    Case(
        "big endian and not said so",
        declare(
            p10(native(image(G12), G12.astype(">u2").tobytes()), ExplicitVRBigEndian),
            ExplicitVRLittleEndian,
        ),
        [G12],
        pydicom=False,
    ),
    Case(
        "no group 2, big endian",
        bare(p10(native(image(G12), G12.astype(">u2").tobytes()), ExplicitVRBigEndian)),
        [G12],
        exact=True,
    ),
    Case(
        "no group 2, implicit VR",
        bare(p10(native(image(G12), G12.tobytes()), ImplicitVRLittleEndian)),
        [G12],
        exact=True,
    ),
    Case(
        "GE's syntax with big-endian pixels",
        declare(p10(native(image(S16), S16.astype(">i2").tobytes()), ImplicitVRLittleEndian), _GE),
        [S16],
        exact=True,
    ),
    Case(
        "GE's syntax with bytes",
        declare(p10(native(image(G8), G8.tobytes(), "OW"), ImplicitVRLittleEndian), _GE),
        [G8],
        exact=True,
    ),
    Case(
        "Pixel Data called UN",
        p10(native(image(G12), G12.tobytes())).replace(b"\xe0\x7f\x10\0OW", b"\xe0\x7f\x10\0UN"),
        [G12],
    ),
    Case(
        "Rows as a text",
        p10(native(image(G12), G12.tobytes())).replace(
            explicit(0x00280010, "US", b"\x20\0"), explicit(0x00280010, "IS", b"32")
        ),
        [G12],
        exact=True,
    ),
    Case(
        "a private syntax of native pixels",
        declare(p10(native(image(S16), S16.tobytes())), _ELSCINT),
        [S16],
        warnings=COERCED,
        exact=True,
    ),
    Case(
        "decompressed, and JPEG 2000 still declared",
        declare(p10(native(image(G12), G12.tobytes())), JPEG2000Lossless),
        [G12],
        warnings=COERCED,
        pydicom=False,
    ),
    Case(
        "implicit VR where explicit is declared",
        declare(
            p10(native(image(G12), G12.tobytes()), ImplicitVRLittleEndian), ExplicitVRLittleEndian
        ),
        [G12],
        exact=True,
    ),
)


def _grey(value: bytes, syntax: str = JPEGBaseline8Bit, **attributes: Any) -> bytes:
    return encapsulated(image(G8, **attributes), value, syntax)


def _twelve(value: bytes, syntax: str, **attributes: Any) -> bytes:
    return encapsulated(image(G12, **{**TWELVE, **attributes}), value, syntax)


CUT = GREY_JPEG[: len(GREY_JPEG) // 2]
HALVES = [GREY_JPEG[:200], GREY_JPEG[200:]]
ODD = [GREY_JPEG[:201], GREY_JPEG[201:]]

COMPRESSED = (
    Case("fragments of odd length", _grey(fragments(ODD, pad=False)), kept=[GREY_JPEG]),
    Case("two fragments a frame, no offsets", _grey(fragments(HALVES * 3), NumberOfFrames=3),
         kept=[GREY_JPEG] * 3),
    Case("offsets that are all 0", _grey(fragments([GREY_JPEG] * 3, [0, 0, 0]), NumberOfFrames=3),
         kept=[GREY_JPEG] * 3, warnings=EXTRACTION),
    Case("no item for the offset table", _grey(fragments([GREY_JPEG] * 2, None), NumberOfFrames=2),
         kept=[GREY_JPEG] * 2, warnings=COERCED, pydicom=False),
    Case("no sequence delimiter at the end", _grey(fragments([GREY_JPEG], end=False)),
         kept=[GREY_JPEG], warnings=COERCED, pydicom=False),
    Case("fragments within a known length", p10(image(G8), JPEGBaseline8Bit) + explicit(
         0x7FE00010, "OB", fragments([GREY_JPEG])), kept=[GREY_JPEG], warnings=COERCED),
    Case("an empty fragment between frames", _grey(fragments([GREY_JPEG, b"", GREY_JPEG]),
         NumberOfFrames=2), kept=[GREY_JPEG] * 2),
    Case("JPEG of 8 bits, 16 allocated", _grey(fragments([GREY_JPEG]), BitsAllocated=16),
         kept=[GREY_JPEG]),
    Case("a JPEG that breaks off", _grey(fragments([CUT])), kept=[CUT], warnings=EXTRACTION),
    Case("a last fragment that breaks off", _grey(fragments([GREY_JPEG], end=False)[:-20]),
         refused="Truncated", says="sequence delimiter"),
    Case("fewer frames than declared", _grey(fragments([GREY_JPEG] * 2), NumberOfFrames=3),
         refused="FrameExtraction", says="expected the 3 of Number of Frames"),
    Case("JPEG in the words of OW", encapsulated(image(G8), fragments([GREY_JPEG]),
         JPEGBaseline8Bit, "OW"), kept=[GREY_JPEG]),
    Case("JPEG where native is declared", _grey(fragments([GREY_JPEG]), ExplicitVRLittleEndian),
         kept=[GREY_JPEG], pydicom=False),
    Case("JPEG of grey where colours are declared", encapsulated(
         image(ramp(33, 31, 3)), fragments([GREY_JPEG]), JPEGBaseline8Bit),
         refused="SizeMismatch", says="1 samples"),
    Case("JPEG of YCbCr called RGB", encapsulated(
         image(COLOUR), fragments([_jpeg(COLOUR)]), JPEGBaseline8Bit), kept=[_jpeg(COLOUR)]),
    Case("JPEG Lossless called Baseline", _twelve(fragments([LOSSLESS_JPEG]), JPEGBaseline8Bit),
         [G12], warnings=COERCED),
    Case("JPEG Lossless called Extended", _twelve(fragments([LOSSLESS_JPEG]), JPEGExtended12Bit),
         [G12]),
    Case("JPEG Lossless of 12 bits, 16 stored", _twelve(fragments([LOSSLESS_JPEG]),
         JPEGLosslessSV1, BitsStored=16, HighBit=15), [G12]),
    Case("JPEG-LS of 16 bits, 12 stored", _twelve(fragments([JPEG_LS]), JPEGLSLossless), [G12]),
    Case("JPEG-LS of 16 bits, 10 stored", _twelve(fragments([JPEG_LS]), JPEGLSLossless,
         BitsStored=10, HighBit=9), [G12], decodes=False),
    Case("JPEG 2000 in a JP2 file", _twelve(fragments([_jpeg_2000(G12, "jp2")]), JPEG2000Lossless),
         [G12]),
    Case("JPEG 2000, unsigned called signed", _twelve(fragments([J2K]), JPEG2000Lossless,
         BitsStored=16, HighBit=15, PixelRepresentation=1), [G12.view("<i2")]),
    Case("JPEG 2000 of 8 bits, 16 allocated", _grey(fragments([_jpeg_2000(G8)]), JPEG2000Lossless,
         BitsAllocated=16), [G8.astype("<u2")]),
    Case("JPEG 2000, planes declared", encapsulated(image(COLOUR, PlanarConfiguration=1,
         PhotometricInterpretation="YBR_RCT"), fragments([_jpeg_2000(COLOUR)]), JPEG2000Lossless),
         [COLOUR]),
    Case("JPEG 2000 and zeros after it", _twelve(fragments([J2K + bytes(64)]), JPEG2000Lossless),
         [G12]),
    Case("JPEG 2000 that breaks off", _twelve(fragments([J2K[: len(J2K) // 2]]), JPEG2000Lossless),
         kept=[J2K[: len(J2K) // 2]], warnings=KEPT, says="decoder"),
    Case("RLE of a palette", _rle(G8, PhotometricInterpretation="PALETTE COLOR"), [G8]),
    Case("RLE of colours", _rle(COLOUR), [COLOUR]),
    Case("MPEG2, a frame count, an offset table", encapsulated(
         image(COLOUR, NumberOfFrames=25, PhotometricInterpretation="YBR_PARTIAL_420"),
         fragments([b"\0\0\1\xb3" + bytes(500)], [0]), "1.2.840.10008.1.2.4.100"),
         kept=[b"\0\0\1\xb3" + bytes(500)]),
    Case("H.264 in two fragments", encapsulated(
         image(COLOUR, NumberOfFrames=25, PhotometricInterpretation="YBR_PARTIAL_420"),
         fragments([b"\0\0\0\x18ftypmp42", b"moov"]), "1.2.840.10008.1.2.4.102"),
         kept=[b"\0\0\0\x18ftypmp42moov"]),
    Case("a private syntax with fragments", _grey(fragments([b"secret sauce"]), "1.2.3.4.5"),
         kept=[b"secret sauce"], warnings=KEPT, says="no decoder"),
)  # fmt: skip
