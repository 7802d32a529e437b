"""Mutated real files: refused with a kind, or read; never anything else."""

import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import (
    Limits,
    content_digest,
    identity,
    normalise,
    pack_header,
    read,
    to_dicom_json,
    unpack_header,
)
from iryo.errors import InvalidDicom, TooLarge
from tests.dicom.realfiles import wheel_file
from tests.imaging.mutate import mutant

LIMITS = Limits(elements=100_000, inflated=1 << 22)
SMALL = {
    name: wheel_file(name).read_bytes()[:20_000]
    for name in (
        "CT_small.dcm",  # explicit, private
        "rtplan.dcm",  # implicit, nested
        "DICOMDIR-bigEnd",  # big endian, sequences
        "image_dfl.dcm",  # deflated
        "nested_priv_SQ.dcm",
        "UN_sequence.dcm",
        "chrH32.dcm",
        "chrX2.dcm",
        "SC_rgb_small_odd_jpeg.dcm",  # encapsulated
        "reportsi.dcm",
    )
}


def use(data: bytes) -> bool:
    """Do all that can be done with a file; whether it could be read."""
    try:
        instance = read(data, limits=LIMITS)
    except (InvalidDicom, TooLarge):
        return False
    orjson.dumps(to_dicom_json(instance))
    normalised = normalise(instance)
    orjson.dumps([normalised.patient, normalised.study, normalised.series, normalised.instance])
    identity({**normalised.patient, **normalised.study, **normalised.series})
    content_digest(instance)
    header = unpack_header(pack_header(instance))
    size = header.pixel_length or 0
    assert len(header.before) + size + len(header.after) == len(instance.data)
    return True


@pytest.mark.parametrize("name", SMALL)
def test_truncated_at_every_position(name: str) -> None:
    whole = SMALL[name][:6000]
    tags: list[int] = []
    reasons = set()
    for cut in range(len(whole)):
        try:
            instance = read(whole[:cut], limits=LIMITS)
        except InvalidDicom as error:
            reasons.add(error.reason)
            continue
        # Only between two elements can a cut go unseen: what was read is the beginning.
        found = [row[0].tag for row in instance.elements.rows]
        assert found[: len(tags)] == tags
        tags = found
    assert reasons == {"Truncated", "NotDicom"}


@given(st.sampled_from(sorted(SMALL)), st.data())
def test_flipped_bytes(name: str, data: st.DataObject) -> None:
    raw = bytearray(SMALL[name])
    for _ in range(data.draw(st.integers(1, 12))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    use(bytes(raw))


@given(st.sampled_from(sorted(SMALL)), st.data())
def test_lengths_edited(name: str, data: st.DataObject) -> None:
    raw = bytearray(SMALL[name])
    at = data.draw(st.integers(128, len(raw) - 4))
    value = data.draw(st.sampled_from([0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 8, 4]))
    size = data.draw(st.sampled_from([2, 4]))
    raw[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    use(bytes(raw))


DELIMITERS = [
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff",
    b"\x40\0\x75\x02SQ\0\0\x10\0\0\0",
]


@given(st.sampled_from(sorted(SMALL)), st.data())
def test_bytes_inserted_and_removed(name: str, data: st.DataObject) -> None:
    raw = SMALL[name]
    at = data.draw(st.integers(0, len(raw)))
    cut = data.draw(st.integers(0, 40))
    piece = data.draw(st.sampled_from(DELIMITERS) | st.binary(max_size=24))
    use(raw[:at] + piece + raw[at + cut :])


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes(junk: bytes, meta: bool) -> None:
    head = SMALL["CT_small.dcm"][:336] if meta else b""
    use(head + junk)


def test_the_unchanged_ones_are_read() -> None:
    for name in ("CT_small.dcm", "nested_priv_SQ.dcm", "rtplan.dcm"):
        assert use(Path(wheel_file(name)).read_bytes())


@pytest.mark.soak
def test_as_many_mutants_as_the_time_allows(
    soak_minutes: float, seed: int, did: Callable[..., None]
) -> None:
    """Read or refused for a reason; those of `tests/imaging/mutate.py`, other ones each time."""
    began = time.monotonic()
    first = number = seed * 1_000_000
    refused = 0
    slowest = (0.0, first)
    findings = []
    while time.monotonic() - began < 60 * soak_minutes:
        data = mutant(number, everything=True).data
        at = time.monotonic()
        try:
            refused += not use(data)
        except Exception as error:  # noqa: BLE001 - each is a finding
            findings.append(f"mutant {number}: {type(error).__name__}: {error}")
        slowest = max(slowest, (time.monotonic() - at, number))
        number += 1
    did(mutants=number - first, refused=refused, findings=len(findings))
    did(slowest=f"{slowest[0]:.1f} s (mutant {slowest[1]})")
    assert not findings, "\n".join(findings[:40])
