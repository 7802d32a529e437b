"""Studies, series and instances as DICOM files (PS3.18 10.4): parts, one body, or a zip archive."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from iryo.dicom.syntaxes import EXPLICIT_LITTLE
from iryo.errors import NotAcceptable, Quarantined
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.dicomweb.retrieval import (
    chosen,
    image_set_id,
    kept_headers,
    location,
    not_modified,
)
from iryo.imaging.dicomweb.zipped import zipped
from iryo.imaging.service.retrieve import Stored, possible_syntaxes, stored_instances, write
from iryo.wire import multipart_write
from iryo.wire.accept import Form
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, new_boundary

__all__ = ["DICOM", "ZIP", "Wanted", "asked_for", "file_of", "instances", "negotiated", "pieces"]

DICOM: Final = "application/dicom"
ZIP: Final = "application/zip"
_PATH: Final = re.compile(r"[^0-9A-Za-z._-]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance, and the transfer syntax in which it is to be given."""

    stored: Stored
    target: str | None


def forms(stored: Stored, *, alone: bool) -> tuple[Form, ...]:
    """In which forms an instance can be given, the best first.

    Explicit VR Little Endian to who names no transfer syntax (PS3.18 8.7.3.5.2), where there is a
    way to it.
    """
    possible = possible_syntaxes(stored)
    plain = EXPLICIT_LITTLE if EXPLICIT_LITTLE in possible else possible[0]
    found = [Form(DICOM, uid, multipart=True, default=uid == plain) for uid in possible]
    if alone:
        found += [Form(DICOM, uid, default=uid == plain) for uid in possible]
    return (*found, *(Form(ZIP, uid, default=uid == plain) for uid in possible))


def instances(call: Call) -> Response:
    """Retrieve a study, a series or an instance (PS3.18 10.4.1.1.1 to 10.4.1.1.3)."""
    path = call.path
    found, sound = asked_for(call)
    form, wanted = negotiated(call, sound)
    # PS3.18 10.4.4: 206 where not all of what was asked for is given.
    status = 200 if len(wanted) == len(found) else 206
    etag = _etag(wanted, form)
    known = not_modified(call, etag)
    if known is not None:
        return known
    headers = kept_headers(etag)
    if status == 206:
        missing = len(found) - len(wanted)
        headers.append(("warning", f'299 iryo "{missing} of {len(found)} instances left out"'))
    if form.media_type == ZIP:
        files = ((_name(one.stored), pieces(call, one)) for one in _begun(call, wanted))
        name = _PATH.sub("_", path.get("instance") or path.get("series") or path["study"])
        headers += [
            ("content-type", ZIP),
            ("content-disposition", f'attachment; filename="{name[:64]}.zip"'),
        ]
        return Response(status, headers, multipart_write.gathered(zipped(files)))
    if not form.multipart:
        headers.append(("content-type", form.content_type))
        return Response(status, headers, _started(pieces(call, wanted[0])))
    boundary = new_boundary()
    headers.append(("content-type", multipart_write.content_type(DICOM, boundary)))
    parts = _parts(call, wanted)
    return Response(
        status, headers, multipart_write.gathered(multipart_write.written(parts, boundary))
    )


def asked_for(call: Call) -> tuple[list[Stored], list[Stored]]:
    """The instances that the path names; and those of them that are not in quarantine, one or more.

    Raises:
        NotFound: there are none.
        Quarantined: all of them are.
    """
    path = call.path
    found = stored_instances(
        call.room,
        call.datastore_id,
        path["study"],
        path.get("series"),
        path.get("instance"),
        image_set_id=image_set_id(call),
    )
    sound = [one for one in found if not one.damaged]
    if not sound:
        raise Quarantined("all that was asked for was found damaged and is in quarantine")
    return found, sound


def negotiated(call: Call, found: Sequence[Stored]) -> tuple[Form, list[Wanted]]:
    """The form of the answer; and the instances that can be given so, each with its syntax."""
    alone = len(found) == 1
    by_syntax: dict[str | None, Form | None] = {}
    container: Form | None = None
    refused: NotAcceptable | None = None
    wanted: list[Wanted] = []
    for one in found:
        key = one.stored_syntax
        if key not in by_syntax:
            possible = forms(one, alone=alone)
            if container is not None:
                kind = (container.media_type, container.multipart)
                possible = tuple(f for f in possible if (f.media_type, f.multipart) == kind)
            try:
                by_syntax[key] = chosen(call, possible)
            except NotAcceptable as error:
                by_syntax[key] = None
                refused = refused or error
        form = by_syntax[key]
        if form is not None:
            container = container or form
            wanted.append(Wanted(one, form.transfer_syntax))
    if container is None:
        raise refused or NotAcceptable("found nothing that can be given")
    return container, wanted


def file_of(call: Call, stored: Stored, target: str | None) -> tuple[Form, Iterator[bytes]]:
    """An instance as a file in a transfer syntax, or (None) in the default one.

    Raises:
        NotAcceptable: it cannot be given in that.
    """
    alone = [f for f in forms(stored, alone=True) if f.media_type == DICOM and not f.multipart]
    form = next(
        (f for f in alone if f.transfer_syntax == target or (target is None and f.default)), None
    )
    if form is None:
        listed = ", ".join(str(f.transfer_syntax) for f in alone)
        raise NotAcceptable(
            f"found a transfer syntax that is not offered, expected one of: {listed}"
        )
    return form, _started(pieces(call, Wanted(stored, form.transfer_syntax)))


def pieces(call: Call, wanted: Wanted) -> Iterator[bytes]:
    """The bytes of the file."""
    return write(call.room, call.datastore_id, wanted.stored, wanted.target)


def _started(given: Iterator[bytes]) -> Iterator[bytes]:
    """The same; what cannot be given at all shows now, while there is no status yet."""
    first = next(given)

    def whole() -> Iterator[bytes]:
        yield first
        yield from given

    return whole()


def _begun(call: Call, wanted: Sequence[Wanted]) -> Iterable[Wanted]:
    """The same; that the first cannot be given shows now."""
    next(pieces(call, wanted[0]))
    return wanted


def _parts(call: Call, wanted: Sequence[Wanted]) -> Iterator[OutPart]:
    first = _part(call, wanted[0])

    def parts() -> Iterator[OutPart]:
        yield first
        for one in wanted[1:]:
            yield _part(call, one)

    return parts()


def _part(call: Call, wanted: Wanted) -> OutPart:
    stored = wanted.stored
    form = Form(DICOM, wanted.target)
    url = location(call, stored.study_uid, stored.series_uid, stored.sop_instance_uid)
    headers = (("Content-Type", form.content_type), ("Content-Location", url))
    return OutPart(headers, _started(pieces(call, wanted)))


def _etag(wanted: Sequence[Wanted], form: Form) -> str:
    """Equal as long as the same instances are given in the same state."""
    digest = hashlib.sha256(f"{form.media_type} {form.multipart}\n".encode())
    for one in wanted:
        version = one.stored.version if one.stored.edited else 0
        digest.update(f"{one.stored.key} {version} {one.target}\n".encode())
    return f'W/"{digest.hexdigest()[:32]}"'


def _name(stored: Stored) -> str:
    """The path of an instance in an archive; no UID, however odd, leads out of its folder."""
    uids = (stored.study_uid, stored.series_uid, stored.sop_instance_uid)
    return "/".join(_PATH.sub("_", uid).lstrip(".")[:100] or "_" for uid in uids) + ".dcm"
