"""What pydicom makes of a file: its metadata as AWS HealthImaging has it, its bytes, its frames.

Written from the description of that form in docs/reference/dicom-json.md and from pydicom's data
sets alone; nothing here comes from `iryo.dicom`.
"""

import io
import logging
import math
import shutil
import subprocess
import warnings
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.datadict import dictionary_has_tag as has_tag
from pydicom.datadict import dictionary_keyword, dictionary_VM
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.decoders.rle import _rle_decode_segment
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

Array = NDArray[Any]

PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
# They follow from the pixel data: its offset tables, and the length of its group.
_ABOUT_PIXELS = frozenset({0x7FE00000, 0x7FE00001, 0x7FE00002})
_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NUMBERS = frozenset({"FL", "FD", "US", "SS", "UL", "SL", "UV", "SV"})
_TEXT_NUMBERS = frozenset({"DS", "IS"})


@contextmanager
def quiet() -> Iterator[None]:
    """Pydicom warns of what a file has; the tests are about what becomes of it."""
    log = logging.getLogger("pydicom")
    before = log.level
    log.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    log.setLevel(before)


def load(source: Path | bytes) -> FileDataset:
    """The file as pydicom reads it."""
    where = io.BytesIO(source) if isinstance(source, bytes) else source
    return pydicom.dcmread(where, force=True)


# ----------------------------------------------------------------------------------- metadata


