"""Codestreams that are almost right: refused or decoded, and no library falls over them."""

import subprocess
import sys
from pathlib import Path

import pytest

from iryo.dicom import syntaxes

ATTEMPTS = 400


@pytest.mark.parametrize(
    "uid",
    [
        syntaxes.JPEG_BASELINE,
        syntaxes.JPEG_LOSSLESS_SV1,
        syntaxes.JPEG_LS,
        syntaxes.JPEG_2000_LOSSLESS,
        syntaxes.JPEG_XL_LOSSLESS,
        syntaxes.HTJ2K_LOSSLESS_RPCL,
        syntaxes.HTJ2K,
        syntaxes.RLE,
        syntaxes.DEFLATED_FRAME,
    ],
)
def test_damaged_codestreams_only_raise_our_errors(uid: str, root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.dicom.fuzz_decoders", uid, "0", str(ATTEMPTS)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    reached = ran.stdout.split()[-1:]
    assert (ran.returncode, reached) == (0, [str(ATTEMPTS - 1)]), ran.stderr[-2000:]
