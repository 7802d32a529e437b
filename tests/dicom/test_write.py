"""A file comes back: every element byte for byte, the pixels equal, and others can read it."""

import io
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest

from iryo.dicom import (
    Instance,
    describe_pixels,
    read,
    source_frames,
    syntaxes,
)
from iryo.errors import InvalidInput, NotAcceptable
from tests.dicom.handmade import explicit, file, implicit
from tests.dicom.known_files import Way, known, real_files
from tests.dicom.pixel_again import (
    again,
    check_same,
    decoded,
    equal,
    frames_of,
    put_together,
    values,
)
from tests.dicom.pixel_build import BIG, EXPLICIT
from tests.dicom.pixel_oracle import pydicom_frames
from tests.dicom.realfiles import wheel_file
from tests.dicom.test_stored import check_rpcl

FILES = list(real_files())
RPCL = syntaxes.HTJ2K_LOSSLESS_RPCL


def pydicom_dataset(data: bytes) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
            if keyword in dataset:
                del dataset[keyword]
        for tag in [tag for tag in dataset.keys() if not tag.element]:  # noqa: SIM118
            del dataset[tag]
        return dataset


def refused(path: Path) -> bool:
    row = known(path)
    return row is not None and row.way is Way.REFUSED


@pytest.mark.parametrize("path", [path for _, path in FILES], ids=[name for name, _ in FILES])
def test_real_files_come_back(path: Path) -> None:
    """In their own syntax, uncompressed, and as HTJ2K."""
    if refused(path):
        return
    before = path.read_bytes()
    try:
        instance, frames = frames_of(before)
    except InvalidInput:
        pytest.skip("read refuses it: test_parse holds the list of those")
    elements = list(values(instance, instance.elements))
    samples = decoded(before)
    for target in (None, EXPLICIT, RPCL):
        try:
            after = put_together(instance, frames, target)
        except NotAcceptable:
            # 1 and 32 bits, floats: HTJ2K holds none of them.
            assert target == RPCL
            assert instance.integer(0x00280100) not in (8, 16)
            continue
        written = read(after)
        assert list(values(written, written.elements)) == elements
        assert equal(decoded(after), samples)
        check_syntax(instance, written, target)
        if target is None:
            check_own(instance, before, written, after)
        elif samples:
            check_others(instance, written, after, samples)


def check_syntax(instance: Instance, written: Instance, target: str | None) -> None:
    row = syntaxes.syntax(instance.transfer_syntax)
    if instance.pixels is None:
        expected = row.uid if target is None else EXPLICIT
    elif target is None:
        expected = row.uid if row.lossless or row.kept else EXPLICIT
    else:
        expected = target
    assert written.transfer_syntax == expected


def check_own(instance: Instance, before: bytes, written: Instance, after: bytes) -> None:
    """As pydicom reads it; and native pixel data byte for byte."""
    row = syntaxes.syntax(instance.transfer_syntax)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = pydicom_dataset(before), pydicom_dataset(after)
        if not theirs:  # it reads nothing where the last sequence delimiter is missing
            theirs = pydicom_dataset(before + b"\xfe\xff\xdd\xe0\0\0\0\0")
        if written.transfer_syntax != row.uid and "PhotometricInterpretation" in ours:
            del theirs.PhotometricInterpretation, ours.PhotometricInterpretation
        assert theirs == ours
    if not row.encapsulated and not row.deflated and instance.pixels is not None:
        assert written.pixels is not None
        old = bytes(instance.data[instance.pixels.start : instance.pixels.stop])
        new = bytes(written.data[written.pixels.start : written.pixels.stop])
        assert new == old + b"\0" * (len(old) % 2)


def check_others(instance: Instance, written: Instance, after: bytes, samples: list[Any]) -> None:
    """As pydicom decodes it; and the codestream is what the syntax says."""
    description, mine = describe_pixels(instance), describe_pixels(written)
    assert description is not None
    assert mine is not None
    if written.transfer_syntax == RPCL and instance.transfer_syntax != RPCL:
        frame = bytes(source_frames(written, mine)[0])
        check_rpcl(frame.rstrip(b"\0"), *samples[0].shape[:2])
    if description.frames == description.declared_frames:
        # pydicom believes Number of Frames, or stops at it.
        assert equal(samples, pydicom_frames(io.BytesIO(after)))


