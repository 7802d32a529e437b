"""De-identification: nothing of a patient survives, and what belongs together still does."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from iryo.dicom.deidentify import (
    OPTIONS,
    DeIdentifier,
    Option,
    Profile,
    action_of,
    deidentify_file,
    rules,
)
from iryo.dicom.deidentify.values import DUMMIES
from iryo.errors import InvalidInput

SECRET = b"a secret of the test's own......"
FILES = [
    Path(str(get_testdata_file(name)))
    for name in (
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "rtplan.dcm",
        "test-SR.dcm",
        "waveform_ecg.dcm",
        "liver_1frame.dcm",
        "JPEG2000.dcm",
    )
] + [Path(get_charset_files(name)[0]) for name in ("chrH31.dcm", "chrH32.dcm", "chrX1.dcm")]
SECRETS = {
    "PN": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "LO": "SECRETLONG",
    "SH": "SECRETSHORT",
    "ST": "SECRET text",
    "LT": "SECRET long text",
    "UT": "SECRET unlimited",
    "UC": "SECRET characters",
    "UR": "http://secret.example/",
    "AE": "SECRETAE",
    "CS": "SECRETCS",
    "DA": "19651203",
    "DT": "19651203101112",
    "TM": "231759",
    "AS": "061Y",
    "DS": "73.91",
    "IS": "73915",
    "UI": "1.2.33.444.5555",
    "OB": b"SECRETOB",
    "OW": b"SECRETOW",
    "UN": b"SECRETUN",
    "US": 54321,
    "UL": 54321987,
    "FL": 54321.5,
    "FD": 54321.5,
}
MARKS = [b"SECRET", b"Yamada", "山田".encode(), "太郎".encode(), "やまだ".encode()]
MARKS += [b"19651203", b"1.2.33.444.5555", b"secret.example", b"73915", b"231759"]


def run(data: bytes, *options: str) -> tuple[Any, bytes]:
    report, pieces = deidentify_file([data], DeIdentifier(Profile.of(*options), SECRET))
    return report, b"".join(pieces)


def filled(value_of: dict[str, Any]) -> Dataset:
    """A data set with every attribute of the table, at the top and in a sequence."""

    def fill(into: Dataset, *, nested: bool) -> None:
        for pattern in rules():
            tag = int(pattern.replace("x", "0"), 16)
            if tag >> 16 in {0, 2, 4}:
                continue
            try:
                vr = dictionary_VR(tag).split(" ")[0]
            except KeyError:
                vr = "LO"
            if vr == "SQ":
                if nested:
                    continue
                item = Dataset()
                item.PatientName = value_of["PN"]
                item.CodeMeaning = "kept"
                into.add(DataElement(tag, "SQ", Sequence([item])))
            elif vr in value_of:
                into.add(DataElement(tag, vr, value_of[vr]))

    whole = Dataset()
    whole.SpecificCharacterSet = "ISO_IR 192"
    whole.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    fill(whole, nested=False)
    item = Dataset()
    fill(item, nested=True)
    whole.RadiopharmaceuticalInformationSequence = Sequence([item])  # the table does not name it
    private = whole.private_block(0x0011, "SECRET MAKER", create=True)
    private.add_new(1, "LO", "SECRETPRIVATE")
    private.add_new(2, "PN", value_of["PN"])
    return whole


def written(dataset: Dataset) -> bytes:
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = "SECRETAE"
    dataset.file_meta.ImplementationVersionName = "SECRETIMPL"
    dataset.preamble = b"SECRET".ljust(128, b"\0")
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


WHOLE = written(filled(SECRETS))


def test_nothing_of_what_the_table_names_survives() -> None:
    data = written(filled(SECRETS))
    assert all(mark in data for mark in MARKS)
    _, out = run(data)
    assert [mark for mark in MARKS if mark in out] == []
    back = pydicom.dcmread(io.BytesIO(out))
    assert back.PatientIdentityRemoved == "YES"
    assert back.LongitudinalTemporalInformationModified == "REMOVED"
    assert [code.CodeValue for code in back.DeidentificationMethodCodeSequence] == ["113100"]
    assert not [element for element in back.iterall() if element.tag.is_private]


@pytest.mark.parametrize("option", [option.value for option in Option])
def test_an_option_keeps_what_it_says_and_no_name(option: str) -> None:
    data = written(filled(SECRETS))
    _, out = run(data, option)
    back = pydicom.dcmread(io.BytesIO(out))
    codes = [code.CodeValue for code in back.DeidentificationMethodCodeSequence]
    assert codes == ["113100", OPTIONS[Option(option)].value]
    assert [mark for mark in MARKS[1:5] if mark in out] == []
    kept = [
        pattern
        for pattern, rule in rules().items()
        if rule.options.get(Option(option)) == "K" and "x" not in pattern
    ]
    original = pydicom.dcmread(io.BytesIO(data))
    for pattern in kept:
        tag = int(pattern, 16)
        if tag in original and original[tag].VR != "SQ" and tag not in {0x00100010, 0x00100020}:
            assert back[tag].value == original[tag].value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files(path: Path) -> None:
    original = pydicom.dcmread(path)
    data = path.read_bytes()
    _, out = run(data)
    back = pydicom.dcmread(io.BytesIO(out))
    assert back.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert back.file_meta.MediaStorageSOPInstanceUID == back.SOPInstanceUID
    assert back.SOPInstanceUID != original.SOPInstanceUID
    for keyword in ("PatientName", "PatientID", "AccessionNumber", "ReferringPhysicianName"):
        value = str(original.get(keyword, "") or "")
        if len(value) > 4:
            assert value.encode("utf-8") not in out
            assert str(back.get(keyword, "")) != value
    if "PixelData" in original:
        assert back.PixelData == original.PixelData
    for keyword in ("Rows", "Columns", "Modality", "BitsStored", "SOPClassUID", "ImageType"):
        assert back.get(keyword) == original.get(keyword)


def test_what_belongs_together_still_does() -> None:
    first, second = Dataset(), Dataset()
    first.StudyInstanceUID = second.StudyInstanceUID = "1.2.3"
    first.SOPInstanceUID, second.SOPInstanceUID = "1.2.3.4", "1.2.3.5"
    first.PatientID = second.PatientID = "P1"
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.4"
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    second.ReferencedImageSequence = Sequence([item])
    first.StudyDate, second.StudyDate = "20200228", "20200301"
    second.AcquisitionDateTime = "20200301101112.5+0900"
    one = DeIdentifier(Profile.of("dates-shifted"), SECRET)
    for dataset in (first, second):
        one.apply(dataset)
    assert first.StudyInstanceUID == second.StudyInstanceUID != "1.2.3"
    assert second.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert item.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert first.PatientID == second.PatientID != "P1"
    days = [
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        for text in (first.StudyDate, second.StudyDate, str(second.AcquisitionDateTime))
    ]
    assert (days[1] - days[0]).days == 2  # over a leap day
    assert days[1] == days[2]
    assert str(second.AcquisitionDateTime).endswith("101112.5+0900")
    other = Dataset()
    other.PatientID, other.StudyDate, other.StudyInstanceUID = "P2", "20200228", "1.2.3"
    one.apply(other)
    assert other.StudyInstanceUID == first.StudyInstanceUID
    assert other.StudyDate != first.StudyDate
    elsewhere = Dataset()
    elsewhere.StudyInstanceUID = "1.2.3"
    DeIdentifier(Profile(), b"another secret of 16 bytes").apply(elsewhere)
    assert elsewhere.StudyInstanceUID != first.StudyInstanceUID


def test_descriptors_keep_words_that_name_nobody() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.StudyDescription = "CT Head for Herr Yamada 2.5 mm 頭部単純 山田様 10451234"
    DeIdentifier(Profile.of("descriptors"), SECRET).apply(dataset)
    assert dataset.StudyDescription == "CT Head 2.5 mm"


def test_burned_in_text_is_told_of() -> None:
    def told(**attributes: Any) -> str:
        dataset = Dataset()
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        return DeIdentifier(Profile(), SECRET).apply(dataset).burned_in

    assert told(BurnedInAnnotation="YES") == "yes"
    assert told(BurnedInAnnotation="NO", Modality="US", Rows=1) == "no"
    assert told(Modality="US", Rows=1) == "likely"
    assert told(Modality="CT", Rows=1) == "no"
    assert told(Modality="CT", Rows=1, ConversionType="SI") == "likely"
    assert told(Modality="US") == "no"


def test_an_overlay_goes_as_a_whole() -> None:
    dataset = Dataset()
    dataset.add_new(0x60000010, "US", 8)
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60003000, "OW", b"\0" * 8)
    dataset.add_new(0x60020010, "US", 8)
    DeIdentifier(Profile.of("graphics"), SECRET).apply(dataset)
    assert 0x60000010 not in dataset
    assert 0x60020010 in dataset


def test_a_sequence_that_gets_a_dummy_keeps_nothing_of_its_items() -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "SECRET1", "99S", "SECRET"
    code.add_new(0x00110010, "LO", "SECRET MAKER")
    deeper = Dataset()
    deeper.CodeMeaning = "SECRET"
    code.EquivalentCodeSequence = Sequence([deeper])
    graphics = Dataset()
    graphics.GraphicLayer = "SECRET"
    text = Dataset()
    text.ValueType, text.TextValue = "TEXT", "SECRET"
    dataset = Dataset()
    dataset.InstitutionCodeSequence = Sequence([code])
    dataset.GraphicAnnotationSequence = Sequence([graphics])
    dataset.ContentSequence = Sequence([text, text])
    DeIdentifier(Profile(), SECRET).apply(dataset)
    assert "SECRET" not in str(dataset)
    assert dataset.InstitutionCodeSequence[0].CodeMeaning == "ANONYMIZED"
    assert "GraphicAnnotationSequence" not in dataset
    (item,) = dataset.ContentSequence
    assert (item.ValueType, item.TextValue) == ("TEXT", "ANONYMIZED")


def test_structured_content_keeps_codes_and_numbers_and_no_text() -> None:
    code, measured, text, person = Dataset(), Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121071", "DCM", "Finding"
    measured.NumericValue = "12.5"
    text.ValueType, text.TextValue = "TEXT", "Nodule of Herr Yamada, chest 12 mm"
    text.ConceptNameCodeSequence = Sequence([code])
    person.ValueType, person.PersonName = "PNAME", "Yamada^Tarou"
    number = Dataset()
    number.MeasuredValueSequence = Sequence([measured])
    dataset = Dataset()
    dataset.ContentSequence = Sequence([text, person, number])
    DeIdentifier(Profile.of("structured-content"), SECRET).apply(dataset)
    first, second, third = dataset.ContentSequence
    assert "Yamada" not in str(dataset)
    assert "chest 12 mm" in first.TextValue
    assert first.ConceptNameCodeSequence[0].CodeMeaning == "Finding"
    assert second.PersonName == "ANONYMIZED"
    assert third.MeasuredValueSequence[0].NumericValue == 12.5


@pytest.mark.parametrize(
    ("vr", "option", "expected"),
    [
        ("PN", None, "ANONYMIZED"),
        ("DA", None, "19000101"),
        ("DA", "dates", "20200229"),
        ("LT", None, "ANONYMIZED"),
        ("LT", "descriptors", "CT Head"),
        ("UR", None, None),
    ],
)
def test_what_the_table_does_not_name(vr: str, option: str | None, expected: str | None) -> None:
    # Attributes that no version of the table names, and whose VR alone says what they may hold.
    values = {"PN": "Yamada^Tarou", "DA": "20200229", "LT": "CT Head Yamada", "UR": "http://x/1"}
    dataset = Dataset()
    dataset.add(DataElement(0x00280002, vr, values[vr]))
    DeIdentifier(Profile.of(*([option] if option else [])), SECRET).apply(dataset)
    assert (str(dataset[0x00280002].value) if expected else dataset.get(0x00280002)) == expected


def test_a_text_where_a_uid_belongs_goes() -> None:
    dataset = Dataset()
    dataset.add_new(0x300A0700, "ST", "SECRET text")
    DeIdentifier(Profile(), SECRET).apply(dataset)
    assert dataset[0x300A0700].value == "ANONYMIZED"


def test_a_directory_is_refused() -> None:
    data = Path(str(get_testdata_file("DICOMDIR"))).read_bytes()
    with pytest.raises(InvalidInput, match="DICOMDIR"):
        run(data)


def test_what_is_said_of_a_patient_elsewhere_is_emptied() -> None:
    dataset = Dataset()
    dataset.PatientBirthDateInAlternativeCalendar = "昭和40年12月3日"
    dataset.PatientSpeciesDescription = "Canine"
    dataset.DoseComment = "Yamada"
    dataset.PositionReferenceIndicator = "Yamada"
    DeIdentifier(Profile.of("patient"), SECRET).apply(dataset)
    assert dataset.PatientBirthDateInAlternativeCalendar in {"", None}
    assert dataset.PatientSpeciesDescription == "Canine"
    assert dataset.DoseComment == "ANONYMIZED"
    assert dataset.PositionReferenceIndicator in {"", None}


@given(st.lists(st.tuples(st.integers(132, 20_000), st.integers(0, 255)), max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_broken_file_is_refused_or_names_nobody(harm: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for place, value in harm:
        data[place % len(data)] = value
    try:
        _, out = run(bytes(data))
    except InvalidInput:
        return
    assert [mark for mark in (b"SECRET text", b"Yamada^Tarou") if mark in out] == []


def test_safe_private_attributes_stay_and_others_go() -> None:
    def made() -> Dataset:
        dataset = Dataset()
        siemens = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        siemens.add_new(0x0C, "IS", 1000)
        siemens.add_new(0x09, "LO", "SECRET")
        other = dataset.private_block(0x0019, "SECRET MAKER", create=True)
        other.add_new(0x0C, "IS", 2000)
        elsewhere = dataset.private_block(0x0029, "SIEMENS MR HEADER", create=True)
        elsewhere.add_new(0x0C, "IS", 3000)
        item = Dataset()
        item.private_block(0x7053, "Philips PET Private Group", create=True).add_new(0, "DS", "1.5")
        dataset.DerivationCodeSequence = Sequence([item])
        return dataset

    dataset = made()
    DeIdentifier(Profile.of("safe-private"), SECRET).apply(dataset)
    found = [element.tag for element in dataset.iterall() if element.tag.is_private]
    assert sorted(found) == [0x00190010, 0x0019100C, 0x70530010, 0x70531000]
    dataset = made()
    report = DeIdentifier(Profile(), SECRET).apply(dataset)
    assert report.private == 9
    assert not [element for element in dataset.iterall() if element.tag.is_private]


def test_options_that_are_none() -> None:
    with pytest.raises(InvalidInput, match="one of them"):
        Profile.of("dates", "dates-shifted")
    with pytest.raises(InvalidInput, match="patient"):
        Profile.of("names")


def test_every_action_has_its_value() -> None:
    for pattern in rules():
        tag = int(pattern.replace("x", "0"), 16)
        for options in (frozenset[Option](), frozenset(set(Option) - {Option.DATES})):
            assert action_of(tag, options) in {"X", "Z", "D", "U", "K", "C"}
    assert action_of(0x00100010, frozenset()) == "Z"
    assert action_of(0x00280010, frozenset()) is None
    assert set(DUMMIES) >= {"LO", "PN", "DA", "OB", "US"}
