"""The one place where things are put together: seams, rooms, doors."""

import gc
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final, Self

from iryo.access import Access, Audit, Caller
from iryo.access.cookies import Visitors
from iryo.access.forward import Forwarder
from iryo.access.forwarding import open_forwarder
from iryo.access.keyfile import KeyFile
from iryo.access.refusals import Refusals
from iryo.access.signing_in import SignIn, open_sign_in
from iryo.backup import BACKUP_KIND, Installation, run_backup
from iryo.compute import Compute, open_compute
from iryo.errors import Unavailable
from iryo.imaging import aws as imaging_aws
from iryo.imaging import dicomweb
from iryo.imaging.dicomweb.entrance import Entrance
from iryo.imaging.dimse.commitment import COMMITMENT_KIND, run_commitment
from iryo.imaging.dimse.entity import Entity
from iryo.imaging.dimse.tls import client_tls
from iryo.imaging.service import condition, copies, deletion, imports, update
from iryo.imaging.service.care import compact, verify
from iryo.imaging.service.location import Location, parse_location
from iryo.imaging.service.naming import image_sets_naming
from iryo.imaging.service.recatalogue import CATALOGUE_KIND, run_catalogue
from iryo.imaging.service.receive import RECEIVE_KIND, Keeper, run_receive
from iryo.imaging.service.room import Room
from iryo.imaging.service.subjects import subjects
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import Handler, JobRunner, Jobs
from iryo.settings import Settings
from iryo.store.address import StoreAddress
from iryo.store.objects import Objects, S3Access, open_objects
from iryo.store.sql import Database
from iryo.watch import Board, Observers, own_board
from iryo.watch.census import what_waits
from iryo.watch.objects import WatchedObjects
from iryo.watch.spans import NO_SPANS, Spans
from iryo.wire import PageTokens
from iryo.wire.aws import Authenticated, Gateway
from iryo.wire.http import Request
from iryo.wire.sigv4 import Verifier

__all__ = [
    "KEY_FILE",
    "RESUMABLE",
    "App",
    "Question",
    "open_app",
    "questions",
    "require_installation",
    "s3_access",
]

KEY_FILE: Final = "iryo.key"
_COLLECT_AFTER: Final = 100_000  # new containers

RESUMABLE: Final = frozenset({IMPORT_KIND})
"""The kinds of job that, when they have failed, can go on where they stopped. The others have let
go of what they held, and are asked for anew."""


@dataclass(frozen=True)
class Question:
    """What a doctor asks a room: how many things are wrong; what to say if some are, and if none.

    `found` has ``{count}`` in it.
    """

    count: Callable[[Database], int]
    found: str
    advice: str
    fine: str


def questions() -> tuple[Question, ...]:
    """What the rooms can say of their own data."""
    return (
        Question(
            condition.open_damage,
            condition.DAMAGE_FOUND,
            condition.DAMAGE_ADVICE,
            "no damage is known",
        ),
        Question(
            condition.failed_arrivals,
            condition.FAILED_FOUND,
            condition.FAILED_ADVICE,
            "all that was received could be stored",
        ),
        Question(
            condition.late_arrivals,
            condition.LATE_FOUND,
            condition.LATE_ADVICE,
            "nothing that was received waits for long",
        ),
    )


