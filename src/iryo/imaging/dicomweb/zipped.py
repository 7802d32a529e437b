"""Zip archives that are written as they are read: nothing of them is held."""

import zipfile
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["zipped"]

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class _Sink:
    """A file that cannot seek: what is written waits until it is taken."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._at = 0

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing waits for a flush."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)


def zipped(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """The bytes of an archive (APPNOTE.TXT 6.3, zip64 where it must be), in pieces.

    Pixels that are compressed do not get smaller again: files are stored as they are.

    Args:
        files: names, and pieces of their bytes; each is asked for when its turn comes.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, pieces in files:
            info = zipfile.ZipInfo(name, _EPOCH)
            with archive.open(info, "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()
