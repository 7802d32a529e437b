from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from iryo.backup.model import (
    Column,
    Dump,
    File,
    Kept,
    Manifest,
    TableRows,
    data_key,
    sealed,
    snapshot_id,
    snapshot_key,
    unsealed_dump,
    unsealed_manifest,
)
from iryo.errors import Damaged

FILE = File.of("rows/1/t-00000.ndjson.gz", b"abc", 2)
DUMP = Dump(
    "2026-11-25T04:45:00+00:00",
    "0004",
    (TableRows("t", (Column("id", "text"),), 2, (FILE,)),),
    (File.of("rows/1/wanted-00000.gz", b"k", 1),),
)


def manifest(key: File | None = None) -> Manifest:
    return Manifest(
        snapshot="20261125T044500-abcdefgh",
        iryo="0.2",
        finished_at="2026-11-25T04:46:00+00:00",
        dump=DUMP,
        files=(File.of("objects/00000.ndjson.gz", b"x", 1),),
        bytes=3,
        copied=1,
        copied_bytes=3,
        missing=("packs/a",),
        fingerprint="00" * 8,
        key=key,
    )


def test_snapshots_sort_by_time_and_fit_beside_the_mark_of_a_restore() -> None:
    first = datetime(2026, 11, 25, 4, 45, tzinfo=UTC)
    one = snapshot_id("z" * 32, first)
    other = snapshot_id("a" * 32, (first + timedelta(milliseconds=1)).astimezone(timezone.max))
    assert one == "20261125T044500000-zzzzz"
    assert one < other
    assert len("restore " + one) <= 32


def test_keys_say_whose_they_are() -> None:
    assert snapshot_key("s", "rows.json") == "snapshots/s/rows.json"
    assert Kept("packs/a", 1, "00", "s").place == data_key("s", "packs/a") == "data/s/packs/a"


@pytest.mark.parametrize("key", [None, File.of("key", b"secret", 0)])
def test_a_manifest_comes_back(key: File | None) -> None:
    written = manifest(key)
    assert unsealed_manifest(sealed(written), "m") == written
    assert written.objects == 1
    assert (snapshot_key(written.snapshot, "key") in written.names()) is (key is not None)
    assert snapshot_key(written.snapshot, FILE.name) in written.names()


def test_a_dump_comes_back() -> None:
    assert unsealed_dump(sealed(DUMP), "d") == DUMP
    assert (DUMP.rows, DUMP.objects) == (2, 1)


def test_an_entry_comes_back() -> None:
    kept = Kept("packs/a", 7, "00ff", "s")
    assert Kept.parse(kept.line()) == kept


def test_no_byte_of_a_manifest_can_change() -> None:
    data = sealed(manifest())
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Damaged):
            unsealed_manifest(changed, "m")
    with pytest.raises(Damaged, match="not written"):
        unsealed_manifest(data[:-1], "m")


def test_a_newer_format_is_not_read() -> None:
    told = orjson.loads(sealed(DUMP)) | {"format": 2}
    with pytest.raises(Damaged, match="format 2, expected 1: a newer iryo"):
        unsealed_dump(orjson.dumps(told), "d")


def test_a_file_is_told_by_size_and_checksum() -> None:
    FILE.check(b"abc")
    with pytest.raises(Damaged, match="found 2 bytes, expected 3"):
        FILE.check(b"ab")
    with pytest.raises(Damaged, match="found SHA-256"):
        FILE.check(b"abd")
