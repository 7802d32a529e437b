"""The walk: what real writers do wrong and readers take all the same."""

import struct

import pydicom
import pytest
from pydicom._private_dict import private_dictionaries

from iryo.dicom import (
    COERCED,
    Instance,
    normalise,
    pack_header,
    read,
    to_dicom_json,
    unpack_header,
)
from iryo.errors import InvalidDicom
from tests.dicom.handmade import (
    BIG,
    IMPLICIT,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    file,
    implicit,
    item,
)

REFERENCES = 0x00081140
CODE = explicit(0x00080100, "SH", b"T-1 ")
CODE_JSON = {"00080100": {"vr": "SH", "Value": ["T-1"]}}
NAME = explicit(0x00100010, "PN", b"Doe^Jane")


def messages(instance: Instance) -> list[str]:
    return [fault.message for fault in instance.faults]


SEQUENCES = [
    explicit(REFERENCES, "SQ", item(CODE) + item(CODE)),
    explicit(REFERENCES, "SQ", item(CODE, undefined=True) + item(CODE)),
    explicit(REFERENCES, "SQ", item(CODE) + item(CODE, undefined=True), UNDEFINED)
    + implicit(SEQUENCE_END),
    # 0x5A05 bytes of a value look like a VR in implicit VR; the writer's own VR decides first.
    explicit(REFERENCES, "UN", item(implicit(0x00080100, b"T-1 ")) * 2, UNDEFINED)
    + implicit(SEQUENCE_END),
    explicit(REFERENCES, "UN", item(implicit(0x00080100, b"T-1 ")) * 2),
    explicit(REFERENCES, "SQ", item(implicit(0x00080100, b"T-1 ")) + item(CODE)),
]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_every_form_of_a_sequence_says_the_same(sequence: bytes) -> None:
    instance = read(file(sequence, NAME))
    assert to_dicom_json(instance)["00081140"] == {"vr": "SQ", "Value": [CODE_JSON, CODE_JSON]}
    assert instance.text(0x00100010) == "Doe^Jane"


def test_empty_sequences_and_items() -> None:
    body = (
        explicit(0x00081110, "SQ"),
        explicit(0x00081111, "SQ", b"", UNDEFINED) + implicit(SEQUENCE_END),
        explicit(0x00081115, "SQ", item() + item(undefined=True)),
    )
    result = to_dicom_json(read(file(*body)))
    assert result["00081110"] == result["00081111"] == {"vr": "SQ", "Value": []}
    assert result["00081115"] == {"vr": "SQ", "Value": [{}, {}]}


def test_delimiters_where_none_belong() -> None:
    stray = implicit(ITEM_END)
    instance = read(file(explicit(REFERENCES, "SQ", item(CODE) + stray + item(CODE)), stray, NAME))
    assert to_dicom_json(instance)["00081140"]["Value"] == [CODE_JSON, CODE_JSON]
    assert instance.text(0x00100010) == "Doe^Jane"
    assert len(instance.faults) == 2
    inside = explicit(REFERENCES, "SQ", item(CODE) + implicit(SEQUENCE_END))
    assert to_dicom_json(read(file(inside, NAME)))["00081140"]["Value"] == [CODE_JSON]


def test_an_item_delimiter_that_has_a_length() -> None:
    ends = implicit(ITEM, CODE, UNDEFINED) + implicit(ITEM_END, b"", 7)
    sequence = explicit(REFERENCES, "SQ", ends, UNDEFINED) + implicit(SEQUENCE_END)
    assert to_dicom_json(read(file(sequence)))["00081140"]["Value"] == [CODE_JSON]


def test_elements_without_vr_among_explicit_ones() -> None:
    instance = read(file(NAME, implicit(0x00100020, b"4711"), explicit(0x00100040, "CS", b"O ")))
    assert normalise(instance).patient == {
        "PatientName": "Doe^Jane",
        "PatientID": "4711",
        "PatientSex": "O",
    }
    assert messages(instance) == ["no VR where one was expected: read as implicit VR"]


def test_odd_lengths() -> None:
    instance = read(file(explicit(0x00100020, "LO", b"471"), NAME))
    assert instance.text(0x00100020) == "471"
    assert instance.faults[0].where == "(0010,0020)"
    assert messages(instance) == ["an odd length (3)"]


