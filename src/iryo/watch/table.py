"""The table of all metrics: docs/reference/metrics.md is made from it; nothing else is exported.

Labels take values from small closed sets (operations of the model, kinds of job, outcomes): there
are no ids, no names, no paths among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["METRICS", "Kind", "Metric"]


class Kind(StrEnum):
    """How a metric behaves, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table.

    Attributes:
        name: as exported; of a histogram, without _bucket, _sum and _count.
        kind: counters and histograms only grow while the server runs.
        help: one sentence.
        labels: their names.
        bounds: upper bounds of a histogram's buckets, in its unit; above the last is one more.
        group: what it belongs to, for the documentation.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    group: str = ""

    @property
    def width(self) -> int:
        """How many numbers one series has: of a histogram the buckets, the last one, the sum."""
        return len(self.bounds) + 2 if self.kind is Kind.HISTOGRAM else 1


# 0.5 ms: a frame from local disk; 10 s: somebody has given up.
_LATENCY: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_JOB: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
_LAG: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

_LIST: Final = (
    Metric(
        "iryo_requests_total",
        Kind.COUNTER,
        "Requests answered, by outcome: ok, refused (the request was at fault), denied (not signed "
        "or not allowed), missing (no such thing), throttled, failed (we were at fault).",
        ("service", "operation", "outcome"),
        group="Requests",
    ),
    Metric(
        "iryo_request_seconds",
        Kind.HISTOGRAM,
        "From the last byte of a request to the answer being ready to send, waiting included.",
        ("service", "operation"),
        _LATENCY,
        group="Requests",
    ),
    Metric(
        "iryo_response_bytes_total",
        Kind.COUNTER,
        "Bytes of answers' bodies; of GetImageFrame, those are frames.",
        ("service", "operation"),
        group="Requests",
    ),
    Metric(
        "iryo_requests_turned_away_total",
        Kind.COUNTER,
        "Requests refused unread, since the bodies of others filled the room for bodies.",
        group="Requests",
    ),
    Metric(
        "iryo_event_loop_lag_seconds",
        Kind.HISTOGRAM,
        "How much later than asked for the event loop comes round, looked at twice a second.",
        (),
        _LAG,
        group="Requests",
    ),
    Metric(
        "iryo_jobs",
        Kind.GAUGE,
        "Jobs that have not ended, by state: submitted or in_progress. Of the whole installation.",
        ("kind", "state"),
        group="Jobs",
    ),
    Metric(
        "iryo_jobs_oldest_waiting_seconds",
        Kind.GAUGE,
        "How long the job that has been due longest has waited for somebody to take it up; 0 if "
        "none waits. Of the whole installation.",
        group="Jobs",
    ),
    Metric(
        "iryo_job_attempts_total",
        Kind.COUNTER,
        "Attempts at jobs that ended here: completed, failed, cancelled, retried (it will be tried "
        "again) or released (its process was stopping).",
        ("kind", "outcome"),
        group="Jobs",
    ),
    Metric(
        "iryo_job_attempt_seconds",
        Kind.HISTOGRAM,
        "How long attempts took.",
        ("kind",),
        _JOB,
        group="Jobs",
    ),
    Metric(
        "iryo_job_takeovers_total",
        Kind.COUNTER,
        "Jobs taken over because the process that held them fell silent.",
        ("kind",),
        group="Jobs",
    ),
    Metric(
        "iryo_arrivals",
        Kind.GAUGE,
        "Instances that came by STOW-RS or C-STORE and are not stored: waiting, or failed. Of the "
        "whole installation.",
        ("state",),
        group="Receiving",
    ),
    Metric(
        "iryo_arrivals_oldest_waiting_seconds",
        Kind.GAUGE,
        "How long the instance that was received first has waited to become visible; 0 if none "
        "waits. Of the whole installation.",
        group="Receiving",
    ),
    Metric(
        "iryo_import_files_total",
        Kind.COUNTER,
        "Files that imports went through: staged (new), unchanged (stored before), failed.",
        ("outcome",),
        group="Imports",
    ),
    Metric(
        "iryo_import_read_bytes_total",
        Kind.COUNTER,
        "Bytes of files that were taken in.",
        group="Imports",
    ),
    Metric(
        "iryo_import_stored_bytes_total",
        Kind.COUNTER,
        "Bytes that these files take up in packs.",
        group="Imports",
    ),
    Metric(
        "iryo_import_phase_seconds",
        Kind.HISTOGRAM,
        "How long the phases of imports took: ingest (read, encode, pack), publish, report.",
        ("phase",),
        _JOB,
        group="Imports",
    ),
    Metric(
        "iryo_dimse_associations_total",
        Kind.COUNTER,
        "Associations that were asked for, by outcome: accepted, or why not.",
        ("outcome",),
        group="DIMSE",
    ),
    Metric(
        "iryo_dimse_associations",
        Kind.GAUGE,
        "Associations that are open.",
        group="DIMSE",
    ),
    Metric(
        "iryo_dimse_requests_total",
        Kind.COUNTER,
        "Requests answered, by outcome: ok, warning, cancelled, refused, failed (we were at "
        "fault), lost (the association ended before the last answer).",
        ("operation", "outcome"),
        group="DIMSE",
    ),
    Metric(
        "iryo_dimse_request_seconds",
        Kind.HISTOGRAM,
        "From the command set of a request to its last response, the transfer of data included.",
        ("operation",),
        _LATENCY,
        group="DIMSE",
    ),
    Metric(
        "iryo_dimse_bytes_total",
        Kind.COUNTER,
        "Bytes of associations that have ended, by direction: received or sent.",
        ("direction",),
        group="DIMSE",
    ),
    Metric(
        "iryo_object_operations_total",
        Kind.COUNTER,
        "Operations on the object store by servers and job processes (not by the processes that "
        "encode): ok, missing, conflict, damaged, unavailable, failed.",
        ("operation", "outcome"),
        group="Stores",
    ),
    Metric(
        "iryo_object_operation_seconds",
        Kind.HISTOGRAM,
        "How long they took. A put lasts as long as its data takes to make.",
        ("operation",),
        _LATENCY,
        group="Stores",
    ),
    Metric(
        "iryo_object_bytes_total",
        Kind.COUNTER,
        "Bytes read from and written to the object store.",
        ("direction",),
        group="Stores",
    ),
    Metric(
        "iryo_database_up",
        Kind.GAUGE,
        "1 if the database answered when it was last asked, else 0.",
        group="Stores",
    ),
    Metric(
        "iryo_database_transactions_in_progress",
        Kind.GAUGE,
        "Transactions that have a connection of the pool, by what they do: read or write.",
        ("access",),
        group="Stores",
    ),
    Metric(
        "iryo_database_wait_seconds",
        Kind.HISTOGRAM,
        "How long transactions waited until they began: for a connection, and on SQLite for their "
        "turn to write.",
        ("access",),
        _LATENCY,
        group="Stores",
    ),
    Metric(
        "iryo_database_errors_total",
        Kind.COUNTER,
        "Transactions that failed because of the database: unavailable, damaged or failed.",
        ("kind",),
        group="Stores",
    ),
    Metric(
        "iryo_audit_backlog_bytes",
        Kind.GAUGE,
        "Audit events that wait in spools for the database. Above 256 MiB nothing is served.",
        group="Stores",
    ),
    Metric(
        "iryo_processes",
        Kind.GAUGE,
        "Processes of this server that live, by role: web, jobs, dimse, supervisor.",
        ("role",),
        group="Processes",
    ),
    Metric(
        "iryo_process_restarts_total",
        Kind.COUNTER,
        "Processes that died and were started anew.",
        ("role",),
        group="Processes",
    ),
    Metric(
        "iryo_process_cpu_seconds_total",
        Kind.COUNTER,
        "Processor time that a process has used, without its children.",
        ("process",),
        group="Processes",
    ),
    Metric(
        "iryo_process_resident_bytes",
        Kind.GAUGE,
        "Memory of a process, without its children.",
        ("process",),
        group="Processes",
    ),
    Metric(
        "iryo_process_open_files",
        Kind.GAUGE,
        "Files and sockets that a process has open.",
        ("process",),
        group="Processes",
    ),
    Metric(
        "iryo_process_start_time_seconds",
        Kind.GAUGE,
        "When a process was started, in seconds since 1970.",
        ("process",),
        group="Processes",
    ),
    Metric(
        "iryo_build_info",
        Kind.GAUGE,
        "1; its labels say what runs.",
        ("version", "python"),
        group="Processes",
    ),
)
METRICS: Final[Mapping[str, Metric]] = MappingProxyType({one.name: one for one in _LIST})
