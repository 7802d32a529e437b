"""Import of a CT series, against bare HTJ2K encoding on all cores, the limit.

The peer is what one would write in an afternoon: pydicom reads, imagecodecs encodes, a file per
frame is written, in a process pool. All three do the same slices in turn, several times; the
medians are compared.
"""

import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import pydicom
from numpy.typing import NDArray

from _tables import CONSOLE, installation, show, source_of_ct, write_ct_series
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports

COUNT = 448
ROUNDS = 5
CHUNK = 32
CACHE: dict[str, list[NDArray[Any]]] = {}


def load_arrays(folder: str) -> None:
    """In each worker of the limit: decode once, keep."""
    CACHE["arrays"] = [pydicom.dcmread(path).pixel_array for path in sorted(Path(folder).iterdir())]


def encode_only(start: int) -> int:
    """The limit: nothing but the encoder."""
    return sum(
        len(imagecodecs.htj2k_encode(array, tlm=True))
        for array in CACHE["arrays"][start : start + CHUNK]
    )


def naive(paths: list[str]) -> int:
    """The peer: read, encode, write."""
    total = 0
    for path in paths:
        dataset = pydicom.dcmread(path)
        data = imagecodecs.htj2k_encode(dataset.pixel_array, tlm=True)
        target = Path(path + ".jph")
        target.write_bytes(data)
        target.with_suffix(".json").write_text(
            dataset.to_json(bulk_data_threshold=1 << 20, bulk_data_element_handler=_bulk)
        )
        total += len(data)
    return total


def _bulk(_: object) -> str:
    return ""


def timed(work: Callable[[], object]) -> float:
    """Slices per second."""
    begin = time.perf_counter()
    work()
    return COUNT / (time.perf_counter() - begin)


def run_limit(pool: Executor) -> None:
    """All slices through the bare encoder."""
    list(pool.map(encode_only, range(0, COUNT, CHUNK)))


def run_naive(pool: Executor, paths: list[Path], folder: Path) -> None:
    """All slices through the peer."""
    copies = [str(path) for path in paths]
    list(pool.map(naive, [copies[n : n + CHUNK] for n in range(0, COUNT, CHUNK)]))
    for made in (*folder.glob("*.jph"), *folder.glob("*.json")):
        made.unlink()


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="iryo-bench-ct-"))
    paths = write_ct_series(folder / "ct", COUNT)
    context = multiprocessing.get_context("spawn")
    workers = multiprocessing.cpu_count()
    rates: dict[str, list[float]] = {"limit": [], "peer": [], "ours": [], "again": []}
    try:
        with (
            ProcessPoolExecutor(
                workers, context, initializer=load_arrays, initargs=(str(folder / "ct"),)
            ) as bare,
            ProcessPoolExecutor(workers, context) as pool,
            installation() as app,
        ):
            run_limit(bare)  # processes started, libraries loaded: not measured for anybody
            run_naive(pool, paths, folder / "ct")
            warm = datastores.create(app.room, name="warm")
            order = ImportOrder("bench", (folder / "ct").as_uri(), None, "")
            app.runner.run(imports.start(app.room, warm.id, order).id)
            for _ in range(ROUNDS):
                rates["limit"].append(timed(lambda: run_limit(bare)))
                rates["peer"].append(timed(lambda: run_naive(pool, paths, folder / "ct")))
                store = datastores.create(app.room, name="bench")

                def once(store_id: str = store.id) -> None:
                    job = app.runner.run(imports.start(app.room, store_id, order).id)
                    assert job.result is not None
                    assert job.result["numberOfImportedFiles"] == COUNT, job.result

                rates["ours"].append(timed(once))
                rates["again"].append(timed(once))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    ratios = [ours / limit for ours, limit in zip(rates["ours"], rates["limit"], strict=True)]
    label = {
        "limit": f"the limit: htj2k_encode alone, {workers} processes",
        "peer": "peer: pydicom + htj2k_encode + a file per frame",
        "ours": "ours: import job, durable, searchable",
        "again": "ours: the same files again (nothing to do)",
    }
    show(
        f"Import of {COUNT} CT slices 512x512 ({source_of_ct()})",
        ["", "slices/s", "of the limit"],
        [
            [label[name], f"{middle[name]:,.0f}", f"{middle[name] / middle['limit']:.0%}"]
            for name in ("limit", "peer", "ours", "again")
        ],
        f"medians of {ROUNDS} rounds in turn; ours/limit per round: "
        + ", ".join(f"{ratio:.0%}" for ratio in ratios)
        + "; asked: at least 60 %",
    )
    CONSOLE.print()


if __name__ == "__main__":
    main()
