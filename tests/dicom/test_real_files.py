"""Every real file: the same values as pydicom, and every byte kept."""

import warnings
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest

from iryo.dicom import (
    BulkValue,
    normalise,
    pack_header,
    read,
    to_dicom_json,
    unpack_header,
)
from iryo.errors import InvalidDicom
from tests.dicom.realfiles import PYDICOM_FAILS, REFUSED, files


def name(path: Path) -> str:
    return "/".join(path.parts[-3:])


DICOM = files(dicom=True)
READABLE = [path for path in DICOM if path.name not in REFUSED]
OTHER = files(dicom=False)
PIXELS = ("7FE00010", "7FE00009", "7FE00008")


def oracle(path: Path) -> dict[str, Any]:
    """What pydicom says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        return dataset.to_json_dict(bulk_data_element_handler=lambda element: f"{element.tag:08X}")


def bulk(value: BulkValue) -> str:
    return f"{value.tag:08X}"


@pytest.mark.parametrize("path", DICOM, ids=name)
def test_values_are_pydicom_s(path: Path) -> None:
    data = path.read_bytes()
    if path.name in REFUSED:
        with pytest.raises(InvalidDicom) as caught:
            read(data)
        assert caught.value.reason == REFUSED[path.name]
        return
    ours = to_dicom_json(read(data), bulk)
    if path.name not in PYDICOM_FAILS:
        assert ours == oracle(path)
    orjson.dumps(ours)


@pytest.mark.parametrize("path", READABLE, ids=name)
def test_header_keeps_every_byte(path: Path) -> None:
    instance = read(path.read_bytes())
    header = unpack_header(pack_header(instance))
    pixels = instance.pixels
    value = bytes(instance.data[pixels.start : pixels.stop]) if pixels else b""
    assert header.before + value + header.after == bytes(instance.data)
    assert header.pixel_length == (len(value) if pixels else None)
    assert header.transfer_syntax == instance.transfer_syntax
    assert header.instance.pixels is None
    whole, without = to_dicom_json(instance), to_dicom_json(header.instance)
    for tag in PIXELS:
        assert (tag in whole) == (tag in without)
        whole.pop(tag, None)
        without.pop(tag, None)
    assert whole == without


@pytest.mark.parametrize("path", READABLE, ids=name)
def test_metadata_is_json_and_complete(path: Path) -> None:
    instance = read(path.read_bytes())
    normalised = normalise(instance)
    levels = (normalised.patient, normalised.study, normalised.series, normalised.instance)
    orjson.dumps([*levels, normalised.vrs])
    keys = {row[0].key for row in [*instance.meta.rows, *instance.elements.rows]}
    keys -= {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}
    assert set().union(*levels) == keys
    assert sum(map(len, levels)) == len(keys)


@pytest.mark.parametrize("path", OTHER, ids=name)
def test_what_is_not_dicom_is_refused(path: Path) -> None:
    with pytest.raises(InvalidDicom) as caught:
        read(path.read_bytes())
    assert caught.value.reason == "NotDicom"
    assert caught.value.offset == 0


def test_there_are_enough_files() -> None:
    assert len(DICOM) > 200
