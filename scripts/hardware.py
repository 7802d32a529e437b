# ruff: noqa: E501 - the page that it writes has longer lines
"""Write docs/explanation/hardware.md: what 100 TB, 1 PB and 10 PB of DICOM take, from measured rates.

    python scripts/hardware.py

Change a rate or an assumption here and run it again; `tests/test_hardware.py` fails when the page is
not what this writes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "hardware.md"

KB: Final = 1e3
GB: Final = 1e9
TB: Final = 1e12
DAY: Final = 86_400.0


@dataclass(frozen=True)
class Number:
    """A number with where it comes from."""

    value: float
    text: str
    source: str


# Measured on a shared virtual machine with 2 cores; see performance.md.
MEASURED: Final = {
    "import": Number(330, "instances a second and core, CT 512x512", "`benchmarks/import_ct.py`"),
    "frames": Number(7_100, "frames a second and process, 118 kB", "`benchmarks/frames_http.py`"),
    "stored": Number(0.40, "of a file's bytes are kept", "`benchmarks/stored_bytes.py`: 22 % CT"
                     " to 53 % over all test files"),
    "pack": Number(32, "instances a pack", "the size of a batch"),
    "row": Number(850, "bytes of database an instance, PostgreSQL", "`benchmarks/_scale.py`;"
                  " 760 on SQLite"),
    "set": Number(5_900, "bytes of database an image set, PostgreSQL", "the same; 4,500 on"
                  " SQLite"),
    "decode": Number(500, "frames decoded a second and core (deep verify)", "imagecodecs,"
                     " 1.9 ms a frame"),
}  # fmt: skip

# Assumed; put your own in their place.
ASSUMED: Final = {
    "file": Number(549 * KB, "bytes a file, as it comes", "a CT slice with its header"),
    "held": Number(200, "instances an image set", "a CT or MR series"),
    "years": Number(5, "years until it is full", "steady growth"),
    "peak": Number(0.15, "of a day's images come in its busiest hour", "a hospital's day"),
    "views": Number(3, "times each new frame is looked at", "reading, comparing, a conference"),
    "disk": Number(0.4 * GB, "bytes a second that checks and backups may read", "of each server"),
    "put": Number(0.005 / 1000, "dollars a PUT", "a price of AWS S3 Standard"),
    "get": Number(0.0004 / 1000, "dollars a GET", "a price of AWS S3 Standard"),
}
SIZES: Final = (("100 TB", 100 * TB), ("1 PB", 1000 * TB), ("10 PB", 10_000 * TB))

HEAD = """\
# Hardware

<!-- Written by scripts/hardware.py; change the numbers there. -->

What an archive takes that holds 100 TB, 1 PB or 10 PB of DICOM files, as they come. It is arithmetic: the
rates were measured on two cores of a crowded machine and are multiplied here. Nobody has run 10 PB. Put
your own numbers into `scripts/hardware.py`; one CR image weighs as much as five CT slices.

"""


def m(name: str) -> float:
    """A measured rate."""
    return MEASURED[name].value


def a(name: str) -> float:
    """An assumption."""
    return ASSUMED[name].value


def figures(size: float) -> dict[str, str]:
    """Row of the table -> value, for an archive of so many bytes of files."""
    files = size / a("file")
    sets = files / a("held")
    packs = files / m("pack")
    stored = size * m("stored")
    database = files * m("row") + sets * m("set")
    daily = files / (a("years") * 365)
    busiest = daily * a("peak") / 3600
    views = daily * a("views") * a("peak") / 3600
    frame = a("file") * m("stored")
    return {
        "instances": amount(files),
        "image sets": amount(sets),
        "bytes kept": bytes_(stored),
        "objects: packs and documents": amount(packs + sets),
        "mean size of a pack": bytes_(frame * m("pack")),
        "database (PostgreSQL)": bytes_(database),
        "new instances a day": amount(daily),
        "instances a second in the busiest hour": amount(busiest),
        "cores that import then": cores(busiest / m("import")),
        "frames a second in the busiest hour": amount(views),
        "server processes for them": cores(views / m("frames")),
        "network for them": f"{views * frame * 8 / 1e9:,.2f} Gbit/s",
        "PUT requests to fill it": f"{amount(packs + sets)} (${(packs + sets) * a('put'):,.0f})",
        "GET requests a year, one a frame": (
            f"{amount(daily * a('views') * 365)} (${daily * a('views') * 365 * a('get'):,.0f})"
        ),
        "every byte checked once (`iryo verify`), one server": days(stored / a("disk")),
        "every frame decoded once (`--deep`), 16 cores": days(files / (m("decode") * 16)),
        "first backup at the same pace": days(stored / a("disk")),
        "a day's backup": days(stored / (a("years") * 365) / a("disk")),
    }


def amount(number: float) -> str:
    """A count that is read at a glance."""
    for unit, text in ((1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"{number / unit:,.3g} {text}"
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


def bytes_(number: float) -> str:
    """Bytes in decimal units, as disks are sold."""
    for unit, text in ((1e15, "PB"), (TB, "TB"), (GB, "GB"), (1e6, "MB")):
        if number >= unit:
            return f"{number / unit:,.3g} {text}"
    return f"{number:,.0f} B"


def cores(number: float) -> str:
    """At least one."""
    return f"{max(1, -(-number // 1)):,.0f}"


def days(seconds: float) -> str:
    """Days, or hours or minutes where it is less."""
    for unit, text in ((DAY, "days"), (3600.0, "hours")):
        if seconds >= unit:
            return f"{seconds / unit:,.3g} {text}"
    return f"{seconds / 60:,.3g} minutes"


def numbers(table: dict[str, Number]) -> str:
    """The rows of a table of numbers."""
    rows = [f"| {one.value:,g} | {one.text} | {one.source} |" for one in table.values()]
    return "\n".join(["| number | what | from |", "| ---: | --- | --- |", *rows])


def render() -> str:
    """The whole page."""
    columns = [figures(size) for _, size in SIZES]
    lines = [
        "| | " + " | ".join(name for name, _ in SIZES) + " |",
        "| --- | " + " | ".join("---:" for _ in SIZES) + " |",
        *(
            f"| {row} | " + " | ".join(column[row] for column in columns) + " |"
            for row in columns[0]
        ),
    ]
    parts = [
        HEAD + "\n".join(lines),
        TAIL,
        "## Measured\n\n" + numbers(MEASURED),
        "## Assumed\n\n" + numbers(ASSUMED),
    ]
    return "\n\n".join(parts) + "\n"


TAIL = """\
Reading it:

- **The database is small beside the pixels** (less than half a percent), since a frame is no row: an
  instance has one row with the places of all of its frames. Give it memory for its indexes first, and fast
  disks; from about 100 million instances on it should be PostgreSQL on a machine of its own.
- **Objects are few**: a pack holds up to 32 instances of a series, so a bucket has about one object for 28
  instances, and requests cost little beside storage. More instances a pack would make reads of one frame
  no slower (they are ranges), but a failed batch dearer.
- **Importing takes cores, serving hardly any.** Encoding HTJ2K is most of an import; Dask spreads it over
  machines. Serving is bound by the network long before it is by processors.
- **Checks and backups take days from 1 PB on**, at one server's pace. They are resumable and bounded in
  rate on purpose; run one for each data store on a server of its own.
- **Keep twice the first import's size free** while packs are compacted or objects move."""


if __name__ == "__main__":
    PAGE.write_text(render())
