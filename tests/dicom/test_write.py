"""A file comes back: every element byte for byte, the pixels equal, and others can read it."""

import io
import shutil
import struct
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import (
    Changes,
    Dataset,
    Instance,
    StoredFrame,
    decode,
    describe_pixels,
    pack_header,
    read,
    source_frames,
    store_frames,
    syntaxes,
    write_instance,
)
from iryo.dicom.charset import Charset
from iryo.dicom.write_elements import Form, swap
from iryo.dicom.write_text import encode_text
from iryo.errors import Damaged, InvalidDicom, InvalidInput, NotAcceptable
from tests.dicom.known_files import Way, known, real_files
from tests.dicom.pixel_build import BIG, EXPLICIT, file, fragments, header, write
from tests.dicom.pixel_oracle import pydicom_frames, same
from tests.dicom.test_stored import check_rpcl, grey, jpeg

FILES = list(real_files())
RPCL = syntaxes.HTJ2K_LOSSLESS_RPCL
_ABOUT_PIXELS = {
    0x00280004,
    0x00280006,
    0x7FE00001,
    0x7FE00002,
    0x7FE00008,
    0x7FE00009,
    0x7FE00010,
}


def frames_of(data: bytes, lossless: str = "HTJ2K") -> tuple[Instance, list[StoredFrame]]:
    instance = read(data)
    description = describe_pixels(instance)
    if description is None:
        return instance, []
    return instance, list(store_frames(instance, description, lossless))


def put_together(
    instance: Instance,
    frames: list[StoredFrame],
    target: str | None = None,
    changes: Changes | None = None,
) -> bytes:
    return b"".join(
        write_instance(
            pack_header(instance),
            [frame.data for frame in frames],
            stored_syntax=frames[0].transfer_syntax if frames else None,
            target=target,
            changes=changes,
            residue=b"".join(frame.residue for frame in frames),
        )
    )


def again(
    data: bytes,
    target: str | None = None,
    changes: Changes | None = None,
    lossless: str = "HTJ2K",
) -> bytes:
    """A file, taken apart into header and stored frames, and put together."""
    instance, frames = frames_of(data, lossless)
    return put_together(instance, frames, target, changes)


def values(instance: Instance, dataset: Dataset, path: str = "") -> Iterator[tuple[str, bytes]]:
    """(path, value in little endian) of all elements but group lengths and those about pixels."""
    for row in dataset.rows:
        about, _, start, stop, items = row
        if not about.tag & 0xFFFF or (not path and about.tag in _ABOUT_PIXELS):
            continue
        here = f"{path}{about.hex}"
        if items is None:
            value = bytes(instance.data[start:stop])
            yield here, swap(value, about.vr) if instance.big_endian else value
        else:
            yield here, str(len(items)).encode()
            for number, item in enumerate(items):
                yield from values(instance, item, f"{here}/{number}/")


def decoded(data: bytes) -> list[Any]:
    instance = read(data)
    description = describe_pixels(instance)
    if description is None:
        return []
    sources = source_frames(instance, description)
    return [decode(source, description, index) for index, source in enumerate(sources)]


def equal(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        same(one, other) for one, other in zip(ours, theirs, strict=True)
    )


def check_same(before: bytes, after: bytes) -> None:
    one, two = read(before), read(after)
    assert list(values(one, one.elements)) == list(values(two, two.elements))
    assert equal(decoded(before), decoded(after))


def pydicom_dataset(data: bytes) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
            if keyword in dataset:
                del dataset[keyword]
        for tag in [tag for tag in dataset.keys() if not tag.element]:  # noqa: SIM118
            del dataset[tag]
        return dataset


def refused(path: Path) -> bool:
    row = known(path)
    return row is not None and row.way is Way.REFUSED


