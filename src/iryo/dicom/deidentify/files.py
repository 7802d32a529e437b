"""De-identify a file as it is written: its head anew, its pixel data byte for byte."""

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

from pydicom import dcmread, dcmwrite

from iryo.dicom.deidentify.engine import DeIdentifier, Report
from iryo.dicom.model import Buffer
from iryo.dicom.parse import read
from iryo.errors import InvalidDicom

__all__ = ["deidentify_file"]

_HELD: Final = 32 << 20
_RECORDS: Final = 0x00041220
_PIECE: Final = 1 << 20


def deidentify_file(
    pieces: Iterable[bytes], deidentifier: DeIdentifier
) -> tuple[Report, Iterator[bytes]]:
    """What was done to a file (PS3.10, not deflated), and its bytes afterwards.

    No pixel is decoded or touched; what stands behind the pixel data is left out. A file of more
    than 32 MiB passes over a temporary file.

    Args:
        pieces: its bytes.
        deidentifier: profile and secret.

    Raises:
        InvalidDicom: it is no such file.
    """
    head = bytearray()
    rest = iter(pieces)
    for piece in rest:
        head += piece
        if len(head) > _HELD:
            return _spooled(bytes(head), rest, deidentifier)
    return _rewritten(bytes(head), deidentifier)


def _spooled(
    head: bytes, rest: Iterator[bytes], deidentifier: DeIdentifier
) -> tuple[Report, Iterator[bytes]]:
    with tempfile.TemporaryFile() as spool:
        spool.write(head)
        for piece in rest:
            spool.write(piece)
        spool.flush()
        return _rewritten(mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ), deidentifier)


def _rewritten(data: Buffer, deidentifier: DeIdentifier) -> tuple[Report, Iterator[bytes]]:
    instance = read(data)
    if instance.deflated:
        raise InvalidDicom("found a deflated file, expected another transfer syntax")
    pixels = instance.pixels
    cut = len(data) if pixels is None else pixels.at
    written = BytesIO()
    try:
        dataset = dcmread(BytesIO(data[:cut]), force=True)
        if _RECORDS in dataset:
            raise InvalidDicom("found a DICOMDIR, whose file names tell of patients")
        report = deidentifier.apply(dataset)
        dcmwrite(written, dataset, enforce_file_format=True)
    except InvalidDicom:
        raise
    except Exception as error:  # whatever a broken value makes of pydicom: nothing is given out
        raise InvalidDicom(
            f"found a file that cannot be de-identified ({type(error).__name__}), "
            "expected one whose elements can be read"
        ) from error
    return report, _pieces(written.getvalue(), data, cut, None if pixels is None else pixels.end)


def _pieces(head: bytes, data: Buffer, start: int, stop: int | None) -> Iterator[bytes]:
    yield head
    if stop is not None:
        for begin in range(start, stop, _PIECE):
            yield bytes(data[begin : min(stop, begin + _PIECE)])
