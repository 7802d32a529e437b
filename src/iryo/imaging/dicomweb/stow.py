"""Storage (PS3.18 10.5): STOW-RS.

A request is stored whole or, where parts of it are at fault, without those: what breaks off in the
middle leaves nothing. The answer comes when all is durable and certain to be stored; what decoding
might refuse is decoded before. Whoever then asks for it finds it: see `receive.visible`.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import orjson

from iryo.access import Role
from iryo.dicom.native_xml import XML, native_xml
from iryo.errors import (
    InvalidDicom,
    InvalidInput,
    IryoError,
    TooLarge,
    UnsupportedForm,
)
from iryo.imaging.dicomweb.call import BodyTooLarge, Call, Route
from iryo.imaging.dicomweb.stow_json import files_of
from iryo.imaging.service.receive import (
    LATER,
    WAITED,
    Arrived,
    Outcome,
    Reception,
    Result,
    Sender,
)
from iryo.wire.accept import Form, acceptable, choose
from iryo.wire.http import Response
from iryo.wire.media import MediaType, media_type, split_list
from iryo.wire.multipart import Part, parts

__all__ = ["ROUTES"]

JSON: Final = "application/dicom+json"
_DICOM: Final = "application/dicom"
_FORMS: Final = (Form(JSON), Form("application/json"), Form(XML))
_FILE: Final = MediaType("application", "dicom", {})

# Failure reasons (PS3.18 I.2.2, PS3.4 B.2.3).
_PROCESSING: Final = 0x0110
_OUT_OF_RESOURCES: Final = 0xA700
_MISMATCH: Final = 0xA900
_CANNOT_UNDERSTAND: Final = 0xC000


def store(call: Call) -> Response:
    """Store instances (PS3.18 10.5): of any study, or of the one that the path names."""
    # Before anything is stored: afterwards nobody wants to hear that the answer has no form.
    form = choose(acceptable(call.headers.get("accept")), _FORMS)
    wanted = call.path.get("study")
    caller = call.caller
    # RFC 7240 4.1: who asks for it is answered as a sender by C-STORE is, when all is durable.
    later = "respond-async" in split_list(call.headers.get("prefer", "").lower())
    kind = LATER if later else WAITED
    sender = Sender(caller.principal.id, caller.source, caller.request_id, kind)
    reception = Reception(
        call.room, call.datastore_id, sender, most=call.limits.max_upload, early=not later
    )
    refused: list[tuple[Arrived | None, int]] = []
    try:
        for content_type, pieces in _files(call):
            refused += _take(reception, content_type, pieces, wanted)
    except BaseException:
        with suppress(IryoError):  # the store is away: what lies there is swept some day
            reception.abandon()
        raise
    reception.commit(visible=not later)
    results = reception.settle()
    stored = {one.image_set_id or one.arrived.study_uid for one in results if _is_taken(one)}
    for resource in sorted(stored):
        with caller.audited("StoreInstances", scope=call.datastore_id, resource=resource):
            pass
    if not results and not refused:
        raise InvalidInput("found no part in the body, expected one instance or more")
    return _answer(call, results, refused, form)


def _is_taken(one: Result) -> bool:
    return one.outcome is not Outcome.FAILED


def _files(call: Call) -> Iterator[tuple[MediaType, Iterator[bytes]]]:
    """The files of a request, each with its media type."""
    content = media_type(call.headers.get("content-type", ""))
    if content.essence == _DICOM:
        yield content, call.body
        return
    boundary = content.parameters.get("boundary", "")
    root = content.parameters.get("type", _DICOM).lower()
    if content.essence in {JSON, XML}:
        whole = Part({"content-type": content.essence}, call.body)
        yield from ((_FILE, pieces) for pieces in files_of([whole]))
    elif content.essence != "multipart/related":
        raise UnsupportedForm(
            f"found a body of {content.essence}, expected multipart/related, {_DICOM}, {JSON} "
            f"or {XML}"
        )
    elif root in {JSON, XML}:
        yield from ((_FILE, pieces) for pieces in files_of(parts(call.body, boundary)))
    elif root == _DICOM:
        for part in parts(call.body, boundary):
            yield _type_of(part), part.body
    else:
        raise UnsupportedForm(
            f'found multipart/related of another type, expected "{_DICOM}", "{JSON}" or "{XML}"'
        )


def _type_of(part: Part) -> MediaType:
    try:
        return media_type(part.headers.get("content-type", _DICOM))
    except InvalidInput:
        return MediaType("", "", {})


def _take(
    reception: Reception, content: MediaType, pieces: Iterator[bytes], wanted: str | None
) -> list[tuple[Arrived | None, int]]:
    """Add one file; what is refused of it, and why."""
    if content.essence not in {_DICOM, "application/octet-stream"}:
        return [(None, _CANNOT_UNDERSTAND)]
    try:
        reception.add(pieces, check=lambda arrived: _check_study(arrived, wanted))
    except _OtherStudyError as error:
        return [(error.arrived, _MISMATCH)]
    except InvalidDicom:
        return [(None, _CANNOT_UNDERSTAND)]
    except BodyTooLarge:
        raise
    except TooLarge:
        return [(None, _OUT_OF_RESOURCES)]
    return []


class _OtherStudyError(Exception):
    """An instance of another study than the one that it was sent to."""

    def __init__(self, arrived: Arrived) -> None:
        super().__init__()
        self.arrived = arrived


def _check_study(arrived: Arrived, wanted: str | None) -> None:
    if wanted is not None and arrived.study_uid != wanted:
        raise _OtherStudyError(arrived)


# ------------------------------------------------------------------------------------ the answer


def _answer(
    call: Call,
    results: list[Result],
    refused: list[tuple[Arrived | None, int]],
    form: Form,
) -> Response:
    """The Store Instances Response (PS3.18 10.5.3, I.2)."""
    base = call.base
    stored: list[dict[str, Any]] = []
    failed = [_failed(arrived, reason) for arrived, reason in refused if arrived is not None]
    unknown = [{"00081197": _number(reason)} for arrived, reason in refused if arrived is None]
    studies: set[str] = set()
    for one in results:
        arrived = one.arrived
        if not _is_taken(one):
            failed.append(_failed(arrived, _reason(one)))
            continue
        studies.add(arrived.study_uid)
        where = (
            f"{base}/studies/{arrived.study_uid}/series/{arrived.series_uid}"
            f"/instances/{arrived.sop_instance_uid}"
        )
        item = _reference(arrived) | {"00081190": _text("UR", where)}
        if one.warnings:
            item["00081196"] = _number(int(one.warnings[0]["WarningReason"]))
        stored.append(item)
    answer: dict[str, Any] = {}
    if len(studies) == 1:
        answer["00081190"] = _text("UR", f"{base}/studies/{next(iter(studies))}")
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": failed}
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": stored}
    if unknown:
        answer["0008119A"] = {"vr": "SQ", "Value": unknown}
    if not stored:
        status = 409
    elif failed or unknown or any("00081196" in item for item in stored):
        status = 202
    else:
        status = 200
    headers = [("content-type", form.content_type)]
    if any(one.outcome is Outcome.WAITING and not one.certain for one in results):
        status = 202
        headers.append(("preference-applied", "respond-async"))
    body = native_xml(answer) if form.media_type == XML else orjson.dumps(answer)
    return Response(status, headers, body)


def _reason(one: Result) -> int:
    failure = one.failure or {}
    return _OUT_OF_RESOURCES if failure.get("type") == "TooLarge" else _PROCESSING


def _failed(arrived: Arrived, reason: int) -> dict[str, Any]:
    return _reference(arrived) | {"00081197": _number(reason)}


def _reference(arrived: Arrived) -> dict[str, Any]:
    return {
        "00081150": _text("UI", arrived.sop_class_uid),
        "00081155": _text("UI", arrived.sop_instance_uid),
    }


def _text(vr: str, text: str) -> dict[str, Any]:
    return {"vr": vr, "Value": [text]} if text else {"vr": vr}


def _number(number: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [number]}


_TAKES: Final = (
    f'multipart/related; type="{_DICOM}"',
    _DICOM,
    f'multipart/related; type="{JSON}"',
    JSON,
    f'multipart/related; type="{XML}"',
    XML,
)

ROUTES: Final[tuple[Route, ...]] = tuple(
    Route(
        "POST",
        template,
        "StoreInstances",
        Role.WRITER,
        store,
        sees=False,
        summary=f"Store instances{of} (PS3.18 10.5)",
        takes=_TAKES,
        gives=(JSON, XML),
    )
    for template, of in (("/studies", ""), ("/studies/{study}", " of one study"))
)
