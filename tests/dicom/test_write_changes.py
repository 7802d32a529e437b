"""Edits of a file that is written, and text in every character set."""

import io
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import Changes, read, syntaxes
from iryo.dicom.charset import Charset
from iryo.dicom.write_elements import Form
from iryo.dicom.write_text import encode_text
from iryo.errors import InvalidInput
from tests.dicom.pixel_again import again, values
from tests.dicom.pixel_build import BIG, EXPLICIT, file, header, write

# -------------------------------------------------------------------- edits


def edited(data: bytes, **changes: Any) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(again(data, changes=Changes(**changes))))


def test_edits_change_what_they_name_and_nothing_else() -> None:
    before = file(bytes(24), StudyDescription="Old", AccessionNumber="1")
    after = again(
        before,
        changes=Changes(
            updated={
                "StudyDescription": "A new one",
                "PatientSex": "O",
                "PatientWeight": "71.5",
                "ImageType": ["DERIVED", "SECONDARY"],
                "PatientBirthDate": None,
                "StudyInstanceUID": "1.2.3",
                "00091001": "private",
            },
            removed=["AccessionNumber", "SeriesDescription"],
        ),
    )
    dataset = pydicom.dcmread(io.BytesIO(after))
    assert dataset.StudyDescription == "A new one"
    assert (dataset.PatientSex, str(dataset.PatientWeight)) == ("O", "71.5")
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY"]
    assert dataset.PatientBirthDate in (None, "")
    assert "AccessionNumber" not in dataset
    one, two = read(before), read(after)
    touched = {
        "00081030",
        "00100040",
        "00101030",
        "00080008",
        "00100030",
        "0020000D",
        "00080050",
        "00091001",
    }
    old = [pair for pair in values(one, one.elements) if pair[0] not in touched]
    assert old == [pair for pair in values(two, two.elements) if pair[0] not in touched]
    tags = [row[0].tag for row in two.elements.rows]
    assert tags == sorted(tags)


@pytest.mark.parametrize("target", [EXPLICIT, BIG, syntaxes.IMPLICIT_LITTLE])
def test_edits_of_every_kind_of_value(target: str) -> None:
    changes = Changes(
        updated={
            "SmallestImagePixelValue": -3,
            "FrameIncrementPointer": ["00181063"],
            "RecommendedDisplayFrameRate": 25,
            "RegionFlags": 7,
            "PhysicalDeltaX": 0.5,
            "EncapsulatedDocument": "AQI=",
            "ReferencedStudySequence": [
                {"ReferencedSOPClassUID": "1.2", "ReferencedSOPInstanceUID": "1.3"},
                {},
            ],
            "PatientName": {"Alphabetic": "A^B", "Ideographic": "", "Phonetic": "C"},
        }
    )
    before = file(bytes(24), PixelRepresentation=1)
    dataset = pydicom.dcmread(io.BytesIO(again(before, target, changes)))
    assert dataset.SmallestImagePixelValue == -3
    assert dataset.FrameIncrementPointer == 0x00181063
    assert dataset.RegionFlags == 7
    assert dataset.PhysicalDeltaX == 0.5
    assert dataset.EncapsulatedDocument == b"\1\2"
    assert dataset.ReferencedStudySequence[0].ReferencedSOPInstanceUID == "1.3"
    assert len(dataset.ReferencedStudySequence) == 2
    assert str(dataset.PatientName) == "A^B==C"


def test_an_edited_uid_is_in_the_meta_information_too() -> None:
    dataset = edited(file(bytes(24)), updated={"SOPInstanceUID": "1.2.99"})
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == "1.2.99"


