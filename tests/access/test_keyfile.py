"""The key file: made whole, for its owner only; and what it seals."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iryo.access import create_key_file
from iryo.access.keyfile import KeyFile
from iryo.errors import Conflict, Damaged, InvalidInput, NotFound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "key"
    create_key_file(path)
    return path


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_made_with_mode_600_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "key"
    before = os.umask(umask)
    try:
        create_key_file(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.stat().st_size == 32
    assert list(tmp_path.iterdir()) == [path]  # nothing is left beside it
    KeyFile(path)


def test_there_is_one_and_it_stays(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Conflict, match="already"):
        create_key_file(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_of_many_who_make_it_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def make(_: int) -> bool:
        try:
            create_key_file(path)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(16))) == 1
    assert path.stat().st_size == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601, 0o777])
def test_mode_that_lets_others_in_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(InvalidInput, match=f"has mode {mode:03o}, expected 600") as raised:
        KeyFile(path)
    assert raised.value.where == "key_file"


def test_mode_400_will_do(path: Path) -> None:
    path.chmod(0o400)
    KeyFile(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="iryo init"):
        KeyFile(tmp_path / "none")


def test_folder_or_pipe_is_no_key_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidInput, match="no plain file"):
            KeyFile(path)


def test_file_that_cannot_be_read(path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: Not a directory"):
        KeyFile(path / "below")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_wrong_length_is_damage(path: Path, size: int) -> None:
    path.write_bytes(b"x" * size)
    with pytest.raises(Damaged, match=f"has {size} bytes, expected 32"):
        KeyFile(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_file_of_another_user_is_refused(path: Path) -> None:
    os.chown(path, 12345, -1)
    with pytest.raises(InvalidInput, match="belongs to user 12345"):
        KeyFile(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), name=st.text(max_size=30))
def test_what_is_sealed_opens(path: Path, text: str, name: str) -> None:
    file = KeyFile(path)
    sealed = file.seal(text, name)
    assert KeyFile(path).open(sealed, name) == text
    assert file.seal(text, name) != sealed  # the nonce is new each time
    if len(text) > 3:
        assert text.encode() not in sealed
    with pytest.raises(Damaged):
        file.open(sealed, name + "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_was_touched_does_not_open(path: Path, data: st.DataObject) -> None:
    file = KeyFile(path)
    sealed = bytearray(file.seal("secret", "name"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    if data.draw(st.booleans()):
        sealed[place] ^= data.draw(st.integers(1, 255))
    else:
        del sealed[place:]
    with pytest.raises(Damaged, match="secret of name"):
        file.open(bytes(sealed), "name")


def test_another_key_file_opens_nothing(path: Path, tmp_path: Path) -> None:
    create_key_file(tmp_path / "other")
    sealed = KeyFile(path).seal("secret", "name")
    with pytest.raises(Damaged, match="does not open with this key file"):
        KeyFile(tmp_path / "other").open(sealed, "name")


def test_signing_secrets_are_one_per_purpose_and_file(path: Path, tmp_path: Path) -> None:
    create_key_file(tmp_path / "other")
    one, other = KeyFile(path), KeyFile(tmp_path / "other")
    secrets = {one.signing_secret("a"), one.signing_secret("b"), other.signing_secret("a")}
    assert len(secrets) == 3
    assert {len(secret) for secret in secrets} == {32}
    assert KeyFile(path).signing_secret("a") == one.signing_secret("a")