def test_an_unknown_vr_has_the_long_form_where_that_fits() -> None:
    wide = struct.pack("<HH2sHI", 0x0042, 0x0011, b"ZZ", 0, 4) + b"abcd"
    short = struct.pack("<HH2sH", 0x0042, 0x0012, b"ZZ", 4) + b"abcd"
    instance = read(file(wide, short, explicit(0x00420013, "ST", b"end ")))
    result = to_dicom_json(instance)
    assert result["00420011"] == result["00420012"] == {"vr": "UN", "InlineBinary": "YWJjZA=="}
    assert instance.text(0x00420013) == "end"
    assert messages(instance) == ["an unknown VR: read as UN"] * 2


def test_un_of_a_known_tag_takes_the_dictionary_s_vr() -> None:
    instance = read(file(explicit(0x00100020, "UN", b"4711"), explicit(0x00100042, "UN", b"ab")))
    assert to_dicom_json(instance) == {
        "00100020": {"vr": "LO", "Value": ["4711"]},
        "00100042": {"vr": "UN", "InlineBinary": "YWI="},
    }


def test_un_too_long_for_its_own_vr_stays_un() -> None:
    value = b"x" * 0x10000
    assert to_dicom_json(read(file(explicit(0x00100020, "UN", value))))["00100020"]["vr"] == "UN"


def test_a_tag_twice_counts_last_as_in_pydicom() -> None:
    data = file(explicit(0x00100020, "LO", b"1 "), NAME, explicit(0x00100020, "LO", b"2 "))
    instance = read(data)
    assert instance.text(0x00100020) == "2"
    assert to_dicom_json(instance)["00100020"]["Value"] == ["2"]
    warnings = normalise(instance).warnings
    assert [(fault.where, fault.message) for fault in warnings] == [
        ("(0010,0020)", "stands 2 times: the last one counts")
    ]


PRIVATE = implicit(0x00190010, b"GEMS_ACQU_01") + implicit(0x00191003, b"12.5")


def test_private_elements_without_vr_take_it_from_the_private_dictionary() -> None:
    body = PRIVATE + implicit(0x00191099, b"ab") + implicit(0x00211003, b"ab")
    result = to_dicom_json(read(file(implicit(0x00080060, b"CT"), body, syntax=IMPLICIT)))
    assert result["00190010"] == {"vr": "LO", "Value": ["GEMS_ACQU_01"]}
    assert result["00191003"] == {"vr": "DS", "Value": [12.5]}
    assert result["00191099"]["vr"] == "US"
    assert result["00211003"]["vr"] == "UN"  # no creator in that group


def test_a_private_vr_that_is_open_is_settled_too() -> None:
    found = [
        (creator, int(mask.replace("xx", "10"), 16))
        for creator, entries in private_dictionaries.items()
        if len(creator) % 2 == 0
        for mask, (vr, *_) in entries.items()
        if vr in {"US or SS", "OB_OW"} and int(mask[:4], 16) & 1
    ]
    assert found
    for creator, tag in found:
        block = implicit(tag & 0xFFFF0000 | tag >> 8 & 0xFF, creator.encode())
        body = implicit(0x00080060, b"CT") + block + implicit(tag, b"\1\0")
        assert to_dicom_json(read(file(body, syntax=IMPLICIT)))[f"{tag:08X}"]["vr"] in {"US", "OW"}


def test_creators_hold_within_their_own_item() -> None:
    inner = item(implicit(0x00191003, b"12.5"))
    outer = PRIVATE + implicit(REFERENCES, inner + item(PRIVATE))
    items = to_dicom_json(read(file(outer, syntax=IMPLICIT)))["00081140"]["Value"]
    assert [one["00191003"]["vr"] for one in items] == ["UN", "DS"]


def test_a_private_sequence_that_is_none_is_kept_as_un() -> None:
    creator = explicit(0x20050010, "LO", b"Philips MR Imaging DD 002 ")
    good = explicit(0x20051032, "UN", item(CODE))
    bad = explicit(0x20051032, "UN", b"these bytes are no items")
    known = to_dicom_json(read(file(creator, good)))
    assert known["20051032"] == {"vr": "SQ", "Value": [CODE_JSON]}
    kept = read(file(creator, bad, explicit(0x20100010, "ST", b"ok")))
    assert to_dicom_json(kept)["20051032"]["vr"] == "UN"
    assert kept.text(0x20100010) == "ok"
    assert messages(kept) == ["not the sequence that the dictionary says: kept as UN"]


