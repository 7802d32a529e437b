"""The codes of a report: what PS3.16 prints as tables."""

from dataclasses import dataclass
from typing import Final

__all__ = ["DERIVATIONS", "Code", "concept_of", "unit_of"]


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


# CID 7181 and 7460; the viewer's word for each.
_UNITS: Final = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "mm2": Code("mm2", "UCUM", "square millimeter"),
    "px": Code("{pixels}", "UCUM", "pixels"),
    "px2": Code("{pixels}", "UCUM", "pixels"),
    "deg": Code("deg", "UCUM", "Degree"),
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "SUV": Code("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight"),
    "Bq/ml": Code("Bq/ml", "UCUM", "Becquerels/milliliter"),
    "s": Code("s", "UCUM", "second"),
    "Hz": Code("Hz", "UCUM", "Hertz"),
    "cm/s": Code("cm/s", "UCUM", "centimeter/second"),
    "%": Code("%", "UCUM", "Percent"),
    "dB": Code("dB", "UCUM", "decibel"),
    "dB/s": Code("dB/s", "UCUM", "decibel/second"),
    "cm2": Code("cm2", "UCUM", "square centimeter"),
    "cm2/s": Code("cm2/s", "UCUM", "square centimeter/second"),
    "cm3": Code("cm3", "UCUM", "cubic centimeter"),
    "cm3/s": Code("cm3/s", "UCUM", "cubic centimeter/second"),
    "": Code("1", "UCUM", "no units"),
}

# CID 7464.
DERIVATIONS: Final = {
    "mean": Code("373098007", "SCT", "Mean"),
    "deviation": Code("386136009", "SCT", "Standard Deviation"),
    "minimum": Code("255605001", "SCT", "Minimum"),
    "maximum": Code("56851009", "SCT", "Maximum"),
}

_NAMED: Final = {
    "length": Code("410668003", "SCT", "Length"),
    "area": Code("42798000", "SCT", "Area"),
    "angle": Code("1483009", "SCT", "Angle"),
    "width": Code("103355008", "SCT", "Width"),
    "height": Code("121207", "DCM", "Height"),
}
_COBB: Final = Code("285285000", "SCT", "Cobb angle")
# Along the axes of a region of ultrasound.
_AXES: Final = {
    "s": Code("110858", "DCM", "Time"),
    "cm/s": Code("110828", "DCM", "Flow Velocity"),
}
# What the values of an image are (CID 218), by their unit; else by the modality.
_VALUES: Final = {
    "HU": Code("112031", "DCM", "Attenuation Coefficient"),
    "SUV": Code("126401", "DCM", "SUVbw"),
}
_SIGNALS: Final = {"MR": Code("110852", "DCM", "MR signal intensity")}
_VALUE: Final = Code("image-value", "99IRYO", "Value of the image")


def unit_of(unit: str) -> Code:
    """The code of a unit; what only a file calls so (Rescale Type) is a code of ours."""
    return _UNITS.get(unit) or Code(unit, "99IRYO", unit)


def concept_of(name: str, unit: str, *, cobb: bool, modality: str) -> Code:
    """What a figure is called.

    Args:
        name: of the figure.
        unit: as the viewer has it.
        cobb: whether an angle is one by Cobb.
        modality: of the image.
    """
    if name == "angle" and cobb:
        return _COBB
    if name in {"width", "height"}:
        return _AXES.get(unit, _NAMED[name])
    if name in _NAMED:
        return _NAMED[name]
    return _VALUES.get(unit) or _SIGNALS.get(modality, _VALUE)
