"""A small archive whose studies differ in all that queries ask for."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from pydicom.dataset import Dataset

from iryo.dicom.dictionary import keyword_tag
from iryo.imaging.service.query import Answers, Key, Level, Question, ask
from tests.imaging.house import House
from tests.imaging.site import make_instance

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"

FIRST: Final[dict[str, Any]] = {
    "study": "1.2.1",
    "PatientID": "P1",
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "PatientBirthDate": "19700101",
    "StudyDate": "20240501",
    "StudyTime": "093000",
    "AccessionNumber": "A1",
    "StudyID": "S1",
    "StudyDescription": "Head [routine]",
    "ReferringPhysicianName": "House^Gregory",
}
"""What all of study 1 has."""


def request(step: str, procedure: str) -> Dataset:
    """An item of RequestAttributesSequence."""
    item = Dataset()
    item.ScheduledProcedureStepID = step
    item.RequestedProcedureID = procedure
    return item


def fill(folder: Path) -> Path:
    """The files: study 1 with two series (CT of two instances, MR of one), studies 2 and 3."""
    for n in (1, 2):
        make_instance(
            folder / f"1-1-{n}",
            sop=f"1.2.1.1.{n}",
            series="1.2.1.1",
            number=3 - n,
            SeriesDescription="axial",
            SeriesNumber="07",
            BodyPartExamined="HEAD",
            PerformedProcedureStepStartDate="20240501",
            PerformedProcedureStepStartTime="0931",
            RequestAttributesSequence=[request("SPS1", "RP1"), request("SPS2", "RP2")],
            **FIRST,
        )
    make_instance(
        folder / "1-2-1",
        sop="1.2.1.2.1",
        series="1.2.1.2",
        Modality="MR",
        SOPClassUID=MR,
        SeriesNumber=2,
        **FIRST,
    )
    make_instance(
        folder / "2",
        sop="1.2.2.1.1",
        study="1.2.2",
        series="1.2.2.1",
        PatientID="p2",
        PatientName="Yamamoto^Hanako=山本^花子",
        PatientSex="O",
        StudyDate="20240502",
        StudyTime="0800",
        AccessionNumber="B_2",
        StudyID="S2",
        StudyDescription="chest",
        NumberOfFrames=1,
        ImageComments="one of a kind",
        AcquisitionDateTime="20240502003000",
        TimezoneOffsetFromUTC="+0900",
    )
    make_instance(
        folder / "3",
        sop="1.2.3.1.1",
        study="1.2.3",
        series="1.2.3.1",
        PatientID="P1",
        PatientName="Yamada^Tarou",
        StudyDate="",
        StudyTime="",
        AccessionNumber="",
        StudyID="",
        StudyDescription="",
    )
    return folder


def keys(asked: Mapping[str, str]) -> Iterable[Key]:
    """Keys by keyword; those within a sequence after a dot."""
    for path, value in asked.items():
        tags = tuple(keyword_tag(part) or 0 for part in path.split("."))
        yield Key(tags, value)


def answers(
    house: House, level: Level, most: int = 100, asked: Mapping[str, str] = {}, **more: Any
) -> Answers:
    """What a query finds."""
    question = Question(level, tuple(keys(asked)), **more)
    return ask(house.room, house.store, question, most)


def found(house: House, level: Level, asked: Mapping[str, str] = {}, **more: Any) -> list[str]:
    """UIDs at the level of what a query finds, in its order."""
    name = {
        Level.STUDY: "study_uid",
        Level.SERIES: "series_uid",
        Level.INSTANCE: "sop_instance_uid",
    }[level]
    return [getattr(one, name) for one in answers(house, level, asked=asked, **more)]


def objects(some: Answers) -> list[dict[str, Any]]:
    """The answers as JSON."""
    return [orjson.loads(one.json) for one in some]
