"""What others make of pixel data: pydicom, and dcmtk where pydicom has no decoder."""

import logging
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from tests.dicom.known_files import Known, Way, find

Array = NDArray[Any]


def pydicom_frames(source: Path | Any) -> list[Array]:
    """The frames that pydicom decodes, in the colour space of the file, little endian."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(source, force=True)
        meta = getattr(dataset, "file_meta", None)
        uid = None if meta is None else meta.get("TransferSyntaxUID")
        if uid is None:
            implicit = dataset.original_encoding[0]
            uid = UID("1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1")
            dataset.file_meta = pydicom.dataset.FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = uid
        array, properties = get_decoder(uid).as_array(dataset, raw=True)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return [little] if properties["number_of_frames"] == 1 else list(little)


def oracle_frames(path: Path, row: Known | None, folder: Path) -> list[Array]:
    """The frames that the oracle of a file gives."""
    if row is None or row.way is not Way.ORACLE:
        return pydicom_frames(path)
    if row.oracle:
        twin = find(row.oracle)
        if twin is None:
            pytest.skip(f"needs {row.oracle}, which is not here")
        return pydicom_frames(twin)
    tool = shutil.which("dcmdjpeg")
    if tool is None:
        pytest.skip("needs dcmdjpeg of Debian's dcmtk")
    plain = folder / "plain.dcm"
    subprocess.run([tool, "+cn", path, plain], check=True, capture_output=True)
    return pydicom_frames(plain)


def same(ours: Array, theirs: Array) -> bool:
    """Whether two frames have the same shape, type and samples."""
    return (
        ours.shape == theirs.shape
        and ours.dtype == theirs.dtype
        and np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")
    )
