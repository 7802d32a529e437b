"""Who makes one request, and the audit row that it leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from iryo.access.audit import Audit
from iryo.access.coalesce import FRAME
from iryo.access.model import AuditEvent, Principal
from iryo.errors import AccessDenied, Damaged, IryoError, Unavailable, WorkerDied

__all__ = ["Caller", "Subject"]


@dataclass(slots=True)
class Subject:
    """What something is done to; what is made on the way gets its id only then."""

    resource: str


@dataclass(frozen=True, slots=True)
class Caller:
    """One request: by whom, from where. Doors pass it to what they call."""

    principal: Principal
    audit: Audit
    source: str
    request_id: str

    @contextmanager
    def audited(
        self, action: str, *, scope: str, resource: str, frame: str | None = None
    ) -> Iterator[Subject]:
        """Run something and leave an audit row, whatever comes of it.

        The row names what `resource` says at the end: what makes something sets it to the id.

        Reads of frames by one caller share rows, see `coalesce`.

        The outcome is ``allowed``, ``denied``, ``refused`` (the request was at fault) or
        ``failed`` (we were). No value of the request is written, only ids.
        """
        outcome, subject = "failed", Subject(resource)
        try:
            yield subject
            outcome = "allowed"
        except AccessDenied:
            outcome = "denied"
            raise
        except (Damaged, Unavailable, WorkerDied):
            raise
        except IryoError:
            outcome = "refused"
            raise
        finally:
            self.audit.record(
                AuditEvent(
                    at=datetime.now(UTC),
                    actor=self.principal.id,
                    action=action,
                    resource=subject.resource,
                    scope=scope,
                    source=self.source,
                    outcome=outcome,
                    request_id=self.request_id,
                    detail={} if frame is None else {FRAME: frame},
                )
            )
