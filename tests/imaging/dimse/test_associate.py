"""A-ASSOCIATE: pynetdicom reads what we write, and we what it writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import build_context, build_role
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    MaximumLengthNotification,
    SOPClassExtendedNegotiation,
)

from iryo.imaging.dimse.associate import (
    Accept,
    Granted,
    Proposal,
    Request,
    decode_accept,
    decode_request,
    encode_accept,
    encode_request,
)
from iryo.imaging.dimse.failures import Malformed

UIDS = st.builds("1.2.{}.{}".format, st.integers(0, 1 << 60), st.integers(0, 9999))
TITLES = st.text("ABCXYZ019_", min_size=1, max_size=16)
CONTEXTS = st.lists(st.tuples(UIDS, st.lists(UIDS, min_size=1, max_size=4)), min_size=1, max_size=8)
CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@given(TITLES, TITLES, CONTEXTS, st.integers(0, 1 << 20))
def test_requests(
    called: str, calling: str, contexts: list[tuple[str, list[str]]], length: int
) -> None:
    request = Request(
        called,
        calling,
        tuple(Proposal(2 * at + 1, one, tuple(more)) for at, (one, more) in enumerate(contexts)),
        length,
        roles={contexts[0][0]: (True, False)},
        extended={contexts[-1][0]: b"\1\0\1"},
    )
    body = encode_request(request)
    found = decode_request(memoryview(body))
    assert (found.called, found.calling, found.contexts) == (called, calling, request.contexts)
    assert (found.max_length, found.roles, found.extended) == (
        length,
        request.roles,
        request.extended,
    )
    theirs = A_ASSOCIATE_RQ()
    theirs.decode(b"\1\0" + len(body).to_bytes(4, "big") + body)
    assert theirs.calling_ae_title == calling
    assert [(one.abstract_syntax, one.transfer_syntax) for one in theirs.presentation_context] == [
        (one, more) for one, more in contexts
    ]
    assert theirs.user_information is not None
    assert theirs.user_information.maximum_length == length


def test_requests_of_pynetdicom() -> None:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "THEM", "US"
    contexts = [build_context(CT), build_context(FIND)]
    for at, one in enumerate(contexts):
        one.context_id = 2 * at + 1
    primitive.presentation_context_definition_list = contexts
    length = MaximumLengthNotification()
    length.maximum_length_received = 16382
    fuzzy = SOPClassExtendedNegotiation()
    fuzzy.sop_class_uid = FIND
    fuzzy.service_class_application_information = b"\0\0\1"
    role = build_role(CT, scp_role=True)
    primitive.user_information = [length, role, fuzzy]
    found = decode_request(memoryview(A_ASSOCIATE_RQ(primitive).encode())[6:])
    assert (found.calling, found.called, found.max_length) == ("THEM", "US", 16382)
    assert [one.abstract for one in found.contexts] == [CT, FIND]
    assert found.roles == {CT: (False, True)}
    assert found.extended == {FIND: b"\0\0\1"}


def test_accepts() -> None:
    request = Request("US", "THEM", (Proposal(1, CT, ("1.2.840.10008.1.2",)),))
    accept = Accept(
        (Granted(1, 0, "1.2.840.10008.1.2"), Granted(3, 3, "1.2.840.10008.1.2")),
        roles={CT: (True, True)},
        extended={FIND: b"\0\0\1"},
    )
    body = encode_accept(request, accept)
    assert decode_accept(memoryview(body)) == accept
    theirs = A_ASSOCIATE_AC()
    theirs.decode(b"\2\0" + len(body).to_bytes(4, "big") + body)
    assert [one.result for one in theirs.presentation_context] == [0, 3]
    assert theirs.user_information is not None
    assert theirs.user_information.role_selection[CT].scp_role  # type: ignore[index]


@given(st.binary(max_size=300), st.integers(0, 300), st.booleans())
def test_anything_else_is_malformed(data: bytes, at: int, keep: bool) -> None:
    body = bytearray(encode_request(Request("US", "THEM", (Proposal(1, CT, (FIND,)),))))
    body = body[: at % len(body)] + data if keep else bytearray(data)
    for read in (decode_request, decode_accept):
        try:
            read(memoryview(body))
        except Malformed:
            continue


def item(kind: int, data: bytes, length: int | None = None) -> bytes:
    return bytes((kind, 0)) + (len(data) if length is None else length).to_bytes(2, "big") + data


@pytest.mark.parametrize(
    "items",
    [
        b"\x20\0",
        item(0x20, b"", 9),
        item(0x20, b"\1\0"),
        item(0x50, item(0x51, b"\0\0")),
        item(0x50, item(0x54, b"\0\xff1.2")),
        item(0x50, item(0x54, b"\0\x031.2\1")),
        item(0x20, b"\1\0\0\0") * 129,
    ],
)
def test_requests_that_are_none(items: bytes) -> None:
    with pytest.raises(Malformed):
        decode_request(memoryview(encode_request(Request("US", "THEM", ()))[:68] + items))


def test_accepts_that_are_none() -> None:
    head = encode_request(Request("US", "THEM", ()))[:68]
    with pytest.raises(Malformed):
        decode_accept(memoryview(head + item(0x21, b"\1\0")))
    with pytest.raises(Malformed):
        decode_accept(memoryview(head[:60]))
    found = decode_accept(memoryview(head + item(0x21, b"\1\0\3\0") + item(0x77, b"new")))
    assert found.contexts == (Granted(1, 3, ""),)
