"""The import job: what a crash makes it do again, and what it looks at again before it writes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.service.room import Room
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import Job, JobContext, JobRunner, JobState
from tests.imaging.house import House
from tests.imaging.site import make_instance


def run(house: House, job_id: str, handler: Any) -> Job:
    """Run an import job with a handler of the test's own."""
    return JobRunner(house.app.jobs, {IMPORT_KIND: handler}, poll_seconds=0.01).run(job_id)


def test_a_crash_after_the_report_does_not_change_what_it_says(house: House) -> None:
    make_instance(house.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    (house.folder / "in" / "no.txt").write_text("no image")
    summaries = []

    def twice(context: JobContext) -> dict[str, Any]:
        # The process dies between the end of the handler and the end of the job: once more.
        summaries.append(imports.run_import(house.room, context))
        return imports.run_import(house.room, context)

    job = run(house, house.ordered(house.folder / "in"), twice)
    assert job.result == summaries[0]
    assert summaries[0]["numberOfGeneratedImageSets"] == 1
    failures = Path(summaries[0]["failureOutputS3Uri"].removeprefix("file://")) / "failure.ndjson"
    assert failures.read_text().count("\n") == 1


def test_an_output_that_became_a_link_is_not_followed(house: House) -> None:
    allowed, outside = house.folder / "allowed", house.folder / "outside"
    make_instance(allowed / "in" / "1.dcm", sop="1.2.3.1.1")
    outside.mkdir()
    room: Room = replace(house.room, import_roots=(allowed,))
    source, output = (allowed / "in").as_uri(), (allowed / "out").as_uri()
    order = ImportOrder("test", source, output, "")
    for late in (False, True):
        (allowed / "out").unlink(missing_ok=True)
        job_id = imports.start(room, house.store, order).id

        def linked(context: JobContext, *, late: bool = late) -> dict[str, Any]:
            class Later(JobContext):
                def progress(self, done: int, total: int | None = None) -> None:
                    super().progress(done, total)
                    if total is not None:  # all files are read
                        (allowed / "out").symlink_to(outside)

            if late:
                context.__class__ = Later
            else:
                (allowed / "out").symlink_to(outside)
            return imports.run_import(room, context)

        job = run(house, job_id, linked)
        assert job.state is JobState.FAILED
        assert "outside the folders" in (job.message or "")
    assert not list(outside.iterdir())
