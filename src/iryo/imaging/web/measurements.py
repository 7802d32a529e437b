"""What the viewer's tools send: measurements, to be kept in the study."""

from iryo.access import Role
from iryo.imaging.service import measurements
from iryo.imaging.service.receive import Sender
from iryo.imaging.service.room import Room
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["pages"]


def pages(room: Room) -> tuple[Page, ...]:
    """``POST /viewer/{datastore}/measurements``: JSON, see `measurements`; the report's UIDs."""

    def keep(visit: Visit) -> Response:
        order = measurements.measurements(visit.json())
        caller = visit.caller
        sender = Sender(caller.principal.id, caller.source, caller.request_id, "viewer")
        saved = measurements.save(room, visit.scope, sender, caller.principal.name, order)
        visit.subject.resource = saved.image_set_id
        return visit.json_answer(
            {
                "studyInstanceUid": saved.study_uid,
                "seriesInstanceUid": saved.series_uid,
                "sopInstanceUid": saved.sop_instance_uid,
                "imageSetId": saved.image_set_id,
            },
            status=201,
        )

    return (
        Page(
            "POST",
            "/viewer/{datastore}/measurements",
            keep,
            action="StoreMeasurements",
            role=Role.WRITER,
            most=measurements.MOST_BYTES,
        ),
    )
