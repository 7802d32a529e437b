"""Measurements kept as a report: highdicom reads it, dciodvfy has nothing against it."""

import importlib.util
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from iryo.errors import InvalidInput, NotFound
from iryo.imaging.service import measurements
from iryo.imaging.service.receive import Sender
from iryo.imaging.service.retrieve import stored_instances, write
from tests.imaging.house import House
from tests.imaging.site import make_instance

pytestmark = pytest.mark.small
SENDER = Sender("key", "127.0.0.1", "request", "Viewer")
NAME = "山田^太郎"


def measured(shape: str, points: list[list[float]], *figures: tuple[str, float, str]) -> Any:
    """One measurement of a request."""
    return {
        "trackingUid": f"2.25.{abs(hash(shape))}",
        "label": f"{shape} 1 肝",
        "image": {"sopInstanceUid": "1.2.3.1.1", "frame": 1},
        "shape": shape,
        "points": points,
        "figures": [{"name": n, "value": v, "unit": u} for n, v, u in figures],
    }


VALUES = [("mean", -12.25, "HU"), ("deviation", 3.5, "HU"), ("minimum", -20, "HU")]
EACH = [
    measured("length", [[0, 0], [3, 4]], ("length", 1 / 3, "mm")),
    measured("angle", [[1, 0], [0, 0], [0, 1]], ("angle", 90, "deg")),
    measured("cobb", [[0, 0], [1, 0], [5, 5], [6, 6]], ("angle", 45, "deg")),
    measured("ellipse", [[2, 2], [6, 12]], ("area", 31.4, "mm2"), *VALUES),
    measured("rectangle", [[2, 3], [6, 5]], ("area", 8, "px2"), ("mean", 5, "")),
    measured("probe", [[7.5, 8.5]], ("value", 7, "HU")),
]


@pytest.fixture
def filled(house: House, tmp_path: Path) -> House:
    """An installation with a study of two images; the patient's name is not ASCII."""
    for number in (1, 2):
        make_instance(
            tmp_path / "in" / f"{number}.dcm",
            sop=f"1.2.3.1.{number}",
            number=number,
            PatientName=NAME,
            StudyDescription="Head",
        )
    house.run(house.ordered(tmp_path / "in"))
    return house


def save(house: House, listed: list[Any], study: str = "1.2.3") -> pydicom.Dataset:
    """Keep measurements, and read the report as anybody may."""
    order = measurements.measurements({"study": study, "measurements": listed})
    saved = measurements.save(house.room, house.store, SENDER, "Dr. A=B^C\\", order)
    (stored,) = stored_instances(house.room, house.store, study, saved.series_uid)
    assert stored.image_set_id == saved.image_set_id
    assert stored.sop_instance_uid == saved.sop_instance_uid
    return pydicom.dcmread(io.BytesIO(b"".join(write(house.room, house.store, stored, None))))


def test_a_unit_of_the_file_is_a_code_of_ours(filled: House) -> None:
    report = save(filled, [measured("probe", [[24, 32]], ("value", 7, "OD"))])
    units = [
        one.value[0] for one in report.iterall() if one.keyword == "MeasurementUnitsCodeSequence"
    ]
    assert [(one.CodeValue, one.CodingSchemeDesignator) for one in units] == [("OD", "99IRYO")]


def test_it_is_of_the_same_patient_and_study(filled: House) -> None:
    report = save(filled, EACH[:1])
    assert report.PatientName == NAME
    assert (report.StudyInstanceUID, report.PatientID) == ("1.2.3", "P1")
    assert (report.Modality, report.StudyDescription) == ("SR", "Head")
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = evidence.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == ["1.2.3.1.1"]
    again = save(filled, EACH[:1])
    assert again.SeriesInstanceUID != report.SeriesInstanceUID


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs Debian's dicom3tools")
def test_dciodvfy_has_nothing_against_it(filled: House, tmp_path: Path) -> None:
    save(filled, EACH).save_as(tmp_path / "sr.dcm")
    ran = subprocess.run(
        ["dciodvfy", tmp_path / "sr.dcm"], capture_output=True, text=True, check=False
    )
    lines = (ran.stdout + ran.stderr).splitlines()
    assert "ComprehensiveSR" in lines
    assert [line for line in lines if line.startswith("Error")] == []


