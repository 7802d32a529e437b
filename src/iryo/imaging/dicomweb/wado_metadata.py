"""Metadata (PS3.18 10.4.1.1.2) and bulkdata (10.4.1.1.5)."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import orjson

from iryo.dicom.native_xml import XML, native_xml
from iryo.imaging.dicomweb import wado_frames
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.dicomweb.retrieval import (
    OCTETS,
    accepts_gzip,
    chosen,
    image_set_id,
    kept_headers,
    location,
    not_modified,
    place_of,
)
from iryo.imaging.service.dicom_json import PIXEL_KEYS, bulk_value, metadata_of
from iryo.imaging.service.frames import find
from iryo.imaging.service.metadata_objects import Kept, bulk_urls, joined, kept_metadata
from iryo.imaging.service.retrieve import Stored, stored_instances
from iryo.wire import multipart_write
from iryo.wire.accept import Form
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, gathered, new_boundary
from iryo.wire.ranges import UNSATISFIABLE, byte_range

__all__ = ["JSON", "XML", "bulkdata", "metadata"]

JSON: Final = "application/dicom+json"

_FORMS: Final = (Form(JSON), Form("application/json"), Form(XML, multipart=True))
_BULK: Final = (Form(OCTETS, multipart=True), Form(OCTETS))


def metadata(call: Call) -> Response:
    """Retrieve the metadata of a study, a series or an instance.

    They are an array of DICOM JSON, or of each instance a part in the Native DICOM Model.
    """
    form = chosen(call, _FORMS)
    path = call.path
    found = stored_instances(
        call.room,
        call.datastore_id,
        path["study"],
        path.get("series"),
        path.get("instance"),
        image_set_id=image_set_id(call),
    )
    etag = _etag(call, found, form.media_type)
    known = not_modified(call, etag)
    if known is not None:
        return known
    if form.multipart:
        return _xml(call, found, kept_headers(etag))
    headers = [("content-type", form.content_type), *kept_headers(etag)]
    packs = accepts_gzip(call)
    if packs:
        headers.append(("content-encoding", "gzip"))
    if "instance" in path:
        urls = bulk_urls(call.base, image_set_id(call))
        objects = metadata_of(call.room, call.datastore_id, found, urls)
        body = b"".join(joined(objects))
        return Response(200, headers, zlib.compress(body, 1, 31) if packs else body)
    sets: dict[str, list[Stored]] = {}
    for one in found:
        sets.setdefault(one.image_set_id, []).append(one)
    if len(sets) == 1:
        kept = _kept(call, found)
        as_it_is = kept.gzip_for(call.base) if packs else None
        if as_it_is is not None:
            return Response(200, headers, as_it_is)
        pieces = iter((kept.array(call.base),))
    else:
        pieces = _arrays(call, list(sets.values()))
    first = next(pieces)  # what fails at once still has a status of its own
    whole = _chained(first, pieces)
    return Response(200, headers, gathered(_gzipped(whole)) if packs else whole)


def _xml(call: Call, found: list[Stored], headers: list[tuple[str, str]]) -> Response:
    boundary = new_boundary()
    headers.append(("content-type", multipart_write.content_type(XML, boundary)))
    objects = metadata_of(
        call.room, call.datastore_id, found, bulk_urls(call.base, image_set_id(call))
    )

    def part(one: Stored, text: bytes) -> OutPart:
        url = location(call, one.study_uid, one.series_uid, one.sop_instance_uid)
        told = (("Content-Type", XML), ("Content-Location", f"{url}/metadata"))
        return OutPart(told, native_xml(orjson.loads(text)))

    parts = (part(one, text) for one, text in zip(found, objects, strict=True))
    first = next(parts)  # what fails at once still has a status of its own
    body = multipart_write.written(chain((first,), parts), boundary)
    return Response(200, headers, gathered(body))


def _kept(call: Call, stored: list[Stored]) -> Kept:
    return kept_metadata(call.room, call.datastore_id, stored, call.base, named=image_set_id(call))


def _arrays(call: Call, sets: list[list[Stored]]) -> Iterator[bytes]:
    """The arrays of several image sets as one; one of them at a time is in memory."""
    before = b"["
    for stored in sets:
        yield before + _kept(call, stored).array(call.base)[1:-1]
        before = b","
    yield b"]"


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _etag(call: Call, found: list[Stored], media_type: str) -> str:
    """Equal as long as the image sets are in the same version, and are given in the same form."""
    states = dict.fromkeys((one.image_set_id, one.version, one.damaged) for one in found)
    digest = zlib.crc32(repr((call.base, media_type == XML, len(found), *states)).encode())
    newest = max(one.key for one in found)
    return f'W/"{len(found)}.{newest}.{digest:08x}"'


def bulkdata(call: Call) -> Response:
    """Retrieve one binary value; of the pixel data, frames (as they stand, each a part)."""
    place = place_of(call)
    path = call.path["rest"]
    if path in PIXEL_KEYS:
        held = find(call.room, place)
        return wado_frames.whole(call, held)
    form = chosen(call, _BULK)
    (stored,) = stored_instances(
        call.room,
        call.datastore_id,
        place.study_uid,
        place.series_uid,
        place.sop_instance_uid,
        image_set_id=place.image_set_id,
    )
    data = bulk_value(call.room, stored, path)  # first: nothing else says that the path is one
    etag = f'"{stored.key}.{path.replace("/", ".")}.{form.multipart}"'
    known = not_modified(call, etag)
    if known is not None:
        return known
    headers = kept_headers(etag)
    if form.multipart:
        boundary = new_boundary()
        url = location(call, place.study_uid, place.series_uid, place.sop_instance_uid)
        part = OutPart(
            (("Content-Type", OCTETS), ("Content-Location", f"{url}/bulkdata/{path}")), data
        )
        headers.append(("content-type", multipart_write.content_type(OCTETS, boundary)))
        return Response(200, headers, multipart_write.one_part(part, boundary))
    headers += [("content-type", OCTETS), ("accept-ranges", "bytes")]
    wanted = byte_range(call.headers.get("range"), len(data))
    if wanted is None:
        return Response(200, headers, data)
    if wanted == UNSATISFIABLE:
        return Response(416, [("content-range", f"bytes */{len(data)}")])
    first, last = wanted
    headers.append(("content-range", f"bytes {first}-{last - 1}/{len(data)}"))
    return Response(206, headers, data[first:last])
