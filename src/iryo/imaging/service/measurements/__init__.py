"""Measurements that people make in the viewer, kept as DICOM SR (PS3.16 TID 1500) in the study."""

from iryo.imaging.service.measurements.model import (
    MOST_BYTES,
    Figure,
    Measurement,
    Shape,
    measurements,
)
from iryo.imaging.service.measurements.save import Saved, save

__all__ = ["MOST_BYTES", "Figure", "Measurement", "Saved", "Shape", "measurements", "save"]
