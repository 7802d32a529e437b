"""`iryo storage`: how much is stored, and how much of it compaction can give back."""

from typing import TYPE_CHECKING, Any

import typer

from iryo.imaging.cli.care import datastore_id
from iryo.imaging.cli.terminal import DatastoreArgument, JsonOption, terminal_of
from iryo.imaging.cli.wording import size

if TYPE_CHECKING:
    from iryo.imaging.service.care.storage import StoreReport

__all__ = ["storage"]


def storage(
    context: typer.Context, datastore: DatastoreArgument = None, *, json: JsonOption = False
) -> None:
    """Tell how much each data store holds, by modality.

    An instance that two image sets hold counts in both, though its bytes are stored once. What can
    be reclaimed is what deleted image sets have left, at most: `iryo compact` gives it back.
    """
    from iryo.imaging.service.care import storage as reporting

    terminal = terminal_of(context, json=json)
    store = datastore_id(terminal, datastore)
    with terminal.audited("cli:storage", scope=store or "*", resource=""):
        reports = reporting.storage(terminal.room, store)
    if terminal.json:
        for one in reports:
            terminal.emit(_told(one))
        return
    rows = []
    for one in reports:
        rows += [
            (
                one.name,
                each.modality or "-",
                f"{each.image_sets:,}",
                f"{each.instances:,}",
                f"{each.frames:,}",
                size(each.source_bytes),
                size(each.stored_bytes),
                "" if each.ratio is None else f"{each.ratio:.2f}",
            )
            for each in one.holdings
        ]
        rows.append((one.name, "to reclaim", "", "", "", "", size(one.reclaimable_bytes), ""))
    columns = [
        "Data store", "Kind", "Sets", "Instances", "Frames", "Came as", "Stored as", "Ratio",
    ]  # fmt: skip
    terminal.table(columns, rows)


def _told(one: "StoreReport") -> dict[str, Any]:
    return {
        "datastoreId": one.datastore_id,
        "datastoreName": one.name,
        "modalities": [
            {
                "modality": each.modality,
                "imageSets": each.image_sets,
                "instances": each.instances,
                "frames": each.frames,
                "sourceBytes": each.source_bytes,
                "storedBytes": each.stored_bytes,
                "ratio": each.ratio,
            }
            for each in one.holdings
        ],
        "deletedBytes": one.deleted_bytes,
        "retiredBytes": one.retired_bytes,
        "reclaimableBytes": one.reclaimable_bytes,
    }
