"""What the use cases of the room need: the seams, put together in `iryo.app`."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from iryo.compute import Compute
from iryo.errors import AccessDenied, InvalidInput, Unavailable
from iryo.imaging.model import ImportObserver, Unobserved
from iryo.imaging.service.backlog import Backlog
from iryo.imaging.service.instance_rows import InstanceRows
from iryo.imaging.service.location import Location, S3Place, within
from iryo.imaging.service.pictures import Decoded, Recent, decoded_frames, pictures
from iryo.imaging.service.places import Places
from iryo.imaging.service.together import Together
from iryo.imaging.service.turns import Turns
from iryo.jobs import Job, Jobs
from iryo.store.address import StoreAddress, Stores
from iryo.store.objects import Objects, S3Access
from iryo.store.sql import Database

__all__ = ["Room", "RunJob", "arn_of", "parse_arn", "utcnow"]


RunJob = Callable[[Job | str, Callable[[str], object]], Job]
"""Runs a job to its end; the second is told why it must be tried again later, and may raise."""


def _nobody(_: Job | str, __: Callable[[str], object]) -> Job:
    raise Unavailable("nobody runs jobs here")


class BeginJob(Protocol):
    """Submits a job within a transaction, for `RunJob` to run once that is committed."""

    def __call__(
        self,
        connection: Connection,
        *,
        kind: str,
        scope: str,
        payload: dict[str, Any],
        max_attempts: int,
    ) -> Job:
        """As `iryo.jobs.JobRunner.begin`."""
        ...


def _nobody_begins(*_: object, **__: object) -> Job:
    raise Unavailable("nobody runs jobs here")


def utcnow() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Room:
    """The imaging room of one process. Everything that lasts is in `database` and `objects`."""

    database: Database
    objects: Objects
    compute: Compute
    jobs: Jobs
    outputs: Path
    """Where imports without an output URI of their own write their manifests."""
    region: str
    account: str
    import_roots: tuple[Location, ...] | None
    """Folders and places in S3 that imports may read and write; None: any, () : none."""
    own: tuple[Location, ...] = ()
    """What the installation keeps for itself: imports neither read nor write there."""
    address: StoreAddress | None = None
    """Where workers find the stores; None: `compute` runs in this process and shares them."""
    s3: S3Access | None = None
    """How imports reach S3."""
    patience: float = 300.0
    """Seconds that a worker may take for a batch of an import, beside those for its size."""
    pace: int = 512 << 10
    """Bytes a second that the slowest machine reads, encodes and writes."""
    wake: Callable[[], None] = lambda: None
    run_job: RunJob = _nobody
    """Runs what was received, now and in the calling thread."""
    begin_job: BeginJob = _nobody_begins
    """Submits what `run_job` is to run next."""
    clock: Callable[[], datetime] = utcnow
    places: Places = field(default_factory=Places)
    instance_rows: InstanceRows = field(default_factory=InstanceRows)
    pictures: Recent[bytes] = field(default_factory=pictures)
    decoded: Recent[Decoded] = field(default_factory=decoded_frames)
    turns: Turns = field(default_factory=Turns)
    backlog: Backlog = field(default_factory=Backlog)
    commits: Together[Any] = field(default_factory=Together)
    watch: ImportObserver = field(default_factory=Unobserved)

    @property
    def stores(self) -> Stores:
        """The stores, as work that `compute` does is given them."""
        return self.address or (self.objects, self.database)

    def check(self, location: Location, where: str) -> Location:
        """The location, a path resolved, if imports may touch it.

        Raises:
            AccessDenied: if it lies outside what the settings name, or in what is our own.
            InvalidInput: if it cannot be a path: links in a circle, a name that is too long.
        """
        if isinstance(location, Path):
            return self.check_path(location, where)
        if any(within(location, own) for own in self.own):
            raise AccessDenied(f"{where} {_OWN}")
        roots = self.import_roots
        if roots is None or any(isinstance(r, S3Place) and r.contains(location) for r in roots):
            return location
        raise AccessDenied(f"{where} lies outside the places in S3 that import_roots allows")

    def check_path(self, path: Path, where: str) -> Path:
        """The resolved path, if imports may touch it; raises as `check` does."""
        resolved = _resolved(path, where)
        if any(within(resolved, own) for own in self.own):
            raise AccessDenied(f"{where} {_OWN}")
        if self.import_roots is None:
            return resolved
        for root in self.import_roots:
            if isinstance(root, Path) and resolved.is_relative_to(root.resolve()):
                return resolved
        raise AccessDenied(f"{where} lies outside the folders that import_roots allows")

    def check_whole(self, location: Location, where: str) -> Location:
        """As `check`, of a location of which all is read: nothing of our own may lie in it."""
        checked = self.check(location, where)
        if any(within(own, checked) for own in self.own):
            raise AccessDenied(
                f"{where} holds the home folder or the object store of iryo itself; name what "
                "lies beside it"
            )
        return checked


_OWN: Final = "lies in the home folder or the object store of iryo itself"


def _resolved(path: Path, where: str) -> Path:
    try:
        resolved = path.resolve()
        resolved.exists()  # raises what `resolve` passes over: a name that is too long
    except PermissionError:
        return resolved
    except (OSError, RuntimeError, ValueError) as error:
        reason = (
            os.strerror(error.errno or 0) if isinstance(error, OSError) else "links in a circle"
        )
        raise InvalidInput(f"{where} is no path: {reason}", where=where) from None
    return resolved


def arn_of(room: Room, datastore_id: str, image_set_id: str | None = None) -> str:
    """The Amazon Resource Name of a data store or of an image set."""
    tail = f"/imageset/{image_set_id}" if image_set_id else ""
    return f"arn:aws:medical-imaging:{room.region}:{room.account}:datastore/{datastore_id}{tail}"


def parse_arn(arn: str) -> tuple[str, str | None]:
    """The data store id and the image set id, if any, in an ARN whose pattern was checked."""
    resource = arn.split(":", 5)[5].split("/")
    return resource[1], resource[3] if len(resource) > 3 else None
