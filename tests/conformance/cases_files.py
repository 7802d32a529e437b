"""Built files whose data set, identifiers or surroundings are special."""

import struct

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from tests.conformance.build import Case, bare, declare, header, image, native, p10, ramp
from tests.conformance.cases_pixels import COERCED
from tests.dicom.handmade import explicit, implicit

_IMAGE = ramp(32, 24, top=4095, kind="<u2")
_PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
_INVALID_UID = frozenset({0xB201})
_NO_PIXELS = frozenset({0xB007})
_DISCARDED = frozenset({0xB006})
_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"


def _plain() -> bytes:
    return p10(native(image(_IMAGE), _IMAGE.tobytes()))


def _acr_nema(*, identified: bool) -> bytes:
    """ACR-NEMA 2.0 (1988): a recognition code, no group 2, dates with dots, retired elements."""
    dataset = Dataset()
    dataset.add_new(0x00080001, "UL", 1000)
    dataset.add_new(0x00080010, "SH", "ACR-NEMA 2.0")
    dataset.add_new(0x00080020, "LO", "1993.05.04")
    if identified:
        dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.9.1"
        dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.9.2"
        dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.9.3"
    dataset.PatientName = "SMITH JOHN"
    dataset.add_new(0x00200010, "SH", "7")
    dataset.add_new(0x00280005, "US", 2)
    dataset.Rows, dataset.Columns = _IMAGE.shape
    dataset.add_new(0x00280040, "CS", "RECT")
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.add_new(0x00280200, "US", 0x7FE0)
    return bare(p10(native(dataset, _IMAGE.tobytes()), ImplicitVRLittleEndian))


def _private() -> bytes:
    """A CSA header of 8 MiB and a nested private sequence."""
    dataset = header(SOPClassUID=_TEXT)
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", b"SV10\4\3\2\1" + bytes(8 << 20))
    inner = Dataset()
    inner.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(0x20, "SL", 7)
    outer = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    outer.add_new(0x80, "SQ", Sequence([inner]))
    return p10(dataset, ImplicitVRLittleEndian)


