"""What clients accept, in the forms in which real ones write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import NotAcceptable
from iryo.wire.accept import Form, MediaRange, acceptable, choose

RPCL = "1.2.840.10008.1.2.4.202"
PLAIN = "1.2.840.10008.1.2.1"
JPHC = Form("image/jphc", RPCL, multipart=True)
JPH = Form("image/jph", RPCL, multipart=True)
OCTETS = Form("application/octet-stream", PLAIN, multipart=True)
AS_STORED = Form("application/octet-stream", RPCL, multipart=True, default=False)
SINGLE = Form("image/jphc", RPCL)
SINGLE_OCTETS = Form("application/octet-stream", PLAIN)
SINGLE_AS_STORED = Form("application/octet-stream", RPCL, default=False)
FORMS = (AS_STORED, OCTETS, JPHC, JPH, SINGLE, SINGLE_AS_STORED, SINGLE_OCTETS)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, OCTETS),
        ("", OCTETS),
        ("*/*", OCTETS),
        ("*; q=.2", OCTETS),
        # OHIF and Cornerstone
        (f'multipart/related; type="image/jphc"; transfer-syntax={RPCL}', JPHC),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", AS_STORED),
        (f"multipart/related; type=image/jphc; transfer-syntax={RPCL},*/*;q=0.1", JPHC),
        ("application/octet-stream; transfer-syntax=*", SINGLE_AS_STORED),
        # dicomweb-client
        ('multipart/related; type="application/octet-stream"', OCTETS),
        ('multipart/related; type="image/*"', JPHC),
        # other hands
        ("Multipart/Related;Type=IMAGE/JPH", JPH),
        (f'multipart/related;type="image/jphc";transfer-syntax="{RPCL}"', JPHC),
        ("multipart/related", OCTETS),
        ("multipart/*;type=image/jph", JPH),
        ("application/octet-stream", SINGLE_OCTETS),
        ("image/*", SINGLE),
        # the first of what is equally good, unless a quality says otherwise
        ('multipart/related; type="image/jph", multipart/related; type="image/jphc"', JPH),
        ("image/jphc;q=0.5, application/octet-stream", SINGLE_OCTETS),
        ("application/octet-stream;q=0.5, image/jphc", SINGLE),
        ("*/*, multipart/related;q=0, application/octet-stream;q=0", SINGLE),
        # garbage beside what can be read
        ("nonsense, ;;, image/jphc;q=x, image/jphc; foo=bar", SINGLE),
    ],
)
def test_what_is_chosen(header: str | None, expected: Form) -> None:
    assert choose(acceptable(header), FORMS) == expected


@pytest.mark.parametrize(
    "header",
    [
        "image/png",
        "image/jphc;q=0",
        "multipart/related; type=image/jphc; transfer-syntax=1.2.840.10008.1.2.4.90",
        "*/*;q=0",
        "not a media type",
        'image/png; x="unclosed, image/jphc',
    ],
)
def test_nothing_satisfies(header: str) -> None:
    with pytest.raises(NotAcceptable) as told:
        choose(acceptable(header), FORMS)
    for form in FORMS:
        assert str(form) in told.value.message


def test_the_query_goes_before_the_header() -> None:
    forms = (Form("application/dicom+json"), Form("image/png"))
    assert choose(acceptable("image/png", ["application/dicom json"]), forms) == forms[0]
    assert choose(acceptable("application/dicom+json", ["image/png"]), forms) == forms[1]


def test_forms_say_what_they_are() -> None:
    assert str(JPHC) == f'multipart/related; type="image/jphc"; transfer-syntax={RPCL}'
    assert str(SINGLE) == SINGLE.content_type == f"image/jphc; transfer-syntax={RPCL}"
    assert str(Form("image/png")) == "image/png"


names = st.sampled_from(["image/png", "image/jpeg", "application/dicom", "image/*", "*/*"])
uids = st.sampled_from([None, "*", PLAIN, RPCL])
qualities = st.integers(0, 1000).map(lambda n: n / 1000)
members = st.builds(MediaRange, names, st.booleans(), uids, qualities)


@st.composite
def headers(draw: st.DrawFn) -> tuple[str, tuple[MediaRange, ...]]:
    """An Accept header as some client might write it, and what it means."""
    wanted = draw(st.lists(members, min_size=1, max_size=6))
    written = []
    for one in wanted:
        kind = one.type.upper() if draw(st.booleans()) else one.type
        quote = '"' if draw(st.booleans()) else ""
        space = draw(st.sampled_from(["", " ", "\t"]))
        parts = [f"multipart/related;{space}type={quote}{kind}{quote}" if one.multipart else kind]
        if one.transfer_syntax is not None:
            parts.append(f"Transfer-Syntax{space}={space}{quote}{one.transfer_syntax}{quote}")
        if one.quality != 1 or draw(st.booleans()):
            parts.append(f"q={one.quality:.3f}")
        written.append(f"{space};{space}".join(parts))
    meant = tuple(
        MediaRange(one.type, None, one.transfer_syntax, one.quality)
        if one.type == "*/*" and not one.multipart
        else one
        for one in wanted
    )
    return " , ".join(written), meant


@given(headers())
def test_every_way_of_writing_means_the_same(case: tuple[str, tuple[MediaRange, ...]]) -> None:
    header, meant = case
    assert acceptable(header) == meant


@given(headers(), st.lists(st.builds(Form, names, uids, st.booleans()), min_size=1))
def test_what_is_chosen_is_within_what_is_accepted(
    case: tuple[str, tuple[MediaRange, ...]], forms: list[Form]
) -> None:
    accepted = acceptable(case[0])
    try:
        chosen = choose(accepted, forms)
    except NotAcceptable:
        for form in forms:
            taking = [one for one in accepted if one.takes(form)]
            assert not taking or any(not one.quality for one in taking)
    else:
        assert chosen in forms
        assert any(one.takes(chosen) and one.quality for one in accepted)


@given(st.text(max_size=3000))
def test_no_header_breaks_it(text: str) -> None:
    assert all(0 <= one.quality <= 1 for one in acceptable(text))
