import os
from pathlib import Path
from typing import Any

import pytest

from iryo.doctor import place
from tests.doctor.patient import found, installed, one
from tests.grown.disk import small_disk


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return installed(tmp_path / "home")


@pytest.mark.parametrize(
    ("given", "level", "words"),
    [
        ({"objects": "memory://"}, "fail", "kept in memory"),
        ({"host": "192.0.2.1"}, "fail", "there is no TLS"),
        ({"host": "192.0.2.1", "behind_proxy": True}, "ok", "no two contradict"),
        ({"tls_certificate": "a.pem", "tls_key": "b.pem"}, "warn", "this machine's alone"),
        ({"s3_endpoint": "http://127.0.0.1:9"}, "warn", "s3_endpoint is set"),
        ({"oidc_client_id": "iryo"}, "fail", "oidc_issuer is not"),
        ({"oidc_issuer": "https://idp.example"}, "fail", "neither oidc_audience"),
    ],
)
def test_settings(home: Path, given: dict[str, Any], level: str, words: str) -> None:
    told, text, _ = one(home, "settings", **given)
    assert (told, words in text) == (level, True), text


def test_settings_of_a_cluster(home: Path) -> None:
    rows, objects = found(home, "settings", compute="dask://127.0.0.1:9")
    assert (rows.level, objects.level) == ("fail", "warn")
    assert "rows are in a file of this machine" in rows.found


def test_import_roots(home: Path, tmp_path: Path) -> None:
    given = ["s3://bucket/in", str(tmp_path), str(tmp_path / "gone")]
    level, text, _ = one(home, "import roots", import_roots=given)
    assert (level, str(tmp_path / "gone") in text) == ("warn", True)


def test_home_is_open_to_others(home: Path) -> None:
    home.chmod(0o755)
    level, text, advice = one(home, "home")
    assert (level, advice) == ("fail", f"chmod 700 {home}")
    assert "mode 755" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_home_cannot_be_written(home: Path) -> None:
    home.chmod(0o500)
    assert "cannot be written" in one(home, "home")[1]
    home.chmod(0o700)


def test_key_file(home: Path) -> None:
    key = home / "iryo.key"
    assert one(home, "key file")[0] == "ok"
    key.chmod(0o640)
    assert "has mode 640, expected 600" in one(home, "key file")[1]
    key.chmod(0o600)
    key.write_bytes(b"short")
    assert "has 5 bytes, expected 32" in one(home, "key file")[1]
    key.unlink()
    level, text, advice = one(home, "key file")
    assert (level, "there is none" in text, "copy" in advice) == ("fail", True, True)


def test_disk_space(home: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "1m") as small:
        told = found(home, "disk space", objects=small.as_uri())
        assert [one.level.value for one in told][-1] == "fail"
        assert f"{small} (objects): 0.0 GB free" in told[-1].found


def test_file_systems(home: Path) -> None:
    assert one(home, "file systems")[0] == "ok"
    assert one(home, "file systems", database="postgresql://localhost/x")[0] == "skip"


def test_network_file_systems_are_known(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from a table of mounts as Linux writes it; a real NFS server is not at hand."""
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {home} nfs4 rw 0 0\n")
    monkeypatch.setattr(place, "_MOUNTS", table)
    level, text, _ = one(home, "file systems")
    assert (level, "is on nfs4" in text) == ("fail", True)
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "gone")
    assert one(home, "file systems")[0] == "ok"
