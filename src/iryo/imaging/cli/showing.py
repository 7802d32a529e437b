"""`iryo show`: one image set as a tree, or its metadata as JSON."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, Terminal, terminal_of
from iryo.imaging.cli.wording import clock, day, first, joined, name_forms, size

if TYPE_CHECKING:
    from rich.tree import Tree

    from iryo.imaging.documents import Document
    from iryo.imaging.model import ImageSet, Version

__all__ = ["ImageSetArgument", "VersionOption", "show"]

_FEW: Final = 12

ImageSetArgument = Annotated[
    str, typer.Argument(metavar="IMAGE_SET", help="Its id, or the beginning of it.")
]
VersionOption = Annotated[
    int | None,
    typer.Option("--version", min=1, help="An earlier version; the latest if not given."),
]


def show(
    context: typer.Context,
    image_set: ImageSetArgument,
    *,
    version: VersionOption = None,
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Print the whole metadata, as GetImageSetMetadata has it."),
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Show every instance, not the first few.")
    ] = False,
    datastore: DatastoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show an image set: patient, study, series, instances. Names in all their forms."""
    import orjson

    from iryo.imaging.documents import own
    from iryo.imaging.service import read
    from iryo.imaging.service.lookup import find_datastore, find_image_set

    terminal = terminal_of(context, json=json)
    room = terminal.room
    store = find_datastore(room, datastore).id if datastore else None
    found = find_image_set(room, image_set, store)
    with terminal.audited("cli:show", scope=found.datastore_id, resource=found.id):
        document = own(read.metadata(room, found.datastore_id, found.id, version), found.id)
        _, shown = read.image_set(room, found.datastore_id, found.id, version)
    if metadata:
        option = 0 if terminal.json or not sys.stdout.isatty() else orjson.OPT_INDENT_2
        sys.stdout.write(orjson.dumps(document, option=option).decode() + "\n")
    elif terminal.json:
        terminal.emit(_form(found, shown, document))
    else:
        _print(terminal, found, shown, document, every=every)


def _form(found: "ImageSet", shown: "Version", document: "Document") -> dict[str, Any]:
    from iryo.imaging.documents import instances_of, level, series_of
    from iryo.imaging.service.export import in_order

    series_uid, _ = series_of(document)
    return {
        "imageSetId": found.id,
        "datastoreId": found.datastore_id,
        "version": shown.number,
        "latestVersion": found.version,
        "imageSetState": shown.state,
        "imageSetWorkflowStatus": shown.workflow_status,
        "isPrimary": shown.is_primary,
        "createdAt": shown.created_at,
        "updatedAt": shown.updated_at,
        "patientName": name_forms(level(document, "Patient").get("PatientName")),
        "patient": level(document, "Patient"),
        "study": level(document, "Study"),
        "series": {"SeriesInstanceUID": series_uid, **level(document, "Series")},
        "instances": [
            {
                "SOPInstanceUID": uid,
                "instanceNumber": first(instance["DICOM"].get("InstanceNumber")),
                "storedTransferSyntaxUID": instance.get("StoredTransferSyntaxUID"),
                "frames": [frame["ID"] for frame in instance.get("ImageFrames", ())],
                "bytes": _stored_bytes(instance),
                "warnings": instance.get("Warnings", []),
            }
            for uid in in_order(document)
            for instance in (instances_of(document)[uid],)
        ],
    }


def _stored_bytes(instance: dict[str, Any]) -> int:
    return sum(frame["FrameSizeInBytes"] for frame in instance.get("ImageFrames", ()))


def _print(
    terminal: Terminal, found: "ImageSet", shown: "Version", document: "Document", *, every: bool
) -> None:
    from rich.text import Text
    from rich.tree import Tree

    from iryo.imaging.documents import instances_of, level
    from iryo.imaging.service.export import in_order

    patient, study, series = (level(document, name) for name in ("Patient", "Study", "Series"))
    root = Tree(Text(f"Image set {found.id}", style="bold"))
    root.add(
        Text(
            joined(
                [
                    f"version {shown.number} of {found.version}",
                    f"{shown.state} ({shown.workflow_status})",
                    "primary" if shown.is_primary else "not primary",
                    f"data store {found.datastore_id}",
                    f"changed {shown.updated_at:%Y-%m-%d %H:%M} UTC",
                ]
            ),
            style="dim",
        )
    )
    instances = {uid: instances_of(document)[uid] for uid in in_order(document)}
    where = root.add(Text("Patient " + joined([first(patient.get("PatientID"))])))
    for form, name in name_forms(patient.get("PatientName")).items():
        where.add(Text(f"{form:<11} {name}"))
    born = day(patient.get("PatientBirthDate"))
    about = joined([f"born {born}" if born else "", first(patient.get("PatientSex"))])
    if about:
        where.add(Text(about))
    where = where.add(
        Text("Study " + joined([
            f"{day(study.get('StudyDate'))} {clock(study.get('StudyTime'))}".strip(),
            first(study.get("StudyDescription")),
            first(study.get("StudyInstanceUID")),
        ]))
    )  # fmt: skip
    where = where.add(
        Text("Series " + joined([
            first(series.get("SeriesNumber")),
            first(series.get("Modality")),
            first(series.get("SeriesDescription")),
            first(series.get("SeriesInstanceUID")),
            f"{len(instances)} instances",
        ]))
    )  # fmt: skip
    _add_instances(where, instances, every=every)
    terminal.out.print(root)


def _add_instances(tree: "Tree", instances: dict[str, Any], *, every: bool) -> None:
    from rich.text import Text

    shown = list(instances.items()) if every else list(instances.items())[:_FEW]
    for number, (uid, instance) in enumerate(shown, 1):
        attributes, frames = instance["DICOM"], instance.get("ImageFrames", [])
        shape = ""
        if frames:
            full = frames[0]["PixelDataChecksumFromBaseToFullResolution"][-1]
            shape = (
                f"{full['Width']}x{full['Height']}, {len(frames)} frame" + "s"[: len(frames) > 1]
            )
        warnings = instance.get("Warnings", [])
        tree.add(
            Text(
                joined(
                    [
                        f"{number}",
                        uid,
                        f"number {first(attributes.get('InstanceNumber'))}",
                        shape or "no pixels",
                        size(_stored_bytes(instance)) if frames else "",
                        f"{len(warnings)} warnings" if warnings else "",
                    ]
                )
            )
        )
    if len(shown) < len(instances):
        tree.add(Text(f"and {len(instances) - len(shown)} more (--all)", style="dim"))
