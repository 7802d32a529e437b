"""Every byte of a file but its pixel data, packed; and the digest of a data set's content.

The packed form is a small head and a zlib stream of the file's bytes with the pixel data value cut
out. For a deflated file the bytes are those of the inflated data set, which is what `Instance.data`
holds. Unpacked, they read as an `Instance` again.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from xxhash import xxh3_128_digest

from iryo.dicom.model import Instance, Limits
from iryo.dicom.parse import PackedAway, read_header
from iryo.errors import Damaged

_MAGIC: Final = b"IH1\0"
# magic, flags, length of the syntax, bytes before the pixel data value, length of the value,
# offset of the data set
_HEAD: Final = struct.Struct("<4sBBQQQ")
_DEFLATED: Final = 1
_HAS_PIXELS: Final = 2
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Header:
    """A file without its pixel data.

    Attributes:
        before: all bytes up to the pixel data value: preamble, group 2, data set; with the header
            of the pixel data element, if there is one. Of a deflated file the inflated bytes.
        after: all bytes after the value; for encapsulated pixel data they begin with the sequence
            delimiter (FFFE,E0DD).
        pixel_length: bytes of the value that was cut out; None when there is no pixel data.
        dataset_start: where in `before` the data set begins.
        transfer_syntax: the one the file was in.
        deflated: whether its data set was deflated.
        instance: these bytes as `read` sees them: `pixels` is None, and an element of pixel data
            stands in `elements` with an empty value.
    """

    before: bytes
    after: bytes
    pixel_length: int | None
    dataset_start: int
    transfer_syntax: str
    deflated: bool
    instance: Instance


def pack_header(instance: Instance) -> bytes:
    """All bytes of the file but those of the pixel data value, compressed."""
    data, pixels = instance.data, instance.pixels
    cut = (len(data), len(data)) if pixels is None else (pixels.start, pixels.stop)
    syntax = instance.transfer_syntax.encode("latin-1")
    flags = _DEFLATED * instance.deflated | _HAS_PIXELS * (pixels is not None)
    head = _HEAD.pack(_MAGIC, flags, len(syntax), cut[0], cut[1] - cut[0], instance.dataset_start)
    packer = zlib.compressobj(_LEVEL)
    with memoryview(data) as view:
        body = packer.compress(view[: cut[0]]) + packer.compress(view[cut[1] :]) + packer.flush()
    return head + syntax + body


def unpack_header(packed: bytes, *, limits: Limits | None = None) -> Header:
    """What `pack_header` packed.

    Raises:
        Damaged: the bytes are not what `pack_header` made.
    """
    try:
        magic, flags, syntax_length, cut, length, start = _HEAD.unpack_from(packed)
        body = zlib.decompress(packed[_HEAD.size + syntax_length :])
    except (struct.error, zlib.error) as error:
        raise Damaged(f"a packed header that does not unpack: {error}") from error
    if magic != _MAGIC or cut > len(body):
        raise Damaged("a packed header that is not one")
    syntax = packed[_HEAD.size : _HEAD.size + syntax_length].decode("latin-1")
    has_pixels = bool(flags & _HAS_PIXELS)
    away = PackedAway(cut if has_pixels else None, syntax)
    instance = read_header(body, away, limits=limits or Limits())
    return Header(
        before=body[:cut],
        after=body[cut:],
        pixel_length=length if has_pixels else None,
        dataset_start=start,
        transfer_syntax=syntax,
        deflated=bool(flags & _DEFLATED),
        instance=instance,
    )


def content_digest(instance: Instance) -> bytes:
    """32 bytes that stand for what the instance says: its transfer syntax and its data set.

    SHA-256 over all but the pixel data value, and of that the 128 bits of XXH3, which costs a
    fiftieth: whoever could forge pixels to fit them would have our own copy taken for theirs, and
    nothing more. Preamble and group 2 are left out: a sender may write its own. A deflated data set
    counts as inflated.
    """
    digest = hashlib.sha256(instance.transfer_syntax.encode("latin-1") + b"\0")
    pixels = instance.pixels
    with memoryview(instance.data) as view:
        if pixels is None:
            digest.update(view[instance.dataset_start :])
        else:
            digest.update(view[instance.dataset_start : pixels.start])
            digest.update(xxh3_128_digest(view[pixels.start : pixels.stop]))
            digest.update(view[pixels.stop :])
    return digest.digest()
