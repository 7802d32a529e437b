"""The real files: everything in the pydicom and pydicom-data wheels and in ../shared/data.

Files that are no DICOM (licences, bare codestreams) are among them: a folder that people import
holds such files too, and each must be told of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import data_store
import pydicom

from tests.conftest import SHARED

_NOT_DATA = {".py", ".pyc"}


@dataclass(frozen=True)
class RealFile:
    """A file, and its name in the table of docs/reference/known-files.md."""

    name: str
    path: Path


WHEELS = {
    "pydicom": Path(pydicom.__file__).parent / "data",
    "pydicom-data": Path(data_store.__file__).parent / "data",
}
SHARED_FOLDERS = {
    "shared": SHARED / "dicom",
    "dcm_qa_ct_GE": SHARED / "head_ct" / "dcm_qa_ct_GE",
}


def real_files(folders: dict[str, Path]) -> Iterator[RealFile]:
    """All files of these folders, by name; of folders that are not here, none."""
    for root, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in _NOT_DATA:
                yield RealFile(f"{root}/{path.relative_to(folder).as_posix()}", path)
