"""A worker in a process of its own, for the tests that kill it or let two run against each other.

python -m tests.jobs.worker hold DATABASE      take one job, say "running", run until killed
python -m tests.jobs.worker count DATABASE     wait for a line, then run jobs until none is due,
                                               and print the number of each
"""

import sys
import time

from iryo.jobs import JobContext, JobRunner, Jobs
from iryo.store.sql import Database


def hold(database: Database) -> None:
    def handler(context: JobContext) -> None:
        context.progress(5, 9)
        context.tick()
        print("running", flush=True)  # noqa: T201
        while True:
            time.sleep(60)

    JobRunner(Jobs(database), {"k": handler}).step()


def count(database: Database) -> None:
    def handler(context: JobContext) -> None:
        print(context.job.payload["n"], flush=True)  # noqa: T201

    runner = JobRunner(Jobs(database), {"k": handler})
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    while runner.step() is not None:
        pass


if __name__ == "__main__":
    name, url = sys.argv[1:]
    {"hold": hold, "count": count}[name](Database(url))
