"""The key file: 32 random bytes that only their owner may read, and what is derived from them.

The database holds secrets only as sealed by this file: a copy of the database alone opens none.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from iryo.errors import Conflict, Damaged, InvalidInput, NotFound

__all__ = ["KeyFile", "create_key_file"]

_LENGTH: Final = 32
_MODE: Final = 0o600
_NONCE: Final = 12  # bytes, NIST SP 800-38D 8.2
_VERSION: Final = b"\x01"  # AES-256-GCM under the key derived for _SEALING


_SEALING: Final = "iryo access secrets"
_SIGNING: Final = "iryo signing "
_FINGERPRINT: Final = "iryo fingerprint"


def create_key_file(path: Path, key: bytes | None = None) -> None:
    """Make a key file: mode 600, and whole or not at all, whoever else makes it and whatever falls.

    Args:
        path: where.
        key: what `KeyFile.raw` gave, to have that one again; a new one without it.

    Raises:
        Conflict: if there is something at `path`; it is left as it is.
    """
    key = secrets.token_bytes(_LENGTH) if key is None else key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        try:
            os.fchmod(descriptor, _MODE)  # a umask may have taken the owner's rights away
            os.write(descriptor, key)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # Unlike a rename, a link does not replace what another process has put there.
        os.link(beside, path)
    except FileExistsError:
        raise Conflict(f"there is a key file at {path} already") from None
    finally:
        beside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class KeyFile:
    """The key file at `path`, read once.

    Raises:
        NotFound: if it is not there.
        InvalidInput: if others than its owner may touch it, or it is another user's.
        Damaged: if it is not 32 bytes long.
    """

    def __init__(self, path: Path) -> None:
        self._key = _read(path)
        self._sealing = AESGCM(self._derive(_SEALING))

    def signing_secret(self, purpose: str) -> bytes:
        """32 bytes for one purpose; one purpose's tell nothing of another's (RFC 5869)."""
        return self._derive(_SIGNING + purpose)

    def raw(self) -> bytes:
        """The key itself: who has it and the database can open every secret."""
        return self._key

    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell key files apart, and tell nothing of the key."""
        return self._derive(_FINGERPRINT)[:8].hex()

    def seal(self, text: str, name: str) -> bytes:
        """Encrypt a text; it opens only under the same `name`, so that no row can pose as another.

        AES-256-GCM with a random nonce, which is safe for the 2**32 secrets that nobody will make.
        """
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + self._sealing.encrypt(nonce, text.encode(), name.encode())

    def open(self, sealed: bytes, name: str) -> str:
        """The text that was sealed.

        Raises:
            Damaged: if it was sealed by another key file or under another name, or was changed.
        """
        version, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        if version == _VERSION:
            with contextlib.suppress(InvalidTag, ValueError):
                return self._sealing.decrypt(nonce, rest, name.encode()).decode()
        raise Damaged(f"the secret of {name} does not open with this key file")

    def _derive(self, purpose: str) -> bytes:
        expand = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
        return expand.derive(self._key)


def _read(path: Path) -> bytes:
    try:
        # A pipe in its place would have us wait for who writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"there is no key file at {path}: `iryo init` makes it") from None
    except OSError as error:
        raise InvalidInput(
            f"the key file {path} cannot be read: {os.strerror(error.errno or 0)}",
            where="key_file",
        ) from None
    try:
        _check(path, os.fstat(descriptor))
        key = os.read(descriptor, _LENGTH + 1)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if len(key) != _LENGTH:
        raise Damaged(f"the key file {path} has {size} bytes, expected {_LENGTH}")
    return key


def _check(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        problem = f"found no plain file at {path}, expected one"
    elif mode & 0o077:
        problem = (
            f"the key file {path} has mode {mode:03o}, expected 600: after `chmod 600 {path}` "
            "consider who may have read it"
        )
    elif status.st_uid != os.geteuid():
        problem = f"the key file {path} belongs to user {status.st_uid}, expected {os.geteuid()}"
    else:
        return
    raise InvalidInput(problem, where="key_file")
