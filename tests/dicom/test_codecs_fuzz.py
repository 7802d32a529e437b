"""Codestreams that are almost right: refused or decoded, and no library falls over them."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from iryo.dicom import syntaxes

ATTEMPTS = 400


UIDS = {
    syntaxes.syntax(uid).name: uid
    for uid in (
        syntaxes.JPEG_BASELINE,
        syntaxes.JPEG_LOSSLESS_SV1,
        syntaxes.JPEG_LS,
        syntaxes.JPEG_2000_LOSSLESS,
        syntaxes.JPEG_XL_LOSSLESS,
        syntaxes.HTJ2K_LOSSLESS_RPCL,
        syntaxes.HTJ2K,
        syntaxes.RLE,
        syntaxes.DEFLATED_FRAME,
    )
}


def attempt(root: Path, uid: str, first: int, count: int) -> None:
    """Some attempts, in a process of their own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.dicom.fuzz_decoders", uid, str(first), str(count)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    reached = ran.stdout.split()[-1:]
    assert (ran.returncode, reached) == (0, [str(first + count - 1)]), ran.stderr[-2000:]


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_damaged_codestreams_only_raise_our_errors(uid: str, root: Path) -> None:
    attempt(root, uid, 0, ATTEMPTS)


@pytest.mark.soak
@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_as_many_codestreams_as_the_time_allows(
    uid: str, root: Path, soak_minutes: float, seed: int, did: Callable[..., None]
) -> None:
    """Each syntax has its share of the time, and other codestreams each time."""
    began = time.monotonic()
    first = number = seed * 1_000_000
    while time.monotonic() - began < 60 * soak_minutes / len(UIDS):
        attempt(root, uid, number, 10 * ATTEMPTS)
        number += 10 * ATTEMPTS
    did(codestreams=number - first)
