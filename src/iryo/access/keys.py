"""Access keys: made, granted roles, disabled; and looked up, for every request."""

import secrets
import string
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import delete, insert, select, update

from iryo.access.grants import Grants, check_length
from iryo.access.keyfile import KeyFile
from iryo.access.model import EVERYWHERE, Key, Principal, Role
from iryo.access.remembered import Remembered
from iryo.access.store import grants, keys
from iryo.errors import NotAuthenticated
from iryo.jobs import utcnow
from iryo.store.sql import Database

__all__ = ["Access"]

# AWS's clients take ids of 16 to 128 characters; base 32 as in AWS's own.
_PREFIX: Final = "IRYO"
_ID_ALPHABET: Final = string.ascii_uppercase + "234567"
_ID_LENGTH: Final = 16
_SECRET_ALPHABET: Final = string.ascii_letters + string.digits
_SECRET_LENGTH: Final = 40  # 238 bits


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about a key id; both None if it is unknown or disabled."""

    secret: str | None
    principal: Principal | None


class Access:
    """The access keys of one database, sealed by one key file.

    What `secret_of` and `principal` say is at most 2 seconds old: so long may a key that another
    process has disabled still be taken here.

    Args:
        database: where the keys are.
        key_file: see `keyfile.py`, which also says what is raised if it will not do.
        clock: the time that rows carry.
        ticks: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        database: Database,
        key_file: Path,
        clock: Callable[[], datetime] = utcnow,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._file = KeyFile(key_file)
        self._clock = clock
        self._known = Remembered[_Known](ticks)
        self._grants = Grants(keys, grants, "access key")

    # --------------------------------------------------------------------------- for each request

    def secret_of(self, key_id: str) -> str | None:
        """The secret of a key; None if it is unknown or disabled.

        Raises:
            Damaged: if it was sealed by another key file.
        """
        return self._look(key_id).secret

    def principal(self, key_id: str) -> Principal:
        """Who a key stands for.

        Raises:
            NotAuthenticated: if it is unknown or disabled.
        """
        found = self._look(key_id).principal
        if found is None:
            raise NotAuthenticated("found an access key id that is unknown or disabled")
        return found

    def signing_secret(self, purpose: str) -> bytes:
        """32 bytes to sign with, for one purpose, the same in all processes with this key file."""
        return self._file.signing_secret(purpose)

    def seal(self, text: str, purpose: str) -> str:
        """A text that only this installation can read, and for this purpose; in base64url."""
        return urlsafe_b64encode(self._file.seal(text, purpose)).decode()

    def unseal(self, sealed: str, purpose: str) -> str:
        """The text that was sealed.

        Raises:
            Damaged: it was sealed elsewhere or for another purpose, or is no such text.
        """
        try:
            data = urlsafe_b64decode(sealed.encode("ascii"))
        except ValueError:
            data = b""
        return self._file.open(data, purpose)

    # ------------------------------------------------------------------------ for who keeps house

    def create_key(self, *, name: str, role: Role, scope: str = EVERYWHERE) -> tuple[str, str]:
        """Make a key with one grant: its id, and its secret, which nobody can be told again.

        Raises:
            InvalidInput: if the name or the scope is empty or too long.
        """
        check_length(name, "name", 256)
        key_id = _PREFIX + _random(_ID_ALPHABET, _ID_LENGTH)
        secret = _random(_SECRET_ALPHABET, _SECRET_LENGTH)
        with self._database.write() as connection:
            connection.execute(
                insert(keys).values(
                    id=key_id,
                    name=name,
                    sealed=self._file.seal(secret, key_id),
                    created_at=self._clock(),
                )
            )
            self._grants.give(connection, key_id, role, scope)
        self._known.forget()
        return key_id, secret

    def grant(self, key_id: str, role: Role, scope: str = EVERYWHERE) -> None:
        """Give a key a role in a scope, in place of the one that it has there.

        Raises:
            NotFound: if there is no such key.
            InvalidInput: if the scope is empty or too long.
        """
        with self._database.write() as connection:
            self._grants.require(connection, key_id)
            self._grants.give(connection, key_id, role, scope)
        self._known.forget()

    def revoke(self, key_id: str, scope: str = EVERYWHERE) -> None:
        """Take a key's role in a scope away; it is fine if it has none there.

        Raises:
            NotFound: if there is no such key.
        """
        with self._database.write() as connection:
            self._grants.require(connection, key_id)
            self._grants.take(connection, key_id, scope)
        self._known.forget()

    def disable(self, key_id: str) -> None:
        """Let nobody in with this key any more; it stays in the list, for the audit log's sake.

        Raises:
            NotFound: if there is no such key.
        """
        with self._database.write() as connection:
            self._grants.require(connection, key_id)
            connection.execute(
                update(keys)
                .where(keys.c.id == key_id, keys.c.disabled_at.is_(None))
                .values(disabled_at=self._clock())
            )
        self._known.forget()

    def delete(self, key_id: str) -> None:
        """Remove a key and its grants.

        Raises:
            NotFound: if there is no such key.
        """
        with self._database.write() as connection:
            self._grants.require(connection, key_id)
            self._grants.take_all(connection, key_id)
            connection.execute(delete(keys).where(keys.c.id == key_id))
        self._known.forget()

    def list_keys(self) -> list[Key]:
        """All keys, oldest first, without their secrets."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(keys.c.id, keys.c.name, keys.c.created_at, keys.c.disabled_at).order_by(
                    keys.c.created_at, keys.c.id
                )
            ).all()
            held = self._grants.all(connection)
        return [Key(*row, held.get(row.id, MappingProxyType({}))) for row in rows]

    # ------------------------------------------------------------------------------------ within

    def _look(self, key_id: str) -> _Known:
        return self._known.find(key_id, lambda: self._load(key_id))

    def _load(self, key_id: str) -> _Known:
        with self._database.read() as connection:
            row = connection.execute(
                select(keys).where(keys.c.id == key_id, keys.c.disabled_at.is_(None))
            ).first()
            if row is None:
                return _Known(None, None)
            roles = self._grants.of(connection, key_id)
        return _Known(self._file.open(row.sealed, key_id), Principal(key_id, row.name, roles))


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
