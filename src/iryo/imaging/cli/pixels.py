"""`iryo frame` and `iryo export`: pictures and DICOM files out of an image set."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iryo.errors import Damaged, InvalidInput, NotFound, Unavailable
from iryo.imaging.cli.showing import ImageSetArgument, VersionOption
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, Terminal, terminal_of
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.imaging.documents import Document
    from iryo.imaging.service.export import ExportedInstance

__all__ = ["WINDOWS", "export", "frame", "parse_window"]

FAILED: Final = 1

# Centre and width in Hounsfield units.
WINDOWS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "brain": (40, 80),
        "subdural": (75, 215),
        "bone": (400, 1800),
        "lung": (-600, 1500),
        "soft-tissue": (40, 400),
    }
)


def parse_window(text: str) -> tuple[float, float]:
    """A window from its name, or from centre and width.

    Raises:
        InvalidInput: if it is neither.
    """
    if text in WINDOWS:
        return WINDOWS[text]
    parts = text.split(",")
    try:
        centre, width = (float(part) for part in parts)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no window; expected CENTRE,WIDTH such as 40,400, or one of "
            + ", ".join(WINDOWS)
        ) from None
    if not width >= 1:
        raise InvalidInput(f"a window of width {width:g} found, at least 1 expected")
    return centre, width


def frame(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    image_set: ImageSetArgument,
    frame_id: Annotated[
        str | None, typer.Argument(metavar="FRAME_ID", help="A frame by its id.")
    ] = None,
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The PNG to write; - for standard output."
        ),
    ],
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="N|UID",
            help="The N-th instance as `iryo show` counts, or its SOP Instance UID.",
        ),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--frame", min=1, help="The N-th frame of the instance.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="CENTRE,WIDTH",
            help=f"The window, or one of {', '.join(WINDOWS)}. Without it: the file's own.",
        ),
    ] = None,
    version: VersionOption = None,
    datastore: DatastoreOption = None,
) -> None:
    """Write one frame as a PNG. Without more said: the first frame of the first instance."""
    from iryo.imaging.documents import own
    from iryo.imaging.service import picture, read
    from iryo.imaging.service.lookup import find_datastore, find_image_set

    chosen = None if window is None else parse_window(window)
    if frame_id is not None and (instance is not None or number is not None):
        raise InvalidInput("name a frame by its id, or by --instance and --frame, not by both")
    terminal = terminal_of(context)
    room = terminal.room
    store = find_datastore(room, datastore).id if datastore else None
    found = find_image_set(room, image_set, store)
    if frame_id is None:
        document = own(read.metadata(room, found.datastore_id, found.id, version), found.id)
        frame_id = _frame_id(document, instance, number or 1)
    with terminal.audited("cli:frame", scope=found.datastore_id, resource=found.id):
        png = picture.png(room, found.datastore_id, found.id, frame_id, chosen)
    if output == "-":
        sys.stdout.buffer.write(png)
        return
    try:
        Path(output).write_bytes(png)
    except OSError as error:
        raise Unavailable(f"cannot write {output}: {error.strerror}") from error
    terminal.err.print(f"{output}: {size(len(png))}")


def _frame_id(document: "Document", instance: str | None, number: int) -> str:
    from iryo.imaging.documents import instances_of
    from iryo.imaging.service.export import in_order

    order = in_order(document)
    if instance is None:
        # The first that has pixels: an image set may begin with one that has none.
        uid = next(
            (one for one in order if instances_of(document)[one].get("ImageFrames")), order[0]
        )
    elif instance in order:
        uid = instance
    elif instance.isdecimal() and 1 <= int(instance) <= len(order):
        uid = order[int(instance) - 1]
    else:
        raise NotFound(f"no instance {instance}; the image set has 1 to {len(order)}")
    frames = instances_of(document)[uid].get("ImageFrames") or []
    if not frames:
        raise NotFound(f"instance {uid} has no pixels")
    if number > len(frames):
        raise NotFound(f"no frame {number}; instance {uid} has 1 to {len(frames)}")
    return str(frames[number - 1]["ID"])


def export(
    context: typer.Context,
    image_set: ImageSetArgument,
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
    datastore: DatastoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write an image set as DICOM files: DIR/SERIES_UID/SOP_INSTANCE_UID.dcm.

    Every element that is no pixel comes back byte for byte, unless the metadata was edited since.
    An instance in quarantine (`iryo damage list`) is named and left out; then the exit code is 1.
    """
    from iryo.imaging.service import export as exporting
    from iryo.imaging.service.lookup import find_datastore, find_image_set

    if syntax not in exporting.SYNTAXES:
        raise InvalidInput(f"no syntax {syntax!r}; there are: {', '.join(exporting.SYNTAXES)}")
    terminal = terminal_of(context, json=json)
    room = terminal.room
    store = find_datastore(room, datastore).id if datastore else None
    found = find_image_set(room, image_set, store)
    total = files = damaged = 0
    with terminal.audited("cli:export", scope=found.datastore_id, resource=found.id):
        for one in _watched(
            terminal,
            found.instance_count,
            exporting.export(
                room,
                found.datastore_id,
                found.id,
                target=exporting.SYNTAXES[syntax],
                number=version,
            ),
        ):
            path = output / _safe(one.series_uid) / f"{_safe(one.sop_instance_uid)}.dcm"
            try:
                written = _write(path, one.pieces, overwrite=overwrite)
            except Damaged as error:
                damaged += 1
                typer.echo(f"iryo: not exported: {error.message}", err=True)
                continue
            files, total = files + 1, total + written
            if terminal.json:
                terminal.emit(
                    {"file": str(path), "SOPInstanceUID": one.sop_instance_uid, "bytes": written}
                )
    if not terminal.json:
        terminal.err.print(f"{files} file{'s'[: files != 1]}, {size(total)}, in {output}")
    if damaged:
        raise typer.Exit(FAILED)


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
