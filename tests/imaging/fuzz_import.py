"""Run as a program: import mutants the whole way, read all of it back, and say what came out.

A child process of test_fuzz_import.py. The decoders run in a worker process, so that a crash in one
costs a finding and not the run. Prints one JSON object: see `Report`.

    python -m tests.imaging.fuzz_import FIRST COUNT            mutants FIRST, FIRST + 1, ...
    python -m tests.imaging.fuzz_import FIRST COUNT --everything   of ../shared/data too
"""

import json
import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import orjson

from iryo import dicom
from iryo.dicom.dictionary import keyword_tag
from iryo.errors import InvalidDicom, IryoError, TooLarge
from iryo.imaging.documents import decode, instances_of
from iryo.imaging.service import export, picture, read
from tests.imaging.house import House
from tests.imaging.mutate import Mutant, mutant

_BATCH: Final = 200
_LOOKED_AT: Final = 4  # frames of one instance
# What is nobody's fault but ours.
_OURS: Final = ("InternalError", "WorkerDied", "TookTooLong")


@dataclass
class Report:
    """What a run has found.

    Attributes:
        cases: mutants that were imported.
        imported: of them, those that gave an instance.
        reasons: why the others did not: reason -> how many.
        findings: each a line that says what is wrong and which number repeats it.
        slowest: seconds that the slowest mutant took to be read back, and its number.
        memory: the most memory that this process or its worker took, in MiB.
        seconds: how long it took.
    """

    cases: int = 0
    imported: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    memory: int = 0
    seconds: float = 0.0


