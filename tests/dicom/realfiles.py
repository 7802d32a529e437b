"""The real files: those of the pydicom and pydicom-data wheels and of ../shared/data."""

from pathlib import Path

import data_store
import pydicom

from tests.conftest import SHARED

WHEELS = (
    Path(pydicom.__file__).parent / "data",
    Path(data_store.__file__).parent / "data",
)

# Refused, each for a reason (docs/reference/dicom-json.md has the table too).
REFUSED = {
    "MR_truncated.dcm": "Truncated",
    "rtplan_truncated.dcm": "Truncated",
    "DICOMDIR-nooffset": "Truncated",
    "no_meta.dcm": "NotDicom",
}
# pydicom cannot make JSON of them: an IS that is no number; no delimiter at the end of the file.
PYDICOM_FAILS = {"badVR.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}

# Bare data sets, without preamble.
_BARE = {
    "ExplVR_BigEndNoMeta.dcm",
    "ExplVR_LitEndNoMeta.dcm",
    "OT-PAL-8-face.dcm",
    "no_meta.dcm",
    "rtstruct.dcm",
}


def is_dicom(path: Path) -> bool:
    """Whether the file is meant to be DICOM."""
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == b"DICM" or path.name in _BARE or path.name.startswith("JLS")


def files(*, dicom: bool) -> list[Path]:
    """All real files that are meant to be DICOM, or all others, by name."""
    roots = [*WHEELS, SHARED / "dicom", SHARED / "head_ct"]
    found = {
        path
        for root in roots
        if root.is_dir()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.stat().st_size < 1 << 26
    }
    return sorted(path for path in found if is_dicom(path) == dicom)


def wheel_file(name: str) -> Path:
    """A file of the pydicom wheel by name."""
    return next(path for root in WHEELS for path in sorted(root.rglob(name)))
