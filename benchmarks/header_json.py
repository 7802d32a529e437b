"""From the bytes of a file to JSON: ours, pydicom's, and a bare loop over the elements.

Ours is `read` + `to_dicom_json` (PS3.18 Annex F) and `read` + `normalise` (the metadata of AWS
HealthImaging); the peer is pydicom's `dcmread` + `to_json_dict`, with the same values, which is
asserted first. Large binary values are given by reference on both sides, so that nobody is measured
by the speed of base64. The limit is what Python needs to step from element to element and no more.
All of them take turns; the best of each counts.
"""

import gc
import struct
import time
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import data_store
import pydicom

from _tables import SHARED, show
from iryo.dicom import Dataset, normalise, read, to_dicom_json

WHEEL = Path(pydicom.__file__).parent / "data" / "test_files"
ENHANCED = (
    SHARED / "dicom" / "dcm_qa_enh" / "In" / "Philips" / "IM_0027_fMAP.dcm",
    SHARED / "dicom" / "dcm_qa_enh" / "In" / "Siemens" / "XA10" / "6_1.dcm",
    Path(data_store.__file__).parent / "data" / "emri_small.dcm",
)
SECONDS = 6.0
CALLS = 5
LONG = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)


def bare_loop(data: bytes, start: int) -> int:
    """Step over all elements of an explicit little endian data set, items too; how many."""
    unpack = struct.Struct("<4s2sHI").unpack_from
    pos, count, last = start, 0, len(data) - 12
    while pos <= last:
        tag, vr, short, long_length = unpack(data, pos)
        if tag[:2] == b"\xfe\xff":
            pos += 8
        elif vr == b"SQ":
            pos += 12
            count += 1
        elif vr in LONG:
            pos += 12 + long_length
            count += 1
        else:
            pos += 8 + short
            count += 1
    return count


def elements(dataset: Dataset) -> int:
    """How many elements there are, those in items too."""
    return sum(1 + sum(map(elements, row[4] or ())) for row in dataset.rows)


def measure(functions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The best CPU time of each in seconds; they take turns for some seconds, a few calls each.

    CPU time, since all of it runs in one thread without waiting, and a wall clock would measure
    who else is using the machine.
    """
    best = dict.fromkeys(functions, float("inf"))
    # As a server does after start-up: what lives for ever is not looked at by each collection.
    gc.collect()
    gc.freeze()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for name, function in functions.items():
            for _ in range(CALLS):
                begin = time.thread_time()
                function()
                best[name] = min(best[name], time.thread_time() - begin)
    return best


def main() -> None:
    warnings.simplefilter("ignore")
    rows = []
    for path in (WHEEL / "CT_small.dcm", *ENHANCED):
        if not path.is_file():
            continue
        data = path.read_bytes()
        instance = read(data)

        def ours(data: bytes = data) -> Any:
            return to_dicom_json(read(data), lambda value: f"{value.tag:08X}")

        def metadata(data: bytes = data) -> Any:
            return normalise(read(data))

        def theirs(data: bytes = data) -> Any:
            dataset = pydicom.dcmread(BytesIO(data))
            return dataset.to_json_dict(1024, lambda element: f"{element.tag:08X}")

        def limit(data: bytes = data, start: int = instance.dataset_start) -> int:
            return bare_loop(data, start)

        assert ours() == theirs()
        count = elements(instance.elements)
        if not instance.elements.implicit:
            assert limit() == count
        times = measure({"ours": ours, "metadata": metadata, "theirs": theirs, "limit": limit})
        rows.append(
            [
                f"{path.name}, {count} elements, {len(data) >> 10} kB",
                *(f"{times[name] * 1000:.2f}" for name in ("ours", "metadata", "theirs", "limit")),
                f"{times['theirs'] / times['ours']:.1f}",
                f"{times['theirs'] / times['metadata']:.1f}",
                f"{times['ours'] / times['limit']:.1f}",
            ]
        )
    show(
        "Header to JSON (milliseconds of CPU, best)",
        [
            "file",
            "ours",
            "metadata",
            "pydicom",
            "limit",
            "peer/ours",
            "peer/meta",
            "ours/limit",
        ],
        rows,
        "ours: read + to_dicom_json. metadata: read + normalise. limit: a bare loop.",
    )


if __name__ == "__main__":
    main()
