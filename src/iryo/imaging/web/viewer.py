"""The viewer's page. What it shows it reads by DICOMweb, where each access is audited."""

from iryo.access import Role
from iryo.errors import NotFound
from iryo.imaging.model import SetState
from iryo.imaging.service import read
from iryo.imaging.service.room import Room
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["pages"]


def pages(room: Room) -> tuple[Page, ...]:
    """``/viewer/{datastore}?study=&series=`` and ``/viewer/{datastore}/{imageSet}``."""

    def by_uid(visit: Visit) -> Response:
        return _viewer(visit, study=visit.query.need("study"), series=visit.query.get("series", ""))

    def by_image_set(visit: Visit) -> Response:
        found, version = read.image_set(room, visit.scope, visit.path["image_set"])
        visit.subject.resource = found.id
        if version.state is SetState.DELETED:
            raise NotFound(f"image set {found.id} has been deleted")
        return _viewer(
            visit,
            study=found.study_uid,
            series=found.series_uid,
            image_set="" if found.is_primary else found.id,
        )

    return (
        # It names what the reader named, and shows nothing of a patient by itself.
        Page("GET", "/viewer/{datastore}", by_uid, role=Role.READER),
        Page(
            "GET",
            "/viewer/{datastore}/{image_set}",
            by_image_set,
            action="RetrieveImageSet",
            role=Role.READER,
        ),
    )


def _viewer(visit: Visit, *, study: str, series: str, image_set: str = "") -> Response:
    return visit.render(
        "imaging/viewer.html",
        datastore=visit.path["datastore"],
        study=study,
        series=series,
        image_set=image_set,
    )
