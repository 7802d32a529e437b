"""What queries find, on both databases: each kind of matching at each level."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from iryo.errors import Damaged, InvalidInput, TooLarge
from iryo.imaging.service import deletion
from iryo.imaging.service.instance_rows import InstanceRows
from iryo.imaging.service.query import Level, Question, ask, instances, listing
from iryo.imaging.service.room import Room
from tests.imaging.house import House
from tests.imaging.service.query.archive import (
    CT,
    FIRST,
    MR,
    answers,
    fill,
    found,
    keys,
    objects,
)
from tests.imaging.site import make_instance

ONE, TWO, THREE = "1.2.1", "1.2.2", "1.2.3"
ALL = [TWO, ONE, THREE]  # newest first, without a date at the end


@pytest.fixture
def archive(house: House) -> House:
    house.imported(fill(house.folder / "in"))
    return house


# Each form of PS3.4 C.2.2.2, by the attribute that is asked for; what it finds.
STUDIES: list[tuple[dict[str, str], list[str]]] = [
    # C.2.2.2.1 single value; case counts, but for names
    ({"PatientID": "P1"}, [ONE, THREE]),
    ({"PatientID": "p1"}, []),
    ({"PatientID": " P1 "}, [ONE, THREE]),
    ({"AccessionNumber": "A1"}, [ONE]),
    ({"StudyID": "S2"}, [TWO]),
    ({"PatientSex": "O"}, [TWO]),
    ({"PatientBirthDate": "19700101"}, ALL),
    ({"StudyDescription": "Head [routine]"}, [ONE]),
    ({"PatientName": "Yamada^Tarou"}, [ONE, THREE]),
    ({"PatientName": "YAMADA^TAROU^^"}, [ONE, THREE]),
    ({"PatientName": "Ｙamada^Tarou"}, [ONE, THREE]),
    ({"PatientName": "Yamada"}, []),
    ({"PatientName": "山田^太郎"}, [ONE]),
    ({"PatientName": "ヤマダ^タロウ"}, [ONE]),
    ({"PatientName": "yamada^*=山田^*"}, [ONE]),
    ({"PatientName": "=山*"}, [TWO, ONE]),
    ({"ReferringPhysicianName": "house^gregory"}, [ONE]),
    ({"ReferringPhysicianName": "gregory"}, []),
    # lists of values
    ({"PatientID": "p2\\P1"}, ALL),
    # C.2.2.2.2 list of UIDs
    ({"StudyInstanceUID": f"{ONE}\\{THREE}\\9.9"}, [ONE, THREE]),
    # C.2.2.2.3 universal
    ({"PatientName": "", "StudyDate": "", "AccessionNumber": "*"}, ALL),
    # C.2.2.2.4 wild cards
    ({"PatientName": "yama*"}, ALL),
    ({"PatientName": "*tarou"}, [ONE, THREE]),
    ({"PatientName": "yama?a^*"}, [ONE, THREE]),
    ({"PatientID": "P?"}, [ONE, THREE]),
    ({"AccessionNumber": "B_*"}, [TWO]),
    ({"AccessionNumber": "B?2"}, [TWO]),
    ({"AccessionNumber": "?_?"}, [TWO]),
    ({"StudyDescription": "*[routine]"}, [ONE]),
    ({"StudyDescription": "*[r]*"}, []),
    ({"StudyDescription": "?hest"}, [TWO]),
    # C.2.2.2.5 ranges
    ({"StudyDate": "20240501"}, [ONE]),
    ({"StudyDate": "2024.05.01"}, [ONE]),
    ({"StudyDate": "20240501-20240502"}, [TWO, ONE]),
    ({"StudyDate": "-20240501"}, [ONE]),
    ({"StudyDate": "20240502-"}, [TWO]),
    ({"StudyDate": "20250101-"}, []),
    ({"StudyTime": "0900-1000"}, [ONE]),
    ({"StudyTime": "0930"}, [ONE]),
    ({"StudyTime": "093001"}, []),
    ({"StudyTime": "-0930"}, [TWO, ONE]),
    ({"PatientBirthDate": "-19600101"}, []),
    # counts and lists
    ({"ModalitiesInStudy": "MR"}, [ONE]),
    ({"ModalitiesInStudy": "CT"}, ALL),
    ({"ModalitiesInStudy": "M*"}, [ONE]),
    ({"ModalitiesInStudy": "C*R"}, []),
    ({"ModalitiesInStudy": "MR\\US"}, [ONE]),
    ({"NumberOfStudyRelatedSeries": "2"}, [ONE]),
    ({"NumberOfStudyRelatedInstances": "1"}, [TWO, THREE]),
    # several keys
    ({"PatientID": "P1", "StudyDate": "20240501-"}, [ONE]),
    ({"SpecificCharacterSet": "ISO_IR 100"}, ALL),  # says how others are to be read
]


def test_studies(archive: House) -> None:
    assert [(asked, found(archive, Level.STUDY, asked)) for asked, _ in STUDIES] == STUDIES


def test_date_and_time_are_one_range_where_that_is_agreed(archive: House) -> None:
    asked = {"StudyDate": "20240501-20240502", "StudyTime": "0900-0830"}
    assert found(archive, Level.STUDY, asked, combined=True) == [TWO, ONE]
    assert found(archive, Level.STUDY, asked) == []
    open_ended = {"StudyDate": "20240501-", "StudyTime": "0900-"}
    assert found(archive, Level.STUDY, open_ended, combined=True) == [TWO, ONE]
    assert found(archive, Level.STUDY, open_ended) == [ONE]


SERIES: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["1.2.2.1", "1.2.1.2", "1.2.1.1", "1.2.3.1"]),
    ({"StudyInstanceUID": ONE}, ["1.2.1.2", "1.2.1.1"]),
    ({"SeriesInstanceUID": "1.2.1.1\\1.2.3.1"}, ["1.2.1.1", "1.2.3.1"]),
    ({"Modality": "MR"}, ["1.2.1.2"]),
    ({"Modality": "?R"}, ["1.2.1.2"]),
    ({"SeriesNumber": "7"}, ["1.2.1.1"]),
    ({"SeriesNumber": "007"}, ["1.2.1.1"]),
    ({"SeriesDescription": "ax*"}, ["1.2.1.1"]),
    ({"BodyPartExamined": "HEAD"}, ["1.2.1.1"]),
    ({"NumberOfSeriesRelatedInstances": "2"}, ["1.2.1.1"]),
    ({"PerformedProcedureStepStartDate": "20240401-20240601"}, ["1.2.1.1"]),
    ({"PerformedProcedureStepStartTime": "0931"}, ["1.2.1.1"]),
    ({"PerformedProcedureStepStartTime": "0932-"}, []),
    ({"PatientID": "p2"}, ["1.2.2.1"]),
    ({"PatientName": "yamada*", "Modality": "CT"}, ["1.2.1.1", "1.2.3.1"]),
    ({"StudyTime": "0930", "Modality": "CT"}, ["1.2.1.1"]),
    # C.2.2.2.6 sequences: one item meets all keys
    ({"RequestAttributesSequence.ScheduledProcedureStepID": "SPS1"}, ["1.2.1.1"]),
    ({"RequestAttributesSequence.ScheduledProcedureStepID": "SPS?"}, ["1.2.1.1"]),
    ({"RequestAttributesSequence.ScheduledProcedureStepID": "SPS"}, []),
    (
        {
            "RequestAttributesSequence.ScheduledProcedureStepID": "SPS1",
            "RequestAttributesSequence.RequestedProcedureID": "RP1",
        },
        ["1.2.1.1"],
    ),
    (
        {
            "RequestAttributesSequence.ScheduledProcedureStepID": "SPS1",
            "RequestAttributesSequence.RequestedProcedureID": "RP2",
        },
        [],
    ),
    # no column has it
    ({"PatientSex": "F", "Manufacturer": "x"}, []),
]


def test_series(archive: House) -> None:
    assert [(asked, found(archive, Level.SERIES, asked)) for asked, _ in SERIES] == SERIES


INSTANCES: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["1.2.2.1.1", "1.2.1.2.1", "1.2.1.1.2", "1.2.1.1.1", "1.2.3.1.1"]),
    ({"SeriesInstanceUID": "1.2.1.1"}, ["1.2.1.1.2", "1.2.1.1.1"]),
    ({"SOPInstanceUID": "1.2.1.1.1\\1.2.3.1.1"}, ["1.2.1.1.1", "1.2.3.1.1"]),
    ({"SOPInstanceUID": "1.2.1.1.1", "StudyInstanceUID": TWO}, []),
    ({"InstanceNumber": "2", "StudyInstanceUID": ONE}, ["1.2.1.1.1"]),
    ({"SOPClassUID": MR}, ["1.2.1.2.1"]),
    ({"SOPClassUID": CT, "Modality": "MR"}, []),
    ({"ImageComments": "one*"}, ["1.2.2.1.1"]),
    ({"NumberOfFrames": "1"}, ["1.2.2.1.1"]),
    ({"PatientName": "yamamoto*"}, ["1.2.2.1.1"]),
    # C.2.2.2.5 moments: the offset stands with the value, the data set, or the query
    ({"AcquisitionDateTime": "20240502"}, ["1.2.2.1.1"]),
    ({"AcquisitionDateTime": "20240501153000+0000"}, ["1.2.2.1.1"]),
    ({"AcquisitionDateTime": "20240501103000-0500-"}, ["1.2.2.1.1"]),
    ({"AcquisitionDateTime": "20240502+0000"}, []),
    ({"AcquisitionDateTime": "20240501", "TimezoneOffsetFromUTC": "+0000"}, ["1.2.2.1.1"]),
    ({"AcquisitionDateTime": "20240501", "TimezoneOffsetFromUTC": "+1000"}, []),
]


def test_instances(archive: House) -> None:
    assert [(asked, found(archive, Level.INSTANCE, asked)) for asked, _ in INSTANCES] == INSTANCES


def test_names_are_found_by_beginnings_of_words(archive: House) -> None:
    texts = {
        "tar yam": [ONE, THREE], "hana": [TWO], "花子": [TWO], "子": [TWO], "山": [TWO, ONE],
        "ﾔﾏﾀﾞ": [ONE], "たろう": [ONE], "yam": ALL, "a1": [], "house": [],
        "*tar*": [ONE, THREE], "^": ALL, "?": ALL,
    }  # fmt: skip
    for text, expected in texts.items():
        assert found(archive, Level.STUDY, {"PatientName": text}, fuzzy=True) == expected, text
    referring = {"ReferringPhysicianName": "greg"}
    assert found(archive, Level.STUDY, referring, fuzzy=True) == [ONE]


def test_patients(archive: House) -> None:
    said = objects(answers(archive, Level.PATIENT))
    assert [(one["00100020"]["Value"], one["00201200"]["Value"]) for one in said] == [
        (["P1"], [2]),
        (["p2"], [1]),
    ]
    assert said[0]["00201202"]["Value"], said[0]["00201204"]["Value"] == ([3], [4])
    (one,) = objects(answers(archive, Level.PATIENT, asked={"PatientName": "山本*"}))
    assert one["00100010"]["Value"] == [
        {"Alphabetic": "Yamamoto^Hanako", "Ideographic": "山本^花子"}
    ]
    assert len(answers(archive, Level.PATIENT, limit=1, offset=1)) == 1


def test_pages_and_what_is_too_much(archive: House) -> None:
    for level, total in ((Level.STUDY, 3), (Level.SERIES, 4), (Level.INSTANCE, 5)):
        everything = found(archive, level)
        assert len(everything) == total
        paged = [found(archive, level, limit=2, offset=at) for at in range(0, total, 2)]
        assert [uid for page in paged for uid in page] == everything
        cut = answers(archive, level, most=2)
        assert (len(cut), cut.truncated) == (2, True)
        assert not answers(archive, level, most=2, limit=2).truncated
        assert answers(archive, level, most=2, limit=3).truncated
        assert not answers(archive, level, most=total).truncated
        assert found(archive, level, limit=0) == found(archive, level, offset=9) == []


def test_a_document_that_is_missing_is_told(archive: House) -> None:
    (key,) = [one.key for one in archive.app.objects.list("documents/")][:1]
    archive.app.objects.delete([key])
    with pytest.raises(Damaged):
        answers(archive, Level.INSTANCE)
    assert len(answers(archive, Level.SERIES)) == 4, "which need no document"


def test_what_is_remembered_of_instances_is_of_the_latest_version(archive: House) -> None:
    """Also where another process, with a memory of its own, has made it."""
    other = replace(archive.room, instance_rows=InstanceRows())
    asked, include = {"SeriesInstanceUID": "1.2.1.1"}, frozenset({0x00204000})

    def comments(room: Room) -> list[tuple[str, object]]:
        question = Question(Level.INSTANCE, tuple(keys(asked)), include=include)
        some = [orjson.loads(one.json) for one in ask(room, archive.store, question, 10)]
        return [(one["00080018"]["Value"][0], one.get("00204000")) for one in some]

    before = [("1.2.1.1.2", None), ("1.2.1.1.1", None)]
    assert comments(archive.room) == comments(other) == before
    assert other.instance_rows.size > 0
    make_instance(
        archive.folder / "again" / "1", sop="1.2.1.1.2", series="1.2.1.1", ImageComments="new",
        **FIRST, SeriesDescription="axial", SeriesNumber="07",
    )  # fmt: skip
    archive.imported(archive.folder / "again")
    after = [("1.2.1.1.2", {"vr": "LT", "Value": ["new"]}), ("1.2.1.1.1", None)]
    assert comments(archive.room) == comments(other) == after
    assert comments(other) == after, "from memory"
    (gone,) = [one for one in archive.sets() if archive.found(one).series_uid == "1.2.1.1"]
    deletion.remove(archive.room, archive.store, gone)
    archive.run(archive.job(deletion.DELETE_KIND).id)
    assert comments(archive.room) == comments(other) == []


def test_what_would_read_too_much_is_refused(
    archive: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "MOST_DOCUMENTS", 2)
    monkeypatch.setattr(listing, "MOST_ROWS", 3)
    with pytest.raises(TooLarge):
        answers(archive, Level.INSTANCE, asked={"ImageComments": "nobody says this"})
    narrow = {"ImageComments": "nobody says this", "StudyInstanceUID": ONE}
    assert found(archive, Level.INSTANCE, narrow) == []
    with pytest.raises(TooLarge):
        answers(archive, Level.SERIES, asked={"Manufacturer": "nobody"})
    assert found(archive, Level.SERIES, {"Manufacturer": "nobody", "PatientID": "P1"}) == []


REFUSED: list[tuple[Level, dict[str, str], str]] = [
    (Level.STUDY, {"SeriesDescription": "x"}, "SeriesDescription"),
    (Level.SERIES, {"InstanceNumber": "1"}, "InstanceNumber"),
    (Level.STUDY, {"StudyDate": "yesterday"}, "StudyDate"),
    (Level.STUDY, {"StudyDate": "-"}, "StudyDate"),
    (Level.STUDY, {"StudyTime": "25h"}, "StudyTime"),
    (Level.STUDY, {"TimezoneOffsetFromUTC": "Tokyo"}, "TimezoneOffsetFromUTC"),
    (Level.STUDY, {"PatientID.StudyDate": "20240501"}, "PatientID"),
    (Level.SERIES, {"RequestAttributesSequence": "x"}, "RequestAttributesSequence"),
]


@pytest.mark.parametrize(("level", "asked", "where"), REFUSED)
def test_what_cannot_be_asked(
    tmp_path: Path, level: Level, asked: dict[str, str], where: str
) -> None:
    house = House.made(tmp_path)
    with pytest.raises(InvalidInput) as refused:
        answers(house, level, asked=asked)
    assert refused.value.where == where
    house.app.close()


def tags(answer: dict[str, Any]) -> set[str]:
    return set(answer)


def test_what_answers_have(archive: House) -> None:
    """PS3.18 tables 10.6.3-3 to 10.6.3-5."""
    study = objects(answers(archive, Level.STUDY, asked={"StudyInstanceUID": ONE}))[0]
    assert tags(study) == {
        "00080005", "00080020", "00080030", "00080050", "00080056", "00080061", "00080090",
        "00100010", "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206",
        "00201208",
    }  # fmt: skip
    assert study["00080061"] == {"vr": "CS", "Value": ["CT", "MR"]}
    assert study["00201206"]["Value"] + study["00201208"]["Value"] == [2, 3]
    undated = objects(answers(archive, Level.STUDY, asked={"StudyInstanceUID": THREE}))[0]
    assert undated["00080020"] == {"vr": "DA"}
    one = objects(answers(archive, Level.SERIES, asked={"SeriesInstanceUID": "1.2.1.1"}))[0]
    assert tags(one) == {
        "00080005", "00080060", "0008103E", "0020000D", "0020000E", "00200011", "00201209",
        "00400244", "00400245", "00400275",
    }  # fmt: skip
    assert one["00200011"] == {"vr": "IS", "Value": [7]}
    assert one["00400275"]["Value"][1]["00400009"]["Value"] == ["SPS2"]
    instance = objects(answers(archive, Level.INSTANCE, asked={"SOPInstanceUID": "1.2.2.1.1"}))[0]
    assert tags(instance) == {
        "00080005", "00080016", "00080018", "00080056", "00080201", "0020000D", "0020000E",
        "00200013", "00280008", "00280010", "00280011", "00280100",
    }  # fmt: skip
    number = {"InstanceNumber": "2"}
    whole = frozenset({Level.STUDY, Level.SERIES})
    above = objects(answers(archive, Level.INSTANCE, asked=number, upper=whole))[0]
    assert tags(above) >= tags(study) | tags(one)
    of_series = frozenset({Level.SERIES})
    half = objects(answers(archive, Level.INSTANCE, asked=number, upper=of_series))[0]
    assert tags(half) >= tags(one)
    assert "00100010" not in half


def test_what_is_included(archive: House) -> None:
    asked = {"StudyInstanceUID": ONE}
    described, position = 0x00081030, 0x00180015
    plain = objects(answers(archive, Level.STUDY, asked=asked))[0]
    more = objects(
        answers(archive, Level.STUDY, asked=asked, include=frozenset({described, position}))
    )[0]
    assert tags(more) - tags(plain) == {"00081030"}, "what is below the level is not given"
    assert more["00081030"] == {"vr": "LO", "Value": ["Head [routine]"]}
    by_key = objects(answers(archive, Level.STUDY, asked={"StudyDescription": "Head*"}))[0]
    assert by_key == more
    every = objects(answers(archive, Level.STUDY, asked=asked, include=None))[0]
    assert tags(every) - tags(plain) == {"00081030", "00080062"}
    of_series = objects(
        answers(
            archive,
            Level.SERIES,
            asked=asked | {"Modality": "CT"},
            include=frozenset({described, position, 0x00100020}),
        )
    )[0]
    assert of_series["00081030"] == more["00081030"]
    assert of_series["00180015"]["Value"] == ["HEAD"]
    assert of_series["00100020"]["Value"] == ["P1"]
    (instance,) = objects(
        answers(
            archive,
            Level.INSTANCE,
            asked={"SOPInstanceUID": "1.2.2.1.1"},
            include=frozenset({0x00204000, described, 0x00080060, 0x00180015}),
        )
    )
    assert instance["00080060"] == {"vr": "CS", "Value": ["CT"]}, "of the series"
    assert {"0008103E", "00180015"}.isdisjoint(instance)
    assert instance["00204000"] == {"vr": "LT", "Value": ["one of a kind"]}
    assert instance["00081030"]["Value"] == ["chest"]
