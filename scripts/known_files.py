"""Write docs/reference/known-files.md from the table of tests/conformance/expected.py.

Run as `python -m scripts.known_files` in the repository's folder, with ../shared/data beside it.
tests/conformance/test_known_files_page.py says when it is due.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conformance.corpus import SHARED_FOLDERS, WHEELS, RealFile, real_files
from tests.conformance.expected import TABLE, Kind, Row, rows_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "known-files.md"

_HEAD = """\
# Real files

<!-- Made by scripts/known_files.py from tests/conformance/expected.py; edit that table instead. -->

Every file of the `pydicom` and `pydicom-data` wheels and of the shared test data goes through the
whole store when the tests run: an import job, then the metadata, each frame and three exports are
read back and held against pydicom.

- The metadata: every attribute, private ones and those within sequences too, has pydicom's value
  and VR.
- Every frame, decoded from the stored bytes by OpenJPEG (HTJ2K) or numpy (native), has pydicom's
  pixels of the original, in the colour space of the file. Frames that are kept as they came have
  the bytes of the original.
- Width, height, size, checksum, least and greatest sample in the metadata are true.
- The export as it came: every element but the pixel data byte for byte, and the pixels.
- The exports as Explicit VR Little Endian and as HTJ2K: every value (its bytes, where the byte
  order stays) and the pixels. Photometric Interpretation, Planar Configuration and group lengths
  follow the syntax.

"""

_TELLS: dict[Kind, str] = {
    Kind.REFUSED: "The second column is the `exceptionType` in the job's `failure.ndjson`.",
    Kind.VALUES: "The second column is the attribute.",
    Kind.ORACLE: "They are imported and given back like all others; the second column says what "
    "the frames are held against instead of pydicom.",
    Kind.HTJ2K: "They are imported and given back like all others.",
}


def page() -> str:
    """The whole page."""
    files = list(real_files({**WHEELS, **SHARED_FOLDERS}))
    return "".join([_HEAD, _counts(files), *(_section(kind) for kind in Kind)])


def _counts(files: Sequence[RealFile]) -> str:
    rows = [rows_of(file) for file in files]
    refused = [row[Kind.REFUSED] for row in rows if Kind.REFUSED in row]
    no_dicom = sum(row is TABLE[0] for row in refused)
    imported = len(rows) - len(refused)
    held = sum(Kind.REFUSED not in row and Kind.ORACLE not in row for row in rows)
    return (
        f"Of {len(files)} files {no_dicom} are no DICOM at all. Of the {len(files) - no_dicom} "
        f"others {imported} are imported and {len(refused) - no_dicom} refused. {held} of those "
        f"that are imported are held against pydicom in all of this, {imported - held} against "
        "another reader's pixels.\n"
    )


def _section(kind: Kind) -> str:
    rows = "".join(_lines(kind))
    return f"\n## {kind}\n\n{_TELLS[kind]}\n\n| files | | why |\n|---|---|---|\n{rows}"


def _lines(kind: Kind) -> Iterator[str]:
    for row in TABLE:
        if row.kind is kind:
            yield f"| {_names(row)} | {row.what} | {row.reason} |\n"


def _names(row: Row) -> str:
    return ", ".join(f"`{name}`" for name in row.files)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
