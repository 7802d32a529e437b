"""Durable long work: jobs that outlive their process, and an outbox of events.

jobs = Jobs(database)
with database.write() as connection:
    job = jobs.submit(connection, kind="demo.count", scope="*", payload={"to": 3})
JobRunner(jobs, {"demo.count": handler}).run(job.id)
"""

from iryo.jobs.context import JobContext
from iryo.jobs.events import Outbox, OutboxEvent, emit
from iryo.jobs.model import Job, JobState, Progress
from iryo.jobs.queue import Jobs, utcnow
from iryo.jobs.runner import Handler, JobRunner

__all__ = [
    "Handler",
    "Job",
    "JobContext",
    "JobRunner",
    "JobState",
    "Jobs",
    "Outbox",
    "OutboxEvent",
    "Progress",
    "emit",
    "utcnow",
]
