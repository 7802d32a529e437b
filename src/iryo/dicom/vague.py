"""VRs that PS3.6 leaves open ("US or SS"), settled as pydicom settles them (PS3.5 Annex A).

They matter where the file gives no VR: in implicit VR, and for UN.
"""

import struct
from typing import Final

from iryo.dicom import dictionary
from iryo.dicom.model import Buffer
from iryo.dicom.reading import Chain

_PIXEL_REPRESENTATION: Final = 0x00280103
_LUT_DESCRIPTOR: Final = 0x00283002


def settle(data: Buffer, pending: list[tuple[Chain, int]], *, big_endian: bool) -> None:
    """Give each pending element the VR that the rest of the data set says."""
    look = _Look(data, ">H" if big_endian else "<H")
    for chain, index in pending:
        rows = chain[0]
        about, at, start, stop, items = rows[index]
        vr = _vr(look, about.vague, chain)
        rows[index] = (dictionary.about(about.tag, vr), at, start, stop, items)


class _Look:
    """Finds the few numbers that decide, each once per data set."""

    def __init__(self, data: Buffer, form: str) -> None:
        self._data = data
        self._form = form
        self._seen: dict[tuple[int, int], int | None] = {}

    def __call__(self, chain: Chain, tag: int) -> int | None:
        """The first US value of `tag` in the innermost data set of the chain, or None."""
        rows = chain[0]
        key = (id(rows), tag)
        if key not in self._seen:
            self._seen[key] = next(
                (
                    int(struct.unpack_from(self._form, self._data, start)[0])
                    for about, _, start, stop, _ in rows
                    if about.tag == tag and stop - start >= 2
                ),
                None,
            )
        return self._seen[key]


def _vr(look: _Look, vague: str, chain: Chain) -> str:
    if "SS" in vague:
        # The nearest Pixel Representation, outwards; without one they are unsigned.
        around: Chain | None = chain
        while around is not None:
            signed = look(around, _PIXEL_REPRESENTATION)
            if signed is not None:
                return "SS" if signed else "US"
            around = around[1]
        return "US"
    if vague == "US or OW":
        # PS3.3 C.11.1.1.1: LUT Data of one entry.
        return "US" if look(chain, _LUT_DESCRIPTOR) == 1 else "OW"
    return "OW"
