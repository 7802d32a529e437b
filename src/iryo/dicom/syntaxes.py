"""The transfer syntaxes of PS3.6 Annex A that carry data sets, and what is done with each.

One row a syntax: how its data set is written (PS3.5 Annex A), which codec holds its pixels, whether
that codec gives back what went in, and whether a frame stays as it is when it is stored.
"""

from dataclasses import dataclass
from enum import StrEnum

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
JPEG_XL_LOSSLESS = "1.2.840.10008.1.2.4.110"
JPEG_XL_RECOMPRESSION = "1.2.840.10008.1.2.4.111"
JPEG_XL = "1.2.840.10008.1.2.4.112"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
# Of GE scanners of the nineties: implicit VR little endian, but for the pixel data.
GE_BIG_PIXELS = "1.2.840.113619.5.2"


class Codec(StrEnum):
    """What holds the samples of a frame."""

    NATIVE = "native"
    DEFLATE = "deflate"
    RLE = "rle"
    JPEG = "jpeg"
    JPEG_LS = "jpeg-ls"
    JPEG_2000 = "jpeg-2000"
    HTJ2K = "htj2k"
    JPEG_XL = "jpeg-xl"
    VIDEO = "video"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One transfer syntax.

    Attributes:
        uid: its UID.
        name: its name in PS3.6 Annex A.
        codec: what holds the samples of a frame.
        explicit: whether VRs are written.
        little: whether numbers are little endian.
        encapsulated: whether pixel data stands in fragments (PS3.5 A.4).
        deflated: whether the whole data set is deflated (PS3.5 A.5).
        lossless: whether encoding into it gives back the same samples, and we can encode it.
        kept: whether frames are stored in it as they came.
        content_type: the media type of one stored frame.
    """

    uid: str
    name: str
    codec: Codec
    explicit: bool = True
    little: bool = True
    encapsulated: bool = True
    deflated: bool = False
    lossless: bool = False
    kept: bool = False
    content_type: str = "application/octet-stream"


def _native(
    uid: str, name: str, *, explicit: bool = True, little: bool = True, deflated: bool = False
) -> TransferSyntax:
    return TransferSyntax(
        uid,
        name,
        Codec.NATIVE,
        explicit=explicit,
        little=little,
        encapsulated=False,
        deflated=deflated,
        lossless=True,
    )


def _jpeg(suffix: str, name: str, *, lossless: bool = False, kept: bool = False) -> TransferSyntax:
    return TransferSyntax(
        f"1.2.840.10008.1.2.4.{suffix}",
        name,
        Codec.JPEG,
        lossless=lossless,
        kept=kept,
        content_type="image/jpeg",
    )


def _video(suffix: str, name: str, content_type: str) -> TransferSyntax:
    uid = f"1.2.840.10008.1.2.4.{suffix}"
    return TransferSyntax(uid, name, Codec.VIDEO, kept=True, content_type=content_type)


_MPEG2 = "video/mpeg"
_MP4 = "video/mp4"

TABLE: tuple[TransferSyntax, ...] = (
    _native(IMPLICIT_LITTLE, "Implicit VR Little Endian", explicit=False),
    _native(EXPLICIT_LITTLE, "Explicit VR Little Endian"),
    TransferSyntax(
        ENCAPSULATED_UNCOMPRESSED,
        "Encapsulated Uncompressed Explicit VR Little Endian",
        Codec.NATIVE,
        lossless=True,
    ),
    _native(DEFLATED, "Deflated Explicit VR Little Endian", deflated=True),
    _native(EXPLICIT_BIG, "Explicit VR Big Endian", little=False),
    _jpeg("50", "JPEG Baseline (Process 1)", kept=True),
    _jpeg("51", "JPEG Extended (Process 2 and 4)"),
    _jpeg("53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)"),
    _jpeg("55", "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)"),
    _jpeg("57", "JPEG Lossless, Non-Hierarchical (Process 14)", lossless=True),
    _jpeg("70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction", lossless=True),
    TransferSyntax(
        JPEG_LS, "JPEG-LS Lossless", Codec.JPEG_LS, lossless=True, content_type="image/jls"
    ),
    TransferSyntax(
        JPEG_LS_NEAR, "JPEG-LS Lossy (Near-Lossless)", Codec.JPEG_LS, content_type="image/jls"
    ),
    TransferSyntax(
        JPEG_2000_LOSSLESS,
        "JPEG 2000 (Lossless Only)",
        Codec.JPEG_2000,
        lossless=True,
        content_type="image/j2c",
    ),
    TransferSyntax(JPEG_2000, "JPEG 2000", Codec.JPEG_2000, kept=True, content_type="image/j2c"),
    TransferSyntax(
        JPEG_XL_LOSSLESS,
        "JPEG XL Lossless",
        Codec.JPEG_XL,
        lossless=True,
        content_type="image/jxl",
    ),
    TransferSyntax(
        JPEG_XL_RECOMPRESSION,
        "JPEG XL JPEG Recompression",
        Codec.JPEG_XL,
        kept=True,
        content_type="image/jxl",
    ),
    TransferSyntax(JPEG_XL, "JPEG XL", Codec.JPEG_XL, kept=True, content_type="image/jxl"),
    _video("100", "MPEG2 Main Profile / Main Level", _MPEG2),
    _video("100.1", "Fragmentable MPEG2 Main Profile / Main Level", _MPEG2),
    _video("101", "MPEG2 Main Profile / High Level", _MPEG2),
    _video("101.1", "Fragmentable MPEG2 Main Profile / High Level", _MPEG2),
    _video("102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", _MP4),
    _video("102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", _MP4),
    _video("103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", _MP4),
    _video("103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible / Level 4.1", _MP4),
    _video("104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", _MP4),
    _video("104.1", "Fragmentable MPEG-4 AVC/H.264 High / Level 4.2 For 2D Video", _MP4),
    _video("105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", _MP4),
    _video("105.1", "Fragmentable MPEG-4 AVC/H.264 High / Level 4.2 For 3D Video", _MP4),
    _video("106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", _MP4),
    _video("106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High / Level 4.2", _MP4),
    _video("107", "HEVC/H.265 Main Profile / Level 5.1", _MP4),
    _video("108", "HEVC/H.265 Main 10 Profile / Level 5.1", _MP4),
    TransferSyntax(
        HTJ2K_LOSSLESS,
        "High-Throughput JPEG 2000 (Lossless Only)",
        Codec.HTJ2K,
        lossless=True,
        content_type="image/jphc",
    ),
    TransferSyntax(
        HTJ2K_LOSSLESS_RPCL,
        "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)",
        Codec.HTJ2K,
        lossless=True,
        kept=True,
        content_type="image/jph",
    ),
    TransferSyntax(
        HTJ2K,
        "High-Throughput JPEG 2000",
        Codec.HTJ2K,
        kept=True,
        content_type="image/jphc",
    ),
    TransferSyntax(RLE, "RLE Lossless", Codec.RLE, lossless=True, content_type="image/dicom-rle"),
    TransferSyntax(
        DEFLATED_FRAME, "Deflated Image Frame Compression", Codec.DEFLATE, lossless=True
    ),
    _native(GE_BIG_PIXELS, "GE private: Implicit VR, pixel data big endian", explicit=False),
)

_BY_UID = {row.uid: row for row in TABLE}


def syntax(uid: str) -> TransferSyntax:
    """Return the row of `uid`.

    A UID that is not in the table gets a row of its own: explicit VR little endian with fragments
    that no codec here reads, which is what PS3.5 A.4 says of every encapsulated syntax. Its frames
    can be kept and given back, not decoded.
    """
    found = _BY_UID.get(uid)
    return found if found is not None else TransferSyntax(uid, uid, Codec.UNKNOWN)


def stored_content_type(transfer_syntax: str) -> str:
    """Return the media type of a frame that is stored in `transfer_syntax` (a UID).

    For HTJ2K the names are those of AWS HealthImaging: ``image/jph`` for the lossless RPCL syntax,
    ``image/jphc`` for the others.
    """
    return syntax(transfer_syntax).content_type
