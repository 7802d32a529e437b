"""The tables of jobs and of the outbox."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from iryo.jobs.model import Job, JobState
from iryo.store.sql import Json, Ordered, Timestamp, metadata

__all__ = ["EVENT_COUNTER", "consumers", "counters", "events", "job_of", "jobs", "values_of"]

jobs = Table(
    "jobs",
    metadata,
    Column("id", Ordered(32), primary_key=True),
    Column("kind", Ordered(64), nullable=False),
    Column("scope", Ordered(128), nullable=False),
    Column("token", Ordered(128)),
    Column("state", Ordered(16), nullable=False),
    Column("payload", Json, nullable=False),
    Column("result", Json),
    Column("message", Text),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("best", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("strikes", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("worker", String(128)),
    Column("due_at", Timestamp),
    Column("cancel_requested", Boolean, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("started_at", Timestamp),
    Column("ended_at", Timestamp),
    Column("updated_at", Timestamp, nullable=False),
    UniqueConstraint("kind", "scope", "token"),
    # What may be taken up next: new jobs, retries and lapsed leases are all rows whose time is due,
    # and an ended job has none. So finding the next one costs the same among a million ended ones.
    Index("ix_jobs_due", "kind", "due_at", "id"),
    Index("ix_jobs_created", "kind", "scope", "created_at", "id"),
    Index("ix_jobs_newest", "created_at", "id"),
    Index("ix_jobs_state", "kind", "scope", "state", "created_at", "id"),
)

EVENT_COUNTER: Final = "events"

# The last number given out, per name. Who raises it holds the row until the transaction ends.
counters = Table(
    "jobs_counters",
    metadata,
    Column("name", Ordered(32), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

events = Table(
    "jobs_events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

consumers = Table(
    "jobs_event_consumers",
    metadata,
    Column("name", Ordered(64), primary_key=True),
    Column("acknowledged", BigInteger, nullable=False),
)


def job_of(row: Row[Any]) -> Job:
    """The job that a row of `jobs` tells of."""
    values = dict(row._mapping)  # noqa: SLF001 - the documented name; Row keeps others for columns
    return Job(**{**values, "state": JobState(values["state"])})


def values_of(job: Job) -> dict[str, Any]:
    """The column values of a job."""
    values = dict(vars(job))
    values["state"] = job.state.value
    return values
