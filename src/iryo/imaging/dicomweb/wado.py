"""Retrieval (PS3.18 10.4): WADO-RS; the table of its transactions."""

from typing import Final

from iryo.access import Role
from iryo.imaging.dicomweb.call import Answer, Route
from iryo.imaging.dicomweb.retrieval import OCTETS
from iryo.imaging.dicomweb.wado_frames import frames, ready
from iryo.imaging.dicomweb.wado_instances import DICOM, ZIP, instances
from iryo.imaging.dicomweb.wado_metadata import JSON, bulkdata, metadata

__all__ = ["ROUTES"]

_STUDY: Final = "/studies/{study}"
_SERIES: Final = f"{_STUDY}/series/{{series}}"
_INSTANCE: Final = f"{_SERIES}/instances/{{instance}}"
_MULTIPART: Final = "multipart/related"
_LEVELS: Final = (("Study", _STUDY), ("Series", _SERIES), ("Instance", _INSTANCE))


def _levels(
    what: str, answer: Answer, tail: str, clause: str, gives: tuple[str, ...], *also: str
) -> tuple[Route, ...]:
    """The same transaction on a study, a series and an instance."""
    return tuple(
        Route(
            "GET",
            template + tail,
            f"Retrieve{name}{what}",
            Role.READER,
            answer,
            summary=f"{what or 'DICOM files'} of a{'n' * (name == 'Instance')} {name.lower()}"
            f" (PS3.18 {clause})",
            gives=gives,
            parameters=("accept", "imageSetId", *also),
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
        summary="Frames, as they are stored or transcoded without loss (PS3.18 10.4.1.1.6)",
        gives=(_MULTIPART, OCTETS, "image/jphc", "image/jph", "image/jp2", "image/jpeg"),
        parameters=("accept", "imageSetId"),
    ),
    *_levels("Metadata", metadata, "/metadata", "10.4.1.1.7", (JSON,)),
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
    *_levels("", instances, "", "10.4.1.1.1", (_MULTIPART, DICOM, ZIP)),
)
