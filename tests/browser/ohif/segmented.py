"""A stack of CT with a segmentation over it, made by highdicom."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom.sr.codedict import codes

from tests.imaging.site import make_instance

SIDE = 64
SLICES = 12
STUDY = "1.2.8"
SERIES = f"{STUDY}.1"
MASKED = f"{STUDY}.2"
"""The series of the segmentation."""


def write(folder: Path) -> None:
    """Twelve slices with a ball in the middle, and a segmentation of the ball."""
    across, down, through = np.mgrid[:SIDE, :SIDE, :SLICES].astype(float)
    middle, radius = (SIDE - 1) / 2, SIDE / 4
    distance = np.hypot(across - middle, down - middle)
    ball = distance**2 + ((through - (SLICES - 1) / 2) * 5) ** 2 < radius**2
    images = []
    for number in range(SLICES):
        path = folder / f"ct{number:02d}.dcm"
        pixels = np.where(ball[..., number], 80, -200).astype(np.int16)
        make_instance(
            path,
            sop=f"{SERIES}.{number + 1}",
            series=SERIES,
            study=STUDY,
            number=number + 1,
            pixels=pixels,
            FrameOfReferenceUID=f"{STUDY}.99",
            ImagePositionPatient=[-32.0, -32.0, number * 5.0],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1.0, 1.0],
            SliceThickness=5.0,
            RescaleSlope="1",
            RescaleIntercept="0",
            WindowCenter="40",
            WindowWidth="400",
            StudyDate="20240101",
            StudyTime="120000",
            PatientID="BALL",
            PatientName="Ball^In^The^Middle",
            PatientBirthDate="",
            PatientSex="",
            AccessionNumber="",
            StudyID="1",
            ReferringPhysicianName="",
        )
        images.append(pydicom.dcmread(path))
    algorithm = hd.AlgorithmIdentificationSequence(
        name="threshold", version="1", family=codes.cid7162.ArtificialIntelligence
    )
    described = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Ball",
        segmented_property_category=codes.cid7150.Tissue,
        segmented_property_type=codes.cid7166.ConnectiveTissue,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
    )
    mask = hd.seg.Segmentation(
        source_images=images,
        pixel_array=np.moveaxis(ball, -1, 0).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[described],
        series_instance_uid=MASKED,
        series_number=2,
        sop_instance_uid=f"{MASKED}.1",
        instance_number=1,
        manufacturer="iryo",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    mask.save_as(folder / "seg.dcm")
