"""Spool files: bytes of any kind are borne, no line that was written is lost, one process holds."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.access.spool import Spool, frame, parse
from iryo.errors import Unavailable

LIMIT = 1 << 16
payloads = st.binary(max_size=80).map(lambda data: data.replace(b"\n", b" "))


@given(lines=st.lists(payloads))
def test_lines_come_back(lines: list[bytes]) -> None:
    data = b"".join(map(frame, lines))
    for final in (True, False):
        chunk = parse(data, final=final, limit=LIMIT)
        assert chunk.payloads == lines
        assert (chunk.damaged, chunk.length) == (0, len(data))


@given(lines=st.lists(payloads, min_size=1), data=st.data())
def test_what_is_cut_off_loses_only_the_last_line(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(frame, lines))
    cut = data.draw(st.integers(0, len(whole)))
    kept, end = [], 0
    for line in lines:
        end += len(frame(line))
        # Without its last line feed a line is whole if nothing can follow.
        if end - 1 <= cut:
            kept.append(line)
    chunk = parse(whole[:cut], final=True, limit=LIMIT)
    assert chunk.payloads == kept
    assert chunk.damaged <= 1
    # While more may come, what has no end waits: reading on from there misses nothing.
    first = parse(whole[:cut], final=False, limit=LIMIT)
    rest = parse(whole[first.length :], final=True, limit=LIMIT)
    assert first.payloads + rest.payloads == lines
    assert (first.damaged, rest.damaged) == (0, 0)


@given(before=payloads, after=payloads, data=st.data())
def test_torn_line_does_not_spoil_the_next(
    before: bytes, after: bytes, data: st.DataObject
) -> None:
    torn = frame(before)[: data.draw(st.integers(2, len(frame(before)) - 2))]
    chunk = parse(torn + frame(after), final=True, limit=LIMIT)
    assert chunk.payloads == [after]
    assert chunk.damaged == 1


@given(lines=st.lists(payloads, min_size=3, max_size=3), data=st.data())
def test_changed_byte_spoils_at_most_two_lines(lines: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(frame, lines)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found = parse(bytes(whole), final=True, limit=LIMIT).payloads
    assert len(found) >= 1
    remaining = iter(lines)
    assert all(payload in remaining for payload in found)  # in order, and nothing invented


@given(data=st.binary(max_size=300) | st.text("\n 0f", max_size=60).map(str.encode))
def test_bytes_of_any_kind_are_borne(data: bytes) -> None:
    for final in (True, False):
        chunk = parse(data, final=final, limit=64)
        assert 0 <= chunk.length <= len(data)
        if data and (final or b"\n" in data or len(data) >= 64):
            assert chunk.length > 0  # reading on never stands still


def test_append_and_read(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path / "audit")
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert spool.path.stat().st_mode & 0o777 == 0o600
    for number in range(3):
        spool.append(frame(b"%d" % number))
    assert spool.size == spool.path.stat().st_size
    chunk = spool.read(1000, final=False)
    assert chunk.payloads == [b"0", b"1", b"2"]
    spool.drained = chunk.length
    assert spool.read(1000, final=True).length == 0
    spool.sync()
    spool.remove()
    assert not spool.path.exists()


def test_small_reads_see_all(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    for number in range(50):
        spool.append(frame(b"%d" % number))
    spool.append(b"\n0000 torn")
    seen, damaged = [], 0
    while (chunk := spool.read(40, final=True)).length:
        seen += chunk.payloads
        damaged += chunk.damaged
        spool.drained += chunk.length
    assert seen == [b"%d" % number for number in range(50)]
    assert damaged == 1
    spool.close()


def test_spool_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    assert Spool.orphans(tmp_path) == []
    spool.append(frame(b"x"))
    spool.close()
    (orphan,) = Spool.orphans(tmp_path)
    assert orphan.name == spool.name
    assert orphan.read(1000, final=True).payloads == [b"x"]
    assert Spool.orphans(tmp_path) == []
    orphan.close()


def test_spool_of_a_killed_process_is_found(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys, os, pathlib, signal; from iryo.access.spool import Spool, frame;"
        "Spool.create(pathlib.Path(sys.argv[1])).append(frame(b'last words'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ran = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=root, check=False)
    assert ran.returncode == -9
    (orphan,) = Spool.orphans(tmp_path)
    assert orphan.read(1000, final=True).payloads == [b"last words"]
    orphan.close()


def test_damaged_spool_is_put_aside(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    spool.append(b"rubbish")
    spool.damaged = True
    spool.remove()
    assert spool.path.with_suffix(".damaged").read_bytes() == b"rubbish"
    assert Spool.orphans(tmp_path) == []


def test_spool_that_somebody_deleted(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    spool.path.unlink()
    spool.append(frame(b"x"))
    assert spool.read(1000, final=True).payloads == [b"x"]
    spool.remove()


def test_full_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "full", os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(Unavailable, match="cannot be written: No space left"):
        spool.append(frame(b"x"))
    spool.close()


def test_disk_that_takes_half_a_line(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30, before[1]))
    try:
        with pytest.raises(Unavailable, match="the disk is full"):
            spool.append(frame(b"x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    spool.append(frame(b"next"))
    chunk = spool.read(1000, final=True)
    assert (chunk.payloads, chunk.damaged) == ([b"next"], 1)
    spool.close()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot make an audit spool"):
        Spool.create(tmp_path / "file" / "audit")
