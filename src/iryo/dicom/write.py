"""`write_instance`: a file again, from its packed header and its stored frames (PS3.10 7).

Elements are copied byte for byte where the encoding stays; else their values are. What must change
changes: Transfer Syntax UID, group lengths, the offset tables, and Photometric Interpretation and
Planar Configuration where pixels are given in another form (docs/reference/transfer-syntaxes.md).
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from iryo.dicom import stored_residue, write_changes
from iryo.dicom.header import Header, unpack_header
from iryo.dicom.pixels import Frame, PixelDescription
from iryo.dicom.pixels_describe import DOUBLE_PIXELS, FLOAT_PIXELS, PIXELS, describe_stored
from iryo.dicom.syntaxes import EXPLICIT_LITTLE, GE_BIG_PIXELS, syntax
from iryo.dicom.write_changes import Changes, Edits, NeedsUnicodeError
from iryo.dicom.write_elements import CHARSET, UNDEFINED, UTF_8, Copier, Form, regroup
from iryo.dicom.write_icons import native_icons
from iryo.dicom.write_pixels import Pixels, PixelWriter, choose_target

_PHOTOMETRIC: Final = 0x00280004
_PLANAR: Final = 0x00280006
_PIXEL_GROUP: Final = 0x7FE0
_PIXELS: Final = (PIXELS, DOUBLE_PIXELS, FLOAT_PIXELS)
_OFFSET_TABLES: Final = (0x7FE00001, 0x7FE00002)
_META: Final = Form(explicit=True, little=True)
_CLASS_UID: Final = "1.2.826.0.1.3680043.9.7156.1.1"


def write_instance(
    header: bytes,
    frames: Iterable[Frame],
    *,
    stored_syntax: str | None,
    target: str | None = None,
    changes: Changes | None = None,
    residue: bytes = b"",
) -> Iterator[bytes]:
    """Yield the bytes of a DICOM file (PS3.10), in pieces.

    Args:
        header: of `pack_header`.
        frames: the stored frames in order; read once, one at a time.
        stored_syntax: the UID that they are stored in; None for an instance without pixel data.
        target: the UID to write; None for the one that the file came in where that loses nothing,
            else Explicit VR Little Endian.
        changes: edits of top-level attributes.
        residue: the residues of the stored frames, joined.

    Raises:
        NotAcceptable: where the samples cannot be given in `target`.
        InvalidInput: where `changes` cannot be put into bytes.
        InvalidDicom: with reason ``Decode`` where a stored frame does not decode.
        Damaged: where frames, header or residue do not fit together.

    What can be wrong with the arguments shows before the first piece is given out; a frame that
    does not decode shows when its turn comes.
    """
    return _File(unpack_header(header), stored_syntax, target, changes or Changes()).pieces(
        frames, residue
    )


class _File:
    def __init__(
        self, header: Header, stored: str | None, target: str | None, changes: Changes
    ) -> None:
        self.header = header
        self.instance = header.instance
        self.changes = changes
        self.stored = stored
        self.wanted = target
        self.target = target or header.transfer_syntax

    def pieces(self, frames: Iterable[Frame], residue: bytes) -> Iterator[bytes]:
        pixels = self._pixels(frames, residue)
        row = syntax(self.target)
        # What came with VRs under GE's syntax, which has none, keeps them: nothing else says them.
        with_vrs = self.target == self.header.transfer_syntax == GE_BIG_PIXELS
        explicit = row.explicit or (with_vrs and not self.instance.elements.implicit)
        form = Form(explicit=explicit, little=row.little)
        copier, edits = self._edits(form)
        parts = self._parts(copier, edits, pixels, form)
        body = _body(parts, pixels, form)
        if row.deflated:
            body = _deflated(body)
        return _chain(self._meta(edits), body)

    # ------------------------------------------------------------------ pixel data

    def _pixels(self, frames: Iterable[Frame], residue: bytes) -> Pixels | None:
        described = None if self.stored is None else describe_stored(self.header)
        if described is None or self.stored is None:
            if self.wanted is not None and syntax(self.wanted).encapsulated:
                self.target = EXPLICIT_LITTLE  # nothing to encapsulate
            return None
        rest = stored_residue.read_residue(residue)
        described = _as_it_was(described, rest)
        self.target = choose_target(
            described, self.header.transfer_syntax, self.stored, self.wanted
        )
        writer = PixelWriter(described, self.stored, self.target, rest)
        # As `describe_stored` chooses, should a file have more than one of them.
        tag = next(tag for tag in _PIXELS if tag in self.instance.elements)
        return writer.write(tag, described.vr, frames)

    # ------------------------------------------------------------------ elements

    def _edits(self, form: Form) -> tuple[Copier, Edits]:
        """The changes in the character set of the instance, or, if that must be, in UTF-8."""
        elements = self.instance.elements
        big = self.instance.big_endian
        icons = native_icons(self.instance, self.target)
        try:
            edits = write_changes.resolve(self.changes, elements, form, elements.charset)
        except NeedsUnicodeError:
            edits = write_changes.resolve(self.changes, elements, form, UTF_8)
            with_term = {**edits.elements, CHARSET: form.element(CHARSET, "CS", b"ISO_IR 192")}
            copier = Copier(self.instance.data, form, big_endian=big, utf_8=True, replaced=icons)
            return copier, replace(edits, elements=with_term)
        return Copier(self.instance.data, form, big_endian=big, replaced=icons), edits

    def _parts(
        self, copier: Copier, edits: Edits, pixels: Pixels | None, form: Form
    ) -> list[tuple[int, bytes]]:
        """All elements but the pixel data as (tag, bytes), in order."""
        changed = dict(edits.elements)
        if pixels is not None:
            changed.update(self._about_pixels(pixels, form))
        parts = [
            (tag, part)
            for tag, part in copier.elements(self.instance.elements)
            if pixels is None or tag != pixels.tag
        ]
        merged = _merge(parts, changed)
        touched = {tag >> 16 for tag in changed} | {_PIXEL_GROUP}
        if not copier.same(self.instance.elements):
            touched |= {tag >> 16 for tag, _ in merged}
        sizes = [] if pixels is None else [(pixels.tag, pixels.size)]
        return regroup(merged, form, sizes, touched)

    def _about_pixels(self, pixels: Pixels, form: Form) -> dict[int, bytes | None]:
        elements = self.instance.elements
        found: dict[int, bytes | None] = dict.fromkeys(
            tag for tag in _OFFSET_TABLES if tag in elements
        )
        for tag, vr, value in pixels.tables:
            found[tag] = form.element(tag, vr, value)
        photometric = self.instance.text(_PHOTOMETRIC)
        if photometric != pixels.photometric and photometric is not None:
            found[_PHOTOMETRIC] = form.element(
                _PHOTOMETRIC, "CS", pixels.photometric.encode("ascii")
            )
        planar = self.instance.integer(_PLANAR)
        if pixels.planar is not None and planar not in (None, pixels.planar):
            order = "<H" if form.little else ">H"
            found[_PLANAR] = form.element(_PLANAR, "US", struct.pack(order, pixels.planar))
        return found

    # ------------------------------------------------------------------ group 2

    def _meta(self, edits: Edits) -> bytes:
        """Preamble and file meta information (PS3.10 7.1), completed where the file had none."""
        meta = self.instance.meta
        copier = Copier(self.instance.data, _META, big_endian=False)
        parts = [(tag, part) for tag, part in copier.elements(meta) if tag != 0x00020000]
        changed: dict[int, bytes | None] = {
            0x00020010: _META.element(0x00020010, "UI", self.target.encode("ascii"))
        }
        if _declared(self.instance.text(0x00020010)) == self.target:
            del changed[0x00020010]
        for tag, source in ((0x00020002, 0x00080016), (0x00020003, 0x00080018)):
            uid = self.instance.text(source)
            if tag == 0x00020003 and edits.sop_instance is not None:
                changed[tag] = _META.element(tag, "UI", edits.sop_instance.encode("ascii"))
            elif tag not in meta and uid is not None:
                changed[tag] = _META.element(tag, "UI", uid.encode("ascii", "replace"))
        if 0x00020001 not in meta:
            changed[0x00020001] = _META.element(0x00020001, "OB", b"\0\1")
        if 0x00020012 not in meta:
            changed[0x00020012] = _META.element(0x00020012, "UI", _CLASS_UID.encode("ascii"))
        body = b"".join(part for _, part in _merge(parts, changed))
        before = self.header.before
        preamble = before[:128] if before[128:132] == b"DICM" else bytes(128)
        length = _META.element(0x00020000, "UL", _META.u32(len(body)))
        return preamble + b"DICM" + length + body


def _declared(text: str | None) -> str | None:
    return None if text is None else text.strip(" \0")


def _as_it_was(described: PixelDescription, residue: stored_residue.Residue) -> PixelDescription:
    frames = described.frames if residue.frames is None else residue.frames
    return replace(described, frames=frames, subsampled=described.subsampled and not residue.full)


def _merge(
    parts: list[tuple[int, bytes]], changed: dict[int, bytes | None]
) -> list[tuple[int, bytes]]:
    """Put changed elements in the place of the old ones, new ones where their tag belongs."""
    if not changed:
        return parts
    left = {tag: part for tag, part in sorted(changed.items()) if part is not None}
    merged: list[tuple[int, bytes]] = []
    present = {tag for tag, _ in parts}
    fresh = [tag for tag in left if tag not in present]
    for tag, part in parts:
        while fresh and fresh[0] < tag:
            merged.append((fresh[0], left[fresh.pop(0)]))
        if tag not in changed:
            merged.append((tag, part))
        elif tag in left:
            merged.append((tag, left.pop(tag)))
    merged.extend((tag, left[tag]) for tag in fresh)
    return merged


def _body(parts: list[tuple[int, bytes]], pixels: Pixels | None, form: Form) -> Iterator[bytes]:
    """The data set: elements, and the pixel data where its tag belongs."""
    if pixels is None:
        yield b"".join(part for _, part in parts)
        return
    head = [part for tag, part in parts if tag < pixels.tag]
    length = UNDEFINED if pixels.length is None else pixels.length
    yield b"".join(head) + form.header(pixels.tag, pixels.vr, length)
    yield from pixels.chunks
    yield b"".join(part for tag, part in parts if tag > pixels.tag)


def _deflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The data set deflated without a zlib header, padded to even length (PS3.5 A.5)."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    total = 0
    for piece in pieces:
        out = squeeze.compress(piece)
        total += len(out)
        if out:
            yield out
    out = squeeze.flush()
    yield out + b"\0" if (total + len(out)) % 2 else out


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
