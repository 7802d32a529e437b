"""Command sets: pydicom reads what we write, and we what pynetdicom writes."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset
from pynetdicom.dimse_messages import C_MOVE_RQ
from pynetdicom.dimse_primitives import C_MOVE

from iryo.imaging.dimse.command import Element, Operation, decode, encode
from iryo.imaging.dimse.failures import Malformed

NUMBERS = st.sampled_from([Element.MESSAGE_ID, Element.STATUS, Element.REMAINING, Element.PRIORITY])
UIDS = st.builds("1.2.{}.{}".format, st.integers(0, 1 << 60), st.integers(0, 9999))


@given(
    st.dictionaries(NUMBERS, st.integers(0, 0xFFFF)),
    UIDS,
    st.from_regex(r"[A-Z]{1,16}", fullmatch=True),
)
def test_what_is_written_is_read(numbers: dict[int, int], uid: str, title: str) -> None:
    command: dict[int, int | str] = {
        **numbers,
        Element.COMMAND_FIELD: int(Operation.C_MOVE),
        Element.DATA_SET_TYPE: 1,
        Element.AFFECTED_SOP_CLASS: uid,
        Element.MOVE_DESTINATION: title,
    }
    data = encode(command)
    assert decode(data) == command
    read = read_dataset(BytesIO(data), is_implicit_VR=True, is_little_endian=True)
    assert read.CommandGroupLength == len(data) - 12
    assert read.AffectedSOPClassUID == uid
    assert read.MoveDestination == title


def test_what_pynetdicom_writes_is_read() -> None:
    primitive = C_MOVE()
    primitive.MessageID = 7
    primitive.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.2.2.2"
    primitive.MoveDestination = "STORE"
    primitive.Priority = 2
    primitive.Identifier = BytesIO(b"\0\0")
    message = C_MOVE_RQ()
    message.primitive_to_message(primitive)
    *_, (_, data) = (
        pdv
        for part in message.encode_msg(1, 0)
        for pdv in part.presentation_data_value_list
        if pdv[1][0] & 1
    )
    found = decode(data[1:])
    assert found[Element.COMMAND_FIELD] == Operation.C_MOVE
    assert found[Element.MESSAGE_ID] == 7
    assert found[Element.MOVE_DESTINATION] == "STORE"


@given(st.binary(max_size=200))
def test_anything_else_is_malformed(data: bytes) -> None:
    try:
        found = decode(data)
    except Malformed:
        return
    assert Element.COMMAND_FIELD in found


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\1\4\0\0\0\1\0\0\0",  # a command field of 4 bytes
        b"\0\0\0\1\2\0\0\xff\1\0",  # a length beyond the end
        b"\x08\0\x16\0\2\0\0\0\1\0",  # another group
        b"\0\0\0",
    ],
)
def test_lies_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)
