"""The real files that tests read, and the table of those that are not as the others.

docs/reference/transfer-syntaxes.md shows `EXCEPTIONS`; a test holds the two together.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


class Way(StrEnum):
    """What a file of the table is to us."""

    REFUSED = "refused"
    ORACLE = "another oracle"


@dataclass(frozen=True)
class Known:
    """A file that is refused, or that pydicom cannot judge.

    Attributes:
        name: the end of its path.
        way: refused, or judged by another oracle.
        reason: why, for the page.
        oracle: the file with the same samples, uncompressed; empty for dcmtk's dcmdjpeg.
    """

    name: str
    way: Way
    reason: str
    oracle: str = ""


_JPEG = "pydicom has no decoder for it here; dcmtk's dcmdjpeg is asked"
_ONE_BIT = "pydicom has no decoder for 1-bit samples in this syntax; its uncompressed twin is asked"

EXCEPTIONS: tuple[Known, ...] = (
    Known(
        "JPEG2000-embedded-sequence-delimiter.dcm",
        Way.REFUSED,
        "a sequence delimiter stands in the middle of the codestream header, over the size of the "
        "image; no decoder reads it (SizeMismatch)",
    ),
    Known(
        "MR_truncated.dcm",
        Way.REFUSED,
        "the file ends 62 bytes before its pixel data does (Truncated)",
    ),
    Known(
        "meta_missing_tsyntax.dcm",
        Way.REFUSED,
        "there is Pixel Data, but no Rows, Columns or Bits Allocated (PixelDescription)",
    ),
    Known(
        "nested_priv_SQ.dcm",
        Way.REFUSED,
        "there is Pixel Data, but no Rows, Columns or Bits Allocated (PixelDescription)",
    ),
    Known(
        "badVR.dcm",
        Way.ORACLE,
        "Number of Frames is not a number and pydicom stops there; all 15 frames that are there "
        "are taken, with warning 0xB111",
        oracle="rtdose.dcm",
    ),
    Known(
        "emri_small_jpeg_2k_lossless_too_short.dcm",
        Way.ORACLE,
        "the sequence delimiter at the end of the file is missing and pydicom reads nothing; all "
        "frames are there and are taken, with warning 0xB000",
        oracle="emri_small_jpeg_2k_lossless.dcm",
    ),
    Known("liver_deflate.dcm", Way.ORACLE, _ONE_BIT, oracle="liver.dcm"),
    Known("liver_rle.dcm", Way.ORACLE, _ONE_BIT, oracle="liver.dcm"),
    Known(
        "liver_nonbyte_aligned_deflate.dcm",
        Way.ORACLE,
        _ONE_BIT,
        oracle="liver_nonbyte_aligned.dcm",
    ),
    Known(
        "liver_nonbyte_aligned_rle.dcm", Way.ORACLE, _ONE_BIT, oracle="liver_nonbyte_aligned.dcm"
    ),
    Known("JPEG-LL.dcm", Way.ORACLE, _JPEG),
    Known("JPEG-lossy.dcm", Way.ORACLE, _JPEG),
    Known("JPGExtended.dcm", Way.ORACLE, _JPEG),
    Known("JPGLosslessP14SV1_1s_1f_8b.dcm", Way.ORACLE, _JPEG),
    Known("SC_rgb_jpeg_gdcm.dcm", Way.ORACLE, _JPEG),
    Known("bad_sequence.dcm", Way.ORACLE, _JPEG),
    Known("TestPattern_JPEG-Lossless_RGB.dcm", Way.ORACLE, _JPEG),
    Known("CT0012.fragmented_no_bot_jpeg_baseline.51.dcm", Way.ORACLE, _JPEG),
    Known("CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm", Way.ORACLE, _JPEG),
    Known("CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm", Way.ORACLE, _JPEG),
    Known(
        "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm", Way.ORACLE, _JPEG
    ),
    Known("CTImage.dcm_JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm", Way.ORACLE, _JPEG),
    Known(
        "CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm", Way.ORACLE, _JPEG
    ),
    Known("dcm_qa_ts/In/5.dcm", Way.ORACLE, _JPEG),
    Known("dcm_qa_ts/In/6.dcm", Way.ORACLE, _JPEG),
)


def roots() -> dict[str, Path]:
    """The folders of real files that are here: two packages and the shared data."""
    found: dict[str, Path] = {}
    for name, folder in (("pydicom", "data"), ("data_store", "data")):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            found[name] = Path(spec.origin).parent / folder
    if (SHARED / "dicom").is_dir():
        found["shared"] = SHARED / "dicom"
    return found


def real_files() -> Iterator[tuple[str, Path]]:
    """(name, path) of every P10 file and every `.dcm` of the roots; DICOMDIRs left out."""
    for root, folder in roots().items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "DICOMDIR" and _is_dicom(path):
                yield f"{root}/{path.relative_to(folder)}", path


def find(name: str) -> Path | None:
    """The file whose path ends with `name`."""
    for _, path in real_files():
        if path.as_posix().endswith(f"/{name}"):
            return path
    return None


def known(path: Path) -> Known | None:
    """The row of the table for a file."""
    text = path.as_posix()
    return next((row for row in EXCEPTIONS if text.endswith(f"/{row.name}")), None)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == b"DICM" or path.suffix == ".dcm"