@pytest.mark.parametrize("path", [path for _, path in FILES], ids=[name for name, _ in FILES])
def test_real_files_come_back(path: Path) -> None:
    """In their own syntax, uncompressed, and as HTJ2K."""
    if refused(path):
        return
    before = path.read_bytes()
    try:
        instance, frames = frames_of(before)
    except InvalidInput:
        pytest.skip("read refuses it: test_parse holds the list of those")
    elements = list(values(instance, instance.elements))
    samples = decoded(before)
    for target in (None, EXPLICIT, RPCL):
        try:
            after = put_together(instance, frames, target)
        except NotAcceptable:
            # 1 and 32 bits, floats: HTJ2K holds none of them.
            assert target == RPCL
            assert instance.integer(0x00280100) not in (8, 16)
            continue
        written = read(after)
        assert list(values(written, written.elements)) == elements
        assert equal(decoded(after), samples)
        check_syntax(instance, written, target)
        if target is None:
            check_own(instance, before, written, after)
        elif samples:
            check_others(instance, written, after, samples)


def check_syntax(instance: Instance, written: Instance, target: str | None) -> None:
    row = syntaxes.syntax(instance.transfer_syntax)
    if instance.pixels is None:
        expected = row.uid if target is None else EXPLICIT
    elif target is None:
        expected = row.uid if row.lossless or row.kept else EXPLICIT
    else:
        expected = target
    assert written.transfer_syntax == expected


def check_own(instance: Instance, before: bytes, written: Instance, after: bytes) -> None:
    """As pydicom reads it; and native pixel data byte for byte."""
    row = syntaxes.syntax(instance.transfer_syntax)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = pydicom_dataset(before), pydicom_dataset(after)
        if written.transfer_syntax != row.uid and "PhotometricInterpretation" in ours:
            del theirs.PhotometricInterpretation, ours.PhotometricInterpretation
        assert theirs == ours
    if not row.encapsulated and not row.deflated and instance.pixels is not None:
        assert written.pixels is not None
        old = bytes(instance.data[instance.pixels.start : instance.pixels.stop])
        new = bytes(written.data[written.pixels.start : written.pixels.stop])
        assert new == old + b"\0" * (len(old) % 2)


def check_others(instance: Instance, written: Instance, after: bytes, samples: list[Any]) -> None:
    """As pydicom decodes it; and the codestream is what the syntax says."""
    description, mine = describe_pixels(instance), describe_pixels(written)
    assert description is not None
    assert mine is not None
    if written.transfer_syntax == RPCL and instance.transfer_syntax != RPCL:
        frame = bytes(source_frames(written, mine)[0])
        check_rpcl(frame.rstrip(b"\0"), *samples[0].shape[:2])
    if description.frames == description.declared_frames:
        # pydicom believes Number of Frames, or stops at it.
        assert equal(samples, pydicom_frames(io.BytesIO(after)))


_SOME = (
    "CT_small.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_palette.dcm",
    "color-pl.dcm",
    "liver.dcm",
)
_OTHERS = ("MR_small_bigendian.dcm", "MR_small_RLE.dcm", "US1_J2KR.dcm", "JPGExtended.dcm", "1.dcm")
_TARGETS = [
    syntaxes.IMPLICIT_LITTLE,
    syntaxes.EXPLICIT_BIG,
    syntaxes.DEFLATED,
    syntaxes.RLE,
    syntaxes.JPEG_LOSSLESS,
    syntaxes.JPEG_LOSSLESS_SV1,
    syntaxes.JPEG_LS,
    syntaxes.JPEG_2000_LOSSLESS,
    syntaxes.HTJ2K_LOSSLESS,
    syntaxes.ENCAPSULATED_UNCOMPRESSED,
]


@pytest.mark.parametrize("target", _TARGETS)
def test_any_lossless_target(target: str) -> None:
    paths = [path for _, path in FILES if path.name in _SOME + _OTHERS]
    assert paths
    for path in paths:
        before = path.read_bytes()
        try:
            after = again(before, target)
        except NotAcceptable:
            assert path.name == "liver.dcm"
            continue
        assert read(after).transfer_syntax == target
        check_same(before, after)


