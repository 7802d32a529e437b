"""Those who watch: one class for each seam, each fills its part of a sheet, and logs or traces.

They satisfy Protocols of `iryo.wire`, `iryo.jobs`, `iryo.store` and `iryo.imaging`; `iryo.app` puts
them in. None of their methods raises.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Final

from iryo.access.refusals import Refusals
from iryo.jobs import Job
from iryo.watch.logins import Logins
from iryo.watch.sheet import Sheet, Trio
from iryo.watch.spans import NO_SPANS, Spans
from iryo.wire.aws.observe import Exchange, Observer

__all__ = ["Dimse", "Imports", "JobAttempts", "Observers", "Requests"]

_LOG: Final = logging.getLogger("iryo.requests")
_SLOW: Final = 1.0  # seconds
_UNKNOWN: Final = "unknown"

# HTTP status -> outcome; of the others the class decides.
_OUTCOMES: Final = {
    401: "denied",
    403: "denied",
    404: "missing",
    429: "throttled",
}


def _outcome(status: int) -> str:
    return _OUTCOMES.get(status) or (
        "failed" if status >= 500 else "refused" if status >= 400 else "ok"
    )


class Requests:
    """Satisfies `iryo.wire.aws.observe.Observer`.

    A frame takes 140 us in all, so what is done for each request is little: one look into a dict
    and one lock.
    """

    def __init__(self, sheet: Sheet, spans: Spans = NO_SPANS) -> None:
        self._sheet = sheet
        self._spans = spans
        self._known: dict[tuple[str, str, int], Trio] = {}

    def begin(self, exchange: Exchange) -> Any:
        """Note the time; begin a span if there are any."""
        if self._spans is NO_SPANS:
            return perf_counter()
        headers = exchange.request.headers
        return perf_counter(), self._spans.begin("request", parent=headers.get("traceparent"))

    def end(self, exchange: Exchange, begun: Any) -> None:
        """Count, and log what is slow or failed."""
        span = None
        if self._spans is not NO_SPANS:
            begun, span = begun
        seconds = perf_counter() - (exchange.request.received or begun)
        status = exchange.status
        key = exchange.service, exchange.operation, status
        (self._known.get(key) or self._make(key)).record(seconds, exchange.sent)
        if status >= 400 or seconds > _SLOW or _LOG.isEnabledFor(logging.DEBUG):
            self._tell(exchange, seconds)
        if span is not None:
            self._spans.end(
                span,
                name=exchange.operation or None,
                failure=exchange.failure if status >= 500 else "",
                attributes={
                    "rpc.system": "aws-api",
                    "rpc.service": exchange.service,
                    "rpc.method": exchange.operation,
                    "http.response.status_code": status,
                    "iryo.request_id": exchange.request_id,
                    "iryo.outcome": exchange.failure or "ok",
                },
            )

    def _make(self, key: tuple[str, str, int]) -> Trio:
        service, operation, status = key[0] or _UNKNOWN, key[1] or _UNKNOWN, key[2]
        made = Trio(
            self._sheet["iryo_requests_total"][service, operation, _outcome(status)],
            self._sheet["iryo_request_seconds"][service, operation],
            self._sheet["iryo_response_bytes_total"][service, operation],
        )
        self._known[key] = made
        return made

    def _tell(self, exchange: Exchange, seconds: float) -> None:
        """A line: failures of ours and slow requests are warnings, refusals are information."""
        level = logging.DEBUG
        if exchange.status >= 400:
            level = logging.INFO
        if exchange.status >= 500 or seconds > _SLOW:
            level = logging.WARNING
        fields = {
            "outcome": exchange.failure or "ok",
            "status": exchange.status,
            "duration_ms": round(seconds * 1000, 2),
        }
        _LOG.log(
            level,
            "slow request" if seconds > _SLOW else "request",
            extra={"fields": fields},
        )


class JobAttempts:
    """Satisfies `iryo.jobs.observe.JobObserver`."""

    def __init__(self, sheet: Sheet, spans: Spans = NO_SPANS) -> None:
        self._sheet = sheet
        self._spans = spans

    def begin(self, job: Job) -> Any:  # noqa: ARG002 - its end tells of it
        """Note the time; begin a span if there are any."""
        return perf_counter(), self._spans.begin("job")

    def end(self, job: Job, begun: Any, outcome: str) -> None:
        """Count the attempt."""
        began, span = begun
        self._sheet["iryo_job_attempts_total"][job.kind, outcome].add()
        self._sheet["iryo_job_attempt_seconds"][job.kind,].observe(perf_counter() - began)
        self._spans.end(
            span,
            name=f"job {job.kind}",
            failure=outcome if outcome in ("failed", "retried") else "",
            attributes={
                "iryo.job_id": job.id,
                "iryo.job_kind": job.kind,
                "iryo.attempt": job.attempts,
                "iryo.outcome": outcome,
            },
        )

    def taken_over(self, job: Job) -> None:
        """Count it."""
        self._sheet["iryo_job_takeovers_total"][job.kind,].add()


class Imports:
    """Satisfies `iryo.imaging.model.ImportObserver`."""

    def __init__(self, sheet: Sheet, spans: Spans = NO_SPANS) -> None:
        self._files = sheet["iryo_import_files_total"]
        self._read = sheet["iryo_import_read_bytes_total"][()]
        self._stored = sheet["iryo_import_stored_bytes_total"][()]
        self._phases = sheet["iryo_import_phase_seconds"]
        self._spans = spans

    def noted(self, outcome: str, *, read: int, stored: int) -> None:
        """Count a file."""
        self._files[outcome,].add()
        self._read.add(read)
        self._stored.add(stored)

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time a phase, and give it a span."""
        return self._phase(name)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = perf_counter()
        span = self._spans.begin(name)
        failure = "unfinished"
        try:
            yield
            failure = ""
        finally:
            self._phases[name,].observe(perf_counter() - began)
            self._spans.end(span, name=f"import {name}", failure=failure, attributes={})


