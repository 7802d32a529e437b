"""Deletion, where the settings allow it; none of PS3.18's transactions."""

from typing import Final

from iryo.access import Role
from iryo.errors import AccessDenied
from iryo.imaging.dicomweb.call import Call, Route
from iryo.imaging.model import ImageSet, SetState
from iryo.imaging.service import deletion
from iryo.imaging.service.retrieve import image_sets_of
from iryo.wire.http import Response

__all__ = ["ROUTES"]

_ACTION: Final = "DeleteInstances"


def image_sets(call: Call) -> Response:
    """Delete a study or a series: its image sets, the primary ones and those beside them.

    Raises:
        AccessDenied: the setting dicomweb_delete does not allow it.
        Conflict: one of them is held, is to be kept for longer or is being changed.
    """
    _allowed(call)
    found = image_sets_of(call.room, call.datastore_id, call.path["study"], call.path.get("series"))
    return _answer(call, deletion.remove_all(call.room, call.datastore_id, found))


def instance(call: Call) -> Response:
    """Delete an instance; the last one of a series with the series.

    Raises:
        AccessDenied: the setting dicomweb_delete does not allow it.
        Conflict: an image set that has it is held, is to be kept for longer or is being changed.
    """
    _allowed(call)
    path = call.path
    changed = deletion.remove_instance(
        call.room, call.datastore_id, path["study"], path["series"], path["instance"]
    )
    return _answer(call, changed)


def _allowed(call: Call) -> None:
    if not call.limits.deletes:
        raise AccessDenied("deletion over DICOMweb is not allowed: the setting dicomweb_delete")


def _answer(call: Call, changed: list[ImageSet]) -> Response:
    """What became of image sets, told to the audit: 202 while there is a job to do."""
    going = [one for one in changed if one.state is SetState.LOCKED]
    for one in changed:
        action = "DeleteImageSet" if one in going else _ACTION
        with call.caller.audited(action, scope=call.datastore_id, resource=one.id):
            pass
    return Response(202 if going else 204, [], b"")


_SERIES: Final = "/studies/{study}/series/{series}"
ROUTES: Final[tuple[Route, ...]] = tuple(
    Route(
        "DELETE",
        template,
        _ACTION,
        Role.WRITER,
        answer,
        summary=f"Delete a{what}; none of PS3.18's transactions",
        gives=("application/dicom+json",),
    )
    for template, what, answer in (
        ("/studies/{study}", " study", image_sets),
        (_SERIES, " series", image_sets),
        (f"{_SERIES}/instances/{{instance}}", "n instance", instance),
    )
)
