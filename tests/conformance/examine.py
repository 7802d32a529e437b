"""One file through the whole store, and what is not as with other files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydicom.encaps import generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
)

from iryo.app import App
from tests.conformance import checks, oracle
from tests.conformance.corpus import RealFile
from tests.conformance.expected import Kind, Row
from tests.conformance.oracle import Array
from tests.conformance.place import Refusal, bring

_PYDICOM_DECODES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, HTJ2KLosslessRPCL)


def examine(
    app: App, file: RealFile, rows: Mapping[Kind, Row], twins: Mapping[str, Path], folder: Path
) -> dict[Kind, str]:
    """Import a file, check everything, and say what is not as with other files.

    Args:
        app: the installation.
        file: the file.
        rows: what the table says of it: which oracle is to be asked, so far.
        twins: real files by name.
        folder: for what dcmtk reads and writes.

    Returns:
        Kind -> what: as the table should say it.
    """
    brought = bring(app, file.path)
    if isinstance(brought, Refusal):
        assert brought.message, "a refusal without a reason"
        return {Kind.REFUSED: brought.kind}
    row = rows.get(Kind.ORACLE)
    found: dict[Kind, str] = {}
    with oracle.quiet():
        decode: Callable[[bytes], list[Array]] = _pydicom
        data = twin = file.path.read_bytes()
        if row is not None:
            assert not _pydicom_can(file.path), "pydicom reads it by now: take it off the table"
            found[Kind.ORACLE] = row.what
            if row.what == "dcmtk":
                decode = lambda data: _dcmtk(data, folder)  # noqa: E731
            else:
                twin = twins[row.what].read_bytes()
                decode = oracle.frames_beyond_pydicom
        if len(oracle.load(data)) == 0:
            data = twin  # pydicom reads nothing at all
        original = oracle.load(data)
        has_pixels = any(tag in original for tag in oracle.PIXELS)
        pixels = decode(twin) if has_pixels else []
        theirs = oracle.metadata(original)
        if theirs.unread:
            found[Kind.VALUES] = ", ".join(theirs.unread)
        wrong = checks.values(brought, theirs)
        kept = None
        if checks.is_kept(brought):
            kept = list(generate_frames(original.PixelData, number_of_frames=len(pixels)))
        wrong += checks.frames(brought, pixels, kept)
        refused, lost = checks.exports(brought, data, decode, pixels)
    assert wrong + lost == []
    if refused:
        assert refused == ["htj2k"]
        found[Kind.HTJ2K] = "NotAcceptable"
    return found


def _pydicom(data: bytes) -> list[Array]:
    return oracle.frames(oracle.load(data))


def _dcmtk(data: bytes, folder: Path) -> list[Array]:
    """Dcmtk for JPEG, which it alone decodes; what iryo wrote in another syntax is pydicom's."""
    syntax: UID = oracle.load(data).file_meta.TransferSyntaxUID
    return _pydicom(data) if syntax in _PYDICOM_DECODES else oracle.dcmtk_frames(data, folder)


def _pydicom_can(path: Path) -> bool:
    try:
        return len(oracle.frames(oracle.load(path))) > 0
    except Exception:  # noqa: BLE001 - whatever pydicom raises, it cannot
        return False
