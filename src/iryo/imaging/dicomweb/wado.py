"""Retrieval (PS3.18 10.4): WADO-RS; the table of its transactions."""

from typing import Final

from iryo.access import Role
from iryo.imaging.dicomweb import wado_bulk, wado_rendered, wado_uri
from iryo.imaging.dicomweb import wado_deidentified as deidentified
from iryo.imaging.dicomweb.call import Answer, Ready, Route
from iryo.imaging.dicomweb.retrieval import OCTETS
from iryo.imaging.dicomweb.wado_frames import frames, ready
from iryo.imaging.dicomweb.wado_instances import DICOM, ZIP
from iryo.imaging.dicomweb.wado_metadata import JSON, XML, bulkdata, metadata
from iryo.imaging.dicomweb.wado_wish import PARAMETERS
from iryo.imaging.service.rendering import GIF, JPEG, PNG

__all__ = ["ROUTES"]

_STUDY: Final = "/studies/{study}"
_SERIES: Final = f"{_STUDY}/series/{{series}}"
_INSTANCE: Final = f"{_SERIES}/instances/{{instance}}"
_MULTIPART: Final = "multipart/related"
_LEVELS: Final = (("Study", _STUDY), ("Series", _SERIES), ("Instance", _INSTANCE))


def _levels(
    what: str,
    answer: Answer,
    tail: str,
    clause: str,
    gives: tuple[str, ...],
    *also: str,
    role: Role = Role.READER,
    ready: Ready | None = None,
) -> tuple[Route, ...]:
    """The same transaction on a study, a series and an instance."""
    return tuple(
        Route(
            "GET",
            template + tail,
            f"Retrieve{name}{what}",
            role,
            answer,
            summary=f"{what or 'DICOM files'} of a{'n' * (name == 'Instance')} {name.lower()}"
            f" (PS3.18 {clause})",
            gives=gives,
            parameters=("accept", "imageSetId", *also),
            inline=ready is not None and template == _INSTANCE,
            ready=ready if template == _INSTANCE else None,
        )
        for name, template in _LEVELS
    )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        f"{_INSTANCE}/frames/{{frames}}",
        "RetrieveFrames",
        Role.READER,
        frames,
        inline=True,
        ready=ready,
        folds=True,
        summary="Frames, as they are stored or transcoded without loss (PS3.18 10.4.1.1.6)",
        gives=(_MULTIPART, OCTETS, "image/jphc", "image/jph", "image/jp2", "image/jpeg"),
        parameters=("accept", "imageSetId"),
    ),
    *_levels("Metadata", metadata, "/metadata", "10.4.1.1.2", (JSON, XML)),
    *_levels("Bulkdata", wado_bulk.bulkdata, "/bulkdata", "10.4.1.1.5", (_MULTIPART,)),
    *_levels("PixelData", wado_bulk.pixeldata, "/pixeldata", "10.4.1.1.6", (_MULTIPART,)),
    Route(
        "GET",
        f"{_INSTANCE}/bulkdata/{{rest}}",
        "RetrieveBulkdata",
        Role.READER,
        bulkdata,
        summary="A binary value of an instance (PS3.18 10.4.1.1.5)",
        gives=(_MULTIPART, OCTETS),
        parameters=("accept", "imageSetId"),
    ),
    *_levels(
        "Rendered",
        lambda call: (
            wado_rendered.instance(call)
            if "instance" in call.path
            else wado_rendered.rendered(call)
        ),
        "/rendered",
        "10.4.1.1.3",
        (JPEG, PNG, GIF, _MULTIPART),
        *PARAMETERS,
        ready=wado_rendered.picture_ready,
    ),
    *_levels(
        "Thumbnail",
        wado_rendered.thumbnail,
        "/thumbnail",
        "10.4.1.1.4",
        (JPEG, PNG, GIF),
        *PARAMETERS,
        ready=wado_rendered.thumbnail_ready,
    ),
    Route(
        "GET",
        f"{_INSTANCE}/frames/{{frames}}/rendered",
        "RetrieveFramesRendered",
        Role.READER,
        wado_rendered.numbers,
        inline=True,
        ready=wado_rendered.picture_ready,
        summary="Frames as pictures (PS3.18 10.4.1.1.3)",
        gives=(JPEG, PNG, GIF, _MULTIPART),
        parameters=("accept", "imageSetId", *PARAMETERS),
    ),
    Route(
        "GET",
        f"{_INSTANCE}/frames/{{frames}}/thumbnail",
        "RetrieveFramesThumbnail",
        Role.READER,
        wado_rendered.thumbnail,
        inline=True,
        ready=wado_rendered.thumbnail_ready,
        summary="A frame as a small picture (PS3.18 10.4.1.1.4)",
        gives=(JPEG, PNG, GIF),
        parameters=("accept", "imageSetId", *PARAMETERS),
    ),
    Route(
        "GET",
        "/wado",
        "RetrieveByUri",
        Role.READER,
        wado_uri.retrieve,
        summary="An instance by a query: WADO-URI (PS3.18 9.4)",
        gives=(JPEG, PNG, GIF, DICOM),
        parameters=wado_uri.PARAMETERS,
    ),
    *_levels(
        "",
        deidentified.instances,
        "",
        "10.4.1.1.1",
        (_MULTIPART, DICOM, ZIP),
        deidentified.PARAMETER,
        role=Role.RESEARCHER,
    ),
)
