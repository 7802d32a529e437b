"""GIF (version 89a): pictures of at most 256 colours each, one after the other.

What is written here is the container; LZW is that of giflib.
"""

import struct
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

import imagecodecs
import numpy as np
from numpy.typing import NDArray

__all__ = ["gif"]

Bytes = NDArray[np.uint8]

_GREY = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
_MOST = 256
_FOREVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def gif(images: Iterable[Bytes], delays: Iterable[int] = ()) -> Iterator[bytes]:
    """Write pictures of one size: an animation without end if there are delays.

    Args:
        images: at least one, ``(rows, columns)`` or ``(rows, columns, 3)`` uint8. Grey ones and
            those of at most 256 colours are written as they are; of others similar colours become
            one.
        delays: of each picture, until the next: in hundredths of a second.
    """
    waits = iter(delays)
    for number, image in enumerate(images):
        wait = next(waits, None)
        if not number:
            yield b"GIF89a" + struct.pack("<HHBBB", image.shape[1], image.shape[0], 0xF7, 0, 0)
            yield _GREY.tobytes()
            yield b"" if wait is None else _FOREVER
        if wait is not None:
            yield b"\x21\xf9\x04\x04" + struct.pack("<HBB", wait, 0, 0)
        index, table = (image, b"") if image.ndim == 2 else _indexed(image)
        size = struct.pack("<HHHH", 0, 0, image.shape[1], image.shape[0])
        yield b"\x2c" + size + (b"\x87" if table else b"\x00") + table
        yield _packed(index)
    yield b"\x3b"


def _packed(index: Bytes) -> bytes:
    """The LZW of 8-bit samples: what giflib writes between its image descriptor and the end."""
    room = 4096 + 2 * index.size
    whole = imagecodecs.gif_encode(np.ascontiguousarray(index), colormap=_GREY, out=room)
    return bytes(memoryview(whole)[13 + _GREY.size + 10 : -1])


def _indexed(image: Bytes) -> tuple[Bytes, bytes]:
    """Which of 256 colours each pixel has, and the table of these."""
    wide = image.astype(np.uint32)
    packed = wide[:, :, 0] << 16 | wide[:, :, 1] << 8 | wide[:, :, 2]
    found, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.int64)
    group = np.arange(len(found))
    if len(found) > _MOST:
        group = _grouped(colours)
        shares = np.bincount(group, counts)
        sums = [np.bincount(group, counts * colours[:, part]) / shares for part in range(3)]
        colours = np.rint(np.stack(sums, axis=1)).astype(np.int64)
    table = np.zeros((_MOST, 3), dtype=np.uint8)
    table[: len(colours)] = colours
    index = group.astype(np.uint8)[where].reshape(image.shape[:2])
    return index, table.tobytes()


def _grouped(colours: NDArray[np.int64]) -> NDArray[np.int64]:
    """The group, of 256, that each colour is in.

    The group that is widest in red, green or blue is halved there, again and again: so that a
    colour is near that of its group, however rare it is.
    """
    heap: list[tuple[int, int, NDArray[np.int64]]] = []

    def add(number: int, members: NDArray[np.int64]) -> None:
        heappush(heap, (-int(np.ptp(colours[members], axis=0).max()), number, members))

    add(0, np.arange(len(colours)))
    for number in range(1, _MOST):
        _, kept, members = heappop(heap)
        own = colours[members]
        part = int(np.ptp(own, axis=0).argmax())
        middle = (int(own[:, part].min()) + int(own[:, part].max())) // 2
        upper = own[:, part] > middle
        add(kept, members[~upper])
        add(number, members[upper])
    group = np.empty(len(colours), dtype=np.int64)
    for _, number, members in heap:
        group[members] = number
    return group
