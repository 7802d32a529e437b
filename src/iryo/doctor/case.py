"""The installation that is looked at; its parts are opened when a check first asks for them."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from iryo.app import KEY_FILE, Question, s3_access
from iryo.errors import Unavailable
from iryo.settings import Settings
from iryo.store.objects import Objects, open_objects
from iryo.store.sql import Database

__all__ = ["Case"]


@dataclass
class Case:
    """An installation, as its settings describe it; it may not be there at all.

    `questions` are what rooms know of their own data. Used in `with`.
    """

    settings: Settings
    questions: tuple[Question, ...] = ()
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def key_file(self) -> Path:
        """Where the key file is, or should be."""
        return self.settings.home / KEY_FILE

    @property
    def sqlite(self) -> Path | None:
        """The file of the database, None if it is another server's."""
        try:
            url = make_url(self.settings.database)
        except ArgumentError:
            return None
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None

    @property
    def folder(self) -> Path | None:
        """The folder of the objects, None if they are not in one."""
        parts = urlsplit(self.settings.objects)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @cached_property
    def database(self) -> Database:
        """The database.

        Raises:
            Unavailable: there is none; it is not made by looking.
        """
        if self.sqlite is not None and not self.sqlite.is_file():
            raise Unavailable(f"there is no database at {self.sqlite}")
        database = Database(self.settings.database, self.settings.database_connections)
        self._open.callback(database.close)
        return database

    @cached_property
    def objects(self) -> Objects:
        """The object store.

        Raises:
            Unavailable: there is none; it is not made by looking.
        """
        if self.folder is not None and not self.folder.is_dir():
            raise Unavailable(f"there is no folder {self.folder}")
        objects = open_objects(self.settings.objects, s3_access(self.settings))
        self._open.callback(objects.close)
        return objects