_SOME = (
    "CT_small.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_palette.dcm",
    "color-pl.dcm",
    "liver.dcm",
)
_OTHERS = ("MR_small_bigendian.dcm", "MR_small_RLE.dcm", "US1_J2KR.dcm", "JPGExtended.dcm", "1.dcm")
_TARGETS = [
    syntaxes.IMPLICIT_LITTLE,
    syntaxes.EXPLICIT_BIG,
    syntaxes.DEFLATED,
    syntaxes.RLE,
    syntaxes.JPEG_LOSSLESS,
    syntaxes.JPEG_LOSSLESS_SV1,
    syntaxes.JPEG_LS,
    syntaxes.JPEG_2000_LOSSLESS,
    syntaxes.HTJ2K_LOSSLESS,
    syntaxes.ENCAPSULATED_UNCOMPRESSED,
]


@pytest.mark.parametrize("target", _TARGETS)
def test_any_lossless_target(target: str) -> None:
    paths = [path for _, path in FILES if path.name in _SOME + _OTHERS]
    assert paths
    for path in paths:
        before = path.read_bytes()
        try:
            after = again(before, target)
        except NotAcceptable:
            assert path.name == "liver.dcm"
            continue
        assert read(after).transfer_syntax == target
        check_same(before, after)


@pytest.mark.dcmtk
@pytest.mark.parametrize("target", [None, EXPLICIT, RPCL, BIG])
def test_dcmtk_accepts_what_is_written(target: str | None, tmp_path: Path) -> None:
    if shutil.which("dcmdump") is None or shutil.which("dcmftest") is None:
        pytest.skip("needs dcmdump and dcmftest of Debian's dcmtk")
    originals, written = tmp_path / "before", tmp_path / "after"
    originals.mkdir()
    written.mkdir()
    count = 0
    for name, path in FILES:
        if refused(path) or path.stat().st_size > 1 << 20:
            continue
        before = path.read_bytes()
        try:
            after = again(before, target)
        except (InvalidInput, NotAcceptable):
            continue
        flat = f"{count:03}-{Path(name).name}"
        (originals / flat).write_bytes(before)
        (written / flat).write_bytes(after)
        count += 1
    assert count > 200
    fine = _accepted(originals)
    assert len(fine) > 180
    assert fine - _accepted(written) == set()


def _accepted(folder: Path) -> set[str]:
    """The files that dcmftest calls DICOM and dcmdump reads to the end without an error."""
    paths = sorted(folder.iterdir())
    tested = subprocess.run(
        ["dcmftest", *paths], capture_output=True, check=False, text=True
    ).stdout.splitlines()
    errors = subprocess.run(
        ["dcmdump", *paths], capture_output=True, check=False, text=True, errors="replace"
    ).stderr.splitlines()
    yes = {line.removeprefix("yes: ") for line in tested if line.startswith("yes: ")}
    damaged = {line.split("reading file: ")[1] for line in errors if "reading file: " in line}
    return {path.name for path in paths if str(path) in yes - damaged}


@pytest.mark.parametrize("target", [None, RPCL])
def test_of_two_pixel_elements_the_one_that_is_read_is_written(target: str | None) -> None:
    """PS3.3 C.7.6.24 lets an instance have one; both come back, each under its own tag."""
    data = wheel_file("CT_small.dcm").read_bytes()
    at = data.index(b"\xe0\x7f\x10\0")
    both = data[:at] + explicit(0x7FE00008, "OF", b"\0\0\x80\x3f") + data[at:]
    instance, frames = frames_of(both)
    written = read(put_together(instance, frames, target))
    assert written.pixels is not None
    assert written.pixels.tag == 0x7FE00010
    assert list(values(written, written.elements)) == list(values(instance, instance.elements))
    assert equal(decoded(put_together(instance, frames, target)), decoded(both))


def test_vrs_stay_where_only_the_file_says_them() -> None:
    """A data set with VRs under GE's syntax, which has none."""
    body = (
        explicit(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0")
        + explicit(0x00080018, "UI", b"1.2.3.4\0")
        + explicit(0x00110010, "LO", b"NOBODY'S")
        + explicit(0x00111001, "SH", b"a word")
    )
    before = read(file(body, syntax=syntaxes.GE_BIG_PIXELS))
    after = read(put_together(before, []))
    assert before.transfer_syntax == after.transfer_syntax == syntaxes.GE_BIG_PIXELS
    assert [row[0].vr for row in after.elements.rows] == ["UI", "UI", "LO", "SH"]


def test_elements_without_vr_among_others_get_one() -> None:
    """What a reader makes of such a file depends on its first element; so it is written plainly."""
    body = (
        explicit(0x00080008, "CS", b"DERIVED ")
        + implicit(0x00080016, b"1.2.840.10008.5.1.4.1.1.7\0")
        + implicit(0x00080018, b"1.2.3.4\0")
        + explicit(0x00100010, "PN", b"A^B ")
    )
    instance = read(file(body))
    written = read(put_together(instance, []))
    assert len(instance.faults) == 2
    assert not written.faults
    assert list(values(written, written.elements)) == list(values(instance, instance.elements))