@pytest.mark.dcmtk
@pytest.mark.parametrize("target", [None, EXPLICIT, RPCL, BIG])
def test_dcmtk_accepts_what_is_written(target: str | None, tmp_path: Path) -> None:
    if shutil.which("dcmdump") is None or shutil.which("dcmftest") is None:
        pytest.skip("needs dcmdump and dcmftest of Debian's dcmtk")
    originals, written = tmp_path / "before", tmp_path / "after"
    originals.mkdir()
    written.mkdir()
    count = 0
    for name, path in FILES:
        if refused(path) or path.stat().st_size > 1 << 20:
            continue
        before = path.read_bytes()
        try:
            after = again(before, target)
        except (InvalidInput, NotAcceptable):
            continue
        flat = f"{count:03}-{Path(name).name}"
        (originals / flat).write_bytes(before)
        (written / flat).write_bytes(after)
        count += 1
    assert count > 200
    fine = _accepted(originals)
    assert len(fine) > 180
    assert fine - _accepted(written) == set()


def _accepted(folder: Path) -> set[str]:
    """The files that dcmftest calls DICOM and dcmdump reads to the end without an error."""
    paths = sorted(folder.iterdir())
    tested = subprocess.run(
        ["dcmftest", *paths], capture_output=True, check=False, text=True
    ).stdout.splitlines()
    errors = subprocess.run(
        ["dcmdump", *paths], capture_output=True, check=False, text=True, errors="replace"
    ).stderr.splitlines()
    yes = {line.removeprefix("yes: ") for line in tested if line.startswith("yes: ")}
    damaged = {line.split("reading file: ")[1] for line in errors if "reading file: " in line}
    return {path.name for path in paths if str(path) in yes - damaged}


# -------------------------------------------------------------------- every bit of made files


@given(data=grey(), lossless=st.sampled_from(["HTJ2K", "JPEG_2000_LOSSLESS"]))
def test_native_pixels_come_back_bit_by_bit(data: bytes, lossless: str) -> None:
    assert again(data, lossless=lossless) == data


@given(rows=st.integers(1, 6), columns=st.integers(1, 6), frames=st.integers(1, 9), data=st.data())
def test_packed_bits_come_back(rows: int, columns: int, frames: int, data: st.DataObject) -> None:
    bits = rows * columns * frames
    array = np.array(data.draw(st.lists(st.integers(0, 1), min_size=bits, max_size=bits)))
    packed = np.packbits(array.astype(np.uint8), bitorder="little").tobytes()
    before = file(
        packed + b"\0" * (len(packed) % 2),
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
    )
    assert again(before) == before


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_colour_layouts_come_back(photometric: str, syntax: str) -> None:
    for planar in (0, 1):
        count = 48 if photometric == "YBR_FULL_422" else 72
        before = file(
            bytes(range(count)),
            syntax,
            vr="OW",
            SamplesPerPixel=3,
            PhotometricInterpretation=photometric,
            PlanarConfiguration=planar,
        )
        assert again(before) == before


def test_chrominance_that_is_not_shared_comes_back() -> None:
    before = file(
        bytes(range(72)),
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
    )
    assert again(before) == before


def test_frames_beyond_number_of_frames_come_back() -> None:
    before = file(bytes(range(72)), NumberOfFrames=1)
    assert again(before) == before


def test_opaque_samples_come_back() -> None:
    before = file(bytes(range(36)), BitsAllocated=12, BitsStored=12, HighBit=11)
    assert again(before) == before
    with pytest.raises(NotAcceptable):
        again(before, BIG)


def test_kept_frames_come_back_with_a_right_offset_table() -> None:
    frames = [jpeg(seed) for seed in range(3)]
    split = [frames[0][:40], frames[0][40:], frames[1], frames[2]]
    before = file(
        fragments(split, [0, 99, 100]),
        syntaxes.JPEG_BASELINE,
        Rows=16,
        Columns=16,
        NumberOfFrames=3,
    )
    pixels = read(again(before)).pixels
    assert pixels is not None
    assert pixels.fragments is not None
    starts = [at - 8 - (pixels.fragments[0][0] - 8) for at, _ in pixels.fragments]
    assert list(pixels.basic_offsets) == starts
    assert len(starts) == 3


