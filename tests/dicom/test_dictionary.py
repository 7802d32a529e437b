"""The dictionary, against pydicom's."""

import pydicom.datadict as theirs
from hypothesis import given
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom._private_dict import private_dictionaries

from iryo.dicom import dictionary

TAGS = st.integers(0, 0xFFFFFFFF) | st.sampled_from(sorted(DicomDictionary))


@given(TAGS)
def test_every_tag_is_as_pydicom_has_it(tag: int) -> None:
    try:
        vr, vm, _, _, keyword = theirs.get_entry(tag)
    except KeyError:
        assert dictionary.lookup(tag) is None
        return
    if vr == "NONE":
        assert dictionary.lookup(tag) is None
    else:
        known = keyword if tag in DicomDictionary else ""
        assert dictionary.lookup(tag) == (vr, vm, known)


def test_all_keywords() -> None:
    for tag, (vr, *_, keyword) in DicomDictionary.items():
        if keyword and vr != "NONE":
            assert dictionary.keyword_tag(keyword) == tag
    assert dictionary.keyword_tag("NoSuchKeyword") is None


def test_all_private_tags() -> None:
    for creator, entries in private_dictionaries.items():
        for mask in entries:
            tag = int(mask.replace("xx", "10"), 16)
            if tag >> 16 & 1:
                try:
                    expected = theirs.private_dictionary_VR(tag, creator).replace("_", " or ")
                except KeyError:  # a few masks have other wildcards, which neither follows
                    expected = None
                assert dictionary.private_vr(tag, creator) == expected
    assert dictionary.private_vr(0x00291010, "nobody") is None


def test_repeating_groups_have_no_keyword() -> None:
    assert dictionary.about(0x60020010, "US").key == "60020010"
    assert dictionary.about(0x00280010, "US").key == "Rows"


def test_tags_and_bytes() -> None:
    for big in (False, True):
        for tag in (0x00080005, 0x7FE00010, 0xFFFEE000):
            raw = dictionary.tag_bytes(tag, big_endian=big)
            assert dictionary.bytes_tag(raw, big_endian=big) == tag
    assert dictionary.tag_bytes(0x00080005, big_endian=False) == b"\x08\0\x05\0"


def test_an_entry_shows_itself() -> None:
    assert repr(dictionary.about(0x00280010, "US")) == "About((0028,0010) US Rows)"