class Dimse:
    """Satisfies `iryo.imaging.dimse.entity.DimseObserver`."""

    def __init__(self, sheet: Sheet) -> None:
        self._asked = sheet["iryo_dimse_associations_total"]
        self._open = sheet["iryo_dimse_associations"][()]
        self._requests = sheet["iryo_dimse_requests_total"]
        self._seconds = sheet["iryo_dimse_request_seconds"]
        self._bytes = sheet["iryo_dimse_bytes_total"]

    def asked(self, outcome: str) -> None:
        """Count an association that was asked for."""
        self._asked[outcome,].add()

    def open(self, change: int) -> None:
        """One more is open, or one less."""
        self._open.add(change)

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a request."""
        self._requests[operation, outcome].add()
        self._seconds[operation,].observe(seconds)

    def moved(self, received: int, sent: int) -> None:
        """Count the bytes of an association."""
        self._bytes["received",].add(received)
        self._bytes["sent",].add(sent)


class Transactions:
    """Satisfies `iryo.store.sql.DatabaseObserver`."""

    def __init__(self, sheet: Sheet) -> None:
        self._now = sheet["iryo_database_transactions_in_progress"]
        self._wait = sheet["iryo_database_wait_seconds"]
        self._errors = sheet["iryo_database_errors_total"]

    def began(self, access: str, waited: float) -> None:
        """A transaction has its connection, after so many seconds."""
        self._now[access,].add(1)
        self._wait[access,].observe(waited)

    def ended(self, access: str) -> None:
        """It has given it back."""
        self._now[access,].add(-1)

    def failed(self, kind: str) -> None:
        """It failed because of the database."""
        self._errors[kind,].add()


@dataclass(frozen=True)
class Observers:
    """All of them, over one sheet."""

    requests: Observer
    jobs: JobAttempts
    imports: Imports
    transactions: Transactions
    dimse: Dimse

    @classmethod
    def over(cls, sheet: Sheet, spans: Spans = NO_SPANS) -> "Observers":
        """Made for one process."""
        return cls(
            Requests(sheet, spans),
            JobAttempts(sheet, spans),
            Imports(sheet, spans),
            Transactions(sheet),
            Dimse(sheet),
        )

    def noting(self, refusals: Refusals) -> "Observers":
        """The same, and failed logins are noted in the audit."""
        return replace(self, requests=Logins(self.requests, refusals))