def peak_memory() -> int:
    """The most memory that this process has had, in MiB.

    Not ru_maxrss: a process inherits that of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def main(first: int, count: int, *, everything: bool) -> None:
    logging.disable()
    began = time.monotonic()
    report = Report()
    for start in range(first, first + count, _BATCH):
        numbers = range(start, min(start + _BATCH, first + count))
        with tempfile.TemporaryDirectory() as folder:
            house = House.made(Path(folder), compute="processes:1", worker_memory="2 GiB")
            try:
                _round(house, [mutant(n, everything=everything) for n in numbers], report)
            finally:
                house.app.close()
    report.memory = peak_memory()
    report.seconds = time.monotonic() - began
    sys.stdout.write(json.dumps(vars(report)))


def _round(house: House, mutants: list[Mutant], report: Report) -> None:
    """Import some mutants in one job, and look at what became of each."""
    folder = house.folder / "in"
    folder.mkdir()
    by_name = {f"{one.number}.dcm": one for one in mutants}
    for name, one in by_name.items():
        (folder / name).write_bytes(one.data)
    job = house.run(house.ordered(folder))
    report.cases += len(mutants)
    if job.state != "COMPLETED" or job.result is None:
        what = f"the job of {mutants[0].number} to {mutants[-1].number} ended {job.state}"
        report.findings.append(f"{what}: {job.message}")
        return
    failed = house.failures(job.result)
    done = _successes(job.result)
    for name, one in by_name.items():
        if (name in failed) == (name in done):
            _found(report, one, "is told of twice or not at all")
        elif name in failed:
            reason, message = failed[name]["exceptionType"], failed[name]["message"]
            report.reasons[reason] += 1
            if reason in _OURS:
                _found(report, one, f"{reason}: {message}")
    report.imported += len(done)
    for image_set_id in {entry["imageSetId"] for entry in done.values()}:
        mine = {
            entry["SOPInstanceUID"]: by_name[name]
            for name, entry in done.items()
            if entry["imageSetId"] == image_set_id and not entry["unchanged"]
        }
        _read_back(house, image_set_id, mine, report)


def _successes(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    folder = Path(summary["successOutputS3Uri"].removeprefix("file://"))
    lines = map(json.loads, (folder / "success.ndjson").read_text().splitlines())
    return {line["inputFile"]: line["importResponse"] for line in lines}


def _found(report: Report, one: Mutant, what: str) -> None:
    report.findings.append(f"mutant {one.number} ({one.origin}: {', '.join(one.steps)}) {what}")


def _read_back(house: House, image_set_id: str, mine: dict[str, Mutant], report: Report) -> None:
    room, store = house.room, house.store
    document = decode(read.metadata(room, store, image_set_id))
    exported = {
        item.sop_instance_uid: item.pieces for item in export.export(room, store, image_set_id)
    }
    entries = instances_of(document)
    for uid, one in mine.items():
        began = time.monotonic()
        try:
            _frames(house, image_set_id, entries[uid])
            _same(one, b"".join(exported[uid]))
        except AssertionError as error:
            _found(report, one, str(error))
        except Exception as error:  # noqa: BLE001 - each is a finding
            _found(report, one, f"cannot be read back: {type(error).__name__}: {error}")
        report.slowest = max(report.slowest, (time.monotonic() - began, one.number))


def _frames(house: House, image_set_id: str, entry: dict[str, Any]) -> None:
    """Each frame is there, has the checksum that is told, and is shown or says why it is not."""
    frames = entry.get("ImageFrames", ())
    for number in sorted(
        {0, len(frames) - 1, *range(min(_LOOKED_AT, len(frames)))} & set(range(len(frames)))
    ):
        frame = frames[number]
        data, _ = read.frame(house.room, house.store, image_set_id, frame["ID"])
        assert len(data) == frame["FrameSizeInBytes"], f"frame {number} has another size"
        told = frame["PixelDataChecksumFromBaseToFullResolution"][0]["Checksum"]
        if entry["ChecksumType"] == "ORIGINAL":
            assert imagecodecs.zlibng_crc32(data) == told, f"frame {number} has another checksum"
        try:
            picture.png(house.room, house.store, image_set_id, frame["ID"])
        except (InvalidDicom, TooLarge):
            continue


def _same(one: Mutant, exported: bytes) -> None:
    """What is exported says what came in: every element but group 2, and all samples."""
    before, after = dicom.read(one.data), dicom.read(exported)
    assert _attributes(before) == _attributes(after), "is exported with other attributes"
    described, again = dicom.describe_pixels(before), dicom.describe_pixels(after)
    assert (described is None) == (again is None), "has pixels on one side of an export only"
    if described is None or again is None:
        return
    assert described.frames == again.frames, "is exported with another number of frames"
    sources, results = dicom.source_frames(before, described), dicom.source_frames(after, again)
    for number in range(min(described.frames, _LOOKED_AT)):
        try:
            samples = dicom.decode(sources[number], described, number)
        except (InvalidDicom, TooLarge):
            came, kept = bytes(sources[number]), bytes(results[number])
            even = came + b"\0" * (len(came) % 2)  # PS3.5 A.4
            assert kept in (came, even), f"frame {number} is not kept"
            continue
        same = np.array_equal(samples, dicom.decode(results[number], again, number))
        assert same or np.issubdtype(samples.dtype, np.floating), (
            f"frame {number} has other samples"
        )


def _attributes(instance: dicom.Instance) -> bytes:
    form = dicom.normalise(instance)
    own = {key: value for key, value in form.instance.items() if not _written(key)}
    return orjson.dumps([form.patient, form.study, form.series, own], option=orjson.OPT_SORT_KEYS)


def _written(key: str) -> bool:
    """What the writer makes anew: group 2, offset tables, and what follows from the syntax."""
    tag = keyword_tag(key)
    return (
        (tag is not None and (tag >> 16 == 2 or tag & 0xFFFF == 0))
        or key in _FOLLOWS
        or (len(key) == 8 and (key.startswith("0002") or key.endswith("0000")))  # group lengths
        or key == "FFFFFFFF"  # padding, at the end
    )


_FOLLOWS: Final = frozenset(
    {
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
        "EncapsulatedPixelDataValueTotalLength",
        "NumberOfFrames",
    }
)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), everything="--everything" in sys.argv)
    except IryoError as error:
        sys.exit(f"the run itself failed: {error!r}")