@dataclass(frozen=True)
class App:
    """An open installation. Close it, or use it in `with`."""

    settings: Settings
    database: Database
    objects: Objects
    compute: Compute
    jobs: Jobs
    runner: JobRunner
    access: Access
    audit: Audit
    room: Room
    keeper: Keeper
    door: imaging_aws.Door
    board: Board
    observers: Observers
    backups: Installation
    close: Callable[[], None]

    @cached_property
    def backup_runner(self) -> JobRunner:
        """Runs backups, and nothing else; for the command that was asked for one.

        No server does: a backup goes where the operator says, perhaps to a disk of one machine.
        """
        return JobRunner(
            self.jobs,
            {BACKUP_KIND: lambda context: run_backup(self.backups, context)},
            lease_seconds=self.settings.job_lease,
        )

    @cached_property
    def gateway(self) -> Gateway:
        """The AWS protocols over the rooms' doors; made when first asked for."""
        return Gateway(
            [imaging_aws.service_table(self.door)],
            secret_of=self.access.secret_of,
            caller=_caller(self.access, self.sign_in.visitors, self.audit),
            clock=_now,
            max_body=self.settings.max_body,
            observer=self.observers.requests,
            visitor=self.sign_in.visitors.sender,
        )

    @cached_property
    def forwarder(self) -> Forwarder | None:
        """Sends audit messages to the collector that the settings name, if they do."""
        settings = self.settings
        if (url := settings.audit_syslog) is None:
            return None
        return open_forwarder(
            (self.database, self.audit, partial(subjects, self.room)),
            (url, settings.ae_title),
            settings.audit_syslog_ca,
            (settings.tls_certificate, settings.tls_key),
        )

    @cached_property
    def sign_in(self) -> SignIn:
        """People, their sessions, and who sends a request."""
        return open_sign_in(self.settings, self.database, self.access, self.audit)

    @cached_property
    def dicomweb(self) -> dicomweb.Door:
        """DICOMweb over the imaging room; made when first asked for."""
        settings = self.settings
        return dicomweb.Door(
            self.room,
            Entrance(
                self.access,
                self.sign_in.credentials,
                Verifier(self.access.secret_of, _now),
                self.sign_in.visitors,
                settings.max_body,
            ),
            self.audit,
            dicomweb.Limits(
                max_upload=settings.max_upload,
                query_results=settings.query_results,
                deletes=settings.dicomweb_delete,
                pseudonyms=self.access.signing_secret("de-identification"),
            ),
            self.observers.requests,
        )

    @cached_property
    def entity(self) -> Entity:
        """The application entity that we are to DICOM devices."""
        return replace(
            _entity(self.settings, self.room, self.audit, self.observers), nudge=self.keeper.nudge
        )

    def note_state(self) -> None:
        """Put on the sheet what only this process knows of itself; once a second or so."""
        self.board.own["iryo_audit_backlog_bytes"][()].set(self.audit.backlog)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def require_installation(settings: Settings) -> None:
    """Raise Unavailable, unless somebody has made the installation."""
    if not (settings.home / KEY_FILE).is_file():
        raise Unavailable(f"no installation in {settings.home}; `iryo init` makes one")


def open_app(settings: Settings, *, serving: bool = False, board: Board | None = None) -> App:
    """Open the installation that `settings` describe.

    Args:
        settings: of the installation, which must have been made.
        serving: whether callers come over the network: then imports may touch only the folders
            that the settings allow. At a terminal the operating system decides.
        board: where this process counts; None: on a sheet of its own.

    Raises:
        Unavailable: there is no installation yet, or a part of it is away.
    """
    # Metadata is many small containers without cycles, and what is loaded at the start is as many
    # again: with the default threshold the collector looks through all of it time after time.
    gc.set_threshold(_COLLECT_AFTER)
    require_installation(settings)
    with ExitStack() as stack:
        board = board or own_board()
        spans = _spans(settings, board, stack)
        observers = Observers.over(board.own, spans)
        database = Database(
            settings.database, settings.database_connections, observer=observers.transactions
        )
        stack.callback(database.close)
        database.migrate()
        s3 = s3_access(settings)
        objects = WatchedObjects(open_objects(settings.objects, s3), board.own, spans)
        stack.callback(objects.close)
        compute = open_compute(settings.compute, memory=settings.worker_memory)
        stack.callback(compute.close)
        access = Access(database, settings.home / KEY_FILE)
        audit = Audit(database, settings.home / "audit")
        stack.callback(audit.close)
        observers = observers.noting(Refusals(audit, "Authenticate"))
        jobs = Jobs(database, observer=observers.jobs)
        board.ask_also(what_waits(database, condition.arrivals_now))
        room = Room(
            database=database,
            objects=objects,
            compute=compute,
            jobs=jobs,
            outputs=settings.home / "imports",
            region=settings.region,
            account=settings.account,
            import_roots=_import_roots(settings) if serving else None,
            own=_own(settings),
            address=None
            if settings.compute == "inline"
            else StoreAddress(
                settings.objects, settings.database, s3, settings.database_connections
            ),
            s3=s3,
            watch=observers.imports,
        )
        runner = JobRunner(
            jobs,
            _handlers(room, _entity(settings, room, audit, observers)),
            threads=settings.job_threads,
            aside={COMMITMENT_KIND: 4},
            lease_seconds=settings.job_lease,
        )
        stack.callback(runner.stop)
        # Whoever waits for what they have sent to become visible does it, in their own thread.
        receiver = JobRunner(
            jobs,
            {RECEIVE_KIND: lambda context: run_receive(room, context)},
            lease_seconds=settings.job_lease,
        )
        stack.callback(receiver.stop)
        room = replace(
            room,
            wake=runner.wake,
            run_job=lambda job, waits: receiver.run(job, waits=waits),
            begin_job=receiver.begin,
        )
        keeper = Keeper(room)
        stack.callback(keeper.stop)
        door = imaging_aws.Door(room, PageTokens(access.signing_secret("page tokens")))
        return App(
            settings=settings,
            database=database,
            objects=objects,
            compute=compute,
            jobs=jobs,
            runner=runner,
            access=access,
            audit=audit,
            room=room,
            keeper=keeper,
            door=door,
            board=board,
            observers=observers,
            backups=Installation(
                database=database,
                objects=objects,
                jobs=jobs,
                key=KeyFile(settings.home / KEY_FILE),
                open_place=lambda url: open_objects(url, s3),
                affected=lambda key: image_sets_naming(room, key),
            ),
            close=stack.pop_all().close,
        )


