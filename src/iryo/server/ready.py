"""Whether this process can do its work now, part by part; no word of where things lie."""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import text

from iryo.app import App
from iryo.errors import NotFound
from iryo.store.migrations import newest_revision, restoring
from iryo.watch import Probe

__all__ = ["Readiness"]

_FRESH: Final = 2.0
_PATIENCE: Final = 2.0  # seconds; orchestrators wait one to five for an answer
_LEAST_BYTES: Final = 64 << 20
_ASKED_LATELY: Final = 60.0

_OK: Final = "ok"
_AWAY: Final = "away"


class Readiness:
    """The parts of one process: each is asked every 2 seconds at most, and waited for as long.

    Args:
        app: what is asked.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, app: App, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._asked = float("-inf")
        self._told = False
        self.stopping = False
        parts: Mapping[str, Callable[[], str]] = {
            "database": self._database,
            "migrations": self._migrations,
            "objects": self._objects,
            "disk": self._disk,
            "restore": self._restore,
        }
        self._probes = {
            name: Probe(part, fresh=_FRESH, patience=_PATIENCE) for name, part in parts.items()
        }

    def parts(self) -> dict[str, str]:
        """Each part and how it is: ok, or in a word what is wrong."""
        self._asked = self._clock()
        self._told = self.stopping
        asked = {name: probe.begin() for name, probe in self._probes.items()}
        told = {name: answer() or _AWAY for name, answer in asked.items()}
        return {**told, "process": "stopping" if self.stopping else _OK}

    def watched(self) -> bool:
        """Whether somebody asks regularly and has not yet been told that this process stops."""
        return not self._told and self._clock() - self._asked < _ASKED_LATELY

    def _database(self) -> str:
        with self._app.database.read() as connection:
            connection.execute(text("SELECT 1"))
        return _OK

    def _migrations(self) -> str:
        with self._app.database.read() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return _OK if found == newest_revision() else "not current"

    def _objects(self) -> str:
        with suppress(NotFound):
            self._app.objects.size("ready/none")
        return _OK

    def _disk(self) -> str:
        """The home folder takes the audit; and objects, if they are in a folder."""
        folders = [self._app.settings.home]
        parts = urlsplit(self._app.settings.objects)
        if parts.scheme == "file":
            folders.append(Path(unquote(parts.path)))
        free = min(shutil.disk_usage(folder).free for folder in folders)
        return _OK if free >= _LEAST_BYTES else "full"

    def _restore(self) -> str:
        with self._app.database.read() as connection:
            return _OK if restoring(connection) is None else "not ended"