@dataclass
class Metadata:
    """What pydicom reads.

    Attributes:
        attributes: of all levels, group 2 too.
        vrs: of the keys that are hex digits; one key may stand in several places with several VRs.
        unread: keys at whose values pydicom raises; the attributes have their text.
    """

    attributes: dict[str, Any] = field(default_factory=dict)
    vrs: dict[str, set[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def metadata(dataset: FileDataset) -> Metadata:
    """The metadata of a file in the form of AWS HealthImaging, the pixel data left out."""
    found = Metadata()
    if getattr(dataset, "file_meta", None) is not None:
        found.attributes.update(_object(dataset.file_meta, found))
    found.attributes.update(_object(dataset, found))
    for tag in PIXELS:
        found.attributes.pop(dictionary_keyword(tag), None)
    return found


def _object(dataset: Dataset, work: Metadata) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tag in sorted(dataset.keys()):
        key = dictionary_keyword(tag) if _is_known(tag) else f"{tag:08X}"
        item = _raw(dataset, tag)
        try:
            found[key], vr = _value(dataset, tag, work)
        except ValueError:
            work.unread.append(key)
            assert item is not None
            found[key], vr = bytes(item.value or b"").decode("ascii"), ""
        if not _is_known(tag):
            work.vrs.setdefault(key, set()).add(vr)
    return found


def _raw(dataset: Dataset, tag: BaseTag) -> RawDataElement | None:
    """The element as its bytes stand in the file; None where pydicom has parsed it already."""
    item: Any = dataset.get_item(tag)
    return item if isinstance(item, RawDataElement) else None


def _is_known(tag: BaseTag) -> bool:
    return has_tag(tag) and not tag.is_private and dictionary_keyword(tag) != ""


def _value(dataset: Dataset, tag: BaseTag, work: Metadata) -> tuple[Any, str]:
    item = _raw(dataset, tag)
    raw = None if item is None else item.value
    element = dataset[tag]
    vr, value = str(element.VR), element.value
    if vr == "SQ":
        return [_object(one, work) for one in value], vr
    if vr in _BINARY:
        return (b64encode(value).decode() if value else None), vr
    values: list[Any]
    if vr in _TEXT_NUMBERS and raw:
        values = raw.decode("latin-1").split("\\")
        numbers = value if isinstance(value, list | pydicom.multival.MultiValue) else [value]
        for text, number in zip(values, numbers, strict=True):
            assert (float(text) if text.strip() else None) == number
    elif element.is_empty:
        values = []
    elif isinstance(value, list | tuple | pydicom.multival.MultiValue):
        values = [_plain(vr, one) for one in value]
    else:
        values = [_plain(vr, value)]
    if not values or values == [""]:
        return None, vr
    many = _is_known(tag) and dictionary_VM(tag) != "1"
    return (values if many or len(values) > 1 else values[0]), vr


def _plain(vr: str, value: Any) -> Any:
    if vr == "AT":
        return f"{value:08X}"
    if vr in _NUMBERS:
        if isinstance(value, float) and not math.isfinite(value):
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
        return value
    text = str(value).rstrip(" \0")
    return text.rstrip("=") if vr == "PN" else text


def different_values(ours: dict[str, Any], our_vrs: dict[str, str], theirs: Metadata) -> list[str]:
    """The keys whose values or VRs are not pydicom's."""
    expected, vrs = theirs.attributes, theirs.vrs
    found = [
        f"{key}: {_short(ours.get(key, '(absent)'))} for {_short(expected.get(key, '(absent)'))}"
        for key in sorted(ours.keys() | expected.keys())
        if key not in ours or key not in expected or ours[key] != expected[key]
    ]
    # DICOMVRs has one VR for a key, wherever it stands: the first.
    found += [f"VR of {key}" for key in sorted(our_vrs.keys() ^ vrs.keys())]
    found += [f"VR of {key}: {vr}" for key, vr in our_vrs.items() if vr not in vrs.get(key, vr)]
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


# ----------------------------------------------------------------------------------- bytes


def different_elements(one: FileDataset, other: FileDataset) -> list[str]:
    """The elements of two files that are not the same, byte for byte, but for the pixel data.

    Where byte order or VRs had to change, the values are compared as pydicom has them.
    """
    return list(_different(one, other, ""))


def _different(one: Dataset, other: Dataset, path: str) -> Iterator[str]:
    left_out = (PIXELS | _ABOUT_PIXELS) if not path else frozenset()
    for tag in sorted((one.keys() | other.keys()) - left_out):
        where = f"{path}{tag}"
        if tag not in one or tag not in other:
            yield f"{where} is only in {'the original' if tag in one else 'the export'}"
            continue
        first, second = _raw(one, tag), _raw(other, tag)
        if (
            first is not None
            and second is not None
            and first.is_little_endian == second.is_little_endian
            and first.value == second.value
            and first.VR in (None, second.VR)
        ):
            continue
        here, there = one[tag], other[tag]
        if isinstance(here.value, Sequence) and isinstance(there.value, Sequence):
            if len(here.value) != len(there.value):
                yield f"{where}: {len(there.value)} items for {len(here.value)}"
            for number, (a, b) in enumerate(zip(here.value, there.value, strict=False), 1):
                yield from _different(a, b, f"{where}[{number}].")
        elif here.VR != there.VR:
            yield f"{where}: VR {there.VR} for {here.VR}"
        elif _said(here, one) != _said(there, other):
            yield f"{where}: another value"


def _said(element: DataElement, dataset: Dataset) -> Any:
    """The value; words in little-endian order, since pydicom leaves OW in the order of the file."""
    if element.is_empty:
        return None
    if element.VR == "OW" and not dataset.original_encoding[1]:
        return np.frombuffer(element.value, ">u2").astype("<u2").tobytes()
    return element.value


# ----------------------------------------------------------------------------------- pixels


def frames(dataset: FileDataset) -> list[Array]:
    """The frames that pydicom decodes, in the colour space of the file, little endian.

    Raises:
        Exception: whatever pydicom raises where it has no decoder or the file none that it reads.
    """
    meta = getattr(dataset, "file_meta", None)
    if meta is None or "TransferSyntaxUID" not in meta:
        meta = meta or FileMetaDataset()
        implicit, little_endian = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian
        meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
        dataset.file_meta = meta
    array, properties = get_decoder(meta.TransferSyntaxUID).as_array(dataset, raw=True)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return [little] if properties["number_of_frames"] == 1 else list(little)


def frames_beyond_pydicom(data: bytes) -> list[Array]:
    """Frames that pydicom cannot decode, by hand: 1-bit samples in RLE or deflated; badVR.dcm."""
    dataset = load(data)
    try:
        count = int(dataset.get("NumberOfFrames", 1))
    except ValueError:
        dataset.NumberOfFrames = count = 15
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in (RLELossless, _DEFLATED_FRAME):
        return frames(dataset)
    shape = (dataset.Rows, dataset.Columns)
    found: list[Array] = []
    for frame in generate_frames(dataset.PixelData, number_of_frames=count):
        packed = (
            _rle_decode_segment(frame[64:])
            if syntax == RLELossless
            else zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame)
        )
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        found.append(bits[: shape[0] * shape[1]].reshape(shape))
    return found


def dcmtk_frames(data: bytes, folder: Path) -> list[Array]:
    """The frames that dcmtk's dcmdjpeg decodes, without conversion of colours."""
    tool = shutil.which("dcmdjpeg")
    if tool is None:
        pytest.skip("needs dcmdjpeg of Debian's dcmtk")
    source, plain = folder / "source.dcm", folder / "plain.dcm"
    source.write_bytes(data)
    subprocess.run([tool, "+cn", source, plain], check=True, capture_output=True)
    return frames(load(plain))


def same(ours: list[Array], theirs: list[Array]) -> bool:
    """Whether frames have the same shapes, types and samples."""
    return len(ours) == len(theirs) and all(
        one.shape == other.shape
        and one.dtype == other.dtype
        and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        for one, other in zip(ours, theirs, strict=True)
    )
