"""The import page over HTTP: who may, folders of the server, and what could not be taken."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from iryo.access import Role
from iryo.imaging.service import imports
from iryo.imaging.service.location import S3Place
from iryo.imaging.web.importing import _failures, _places, _shown, _uri
from iryo.server import application
from tests.imaging.house import House
from tests.imaging.served import Application, Served, served
from tests.imaging.site import make_instance
from tests.imaging.web.archive import actions, page

pytestmark = pytest.mark.small


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("import")
    (folder / "incoming").mkdir()

    def bounded(house: House) -> Application:
        return application(replace(house.app, room=house.bounded(folder / "incoming")))

    with served(folder, bounded) as found:
        yield found


def ask(there: Served, role: Role = Role.WRITER, **form: str) -> requests.Response:
    """Ask for the import of a folder."""
    return there.session(role).post(
        f"{there.url}/import/main/folder",
        data=form,
        headers={"accept": "text/html"},
        timeout=60,
        allow_redirects=False,
    )


def test_it_is_for_writers(there: Served) -> None:
    assert page(there, "/import/main").status_code == 403
    html = page(there, "/import/main", Role.WRITER).text
    assert 'data-import="/dicomweb/main/studies"' in html
    assert str(there.house.folder / "incoming") in html
    assert page(there, "/import", Role.WRITER).headers["location"] == "/import/main"
    nowhere = page(there, "/import")
    assert nowhere.status_code == 200
    assert "You may not import anywhere" in nowhere.text
    assert ask(there, Role.READER, place="/").status_code == 403
    assert 'href="/import"' not in page(there, "/studies/main").text


def test_which_places_are_offered(there: Served, tmp_path: Path) -> None:
    room = there.house.room
    assert _places(replace(room, import_roots=())) is None
    assert _places(replace(room, import_roots=None)) == []
    roots = (tmp_path, S3Place("bucket", "prefix"))
    assert _places(replace(room, import_roots=roots)) == [str(tmp_path), "s3://bucket/prefix"]


def test_a_folder_of_the_server_is_read_by_a_job_that_can_be_followed(there: Served) -> None:
    folder = there.house.folder / "incoming" / "<b>ward & 7"
    make_instance(folder / "good.dcm", sop="1.2.3.1.1")
    (folder / "<script>.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"cut off")
    answer = ask(there, place=str(folder))
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    assert path.startswith("/import/main/")
    session = there.session(Role.WRITER)
    with session.get(f"{there.url}{path}/live", stream=True, timeout=60) as live:
        for line in live.iter_lines():
            if b'"failures"' in line and b"exceptionType" not in line and b"bdi" in line:
                break
    html = page(there, path, Role.WRITER).text
    assert "<strong>" in html
    assert "&lt;script&gt;.dcm" in html
    assert "<script>.dcm" not in html
    assert "/&lt;b&gt;ward &amp; 7</bdi>" in html
    listed = page(there, "/import/main", Role.WRITER, "ja").text
    assert f'href="{path}"' in listed
    assert "2 ファイル中 1 を取り込み" in listed
    with session.get(f"{there.url}/import/main/live", stream=True, timeout=60) as live:
        first = next(line for line in live.iter_lines() if line.startswith(b"data:"))
    assert f"job-{path.rpartition('/')[2]}".encode() in first
    room = there.house.room
    job = imports.get(room, there.house.store, path.rpartition("/")[2])
    assert len(_failures(room, job) or ()) == 1
    assert _failures(replace(room, outputs=room.outputs / "gone"), job) is None
    rows = actions(there)
    assert ("ImportFolder", "allowed", path.rpartition("/")[2]) in rows
    assert page(there, path).status_code == 403
    assert page(there, "/import/main/" + "0" * 32, Role.WRITER).status_code == 404


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("", 400),
        ("relative/folder", 400),
        ("http://example.org/", 400),
        ("/" + "a" * 1100, 400),
        ("/etc", 403),
        ("file:///etc", 403),
    ],
)
def test_what_cannot_be_read(there: Served, place: str, status: int) -> None:
    assert ask(there, place=place).status_code == status


def test_places_are_written_as_people_write_them() -> None:
    for text, uri in (("/a b/ç", "file:///a%20b/%C3%A7"), ("s3://bucket/a b", "s3://bucket/a b")):
        assert _uri(text) == uri
        assert _shown(uri) == text
    assert _uri("file:///a") == "file:///a"


def test_a_folder_that_is_not_there(there: Served) -> None:
    answer = ask(there, place=str(there.house.folder / "incoming" / "nothing"))
    assert answer.status_code == 400
    assert "nothing is found at inputS3Uri" in answer.text
