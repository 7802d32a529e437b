"""A process that compacts an installation once, some hours later, and that a test kills.

python -m tests.imaging.service.care.one_compaction DATASTORE HOURS, with the settings in variables.
"""

import os
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

from iryo.app import open_app
from iryo.imaging.service.care import compact
from iryo.imaging.service.room import utcnow
from iryo.jobs import JobContext, JobRunner
from iryo.settings import load


def main(datastore_id: str, hours: float) -> None:
    """Say that it begins, and run the job to its end."""
    with open_app(load({}, os.environ, None).settings) as app:
        room = replace(app.room, clock=lambda: utcnow() + timedelta(hours=hours))

        def run(context: JobContext) -> dict[str, Any]:
            sys.stdout.write("begins\n")
            sys.stdout.flush()
            return compact.run_compact(room, context)

        handlers = {compact.COMPACT_KIND: run}
        job = compact.start(room, datastore_id)
        ended = JobRunner(app.jobs, handlers, poll_seconds=0.02, lease_seconds=1).run(job.id)
        assert ended.state == "COMPLETED", ended.message


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
