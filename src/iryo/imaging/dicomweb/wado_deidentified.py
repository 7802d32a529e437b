"""Studies, series and instances as DICOM files that name nobody: ``?deidentify=basic,...``.

An extension of PS3.18 10.4: what is given is what `iryo export --deidentify` writes (PS3.15 annex
E), with the same pseudonyms. Researchers get nothing else; they may not choose options that leave
in what leads back to a person, and get no image that may have text in its pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from iryo.access import Role
from iryo.dicom.deidentify import DeIdentifier, Option, Profile, Report
from iryo.errors import AccessDenied, InvalidDicom, InvalidInput, Unavailable
from iryo.imaging.dicomweb import wado_instances
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.dicomweb.retrieval import single
from iryo.imaging.dicomweb.wado_instances import DICOM, ZIP, Wanted, asked_for, negotiated
from iryo.imaging.dicomweb.zipped import zipped
from iryo.imaging.service.retrieve import write
from iryo.wire import multipart_write
from iryo.wire.accept import Form
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, new_boundary

__all__ = ["PARAMETER", "instances"]

PARAMETER: Final = "deidentify"
BASIC: Final = "basic"
NOT_FOR_RESEARCHERS: Final = frozenset(
    {Option.DATES, Option.INSTITUTION, Option.PATIENT, Option.UIDS}
)


def instances(call: Call) -> Response:
    """Retrieve a study, a series or an instance, de-identified if so asked or if it must be.

    Raises:
        AccessDenied: a researcher asks for an option that is not theirs, or for images alone that
            may have text in their pixels.
        InvalidInput: no such option.
    """
    reader = call.caller.principal.allows(Role.READER, call.datastore_id)
    text = single(call, PARAMETER)
    if text is None and reader:
        return wado_instances.instances(call)
    change = _change(call, text or BASIC, reader=reader)
    scope, resource = call.datastore_id, call.path["study"]
    with call.caller.audited("RetrieveDeidentified", scope=scope, resource=resource):
        return _deidentified(call, change, reader=reader)


def _change(call: Call, text: str, *, reader: bool) -> DeIdentifier:
    first, *names = [name.strip() for name in text.split(",")]
    if first != BASIC:
        raise InvalidInput(
            f"found a list that does not begin with {BASIC}, expected {BASIC} and perhaps options",
            where=PARAMETER,
        )
    profile = Profile.of(*names)
    over = sorted(profile.options & NOT_FOR_RESEARCHERS)
    if over and not reader:
        raise AccessDenied(f"the option {over[0]} is not for researchers")
    if not call.limits.pseudonyms:
        raise Unavailable("this server has no secret for pseudonyms")
    return DeIdentifier(profile, call.limits.pseudonyms)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file that is begun: its name within an archive, its syntax, its bytes."""

    name: str
    syntax: str | None
    pieces: Iterator[bytes]


def _deidentified(call: Call, change: DeIdentifier, *, reader: bool) -> Response:
    _, sound = asked_for(call)
    form, wanted = negotiated(call, sound)
    copies = _copies(call, wanted, change, reader=reader)
    first = next(copies, None)
    if first is None:
        raise AccessDenied("all that was asked for may have text in its pixels")

    def whole() -> Iterator[_Copy]:
        yield first
        yield from copies

    headers = [("cache-control", "private, no-store"), ("vary", "accept, authorization")]
    if not reader:
        headers.append(("warning", '299 iryo "images that may have burned-in text are left out"'))
    if form.media_type == ZIP:
        files = ((copy.name, copy.pieces) for copy in whole())
        headers += [
            ("content-type", ZIP),
            ("content-disposition", 'attachment; filename="deidentified.zip"'),
        ]
        return Response(200, headers, multipart_write.gathered(zipped(files)))
    if not form.multipart:
        return Response(200, [("content-type", form.content_type), *headers], first.pieces)
    boundary = new_boundary()
    # Without Content-Location: it would tell the UIDs that have just been replaced.
    parts = (
        OutPart((("Content-Type", Form(DICOM, copy.syntax).content_type),), copy.pieces)
        for copy in whole()
    )
    headers.append(("content-type", multipart_write.content_type(DICOM, boundary)))
    written = multipart_write.written(parts, boundary)
    return Response(200, headers, multipart_write.gathered(written))


def _copies(
    call: Call, wanted: Sequence[Wanted], change: DeIdentifier, *, reader: bool
) -> Iterator[_Copy]:
    """Each file that may be given, begun. One that cannot be de-identified is left out."""
    for one in wanted:
        stored, report = one.stored, Report()
        pieces = write(call.room, call.datastore_id, stored, one.target, change, report)
        try:
            first = next(pieces)
        except InvalidDicom:
            if len(wanted) == 1:
                raise
            continue
        if report.burned_in != "no" and not reader:
            continue
        uids = (stored.study_uid, stored.series_uid, stored.sop_instance_uid)
        name = "/".join(change.uid(uid) for uid in uids) + ".dcm"
        yield _Copy(name, one.target, _joined(first, pieces))


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
