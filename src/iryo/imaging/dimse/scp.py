"""The SCP: connections, who is let in, and the requests of one association one after the other."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from iryo.access.refusals import Refusals
from iryo.errors import IryoError, NotFound
from iryo.imaging.dimse import associate
from iryo.imaging.dimse.association import Association, Message, abort
from iryo.imaging.dimse.channel import MAX_ASSOCIATE, Channel, PduType
from iryo.imaging.dimse.command import RESPONSE, Element, Operation
from iryo.imaging.dimse.commitment import act
from iryo.imaging.dimse.echo import echo
from iryo.imaging.dimse.entity import Entity, Session
from iryo.imaging.dimse.failures import AssociationEnded, Malformed, Rejected
from iryo.imaging.dimse.finding import find
from iryo.imaging.dimse.offer import grant
from iryo.imaging.dimse.retrieving import get, move
from iryo.imaging.dimse.status import Status, comment, outcome
from iryo.imaging.dimse.storing import store
from iryo.imaging.service import peers

__all__ = ["OPERATIONS", "Scp"]

_LOG: Final = logging.getLogger(__name__)

Answer = Callable[[Session, Message], int]

OPERATIONS: Final[Mapping[int, Answer]] = {
    Operation.C_ECHO: echo,
    Operation.C_STORE: store,
    Operation.C_FIND: find,
    Operation.C_GET: get,
    Operation.C_MOVE: move,
    Operation.N_ACTION: act,
}
"""Who answers which request. Each sends its responses, and returns the status of the last."""

_STRANGERS: Final = 64  # connections that have not said who they are, beside those that have
_UNKNOWN_CALLING: Final = 1, 1, 3  # result, source, reason: PS3.8 table 9-21
_UNKNOWN_CALLED: Final = 1, 1, 7
_NO_APPLICATION: Final = 1, 1, 2
_NO_VERSION: Final = 1, 2, 2
_CONGESTION: Final = 2, 3, 1
_LIMIT: Final = 2, 3, 2


class Scp:
    """The SCP of one process.

    Args:
        entity: who we are.
        most: how many associations there may be at once.
        tls: how connections are secured; None: they are not.
    """

    def __init__(self, entity: Entity, most: int, tls: ssl.SSLContext | None = None) -> None:
        self._entity = entity
        self._most = most
        self._tls = tls
        self._lock = threading.Lock()
        self._strangers: dict[int, socket.socket] = {}  # in the order of their coming
        self._sessions: set[Session] = set()
        self._threads: set[threading.Thread] = set()
        self._over = threading.Event()
        self._listener: socket.socket | None = None
        self._refusals = Refusals(entity.audit, "A-ASSOCIATE")
        self._number = 0

    # ------------------------------------------------------------------------------ connections

    def serve(self, listener: socket.socket) -> None:
        """Take connections until `stop`; the listener is closed by who has opened it."""
        self._listener = listener
        while not self._over.is_set():
            try:
                connection, address = listener.accept()
            except OSError as error:
                # Too many open files: what is open goes on, and ends, before more is taken.
                if self._over.is_set() or listener.fileno() < 0:
                    return
                _LOG.warning("no connection is taken: %s", error.strerror)
                self._over.wait(0.5)
                continue
            self._begin(connection, str(address[0]))

    def stop(self, patience: float) -> None:
        """Take no more; let requests that are being carried out come to their end.

        Args:
            patience: seconds, after which connections are cut.
        """
        self._over.set()
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in `accept`
        deadline = time.monotonic() + patience
        with self._lock:
            for connection in self._strangers.values():
                _cut(connection)
            for session in self._sessions:
                if not session.busy:
                    session.association.channel.shutdown()
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            for session in self._sessions:
                session.association.channel.shutdown()
        for thread in threads:
            thread.join(1.0)
        self._refusals.flush()

    def _begin(self, connection: socket.socket, source: str) -> None:
        with self._lock:
            if self._over.is_set():
                connection.close()
                return
            while len(self._strangers) >= _STRANGERS:
                # Who has been silent longest goes: those who come to stay say at once who they are.
                oldest = next(iter(self._strangers))
                _cut(self._strangers.pop(oldest))
            self._number += 1
            number = self._number
            self._strangers[number] = connection
            thread = threading.Thread(
                target=self._run, args=(number, connection, source), name=f"dimse-{number}"
            )
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # no more threads
            connection.close()
            with self._lock:
                self._strangers.pop(number, None)
                self._threads.discard(thread)

    def _run(self, number: int, connection: socket.socket, source: str) -> None:
        channel = None
        try:
            channel = self._open(connection)
            if channel is not None:
                session = self._admit(number, channel, source)
                if session is not None:
                    self._attend(session)
        except Exception:  # noqa: BLE001 - the log tells of it
            # Nothing that a peer sends may end more than its association.
            _LOG.exception("an association with %s has failed", source)
        finally:
            if channel is not None:
                channel.close()
                self._entity.observer.moved(channel.received, channel.sent)
            connection.close()
            with self._lock:
                self._strangers.pop(number, None)
                self._threads.discard(threading.current_thread())

    def _open(self, connection: socket.socket) -> Channel | None:
        """The connection, secured if it is to be; None if that fails."""
        if self._tls is None:
            return Channel(connection)
        connection.settimeout(self._entity.timeouts.association)
        try:
            return Channel(self._tls.wrap_socket(connection, server_side=True))
        except OSError as error:
            self._entity.observer.asked("no_tls")
            _LOG.info("no TLS with a peer: %s", getattr(error, "reason", None) or "closed")
            return None

    # ----------------------------------------------------------------------------- who is let in

    def _admit(self, number: int, channel: Channel, source: str) -> Session | None:
        """Answer A-ASSOCIATE-RQ (PS3.8 7.1): the association, or None if there is none."""
        patience = self._entity.timeouts.association
        observer = self._entity.observer
        try:
            kind, body = channel.read(patience, MAX_ASSOCIATE)
            if kind != PduType.ASSOCIATE_RQ:
                raise Malformed(f"found PDU type {kind:02x}, expected A-ASSOCIATE-RQ", 2)
            try:
                session = self._judge(number, channel, body, source)
            except Rejected as error:
                channel.write(
                    PduType.ASSOCIATE_RJ,
                    bytes((0, error.result, error.source, error.reason)),
                    patience,
                )
                channel.finish(min(patience, 5.0))
                return None
        except Malformed as error:
            observer.asked("malformed")
            self._refusals.note("-", source, "malformed")
            abort(channel, 2, error.reason)
        except AssociationEnded:
            observer.asked("lost")
        else:
            return session
        return None

    def _judge(self, number: int, channel: Channel, body: memoryview, source: str) -> Session:
        """Who asks, whether they may, and what they are granted.

        Raises:
            Rejected: they may not, or not now.
            AssociationEnded: they do not wait for it.
        """
        entity = self._entity
        called, calling = associate.titles(body)
        try:
            peer = peers.find(entity.room, calling)
        except NotFound:
            raise self._refused(calling, source, "unknown_calling", _UNKNOWN_CALLING) from None
        except IryoError as error:
            _LOG.warning("an association is refused: %s", error.message)
            raise self._refused(calling, source, "unavailable", _CONGESTION) from None
        if not peers.admits(peer, source):
            raise self._refused(calling, source, "wrong_address", _UNKNOWN_CALLING)
        if called != entity.title:
            raise self._refused(calling, source, "unknown_called", _UNKNOWN_CALLED)
        request = associate.decode_request(body)
        if not request.version & 1:
            raise self._refused(calling, source, "no_version", _NO_VERSION)
        if request.application_context != associate.APPLICATION_CONTEXT:
            raise self._refused(calling, source, "no_application_context", _NO_APPLICATION)
        grants = grant(request, peer.role, any_class=peer.any_class)
        association = Association(
            channel, grants.contexts, request.max_length, entity.timeouts, grants.accept.extended
        )
        session = Session(entity, association, peer, source)
        with self._lock:
            free = len(self._sessions) < self._most and not self._over.is_set()
            if free:
                self._strangers.pop(number, None)
                self._sessions.add(session)
        if not free:
            raise self._refused(calling, source, "limit", _LIMIT)
        try:
            channel.write(
                PduType.ASSOCIATE_AC,
                associate.encode_accept(request, grants.accept),
                entity.timeouts.association,
            )
        except AssociationEnded:
            self._forget(session)
            raise
        entity.observer.asked("accepted")
        entity.observer.open(1)
        return session

    def _refused(
        self, calling: str, source: str, why: str, answer: tuple[int, int, int]
    ) -> Rejected:
        self._entity.observer.asked(why)
        self._refusals.note(peers.named(calling), source, why)
        return Rejected(*answer)

    def _forget(self, session: Session) -> None:
        with self._lock:
            self._sessions.discard(session)

    # -------------------------------------------------------------------------------- requests

    def _attend(self, session: Session) -> None:
        """Answer requests until the association ends."""
        association = session.association
        try:
            while not self._over.is_set():
                session.busy = False
                message = association.receive(self._entity.timeouts.idle)
                if message is None:
                    association.channel.finish(self._entity.timeouts.association)
                    return
                session.busy = True
                self._answer(session, message)
            abort(association.channel, 2, 0)
        except Malformed as error:
            _LOG.info("association %s is aborted: %s", session.id, str(error))
            abort(association.channel, 2, error.reason)
        except AssociationEnded as error:
            _LOG.info("association %s has ended: %s", session.id, str(error))
            abort(association.channel, 2, 0)
        finally:
            session.busy = True
            for end in session.ends:
                with suppress(IryoError):
                    end()
            self._forget(session)
            self._entity.observer.open(-1)

    def _answer(self, session: Session, message: Message) -> None:
        if message.operation & RESPONSE or message.operation == Operation.C_CANCEL:
            return  # late words about what is over
        began = time.perf_counter()
        name = _name(message.operation)
        answer = OPERATIONS.get(message.operation)
        if answer is None or not message.context.scp:
            status = int(Status.UNRECOGNIZED_OPERATION)
            session.respond(message, status)
        else:
            try:
                status = answer(session, message)
            except AssociationEnded:
                self._entity.observer.answered(name, "lost", time.perf_counter() - began)
                raise
            except Exception as error:  # noqa: BLE001 - the log tells of it
                # What no operation has foreseen: said with its kind alone, its text may tell more.
                _LOG.exception("%s has failed in association %s", name, session.id)
                status = int(Status.PROCESSING_FAILURE)
                with suppress(AssociationEnded):
                    session.respond(message, status, {Element.ERROR_COMMENT: comment(error)})
        self._entity.observer.answered(name, outcome(status), time.perf_counter() - began)


def _name(operation: int) -> str:
    try:
        return Operation(operation).name.replace("_", "-", 1)
    except ValueError:
        return "other"


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
