"""Stored bytes against the originals, per kind of image.

All files of the pydicom and pydicom-data wheels and of ../shared/data are imported; pixels as they
were in the file and as they are stored, and whole instances (header and metadata included).
"""

import tempfile
from collections import defaultdict
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from sqlalchemy import select

from _tables import SHARED, installation, show
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports
from iryo.imaging.store import image_set_members, image_sets, instances


def sources() -> list[Path]:
    """Folders with DICOM files."""
    found = [Path(str(files("pydicom").joinpath("data")))]
    with suppress(ModuleNotFoundError):
        found.append(Path(str(files("data_store").joinpath("data"))))
    return found + [
        p for p in (SHARED / "dicom", SHARED / "head_ct" / "dcm_qa_ct_GE") if p.is_dir()
    ]


def main() -> None:
    """Import and count."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    with installation() as app, tempfile.TemporaryDirectory() as out:
        for number, folder in enumerate(sources()):
            store = datastores.create(app.room, name=f"bench{number}")
            order = ImportOrder("bench", folder.as_uri(), Path(out).as_uri(), "")
            app.runner.run(imports.start(app.room, store.id, order).id)
        query = (
            select(
                image_sets.c.modality,
                instances.c.source_syntax,
                instances.c.stored_syntax,
                instances.c.source_size,
                instances.c.stored_size,
                instances.c.frames,
            )
            .join(image_set_members, image_set_members.c.instance_key == instances.c.key)
            .join(image_sets, image_sets.c.id == image_set_members.c.image_set_id)
            .where(image_set_members.c.last_version.is_(None))
        )
        with app.database.read() as connection:
            for row in connection.execute(query):
                group = groups[(row.modality or "?", kind(row.source_syntax, row.stored_syntax))]
                lengths = [
                    int.from_bytes(row.frames[n + 8 : n + 16], "little")
                    for n in range(0, len(row.frames), 16)
                ]
                for index, value in enumerate(
                    (1, len(lengths), row.source_size, row.stored_size, sum(lengths))
                ):
                    group[index] += value
    rows = []
    total = [0, 0, 0, 0, 0]
    for (modality, how), values in sorted(groups.items()):
        rows.append([f"{modality}  {how}", *line(values)])
        total = [a + b for a, b in zip(total, values, strict=True)]
    rows.append(["all", *line(total)])
    show(
        "Bytes of the files, and as they are stored",
        ["modality, source -> stored", "instances", "frames", "files MB", "stored MB", "frames MB",
         "stored/files"],
        rows,
        "stored: frames, headers (every byte that is no pixel) and metadata; frames: pixels alone",
    )  # fmt: skip


def kind(source: str, stored: str | None) -> str:
    """How an instance came and how it lies."""
    names = {
        "1.2.840.10008.1.2": "native",
        "1.2.840.10008.1.2.1": "native",
        "1.2.840.10008.1.2.2": "native",
        "1.2.840.10008.1.2.1.99": "deflated",
        "1.2.840.10008.1.2.5": "RLE",
        None: "no pixels",
    }
    short = "1.2.840.10008.1.2.4"
    return (
        f"{names.get(source, source.replace(short, ''))} -> "
        f"{names.get(stored, (stored or '').replace(short, ''))}"
    )


def line(values: list[int]) -> list[str]:
    """One row of figures."""
    count, frames, source, stored, pixels = values
    return [
        f"{count:,}",
        f"{frames:,}",
        f"{source / 1e6:.2f}",
        f"{stored / 1e6:.2f}",
        f"{pixels / 1e6:.2f}",
        f"{stored / max(source, 1):.0%}",
    ]


if __name__ == "__main__":
    main()
