"""The file {home}/credentials, in the format of AWS's shared credentials file, mode 600."""

import configparser
import os
from pathlib import Path
from typing import Final

from iryo.errors import Unavailable

__all__ = ["read_credentials", "write_credentials"]

_PROFILE: Final = "default"


def write_credentials(path: Path, key_id: str, secret: str, region: str) -> None:
    """Write one key; the file is whole or not there, and never readable by others.

    Raises:
        Unavailable: if it cannot be written.
    """
    text = (
        f"[{_PROFILE}]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
        f"region = {region}\n"
    )
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error


def read_credentials(path: Path) -> tuple[str, str] | None:
    """The id and the secret in the file, None if there is no file or no key in it."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path)
        section = parser[_PROFILE]
        return section["aws_access_key_id"], section["aws_secret_access_key"]
    except (configparser.Error, KeyError, OSError, UnicodeDecodeError):
        return None