@pytest.fixture
def report(filled: House) -> Any:
    """All kinds of measurements, as highdicom has them."""
    if importlib.util.find_spec("highdicom") is None:
        pytest.skip("needs highdicom, which has no wheel for this Python")
    import highdicom

    return highdicom.sr.ComprehensiveSR.from_dataset(save(filled, EACH)).content


def test_highdicom_finds_lengths_and_angles(report: Any) -> None:
    groups = report.get_image_measurement_groups()
    found = {}
    for group in groups:
        for one in group.get_measurements():
            meaning = one.name.meaning
            found[group.tracking_identifier, meaning] = (one.value, one.unit.value)
    assert found["angle 1 肝", "Angle"] == (90, "deg")
    assert found["cobb 1 肝", "Cobb angle"] == (45, "deg")
    assert found["probe 1 肝", "Attenuation Coefficient"] == (7, "[hnsf'U]")
    length, unit = found["length 1 肝", "Length"]
    assert unit == "mm"
    assert length == pytest.approx(1 / 3, abs=0)


def test_highdicom_finds_regions(report: Any) -> None:
    groups = report.get_planar_roi_measurement_groups()
    by_label = {group.tracking_identifier: group for group in groups}
    ellipse, rectangle = by_label["ellipse 1 肝"], by_label["rectangle 1 肝"]
    assert ellipse.roi.graphic_type.value == "ELLIPSE"
    # The long axis first.
    assert np.array_equal(ellipse.roi.value, [[4, 2], [4, 12], [2, 7], [6, 7]])
    assert np.array_equal(rectangle.roi.value, [[2, 3], [6, 3], [6, 5], [2, 5], [2, 3]])
    numbers = {
        (one.name.meaning, one.derivation.meaning if one.derivation else None): one.value
        for one in ellipse.get_measurements()
    }
    assert numbers == {
        ("Area", None): 31.4,
        ("Attenuation Coefficient", "Mean"): -12.25,
        ("Attenuation Coefficient", "Standard Deviation"): 3.5,
        ("Attenuation Coefficient", "Minimum"): -20,
    }
    (area,) = rectangle.get_measurements(name=codes.SCT.Area)
    assert (area.value, area.unit.value) == (8, "{pixels}")


def test_what_is_not_of_the_study_is_refused(filled: House) -> None:
    (length,) = EACH[:1]
    with pytest.raises(NotFound):
        save(filled, [length], study="1.2.99")
    for change, where in (
        ({"image": {"sopInstanceUid": "1.2.99", "frame": 1}}, "image.sopInstanceUid"),
        ({"image": {"sopInstanceUid": "1.2.3.1.1", "frame": 2}}, "image.frame"),
        ({"points": [[0, 0], [24.5, 1]]}, "points"),
        ({"points": [[0, 0], [1, -0.1]]}, "points"),
    ):
        with pytest.raises(InvalidInput) as caught:
            save(filled, [length | change])
        assert caught.value.where == f"measurements[0].{where}"
    assert len(filled.sets()) == 1


def test_a_frame_is_named_where_there_are_several(house: House, tmp_path: Path) -> None:
    path = make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1")
    several = pydicom.dcmread(path)
    several.NumberOfFrames = 3
    several.PixelData = several.PixelData * 3
    several.save_as(path)
    house.run(house.ordered(path))
    report = save(house, [EACH[0] | {"image": {"sopInstanceUid": "1.2.3.1.1", "frame": 2}}])
    frames = [one.value for one in report.iterall() if one.keyword == "ReferencedFrameNumber"]
    assert frames == [2]
