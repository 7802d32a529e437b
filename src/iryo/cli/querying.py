"""`iryo query`: ask a DICOM device what it has, and have it sent here."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from iryo.cli.sending import ToOption
from iryo.cli.shell import FAILED, Shell, shell_of
from iryo.imaging.cli.terminal import JsonOption

if TYPE_CHECKING:
    from iryo.imaging.dimse.identifier import Identifier
    from iryo.imaging.dimse.offer import Root
    from iryo.imaging.service.peers import Peer

__all__ = ["add_commands"]

_LEVELS: Final = ("PATIENT", "STUDY", "SERIES", "IMAGE")
# What is shown of each level unless keys say more: keywords, the unique keys first.
_SHOWN: Final = {
    "PATIENT": ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    "STUDY": (
        "StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "ModalitiesInStudy",
        "AccessionNumber", "StudyDescription",
    ),
    "SERIES": (
        "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription",
    ),
    "IMAGE": (
        "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber",
    ),
}  # fmt: skip
_UNIQUE: Final = {
    "PATIENT": ("PatientID",),
    "STUDY": ("StudyInstanceUID",),
    "SERIES": ("StudyInstanceUID", "SeriesInstanceUID"),
    "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
}


def add_commands(program: typer.Typer) -> None:
    """Add the commands of this file."""
    program.command("query")(query)


def query(
    context: typer.Context,
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY[=VALUE]]",
            help="What is looked for, or only shown: PatientName=YAMADA*, StudyDate=20250101-, "
            "00080060=CT, RequestAttributesSequence.RequestedProcedureID.",
        ),
    ] = None,
    *,
    to: ToOption,
    level: Annotated[
        str, typer.Option("--level", "-l", metavar="|".join(_LEVELS), help="What is listed.")
    ] = "STUDY",
    root: Annotated[
        str, typer.Option("--root", metavar="patient|study", help="The information model.")
    ] = "study",
    fuzzy: Annotated[
        bool, typer.Option("--fuzzy", help="Names match approximately, if the device can.")
    ] = False,
    retrieve: Annotated[
        bool,
        typer.Option("--retrieve", help="Have the device send here what was found (C-MOVE)."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Ask a DICOM device what it has (C-FIND)."""
    from iryo.errors import InvalidInput, Unavailable
    from iryo.imaging.dimse import scu
    from iryo.imaging.dimse.failures import AssociationEnded
    from iryo.imaging.dimse.offer import Root
    from iryo.imaging.service import peers

    shell = shell_of(context, json=json)
    level = level.upper()
    roots = {"patient": Root.PATIENT, "study": Root.STUDY}
    if level not in _LEVELS or root not in roots or (level, root) == ("PATIENT", "study"):
        raise InvalidInput(
            f"found level {level} of root {root}, expected STUDY, SERIES or IMAGE, or PATIENT "
            "with --root patient"
        )
    wanted = dict.fromkeys([(_tag(name),) for name in _SHOWN[level]], "") | _keys(keys or [])
    peer = peers.find(shell.room, to)
    try:
        with shell.audited(f"cli:query:{peers.named(to)}", scope="*", resource=""):
            found = list(scu.find(shell.app.entity, peer, roots[root], level, wanted, fuzzy=fuzzy))
        _show(shell, found, wanted)
        if retrieve:
            _retrieve(shell, peer, roots[root], level, found)
    except AssociationEnded as error:
        raise Unavailable(f"{to}: {error}") from None


def _tag(name: str) -> int:
    from iryo.dicom.dictionary import keyword_tag
    from iryo.errors import InvalidInput

    number = re.fullmatch(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?", name)
    if number is not None:
        return int(number[1] + number[2], 16)
    tag = keyword_tag(name)
    if tag is None:
        raise InvalidInput(f"{name!r} is no keyword of PS3.6 and no tag")
    return tag


def _keys(given: list[str]) -> dict[tuple[int, ...], str]:
    found = {}
    for one in given:
        name, _, value = one.partition("=")
        found[tuple(_tag(part) for part in name.split("."))] = value
    return found


def _show(shell: Shell, found: "list[Identifier]", wanted: dict[tuple[int, ...], str]) -> None:
    from iryo.dicom import to_dicom_json
    from iryo.dicom.dictionary import lookup

    if shell.json:
        for one in found:
            shell.emit(to_dicom_json(one.instance))
        return
    tags = [path[0] for path in wanted if len(path) == 1]
    names = [(lookup(tag) or ("", "", f"{tag:08X}"))[2] for tag in tags]
    shell.table(names, [[one.text(tag) for tag in tags] for one in found])
    shell.say(f"{len(found):,} found")


def _retrieve(
    shell: Shell, peer: "Peer", root: "Root", level: str, found: "list[Identifier]"
) -> None:
    """Have the device send all that was found to our own AE title."""
    from iryo.imaging.dimse import scu

    completed = failed = 0
    for one in found:
        keys: dict[tuple[int, ...], Any] = {
            (_tag(name),): one.text(_tag(name)) for name in _UNIQUE[level]
        }
        told = scu.move(shell.app.entity, peer, root, level, keys, shell.settings.ae_title)
        *_, last = scu.Moved(0, 0, 0, 0), *told
        completed += last.completed + last.warning
        failed += last.failed
    if shell.json:
        shell.emit({"retrieved": completed, "failed": failed})
    else:
        shell.say(f"{completed:,} instances sent here" + (f", {failed:,} failed" if failed else ""))
    if failed:
        raise typer.Exit(FAILED)
