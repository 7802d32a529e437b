"""Take files apart and put them together, and see whether they are the same."""

from collections.abc import Iterator
from typing import Any

from iryo.dicom import (
    Changes,
    Dataset,
    Instance,
    StoredFrame,
    decode,
    describe_pixels,
    pack_header,
    read,
    source_frames,
    store_frames,
    write_instance,
)
from iryo.dicom.write_elements import swap
from tests.dicom.pixel_oracle import same

_ABOUT_PIXELS = {
    0x00280004,
    0x00280006,
    0x7FE00001,
    0x7FE00002,
    0x7FE00008,
    0x7FE00009,
    0x7FE00010,
}


def frames_of(data: bytes, lossless: str = "HTJ2K") -> tuple[Instance, list[StoredFrame]]:
    instance = read(data)
    description = describe_pixels(instance)
    if description is None:
        return instance, []
    return instance, list(store_frames(instance, description, lossless))


def put_together(
    instance: Instance,
    frames: list[StoredFrame],
    target: str | None = None,
    changes: Changes | None = None,
) -> bytes:
    return b"".join(
        write_instance(
            pack_header(instance),
            [frame.data for frame in frames],
            stored_syntax=frames[0].transfer_syntax if frames else None,
            target=target,
            changes=changes,
            residue=b"".join(frame.residue for frame in frames),
        )
    )


def again(
    data: bytes,
    target: str | None = None,
    changes: Changes | None = None,
    lossless: str = "HTJ2K",
) -> bytes:
    """A file, taken apart into header and stored frames, and put together."""
    instance, frames = frames_of(data, lossless)
    return put_together(instance, frames, target, changes)


def values(instance: Instance, dataset: Dataset, path: str = "") -> Iterator[tuple[str, bytes]]:
    """(path, value in little endian) of all elements but group lengths and those about pixels."""
    for row in dataset.rows:
        about, _, start, stop, items = row
        if not about.tag & 0xFFFF or (not path and about.tag in _ABOUT_PIXELS):
            continue
        here = f"{path}{about.hex}"
        if items is None:
            value = bytes(instance.data[start:stop])
            yield here, swap(value, about.vr) if instance.big_endian else value
        else:
            yield here, str(len(items)).encode()
            for number, item in enumerate(items):
                yield from values(instance, item, f"{here}/{number}/")


def decoded(data: bytes) -> list[Any]:
    instance = read(data)
    description = describe_pixels(instance)
    if description is None:
        return []
    sources = source_frames(instance, description)
    return [decode(source, description, index) for index, source in enumerate(sources)]


def equal(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        same(one, other) for one, other in zip(ours, theirs, strict=True)
    )


def check_same(before: bytes, after: bytes) -> None:
    one, two = read(before), read(after)
    assert list(values(one, one.elements)) == list(values(two, two.elements))
    assert equal(decoded(before), decoded(after))