@pytest.mark.parametrize(
    "updated",
    [
        {"NoSuchKeyword": "x"},
        {"PixelData": "AAAA"},
        {"SpecificCharacterSet": "ISO_IR 192"},
        {"TransferSyntaxUID": "1.2"},
        {"Rows": "many"},
        {"Rows": 70000},
        {"EncapsulatedDocument": "not base64"},
        {"ReferencedStudySequence": "x"},
        {"ReferencedStudySequence": [{"Nope": 1}]},
        {"PatientID": True},
        {"ImageType": ["A\\B", "C"]},
        {"FrameIncrementPointer": "xyz"},
    ],
)
def test_edits_that_cannot_be(updated: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        again(file(bytes(24)), changes=Changes(updated=updated))


JAPANESE = "Shibuya^Yasuko=渋谷^美智子=しるがね^ひでお"


def test_text_is_written_in_the_character_set_that_is_there() -> None:
    before = file(bytes(24), SpecificCharacterSet="ISO_IR 100", InstitutionName="Hôpital")
    after = again(before, changes=Changes(updated={"PatientName": "Müller^Jörg"}))
    assert b"M\xfcller^J\xf6rg" in after
    assert pydicom.dcmread(io.BytesIO(after)).PatientName == "Müller^Jörg"


def test_text_that_does_not_fit_takes_the_file_to_utf_8() -> None:
    dataset = header(SpecificCharacterSet="ISO_IR 100", InstitutionName="Hôpital")
    inner = pydicom.Dataset()
    inner.CodeMeaning = "Été"
    dataset.ProcedureCodeSequence = [inner]
    dataset.PixelData = bytes(24)
    dataset["PixelData"].VR = "OB"
    after = edited(write(dataset), updated={"PatientName": JAPANESE})
    assert after.SpecificCharacterSet == "ISO_IR 192"
    assert str(after.PatientName) == JAPANESE
    assert after.InstitutionName == "Hôpital"
    assert after.ProcedureCodeSequence[0].CodeMeaning == "Été"


def test_text_without_any_character_set_takes_the_file_to_utf_8() -> None:
    after = edited(file(bytes(24), SpecificCharacterSet=None), updated={"PatientName": "É"})
    assert (after.SpecificCharacterSet, after.PatientName) == ("ISO_IR 192", "É")


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (["", "ISO 2022 IR 87"], JAPANESE),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        (["ISO_IR 144"], "Люкceмбypг"),
        (["", "ISO 2022 IR 100", "ISO 2022 IR 144"], "Äneas^Дон"),
        (["GB18030"], "Wang^XiaoDong=王^小东="),
        (["ISO_IR 192"], JAPANESE),
        (["", "ISO 2022 IR 159"], "丂"),
    ],
)
def test_text_in_code_extensions_reads_back(terms: list[str], text: str) -> None:
    charset = Charset.of("\\".join(terms).encode())
    coded = encode_text(text, charset, "PN")
    assert coded is not None
    assert charset.decode(coded, "PN")[0] == text
    dataset = header(SpecificCharacterSet=None)
    dataset.PixelData = bytes(24)
    dataset["PixelData"].VR = "OB"
    name = Form(explicit=True, little=True).element(0x00100010, "PN", coded)
    term = Form(explicit=True, little=True).element(0x00080005, "CS", "\\".join(terms).encode())
    plain = write(dataset)
    old = Form(explicit=True, little=True).element(0x00100010, "PN", b"Test^Image")
    made = plain.replace(old, name)
    at = made.index(b"\x08\x00\x16\x00")
    theirs = pydicom.dcmread(io.BytesIO(made[:at] + term + made[at:]))
    assert str(theirs.PatientName).rstrip("=") == text.rstrip("=")


def test_simplified_chinese_is_written_as_in_the_standard() -> None:
    # PS3.5 K.2; pydicom leaves the escape sequences in, so that it is no oracle here.
    coded = encode_text("Zhang^XiaoDong=张^小东=", Charset.of(b"\\ISO 2022 IR 58"), "PN")
    assert coded == b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="


@pytest.mark.parametrize(("terms", "text"), [("ISO_IR 100", "渋谷"), ("", "é"), ("GBK", "\ud800")])
def test_text_that_a_character_set_has_not(terms: str, text: str) -> None:
    assert encode_text(text, Charset.of(terms.encode()), "LO") is None


@given(
    text=st.text(
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\\"), max_size=20
    ),
    terms=st.sampled_from(
        ["", "ISO_IR 100", "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87", "ISO_IR 192"]
    ),
)
def test_encoded_text_always_reads_back(text: str, terms: str) -> None:
    charset = Charset.of(terms.encode())
    coded = encode_text(text, charset, "LO")
    assert coded is None or charset.decode(coded, "LO")[0] == text
