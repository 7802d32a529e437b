"""The pages about the installation: jobs, data stores, audit, health, home."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from iryo.access import AuditEvent
from iryo.app import App
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports
from iryo.jobs import Job, JobState
from iryo.pages import Live
from tests.console.visiting import Visitor


@pytest.fixture(scope="module")
def imported(app: App, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """An import of one file that can be taken and one that cannot."""
    folder: Path = tmp_path_factory.mktemp("input")
    found = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(found, str)
    real = Path(found).read_bytes()
    (folder / "good.dcm").write_bytes(real)
    (folder / "<b>bad.dcm").write_bytes(real[:2000])
    store = datastores.create(app.room, name="imported")
    job = imports.start(app.room, store.id, ImportOrder("n", folder.as_uri(), None, "r"))
    return app.runner.run(job.id)


def events(response_body: object) -> Iterator[dict[str, str]]:
    assert isinstance(response_body, Live)
    for line in response_body.first().decode().splitlines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_an_import_is_listed_and_says_what_it_could_not_take(admin: Visitor, imported: Job) -> None:
    assert imported.state is JobState.COMPLETED
    html = admin.get("/console/jobs")
    assert f'id="job-{imported.id}"' in html
    html = admin.get(f"/console/jobs/{imported.id}")
    assert "&lt;b&gt;bad.dcm" in html
    assert "1 of 2 taken" in html
    assert "/resume" not in html


def test_a_list_of_jobs_is_narrowed(admin: Visitor, imported: Job) -> None:
    shown = admin.get("/console/jobs?kind=imaging.import&state=COMPLETED")
    assert f'id="job-{imported.id}"' in shown
    assert '<option value="COMPLETED" selected>' in shown
    assert f'id="job-{imported.id}"' not in admin.get("/console/jobs?state=FAILED")
    assert admin.ask("GET", "/console/jobs?state=BORED").status == 400


def test_jobs_live(app: App, admin: Visitor, imported: Job) -> None:
    with app.database.write() as connection:
        job = app.jobs.submit(connection, kind="imaging.verify", scope=imported.scope, payload={})
    response = admin.ask("GET", "/console/jobs/live")
    assert dict(response.headers)["content-type"] == "text/event-stream"
    live = response.body
    told = {event["id"]: event["html"] for event in events(live)}
    assert told.keys() >= {f"job-{imported.id}", f"job-{job.id}"}
    assert isinstance(live, Live)
    assert live.step() == b""
    with app.database.write() as connection:
        app.jobs.cancel(connection, job.id)
    assert re.findall(r'"id":"job-(\w+)"', live.step().decode()) == [job.id]


def test_a_job_lives_on_its_page(admin: Visitor, imported: Job) -> None:
    (event,) = events(admin.ask("GET", f"/console/jobs/{imported.id}/live").body)
    assert event["id"] == "job"
    assert "1 of 2 taken" in event["html"]


def test_a_job_is_cancelled_and_goes_on(app: App, admin: Visitor, imported: Job) -> None:
    with app.database.write() as connection:
        job = app.jobs.submit(
            connection, kind="imaging.import", scope=imported.scope, payload=imported.payload
        )
    path = f"/console/jobs/{job.id}"
    assert "/cancel" in admin.get(path)
    assert admin.follow(f"{path}/cancel") == path
    assert app.jobs.find(job.id).state is JobState.CANCELLED
    assert "Cancelled" in admin.get(path)
    assert admin.follow(f"{path}/resume") == path
    assert app.jobs.find(job.id).state is JobState.SUBMITTED
    admin.follow(f"{path}/cancel")
    actions = {row.action for row in flushed(app) if row.resource == job.id}
    assert actions == {"console:jobs.show", "console:jobs.cancel", "console:jobs.resume"}


def test_what_has_undone_its_work_does_not_go_on(app: App, admin: Visitor, imported: Job) -> None:
    with app.database.write() as connection:
        job = app.jobs.submit(connection, kind="imaging.copy", scope=imported.scope, payload={})
    admin.follow(f"/console/jobs/{job.id}/cancel")
    assert admin.post(f"/console/jobs/{job.id}/resume").status == 400
    assert admin.ask("GET", f"/console/jobs/{'0' * 32}").status == 404


def test_the_first_page_says_what_is_here_and_what_is_wrong(
    app: App, admin: Visitor, imported: Job
) -> None:
    with app.database.write() as connection:
        running = app.jobs.submit(connection, kind="imaging.x", scope=imported.scope, payload={})
        app.jobs.submit(connection, kind="imaging.y", scope=imported.scope, payload={})
    failing = app.jobs.lease("w", ["imaging.y"], 60)
    assert failing
    app.jobs.fail(failing, "found <i>, expected none")
    html = admin.get("/", accept_language="en")
    assert "imaging.y failed" in html
    assert "found &lt;i&gt;, expected none" in html
    assert f'href="/console/jobs/{running.id}"' in html
    assert re.search(
        r'<bdi>imported</bdi></a></td>\s*<td><span class="badge plain">CT</span>', html
    )
    told = {event["id"] for event in events(admin.ask("GET", "/live").body)}
    assert told == {"running", "concerns"}


class TestDatastores:
    def test_one_is_made_and_deleted(self, app: App, admin: Visitor) -> None:
        path = admin.follow("/console/datastores", name=" archive & co ")
        store = datastores.get(app.room, path.rpartition("/")[2])
        assert store.name == "archive & co"
        assert "<bdi>archive &amp; co</bdi>" in admin.get(path)
        assert "archive &amp; co" in admin.get("/console/datastores")
        assert admin.post("/console/datastores", name="archive & co").status == 400
        assert admin.follow(f"{path}/delete") == "/console/datastores"
        assert admin.ask("GET", path).status == 404
        rows = [row for row in flushed(app) if row.resource == store.id]
        assert {row.action for row in rows} == {
            "console:datastores.create",
            "console:datastores.delete",
        }

    @pytest.mark.parametrize("name", ["", "  ", "x" * 257, "a\u202eb"])
    def test_names_that_cannot_be_one(self, admin: Visitor, name: str) -> None:
        assert admin.post("/console/datastores", name=name).status == 400

    def test_what_is_in_use_stays(self, admin: Visitor, imported: Job) -> None:
        assert admin.post(f"/console/datastores/{imported.scope}/delete").status == 409

    def test_a_name_leads_there_too(self, admin: Visitor, imported: Job) -> None:
        assert imported.scope in admin.get("/console/datastores/imported")


class TestAudit:
    def test_it_is_filtered_and_paged(self, admin: Visitor) -> None:
        for _ in range(101):
            admin.ask("GET", "/console/jobs/" + "1" * 32)
        query = "/console/audit?action=console:jobs.show&resource=" + "1" * 32
        html = admin.get(query)
        assert html.count('<td class="mono">console:jobs.show</td>') == 100
        (later,) = re.findall(r'rel="next" href="([^"]+)"', html)
        rest = admin.get(later.replace("&amp;", "&"), hx_request="true")
        assert rest.count('<td class="mono">console:jobs.show</td>') == 1
        assert "<html" not in rest

    def test_days_are_the_readers(self, admin: Visitor) -> None:
        kept = {"cookie": "iryo_zone=Asia%2FTokyo"}
        assert "No events" in admin.get("/console/audit?until=2020-01-01", **kept)
        html = admin.get("/console/audit?since=2020-01-01&actor=nobody", **kept)
        assert "No events" in html

    def test_names_of_keys_are_told(self, admin: Visitor) -> None:
        assert "<bdi>visitor</bdi>" in admin.get("/console/audit?action=console:audit")

    @pytest.mark.parametrize("query", ["since=1", "after=x", "after=1e999,1", "after=nan,1"])
    def test_what_is_no_place(self, admin: Visitor, query: str) -> None:
        assert admin.ask("GET", f"/console/audit?{query}").status == 400


class TestHealth:
    def test_the_doctor_answers(self, admin: Visitor) -> None:
        assert 'hx-get="/console/health/findings"' in admin.get("/console/health")
        html = admin.get("/console/health/findings", hx_request="true")
        assert "<strong>Key file</strong>" in html

    def test_figures_live(self, admin: Visitor) -> None:
        (event,) = events(admin.ask("GET", "/console/health/live").body)
        assert event["id"] == "figures"


def flushed(app: App) -> list[AuditEvent]:
    """The audit log, with what this process has not yet written."""
    app.audit.flush()
    return list(app.audit.read())
