"""DICOM files made from nothing: the worked example of the talk, and a CT of a head that is none.

A writer of its own, twenty lines long, so that what iryo reads is not what iryo wrote.
"""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CT_SLICES", "TALK_NAME", "ct_series", "talk_instance"]

EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
NUCLEAR_MEDICINE: Final = "1.2.840.10008.5.1.4.1.1.20"
CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
# A root for UIDs of examples; the last parts are chosen here.
ROOT: Final = "1.2.826.0.1.3680043.10.1777"

TALK_NAME: Final = "SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお"
CT_NAME: Final = "YAMADA^HANAKO=山田^花子=やまだ^はなこ"
CT_SLICES: Final = 60
CT_STUDY: Final = f"{ROOT}.3.1"
CT_SERIES: Final = f"{ROOT}.3.2"
BLEEDING: Final = f"{ROOT}.3.3.32"
"""An instance of that series, through the middle of the bleeding."""
_CT_SIZE: Final = 512
_NM_SIZE: Final = 128
_NM_FRAMES: Final = 16
_AIR: Final = -1000
_LONG: Final = frozenset({"OB", "OW", "SQ", "UN", "UT"})

Value = str | bytes | int
Elements = dict[int, tuple[str, Value]]


def _element(tag: int, vr: str, value: Value) -> bytes:
    """One element in Explicit VR Little Endian (PS3.5 7.1.2)."""
    if isinstance(value, int):
        data = struct.pack("<H" if vr == "US" else "<h", value)
    else:
        data = value.encode("ascii") if isinstance(value, str) else value
    if len(data) % 2:
        data += b"\0" if vr in ("UI", "OB") else b" "
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in _LONG:
        return head + struct.pack("<HI", 0, len(data)) + data
    return head + struct.pack("<H", len(data)) + data


def _file(elements: Elements) -> bytes:
    """A DICOM file (PS3.10 7.1)."""
    meta = b"".join(
        _element(tag, vr, value)
        for tag, (vr, value) in {
            0x00020001: ("OB", b"\0\1"),
            0x00020002: ("UI", elements[0x00080016][1]),
            0x00020003: ("UI", elements[0x00080018][1]),
            0x00020010: ("UI", EXPLICIT_LITTLE),
            0x00020012: ("UI", f"{ROOT}.1"),
        }.items()
    )
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    body = b"".join(_element(tag, *elements[tag]) for tag in sorted(elements))
    return bytes(128) + b"DICM" + length + meta + body


def talk_instance() -> bytes:
    """Nuclear medicine, Specific Character Set ISO 2022 IR 87, the name in JIS bytes.

    Between the groups of the name the escape sequence back to ASCII stands (PS3.5 6.1.2.5.3), as
    Python's own codec writes it.
    """
    rows, columns = np.mgrid[0:_NM_SIZE, 0:_NM_SIZE].astype(np.float64)
    counts = np.empty((_NM_FRAMES, _NM_SIZE, _NM_SIZE), "<u2")
    for frame in range(_NM_FRAMES):
        angle = 2 * np.pi * frame / _NM_FRAMES
        row, column = 64 + 20 * np.sin(angle), 64 + 12 * np.cos(angle)
        organ = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 180)
        counts[frame] = np.random.default_rng(frame).poisson(900 * organ + 6)
    return _file(
        {
            0x00080005: ("CS", "ISO 2022 IR 87"),
            0x00080008: ("CS", "ORIGINAL\\PRIMARY\\DYNAMIC\\EMISSION"),
            0x00080016: ("UI", NUCLEAR_MEDICINE),
            0x00080018: ("UI", f"{ROOT}.2.3.1"),
            0x00080020: ("DA", "20261125"),
            0x00080030: ("TM", "093000"),
            0x00080050: ("SH", "TALK-1"),
            0x00080060: ("CS", "NM"),
            0x00080070: ("LO", "iryo"),
            0x00080090: ("PN", ""),
            0x00081030: ("LO", "骨シンチグラフィ".encode("iso2022_jp")),
            0x0008103E: ("LO", "前面像".encode("iso2022_jp")),
            0x00100010: ("PN", TALK_NAME.encode("iso2022_jp")),
            0x00100020: ("LO", "TALK-0001"),
            0x00100030: ("DA", "19520314"),
            0x00100040: ("CS", "F"),
            0x0020000D: ("UI", f"{ROOT}.2.1"),
            0x0020000E: ("UI", f"{ROOT}.2.2"),
            0x00200010: ("SH", "1"),
            0x00200011: ("IS", "1"),
            0x00200013: ("IS", "1"),
            0x00280002: ("US", 1),
            0x00280004: ("CS", "MONOCHROME2"),
            0x00280008: ("IS", str(_NM_FRAMES)),
            0x00280010: ("US", _NM_SIZE),
            0x00280011: ("US", _NM_SIZE),
            0x00280100: ("US", 16),
            0x00280101: ("US", 16),
            0x00280102: ("US", 15),
            0x00280103: ("US", 0),
            0x00281050: ("DS", "450"),
            0x00281051: ("DS", "900"),
            0x7FE00010: ("OW", counts.tobytes()),
        }
    )


