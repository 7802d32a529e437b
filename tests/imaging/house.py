"""An installation without a server, for what goes wrong inside of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iryo.access import create_key_file
from iryo.app import KEY_FILE, App, open_app
from iryo.imaging.model import ImageSet, ImportOrder, SearchQuery
from iryo.imaging.service import copies, datastores, deletion, imports, search, update
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import find_set
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import Job, JobRunner
from iryo.settings import load


@dataclass
class House:
    """An open installation with one data store; jobs run when a test says so."""

    app: App
    folder: Path
    store: str

    @classmethod
    def made(cls, folder: Path, compute: str = "inline", **settings: Any) -> "House":
        """A new installation in a folder, perhaps with other settings; close its `app`."""
        home = folder / "home"
        home.mkdir(mode=0o700)
        create_key_file(home / KEY_FILE)
        app = open_app(load({"home": home, "compute": compute, **settings}, {}, None).settings)
        return cls(app, folder, datastores.create(app.room, name="main").id)

    @property
    def room(self) -> Room:
        """The imaging room."""
        return self.app.room

    def ordered(self, source: Path) -> str:
        """The id of an import job that has been asked for."""
        order = ImportOrder("test", source.as_uri(), None, "")
        return imports.start(self.room, self.store, order).id

    def run(self, job_id: str, room: Room | None = None) -> Job:
        """Run a job in this thread to its end, perhaps in another room than the installation's."""
        chosen = room or self.room
        handlers = {
            IMPORT_KIND: lambda context: imports.run_import(chosen, context),
            update.UPDATE_KIND: lambda context: update.run_update(chosen, context),
            copies.COPY_KIND: lambda context: copies.run_copy(chosen, context),
            deletion.DELETE_KIND: lambda context: deletion.run_delete(chosen, context),
        }
        return JobRunner(self.app.jobs, handlers, poll_seconds=0.01).run(job_id)

    def imported(self, source: Path, room: Room | None = None) -> dict[str, Any]:
        """Import a folder or a file; the summary."""
        job = self.run(self.ordered(source), room)
        assert job.state == "COMPLETED", job.message
        assert job.result is not None
        return job.result

    def failures(self, summary: dict[str, Any]) -> dict[str, dict[str, str]]:
        """What an import told of files that failed: file -> exceptionType and message."""
        folder = Path(summary["failureOutputS3Uri"].removeprefix("file://"))
        lines = (folder / "failure.ndjson").read_text().splitlines()
        return {line["inputFile"]: line["exception"] for line in map(json.loads, lines)}

    def job(self, kind: str) -> Job:
        """The newest job of a kind."""
        with self.app.database.read() as connection:
            return self.app.jobs.list(connection, kind=kind, scope=self.store)[0]

    def sets(self) -> list[str]:
        """The ids of all image sets."""
        return [hit.id for hit in search.search(self.room, self.store, SearchQuery())]

    def found(self, image_set_id: str) -> ImageSet:
        """An image set as it is now."""
        with self.app.database.read() as connection:
            return find_set(connection, self.store, image_set_id)

    def bounded(self, *roots: Path) -> Room:
        """The room, as a server has it whose imports may touch these folders only."""
        return replace(self.room, import_roots=roots)

    def interrupted(self, meanwhile: Callable[[], object]) -> Room:
        """The room, but something else happens before its first metadata document is written."""
        objects: Any = _Interrupted(self.app.objects, meanwhile)
        return replace(self.room, objects=objects)


class _Interrupted:
    """The real objects, and a moment between what a job has read and what it writes."""

    def __init__(self, objects: Any, meanwhile: Callable[[], object]) -> None:
        self._objects = objects
        self._meanwhile: Callable[[], object] | None = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def put(self, key: str, data: Any) -> int:
        if key.startswith("documents/") and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        size: int = self._objects.put(key, data)
        return size
