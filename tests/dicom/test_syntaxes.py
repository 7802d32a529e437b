"""The table of transfer syntaxes agrees with PS3.6, and the page agrees with the table."""

from pathlib import Path

import pytest
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from iryo.dicom import syntaxes
from iryo.dicom.codecs_encode import _ENCODERS
from iryo.dicom.syntaxes import Codec, TransferSyntax
from tests.dicom.known_files import EXCEPTIONS, Way

PAGE = Path("docs/reference/transfer-syntaxes.md")
# Newer than pydicom's dictionary: PS3.6 2024 and later.
_NEW = {
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.8.1",
}


@pytest.mark.parametrize("row", syntaxes.TABLE, ids=[row.uid for row in syntaxes.TABLE])
def test_as_in_the_standard(row: TransferSyntax) -> None:
    assert syntaxes.syntax(row.uid) is row
    if row.uid == syntaxes.GE_BIG_PIXELS:
        assert UID(row.uid).is_private
        return
    if row.uid in _NEW:
        # Unless pynetdicom was imported, which adds some of them.
        assert UID_dictionary.get(row.uid, ("", "Transfer Syntax"))[1] == "Transfer Syntax"
        return
    uid = UID(row.uid)
    assert uid.is_transfer_syntax
    assert uid.is_implicit_VR is not row.explicit
    assert uid.is_little_endian is row.little
    assert uid.is_deflated is row.deflated
    assert uid.is_encapsulated is row.encapsulated


def test_uids_stand_once() -> None:
    uids = [row.uid for row in syntaxes.TABLE]
    assert len(uids) == len(set(uids))


def test_what_is_lossless_can_be_encoded() -> None:
    lossless = {row.uid for row in syntaxes.TABLE if row.encapsulated and row.lossless}
    assert lossless <= set(_ENCODERS)


def test_an_unknown_syntax_is_encapsulated_explicit_little_endian() -> None:
    row = syntaxes.syntax("1.2.3")
    assert (row.codec, row.explicit, row.little, row.encapsulated) == (
        Codec.UNKNOWN,
        True,
        True,
        True,
    )


def _stored(row: TransferSyntax) -> str:
    if row.kept:
        return "as it came"
    if row.uid == syntaxes.JPEG_EXTENDED:
        return "8 bits as it came, 12 bits HTJ2K"
    return "HTJ2K"


def _back(row: TransferSyntax) -> str:
    return "itself" if row.lossless or row.kept else "Explicit VR Little Endian"


def page_rows(root: Path) -> list[str]:
    """The lines of both tables of the page."""
    assert root.is_dir()
    table = [
        f"| `{row.uid}` | {row.name} | {_stored(row)} | `{row.content_type}` | {_back(row)} |"
        for row in syntaxes.TABLE
    ]
    exceptions = []
    for known in EXCEPTIONS:
        what = "refused" if known.way is Way.REFUSED else f"compared with {known.oracle or 'dcmtk'}"
        exceptions.append(f"| `{known.name}` | {what} | {known.reason} |")
    return [*table, *exceptions]


def test_the_page_shows_both_tables(root: Path) -> None:
    shown = (root / PAGE).read_text(encoding="utf-8").splitlines()
    rows = [line for line in shown if line.startswith("| `")]
    assert rows == page_rows(root)