def ct_series(slices: int = CT_SLICES, study: int = 3) -> Iterator[bytes]:
    """A head of ellipsoids with a bleeding in it, in Hounsfield units, one file per slice.

    `study` is a number of its own for each study, from 3 on.
    """
    noise = np.random.default_rng(2026)
    for number in range(1, slices + 1):
        height = (number - 0.5) / slices * 2 - 1
        pixels = _slice(height) + noise.normal(0, 4, (_CT_SIZE, _CT_SIZE))
        stored = np.clip(np.rint(pixels), -1024, 3071).astype("<i2")
        yield _file(
            {
                0x00080005: ("CS", "ISO_IR 192"),
                0x00080008: ("CS", "DERIVED\\SECONDARY\\AXIAL"),
                0x00080016: ("UI", CT_IMAGE),
                0x00080018: ("UI", f"{ROOT}.{study}.3.{number}"),
                0x00080020: ("DA", "20261125"),
                0x00080030: ("TM", "101500"),
                0x00080050: ("SH", f"DEMO-{study - 1}"),
                0x00080060: ("CS", "CT"),
                0x00080070: ("LO", "iryo"),
                0x00081030: ("LO", "頭部CT".encode()),
                0x0008103E: ("LO", "Head, synthetic"),
                0x00100010: ("PN", CT_NAME.encode()),
                0x00100020: ("LO", f"DEMO-{study - 1:04d}"),
                0x00100030: ("DA", "19610809"),
                0x00100040: ("CS", "F"),
                0x00180015: ("CS", "HEAD"),
                0x00180050: ("DS", "2.5"),
                0x0020000D: ("UI", f"{ROOT}.{study}.1"),
                0x0020000E: ("UI", f"{ROOT}.{study}.2"),
                0x00200010: ("SH", "1"),
                0x00200011: ("IS", "2"),
                0x00200013: ("IS", str(number)),
                0x00200032: ("DS", f"-125\\-125\\{number * 2.5:g}"),
                0x00200037: ("DS", "1\\0\\0\\0\\1\\0"),
                0x00200052: ("UI", f"{ROOT}.{study}.4"),
                0x00280002: ("US", 1),
                0x00280004: ("CS", "MONOCHROME2"),
                0x00280010: ("US", _CT_SIZE),
                0x00280011: ("US", _CT_SIZE),
                0x00280030: ("DS", "0.48828125\\0.48828125"),
                0x00280100: ("US", 16),
                0x00280101: ("US", 16),
                0x00280102: ("US", 15),
                0x00280103: ("US", 1),
                0x00281050: ("DS", "40"),
                0x00281051: ("DS", "80"),
                0x00281052: ("DS", "0"),
                0x00281053: ("DS", "1"),
                0x7FE00010: ("OW", stored.tobytes()),
            }
        )


def _slice(height: float) -> NDArray[np.float64]:
    """Hounsfield units of one slice, (512, 512); `height` from -1 to 1."""
    axis = np.linspace(-1, 1, _CT_SIZE)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    image = np.full((_CT_SIZE, _CT_SIZE), float(_AIR))
    for hounsfield, (cx, cy, cz), (rx, ry, rz) in (
        (-100.0, (0.0, 0.0, 0.0), (0.80, 0.92, 1.20)),  # scalp
        (900.0, (0.0, 0.0, 0.0), (0.74, 0.86, 1.12)),  # skull
        (34.0, (0.0, 0.0, 0.0), (0.68, 0.80, 1.05)),  # brain
        (6.0, (-0.12, -0.08, 0.1), (0.08, 0.26, 0.40)),  # ventricles
        (6.0, (0.12, -0.08, 0.1), (0.08, 0.26, 0.40)),
        (68.0, (0.42, 0.10, 0.0), (0.12, 0.17, 0.30)),  # blood
    ):
        inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((height - cz) / rz) ** 2 <= 1
        image[inside] = hounsfield
    return image
