"""What figures are called in a report: by what they are of."""

import pytest

from iryo.imaging.service.measurements.concepts import concept_of, unit_of


@pytest.mark.parametrize(
    ("name", "unit", "modality", "meaning"),
    [
        ("length", "mm", "CT", "Length"),
        ("angle", "deg", "CT", "Angle"),
        ("width", "s", "US", "Time"),
        ("height", "cm/s", "US", "Flow Velocity"),
        ("height", "mm", "US", "Height"),
        ("mean", "HU", "CT", "Attenuation Coefficient"),
        ("mean", "SUV", "PT", "SUVbw"),
        ("value", "", "MR", "MR signal intensity"),
        ("value", "Bq/ml", "PT", "Value of the image"),
    ],
)
def test_concepts(name: str, unit: str, modality: str, meaning: str) -> None:
    assert concept_of(name, unit, cobb=False, modality=modality).meaning == meaning


def test_an_angle_may_be_of_cobb() -> None:
    assert concept_of("angle", "deg", cobb=True, modality="DX").value == "285285000"
    assert concept_of("length", "mm", cobb=True, modality="DX").meaning == "Length"


def test_units() -> None:
    assert (unit_of("HU").value, unit_of("").value) == ("[hnsf'U]", "1")
    assert (unit_of("Z_EFF").value, unit_of("Z_EFF").scheme) == ("Z_EFF", "99IRYO")
