"""`iryo export`: DICOM files out of image sets, as they are or de-identified."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

import typer

from iryo.errors import Conflict, Damaged, InvalidDicom, InvalidInput, Unavailable
from iryo.imaging.cli.showing import VersionOption
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, Terminal, terminal_of
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.dicom.deidentify import DeIdentifier, Report
    from iryo.imaging.service.export import ExportedInstance

__all__ = ["export"]

FAILED: Final = 1
PURPOSE: Final = "de-identification"
"""Of the installation's secret from which pseudonyms follow, unless another is given."""
_LEAST_SECRET: Final = 16  # bytes
_RETAIN: Final = (
    "dates",
    "dates-shifted",
    "device",
    "institution",
    "patient",
    "safe-private",
    "uids",
)
_CLEAN: Final = ("descriptors", "graphics", "structured-content")


def export(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    image_set: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE_SET|UID",
            help="An image set by its id or the beginning of it; or a Study or Series UID.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")
    ],
    syntax: Annotated[
        str,
        typer.Option(
            metavar="original|explicit|htj2k",
            help="The transfer syntax: as it came where that was lossless, Explicit VR Little"
            " Endian, or HTJ2K lossless.",
        ),
    ] = "original",
    version: VersionOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify", help="De-identify, by the Basic Profile of PS3.15 and these options."
        ),
    ] = False,
    retain: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(_RETAIN), help="What to keep; may be given several times."),
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(_CLEAN),
            help="What to clean instead of removing it; may be given several times.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The secret that pseudonyms follow from, at least 16 bytes. Without it: the"
            " installation's own.",
        ),
    ] = None,
    refuse_burned_in: Annotated[
        bool,
        typer.Option(
            "--refuse-burned-in",
            help="Leave out images that may have text in their pixels, rather than warn.",
        ),
    ] = False,
    mapping: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write who is who: a sensitive file, readable by you alone.",
        ),
    ] = None,
    datastore: DatastoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write image sets as DICOM files: DIR/SERIES_UID/SOP_INSTANCE_UID.dcm.

    Every element that is no pixel comes back byte for byte, unless the metadata was edited since.
    An instance in quarantine (`iryo damage list`) is named and left out; then the exit code is 1.
    """
    from iryo.dicom.deidentify import Report
    from iryo.imaging.service import export as exporting
    from iryo.imaging.service.lookup import find_datastore, find_image_sets

    if syntax not in exporting.SYNTAXES:
        raise InvalidInput(f"no syntax {syntax!r}; there are: {', '.join(exporting.SYNTAXES)}")
    needs = retain or clean or secret_file or refuse_burned_in or mapping
    if needs and not deidentify:
        raise InvalidInput(
            "--retain, --clean, --secret-file, --refuse-burned-in and --mapping belong to"
            " --deidentify"
        )
    terminal = terminal_of(context, json=json)
    room = terminal.room
    store = find_datastore(room, datastore).id if datastore else None
    change = _change(terminal, retain or [], clean or [], secret_file) if deidentify else None
    found = find_image_sets(room, image_set, store)
    if version is not None and len(found) > 1:
        raise InvalidInput("--version is that of one image set; name it by its id")
    action = "cli:export" if change is None else "cli:export.deidentified"
    copies = _Copies(terminal, output, overwrite, change, refuse_burned_in, Report())
    with _Mapping(mapping, change) as known:
        for one in found:
            with terminal.audited(action, scope=one.datastore_id, resource=one.id):
                exported = exporting.export(
                    room,
                    one.datastore_id,
                    one.id,
                    target=exporting.SYNTAXES[syntax],
                    number=version,
                    change=change,
                )
                for instance in _watched(terminal, one.instance_count, exported):
                    if copies.write(instance):
                        known.add(instance)
    copies.tell()
    if copies.left_out:
        raise typer.Exit(FAILED)


def _change(
    terminal: Terminal, retain: Sequence[str], clean: Sequence[str], secret_file: Path | None
) -> "DeIdentifier":
    """The profile that is asked for, and the secret."""
    from iryo.dicom.deidentify import DeIdentifier, Profile

    for given, known, name in ((retain, _RETAIN, "--retain"), (clean, _CLEAN, "--clean")):
        if unknown := [one for one in given if one not in known]:
            raise InvalidInput(f"found {name} {unknown[0]!r}, expected one of {', '.join(known)}")
    profile = Profile.of(*retain, *clean)
    if secret_file is None:
        return DeIdentifier(profile, terminal.signing_secret(PURPOSE))
    try:
        secret = secret_file.read_bytes().strip()
    except OSError as error:
        raise InvalidInput(f"{secret_file} cannot be read: {error.strerror}") from error
    if len(secret) < _LEAST_SECRET:
        raise InvalidInput(
            f"found {len(secret)} bytes in {secret_file}, expected at least {_LEAST_SECRET}"
        )
    return DeIdentifier(profile, secret)


class _Copies:
    """The files that are written, and what there is to tell of them."""

    def __init__(
        self,
        terminal: Terminal,
        folder: Path,
        overwrite: bool,
        change: "DeIdentifier | None",
        refuse: bool,
        total: "Report",
    ) -> None:
        self._terminal = terminal
        self._folder = folder
        self._overwrite = overwrite
        self._change = change
        self._refuse = refuse
        self._total = total
        self._files = self._bytes = 0
        self._burned = {"yes": 0, "likely": 0}
        self.left_out = 0

    def write(self, one: "ExportedInstance") -> bool:
        """Write one file; False: it is left out, which is told of."""
        series, instance = one.series_uid, one.sop_instance_uid
        if self._change is not None:
            series, instance = (self._change.uid(uid) for uid in (series, instance))
        path = self._folder / _safe(series) / f"{_safe(instance)}.dcm"
        try:
            written = _write(path, self._checked(one, instance), overwrite=self._overwrite)
        except (Damaged, InvalidDicom, _BurnedIn) as error:
            self.left_out += 1
            typer.echo(f"iryo: not exported: {getattr(error, 'message', error)}", err=True)
            return False
        self._files, self._bytes = self._files + 1, self._bytes + written
        self._total.add(one.report)
        if one.report.burned_in != "no":
            self._burned[one.report.burned_in] += 1
            if not self._terminal.json:
                typer.echo(f"iryo: {_burned_in(instance, one.report.burned_in)}", err=True)
        if self._terminal.json:
            told = {"file": str(path), "SOPInstanceUID": instance, "bytes": written}
            if self._change is not None:
                told["burnedIn"] = one.report.burned_in
            self._terminal.emit(told)
        return True

    def _checked(self, one: "ExportedInstance", instance: str) -> Iterator[bytes]:
        for piece in one.pieces:
            if self._refuse and one.report.burned_in != "no":
                raise _BurnedIn(_burned_in(instance, one.report.burned_in))
            yield piece

    def tell(self) -> None:
        """What was written, and what was done to it."""
        if self._terminal.json:
            return
        files = f"{self._files} file{'s'[: self._files != 1]}, {size(self._bytes)}"
        self._terminal.err.print(f"{files}, in {self._folder}")
        if self._change is None:
            return
        total = self._total
        rows = [
            ("attributes removed", total.removed),
            ("emptied", total.emptied),
            ("replaced by a dummy", total.replaced),
            ("UIDs replaced", total.remapped),
            ("cleaned or moved", total.cleaned),
            ("private attributes removed", total.private),
            ("images that say that text is burned in", self._burned["yes"]),
            ("images of a kind that often has some", self._burned["likely"]),
        ]
        self._terminal.table(("done", "times"), [(name, f"{count:,}") for name, count in rows])


class _BurnedIn(Exception):
    """An image is refused."""


def _burned_in(instance: str, found: str) -> str:
    what = (
        "says that text is burned into its pixels" if found == "yes" else "may have burned-in text"
    )
    return f"{instance} {what}; look at it before you give it away"


class _Mapping:
    """The file that says who is who, if it is asked for."""

    def __init__(self, path: Path | None, change: "DeIdentifier | None") -> None:
        self._path = path
        self._change = change
        self._stream = -1

    def __enter__(self) -> Self:
        if self._path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                self._stream = os.open(self._path, flags, 0o600)
            except FileExistsError:
                raise Conflict(f"there is something at {self._path} already") from None
            except OSError as error:
                raise Unavailable(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream >= 0:
            os.close(self._stream)

    def add(self, one: "ExportedInstance") -> None:
        """A line: what stood there, and what stands there now."""
        if self._stream < 0 or self._change is None:
            return
        import orjson

        names = self._change.pseudonyms
        uids = (one.study_uid, one.series_uid, one.sop_instance_uid)
        line = {
            "patient": [one.patient_id, names.patient(one.patient_id)],
            **{
                level: [uid, self._change.uid(uid)]
                for level, uid in zip(("study", "series", "instance"), uids, strict=True)
            },
        }
        os.write(self._stream, orjson.dumps(line) + b"\n")


def _watched(
    terminal: Terminal, total: int, items: "Iterator[ExportedInstance]"
) -> "Iterator[ExportedInstance]":
    if not terminal.err.is_terminal or terminal.json:
        yield from items
        return
    from rich.progress import track

    yield from track(items, "Exporting", total=total, console=terminal.err, transient=True)


def _safe(uid: str) -> str:
    """A UID as a file name: digits and full stops, and never a name that means a folder."""
    return "".join(c for c in uid if c in "0123456789.").strip(".") or "unnamed"


def _write(path: Path, pieces: Iterator[bytes], *, overwrite: bool) -> int:
    """Write a file so that it has its name only when it is whole; its size in bytes."""
    if path.exists() and not overwrite:
        raise InvalidInput(f"there is a {path} already; choose another folder, or --overwrite")
    part = path.with_name(f".{path.name}.part")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            for piece in pieces:
                written += stream.write(piece)
        part.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):  # where it could not be made it cannot be removed
            part.unlink(missing_ok=True)
    return written
