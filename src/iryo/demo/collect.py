"""Gather the files of the demo: those that Python packages bring, those made here, broken ones."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from iryo.demo.make import ct_series, talk_instance
from iryo.errors import InvalidInput, Unavailable

__all__ = ["BROKEN", "Gathered", "gather", "prepare"]

_MARK: Final = ".iryo-demo"
BROKEN: Final = "broken"

# Folder of the demo -> files, each with a SOP Instance UID of its own. "t": pydicom's test files,
# "c": its files of character sets, "d": the package pydicom-data.
_FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ct": "t/CT_small.dcm t/693_J2KI.dcm t/J2K_pixelrep_mismatch.dcm d/693_UNCR.dcm"
        " d/explicit_VR-UN.dcm d/bad_sequence.dcm d/eCT_Supplemental.dcm",
        "mr": "t/MR_small_jpeg_ls_lossless.dcm t/examples_overlay.dcm d/MR2_UNCR.dcm d/MR2_J2KR.dcm"
        " d/MR-SIEMENS-DICOM-WithOverlays.dcm d/emri_small.dcm",
        "us": "t/ExplVR_BigEnd.dcm t/examples_jpeg2k.dcm t/examples_palette.dcm"
        " t/examples_rgb_color.dcm d/US1_UNCR.dcm d/gdcm-US-ALOKA-16.dcm"
        " d/JPGLosslessP14SV1_1s_1f_8b.dcm d/color-pl.dcm d/color3d_jpeg_baseline.dcm",
        "nm": "t/JPEG2000.dcm t/JPGExtended.dcm",
        "cr": "d/RG1_UNCR.dcm d/RG3_J2KR.dcm",
        "other": "t/image_dfl.dcm t/SC_rgb_rle_16bit_2frame.dcm t/SC_rgb_jpeg_dcmtk.dcm"
        " t/rtdose_rle.dcm t/rtplan.dcm t/rtstruct.dcm t/test-SR.dcm"
        " t/waveform_ecg.dcm d/OT-PAL-8-face.dcm d/mlut_18.dcm d/vlut_04.dcm d/liver.dcm",
        "names": "c/chrH31.dcm c/chrH32.dcm c/chrJapMulti.dcm c/chrI2.dcm c/chrKoreanMulti.dcm"
        " c/chrX1.dcm c/chrX2.dcm c/chrArab.dcm c/chrFrenMulti.dcm c/chrGerm.dcm c/chrGreek.dcm"
        " c/chrHbrw.dcm c/chrRuss.dcm",
    }
)


@dataclass(frozen=True)
class Gathered:
    """What lies ready: the folder, how many files by kind, and how many of them are broken."""

    folder: Path
    kinds: Mapping[str, int]
    broken: int

    @property
    def files(self) -> int:
        """Files in all."""
        return sum(self.kinds.values())


def prepare(folder: Path) -> None:
    """Make the folder of the demo anew. A folder that the demo did not make is left alone.

    Raises:
        InvalidInput: if it is such a folder.
    """
    if folder.exists():
        if not (folder / _MARK).is_file() and any(folder.iterdir()):
            raise InvalidInput(
                f"{folder} was not made by the demo, and the demo removes what it finds: name"
                " another folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).write_text("The demo removes this folder when it runs again.\n")


def gather(folder: Path) -> Gathered:
    """Copy and make the files into `folder`.

    Raises:
        Unavailable: if a package that brings files is not there.
    """
    roots = _roots()
    kinds: dict[str, int] = {}
    for kind, listed in _FILES.items():
        (folder / kind).mkdir(parents=True)
        for entry in listed.split():
            source, _, name = entry.partition("/")
            shutil.copy(roots[source] / name, folder / kind / name)
        kinds[kind] = len(listed.split())
    (folder / "head").mkdir()
    for number, data in enumerate(ct_series(), 1):
        (folder / "head" / f"{number:03d}.dcm").write_bytes(data)
        kinds["head"] = number
    (folder / "nm" / "talk.dcm").write_bytes(talk_instance())
    kinds["nm"] += 1
    kinds[BROKEN] = _break(folder / BROKEN, (folder / "ct" / "CT_small.dcm").read_bytes())
    return Gathered(folder, kinds, kinds[BROKEN])


def _roots() -> dict[str, Path]:
    from pydicom.data.data_manager import DATA_ROOT

    try:
        import data_store
    except ImportError:
        raise Unavailable(
            "the demo needs the package pydicom-data: pip install 'iryo[demo]'"
        ) from None
    own = Path(DATA_ROOT)
    more = Path(data_store.__file__).parent / "data"
    return {"t": own / "test_files", "c": own / "charset_files", "d": more}


def _break(folder: Path, good: bytes) -> int:
    """Files that no import can take; each must be told of, and none may stop the others."""
    folder.mkdir()
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "letter.dcm").write_text("Dear colleague, thank you for referring ...\n" * 20)
    (folder / "cut-off.dcm").write_bytes(good[: len(good) // 3])
    return len(list(folder.iterdir()))