def test_encapsulated_data_that_lies_ends_at_the_next_delimiter() -> None:
    value = implicit(ITEM) + implicit(ITEM, b"ab", 5000)
    pixels = explicit(0x7FE00010, "OB", value, UNDEFINED) + implicit(SEQUENCE_END)
    instance = read(file(NAME, pixels))
    assert instance.pixels is not None
    assert instance.pixels.fragments == ((instance.pixels.stop - 2, 2),)
    assert "lie" in messages(instance)[0]
    big = struct.pack(">HHI", 0xFFFE, 0xE000, 0) + b"junk" * 300_000
    end = struct.pack(">HHI", 0xFFFE, 0xE0DD, 0)
    body = explicit(0x7FE00010, "OB", big, UNDEFINED, order=">") + end
    other = read(memoryview(bytearray(file(body, syntax=BIG))))
    assert other.pixels is not None
    assert other.pixels.end == len(other.data)


def test_pixel_data_may_lack_its_last_delimiter() -> None:
    whole = explicit(0x7FE00010, "OB", implicit(ITEM) + implicit(ITEM, b"abcd"), UNDEFINED)
    for rest in (b"", b"\xfe\xff\xdd\xe0\0"):
        instance = read(file(NAME, whole + rest))
        assert instance.pixels is not None
        assert instance.pixels.fragments == ((instance.pixels.stop - 4, 4),)
        assert [fault.code for fault in instance.faults] == [COERCED]
        header = unpack_header(pack_header(instance))
        assert header.pixel_length == instance.pixels.length
    inside = explicit(REFERENCES, "SQ", item(whole))
    nothing = explicit(0x7FE00010, "OB", b"", UNDEFINED)
    for cut in (file(NAME, whole[:-1]), file(NAME, inside), file(NAME, nothing)):
        with pytest.raises(InvalidDicom) as caught:
            read(cut)
        assert caught.value.reason == "Truncated"


def test_too_deep_within_a_private_sequence_is_still_too_deep() -> None:
    creator = explicit(0x20050010, "LO", b"Philips MR Imaging DD 002 ")
    body = b""
    for _ in range(70):
        body = explicit(REFERENCES, "SQ", item(body))
    with pytest.raises(InvalidDicom) as caught:
        read(file(creator, explicit(0x20051032, "UN", item(body))))
    assert caught.value.reason == "TooDeep"


def test_encapsulated_data_in_an_item_or_with_a_private_tag() -> None:
    value = implicit(ITEM) + implicit(ITEM, b"ab") + implicit(SEQUENCE_END)
    icon = item(explicit(0x7FE00010, "OB", value, UNDEFINED), undefined=True)
    instance = read(
        file(
            explicit(0x00880200, "SQ", icon, UNDEFINED) + implicit(SEQUENCE_END),
            explicit(0x70531010, "OB", value, UNDEFINED),
        )
    )
    assert instance.pixels is None
    result = to_dicom_json(instance)
    inline = {"vr": "OB", "InlineBinary": "/v8A4AAAAAD+/wDgAgAAAGFi"}
    assert result["70531010"] == inline
    assert result["00880200"]["Value"] == [{"7FE00010": inline}]


def test_what_pydicom_writes_between_sequences_is_all_there() -> None:
    dataset = pydicom.Dataset()
    dataset.ReferencedImageSequence = [pydicom.Dataset() for _ in range(3)]
    for number, one in enumerate(dataset.ReferencedImageSequence):
        one.ReferencedSOPInstanceUID = f"1.2.{number}"
    rows = read(file(explicit(REFERENCES, "SQ", item(CODE) * 3), NAME)).elements
    element = rows.get(REFERENCES)
    assert element is not None
    assert element.items is not None
    assert [one.at for one in element.items] == [element.start + 20 * n for n in range(3)]
    assert [one.stop - one.start for one in element.items] == [12, 12, 12]


def test_many_faults_are_not_all_told() -> None:
    instance = read(file(explicit(0x00100020, "LO", b"471") * 1000))
    assert len(instance.faults) == 200


def test_time_grows_with_the_file_and_no_faster() -> None:
    # Each of these was quadratic once: private tags without creator, zeros that are no padding,
    # numbers whose VR another element decides.
    count = 60_000
    private = file(
        implicit(0x00190011, b"ab"), implicit(0x00191003, b"ab") * count, syntax=IMPLICIT
    )
    assert len(read(private).elements) == count + 1
    zeros = file(implicit(0x00080060, b"CT"), implicit(0) * count, b"x" * 8, syntax=IMPLICIT)
    with pytest.raises(InvalidDicom):
        read(zeros)
    vague = file(implicit(0x00280106, b"ab") * count, syntax=IMPLICIT)
    assert len(read(vague).elements) == count
