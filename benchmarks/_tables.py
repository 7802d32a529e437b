"""What benchmarks share: a table, the machine, an installation in a temporary folder."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from rich.console import Console
from rich.table import Table

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.demo.make import ct_series
from iryo.settings import load

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
CONSOLE = Console(width=110)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print one table, and on what it was measured."""
    table = Table(title=title, caption=note or None, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    CONSOLE.print(table)
    load_now = os.getloadavg()[0]
    CONSOLE.print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, "
        f"pydicom {pydicom.__version__}, load {load_now:.1f}\n"
    )


@contextmanager
def installation(compute: str = "processes", **given: object) -> Iterator[App]:
    """A new installation in a temporary folder, with settings that are `given`."""
    home = Path(tempfile.mkdtemp(prefix="iryo-bench-"))
    home.chmod(0o700)
    try:
        create_key_file(home / KEY_FILE)
        settings = load({"home": home, "compute": compute, "port": 0, **given}, {}, None).settings
        with open_app(settings) as app:
            yield app
    finally:
        shutil.rmtree(home, ignore_errors=True)


def write_ct_series(folder: Path, count: int, series: int = 1) -> list[Path]:
    """`count` CT slices of 512x512, one series; another `series` has other UIDs.

    The pixels are those of a real head CT where ../shared/data is, else a generated one with the
    same kind of noise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted((SHARED / "head_ct" / "dcm_qa_ct_GE" / "In" / "GE").glob("*.dcm"))
    if not sources:
        seed = folder.with_name(f"{folder.name}-seed")
        seed.mkdir()
        for number, data in enumerate(ct_series(28)):
            (seed / f"{number:02}.dcm").write_bytes(data)
        sources = sorted(seed.iterdir())
    made = []
    for number in range(count):
        dataset = pydicom.dcmread(sources[number % len(sources)])
        dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.10.543.{series}.{number + 1}"
        if series > 1:
            dataset.SeriesInstanceUID = f"1.2.826.0.1.3680043.10.543.{series}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = number + 1
        path = folder / f"{number:05}.dcm"
        dataset.save_as(path)
        made.append(path)
    return made


def source_of_ct() -> str:
    """Which pixels `write_ct_series` takes."""
    return "a real head CT" if (SHARED / "head_ct").is_dir() else "a generated head CT"
