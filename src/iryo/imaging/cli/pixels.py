"""`iryo frame`: a picture out of an image set."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iryo.errors import InvalidInput, NotFound, Unavailable
from iryo.imaging.cli.showing import ImageSetArgument, VersionOption
from iryo.imaging.cli.terminal import DatastoreOption, terminal_of
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.imaging.documents import Document

__all__ = ["WINDOWS", "frame", "parse_window"]

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
