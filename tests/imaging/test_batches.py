"""How the files of an import are shared among workers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.imaging.house import House


class Watched:
    """The real compute, as one of so many workers, and what it was given."""

    def __init__(self, compute: Any, workers: int) -> None:
        self._compute = compute
        self.workers = workers
        self.sizes: list[int] = []

    def map_unordered(self, function: Any, items: Iterable[Any], **how: Any) -> Any:
        def told() -> Iterable[Any]:
            for batch in items:
                self.sizes.append(len(batch.files))
                yield batch

        return self._compute.map_unordered(function, told(), **how)


@pytest.mark.parametrize(
    ("files", "workers", "expected"),
    [
        (3, 2, [3]),
        (32, 2, [16, 16]),
        (100, 2, [25, 18, 16, 16, 16, 9]),
        (200, 2, [32, 32, 32, 26, 19, 16, 16, 16, 11]),
        (200, 16, [32, 32, 32, 16, 16, 16, 16, 16, 16, 8]),
        (50, 0, [25, 16, 9]),  # a cluster that has no worker yet
    ],
)
def test_what_is_left_is_shared(
    house: House, files: int, workers: int, expected: list[int]
) -> None:
    folder = house.folder / "in"
    folder.mkdir()
    for n in range(files):
        (folder / f"{n:03}.dcm").write_bytes(b"no DICOM")
    compute: Any = Watched(house.room.compute, workers)
    summary = house.imported(folder, replace(house.room, compute=compute))
    assert summary["numberOfScannedFiles"] == files
    assert compute.sizes == expected