def test_group_lengths_stay_true() -> None:
    dataset = header()
    dataset.PixelData = bytes(24)
    dataset["PixelData"].VR = "OB"
    plain = write(dataset)
    start = plain.index(b"\x28\x00\x02\x00")
    stop = plain.index(b"\xe0\x7f\x10\x00")
    group = struct.pack("<HH2sHI", 0x28, 0, b"UL", 4, stop - start)
    last = struct.pack("<HH2sHI", 0x7FE0, 0, b"UL", 4, len(plain) - stop)
    before = plain[:start] + group + plain[start:stop] + last + plain[stop:]
    assert again(before) == before
    after = read(again(before, RPCL))
    assert after.integer(0x00280000) == stop - start
    assert after.pixels is not None
    assert after.integer(0x7FE00000) == len(after.data) - after.pixels.at
    implicit = read(again(before, syntaxes.IMPLICIT_LITTLE))
    assert implicit.integer(0x00280000) == stop - start


def test_a_file_without_meta_information_gets_one() -> None:
    plain = file(bytes(24))
    bare = plain[132:]
    (length,) = struct.unpack_from("<I", bare, 8)
    after = again(bare[12 + length :])
    assert after[128:132] == b"DICM"
    meta = pydicom.dcmread(io.BytesIO(after)).file_meta
    assert (meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID) == (EXPLICIT, "1.2.3.4")
    assert meta.ImplementationClassUID


def test_what_does_not_fit_together_is_told() -> None:
    instance, frames = frames_of(file(bytes(48), NumberOfFrames=2))
    head = pack_header(instance)
    data = [frame.data for frame in frames]
    with pytest.raises(Damaged, match="found no frame"):
        list(write_instance(head, [], stored_syntax=RPCL))
    for few in (data[:1], data * 2):
        with pytest.raises(Damaged, match="expected"):
            list(write_instance(head, few, stored_syntax=RPCL))
        with pytest.raises(Damaged, match="expected 2"):
            list(write_instance(head, few, stored_syntax=RPCL, target=RPCL))
    with pytest.raises(InvalidDicom):
        list(write_instance(head, [b"junk", b"junk"], stored_syntax=RPCL))
    with pytest.raises(NotAcceptable, match="JPEG Baseline"):
        list(write_instance(head, data, stored_syntax=RPCL, target=syntaxes.JPEG_BASELINE))
    with pytest.raises(NotAcceptable):
        list(write_instance(head, data, stored_syntax=RPCL, target="1.2.3"))


def with_icon(icon: bytes, syntax: str, **attributes: Any) -> bytes:
    dataset = header(syntax, Rows=16, Columns=16)
    dataset.PixelData = fragments([jpeg(1)], [0])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    small = header(syntax, Rows=16, Columns=16, **attributes)
    for keyword in ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "PatientName"):
        delattr(small, keyword)
    small.PixelData = icon
    small["PixelData"].VR = "OB"
    small["PixelData"].is_undefined_length = True
    dataset.IconImageSequence = [small]
    return write(dataset)


@pytest.mark.parametrize("target", [EXPLICIT, BIG, syntaxes.IMPLICIT_LITTLE])
def test_compressed_icons_are_decoded_where_they_may_not_stay(target: str) -> None:
    before = with_icon(fragments([jpeg(2)]), syntaxes.JPEG_BASELINE)
    assert again(before) == before
    dataset = pydicom.dcmread(io.BytesIO(again(before, target)))
    icon = dataset.IconImageSequence[0]
    assert icon.PatientID == "1"
    expected = imagecodecs.jpeg8_decode(jpeg(2))
    assert len(icon.PixelData) == 256
    assert icon.PixelData == expected.tobytes()
    assert np.array_equal(dataset.pixel_array, imagecodecs.jpeg8_decode(jpeg(1)))


def test_compressed_icons_in_colour_say_what_they_are() -> None:
    colour = np.random.default_rng(4).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    coded = bytes(imagecodecs.jpeg8_encode(colour))
    before = with_icon(
        fragments([coded]),
        syntaxes.JPEG_BASELINE,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
    )
    icon = pydicom.dcmread(io.BytesIO(again(before, EXPLICIT))).IconImageSequence[0]
    assert icon.PhotometricInterpretation == "YBR_FULL"
    assert len(icon.PixelData) == 768


def test_icons_that_do_not_decode_stay() -> None:
    before = with_icon(fragments([b"no JPEG."]), syntaxes.JPEG_BASELINE)
    after = read(again(before, EXPLICIT))
    assert dict(values(after, after.elements))["00880200/0/7FE00010"].endswith(b"no JPEG.")


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
