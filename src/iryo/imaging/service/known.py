"""What is remembered of a stored instance."""

import struct
from dataclasses import dataclass
from typing import Final

from iryo.imaging.model import FramePlace

__all__ = ["KnownInstance"]

_PLACE: Final = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class KnownInstance:
    """A stored instance that an image set holds: its pack and its frame table."""

    pack: str
    transfer_syntax: str
    frames: bytes

    def frame(self, index: int) -> FramePlace | None:
        """The place of frame `index` (from 0), None if the instance has fewer frames."""
        if (index + 1) * _PLACE.size > len(self.frames):
            return None
        offset, length = _PLACE.unpack_from(self.frames, index * _PLACE.size)
        return FramePlace(self.pack, offset, length, self.transfer_syntax)