def s3_access(settings: Settings) -> S3Access:
    """How the settings say that S3 is spoken to."""
    return S3Access(
        settings.s3_region,
        settings.s3_endpoint,
        settings.s3_access_key_id,
        settings.s3_secret_access_key,
    )


def _entity(settings: Settings, room: Room, audit: Audit, observers: Observers) -> Entity:
    return Entity(
        title=settings.ae_title,
        room=room,
        audit=audit,
        query_results=settings.query_results,
        max_upload=settings.max_upload,
        observer=observers.dimse,
        tls=lambda: client_tls(settings.dimse_tls_ca, settings.tls_certificate, settings.tls_key),
    )


def _handlers(room: Room, entity: Entity) -> dict[str, Handler]:
    """Each kind of job and who does it."""
    return {
        IMPORT_KIND: lambda context: imports.run_import(room, context),
        update.UPDATE_KIND: lambda context: update.run_update(room, context),
        copies.COPY_KIND: lambda context: copies.run_copy(room, context),
        deletion.DELETE_KIND: lambda context: deletion.run_delete(room, context),
        COMMITMENT_KIND: lambda context: run_commitment(entity, context),
        verify.VERIFY_KIND: lambda context: verify.run_verify(room, context),
        compact.COMPACT_KIND: lambda context: compact.run_compact(room, context),
        CATALOGUE_KIND: lambda context: run_catalogue(room, context),
        RECEIVE_KIND: lambda context: run_receive(room, context),
    }


def _spans(settings: Settings, board: Board, stack: ExitStack) -> Spans:
    """Where spans go: nowhere, unless the settings name a collector."""
    if settings.otel_endpoint is None:
        return NO_SPANS
    from iryo.watch.telemetry import Telemetry

    telemetry = Telemetry(settings.otel_endpoint, board.own.role)
    stack.callback(telemetry.close)
    return telemetry


def _import_roots(settings: Settings) -> tuple[Location, ...] | None:
    """What imports asked for over the network may touch; None: anything that this process may."""
    if settings.import_roots:
        return tuple(parse_location(root, "import_roots") for root in settings.import_roots)
    return None if settings.loopback and not settings.behind_proxy else ()


def _own(settings: Settings) -> tuple[Location, ...]:
    """Where the installation keeps what is its own."""
    home = settings.home.absolute()
    if settings.objects.startswith("memory:"):
        return (home,)
    return home, parse_location(settings.objects, "objects")


def _caller(
    access: Access, visitors: Visitors, audit: Audit
) -> Callable[[Authenticated, Request, str], Caller]:
    def caller(who: Authenticated, request: Request, request_id: str) -> Caller:
        if who.payload == "session":
            principal = visitors.principal(request.method, request.headers)
        else:
            principal = access.principal(who.key_id)
        return Caller(principal, audit, request.source, request_id)

    return caller


def _now() -> datetime:
    return datetime.now(UTC)