def _encapsulated_pdf() -> bytes:
    dataset = header(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC")
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = _PDF + b"\0" * (len(_PDF) % 2)
    dataset.EncapsulatedDocumentLength = len(_PDF)
    return p10(dataset)


def _structures() -> bytes:
    """An RT Structure Set with a contour of 3,000 points: DS beyond 64 kB."""
    dataset = header(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT")
    contour = Dataset()
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.NumberOfContourPoints = 3000
    contour.ContourData = [f"{point / 7:.6f}" for point in range(9000)]
    roi = Dataset()
    roi.ContourSequence = Sequence([contour])
    roi.ReferencedROINumber = 1
    dataset.ROIContourSequence = Sequence([roi])
    return p10(dataset, ImplicitVRLittleEndian)


def _waveform() -> bytes:
    dataset = header(SOPClassUID="1.2.840.10008.5.1.4.1.1.9.1.1", Modality="ECG")
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels = 1
    group.NumberOfWaveformSamples = 1000
    group.SamplingFrequency = "500"
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformData = ramp(1000, top=999, kind="<i2").tobytes()
    dataset.WaveformSequence = Sequence([group])
    return p10(dataset)


def _report(depth: int) -> bytes:
    """A structured report whose containers nest."""
    content = Dataset()
    content.ValueType, content.TextValue = "TEXT", "the finding"
    for _ in range(depth):
        outer = Dataset()
        outer.RelationshipType, outer.ValueType = "CONTAINS", "CONTAINER"
        outer.ContentSequence = Sequence([content])
        content = outer
    dataset = header(SOPClassUID=_TEXT, Modality="SR")
    dataset.ContentSequence = Sequence([content])
    for element in dataset.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = True
    return p10(dataset)


def _values_that_break_rules() -> bytes:
    """What writers put into DS, IS, DA, TM, CS and PN that PS3.5 6.2 does not allow."""
    data = p10(header(SOPClassUID=_TEXT))
    extra = (
        explicit(0x00400244, "DA", b"04/05/2008"),
        explicit(0x00400245, "TM", b"10:11:12"),
        explicit(0x00400253, "SH", b"longer than sixteen characters"),
        explicit(0x00400275, "SQ", b""),
        explicit(0x00404025, "SQ", b""),
        explicit(0x00409224, "FD", struct.pack("<d", float("nan"))),
    )
    return data + b"".join(extra)


def _with_uid(uid: str) -> bytes:
    """The study's UID is this, whatever pydicom thinks of it."""
    value = uid.encode("ascii")
    value += b"\0" * (len(value) % 2)
    old = b"1.2.826.0.1.3680043.8.498.9.2\0"
    was = struct.pack("<HH2sH", 0x0020, 0x000D, b"UI", len(old)) + old
    now = struct.pack("<HH2sH", 0x0020, 0x000D, b"UI", len(value)) + value
    data = p10(header(SOPClassUID=_TEXT))
    assert data.count(was) == 1
    return data.replace(was, now)


def _directory() -> bytes:
    dataset = header(SOPClassUID="1.2.840.10008.1.3.10")
    dataset.add_new(0x00041130, "CS", "DISK")
    dataset.add_new(0x00041220, "SQ", Sequence([]))
    return p10(dataset)


def _shadow() -> bytes:
    """As IRAD's ultrasound wrote them: no preamble, and a shadow group before group 8."""
    private = implicit(0x00030010, b"ISG shadow  ")
    length = implicit(0x00030000, struct.pack("<I", len(private)))
    dataset = native(image(_IMAGE), _IMAGE.tobytes())
    return length + private + bare(p10(dataset, ImplicitVRLittleEndian))


DATA_SETS = (
    Case("a private header of 8 MiB", _private(), [], exact=True),
    Case("an encapsulated PDF", _encapsulated_pdf(), [], exact=True),
    Case("a structure set", _structures(), [], exact=True),
    Case("an ECG", _waveform(), [], exact=True),
    Case("a report of 30 levels", _report(30), [], exact=True),
    Case("a report of 70 levels", _report(70), refused="TooDeep", says="deeper than 64"),
    Case("values that break rules", _values_that_break_rules(), [], exact=True),
    Case(
        "ACR-NEMA 2.0 with UIDs",
        _acr_nema(identified=True),
        [_IMAGE],
        warnings=COERCED,
        exact=True,
        decodes=False,  # it wants Photometric Interpretation, which came with DICOM
    ),
    Case(
        "ACR-NEMA 2.0 without UIDs",
        _acr_nema(identified=False),
        refused="MissingIdentifier",
        says="SOPInstanceUID",
    ),
    Case("a UID of 65 characters", _with_uid("1." + "2" * 63), [], warnings=_INVALID_UID),
    Case("a UID with letters", _with_uid("1.2.AB"), [], warnings=_INVALID_UID),
    Case("a DICOMDIR", _directory(), refused="Directory", says="DICOMDIR"),
    Case(
        "pixels elsewhere (JPIP)",
        declare(
            p10(image(_IMAGE, PixelDataProviderURL="https://jpip.example/x")),
            "1.2.840.10008.1.2.4.94",
        ),
        [],
        warnings=_NO_PIXELS,
        exact=True,
    ),
)

SURROUNDINGS = (
    Case("no preamble before DICM", _plain()[128:], [_IMAGE], exact=True, pydicom=False),
    Case("no preamble, private group 0003 first", _shadow(), [_IMAGE], exact=True),
    Case("a TIFF header in the preamble", b"II*\0" + _plain()[4:], [_IMAGE], exact=True),
    Case("zeros after the last element", _plain() + bytes(1000), [_IMAGE], pydicom=False),
    Case(
        "a gateway's note after the last element",
        _plain() + b"passed on by a gateway\r\n",
        [_IMAGE],
        warnings=_DISCARDED,
        pydicom=False,
    ),
    Case(
        "a transfer syntax padded with a blank",
        _plain().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1 "),
        [_IMAGE],
        exact=True,
    ),
    Case("DICM and nothing", bytes(128) + b"DICM", refused="NotDicom", says="expected a data set"),
    Case("nothing", b"", refused="NotDicom", says="found 0 bytes"),
    Case("a web page", b"<!DOCTYPE html>" * 20, refused="NotDicom", says="DICM"),
)
