"""The page of a study over HTTP, what is below it, and its deletion."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from iryo.access import Role
from iryo.imaging.service.care import holds, retention
from iryo.imaging.service.care.holds import HoldKind
from iryo.imaging.service.study import Content, content_of
from iryo.imaging.web.ohif import Ohif
from iryo.imaging.web.study import _elements
from tests.imaging.served import Served
from tests.imaging.site import make_instance
from tests.imaging.web.archive import actions, archive, elements, page

pytestmark = pytest.mark.small
ONE = "/studies/main/1.2.1"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with archive(tmp_path_factory.mktemp("study")) as found:
        yield found


def post(
    there: Served, path: str, role: Role, headers: dict[str, str] | None = None, **form: str
) -> requests.Response:
    return there.session(role).post(
        there.url + path, data=form, headers=headers, timeout=60, allow_redirects=False
    )


def test_head_and_series(there: Served) -> None:
    html = page(there, ONE).text
    for text in ("Yamada, Tarou", "山田 太郎", "やまだ たろう", "P1", "A100", "胸部CT", "Female"):
        assert text in html
    links = re.findall(r'<h3><a href="([^"]+)"', html)
    assert links == [f"/viewer/main?study=1.2.1&amp;series=1.2.1.{n}" for n in (1, 2)]
    pictures = re.findall(r'<img src="([^"]+)"', html)
    session = there.session(Role.READER)
    for path in pictures:
        answer = session.get(there.url + path, headers={"accept": "image/*"}, timeout=60)
        assert answer.headers["content-type"] == "image/jpeg"
    archives = [path for path in re.findall(r'href="([^"]+)" download', html) if "zip" in path]
    assert len(archives) == 3
    for path in archives:
        answer = session.get(there.url + path, timeout=60)
        assert answer.content.startswith(b"PK")
    assert "data-open=" not in html.partition('<main class="page"')[2].partition("</main>")[0]
    assert 'data-open="delete"' in page(there, ONE, Role.WRITER).text
    assert "<title>Study" in html  # no name in the history of a browser


def test_instances_come_by_their_numbers_and_lead_to_headers(there: Served) -> None:
    html = page(there, f"{ONE}/1.2.1.1").text
    links = re.findall(r'class="lead" href="([^"]+)"', html)
    assert links == [f"{ONE}/1.2.1.1/1.2.1.1.{n}" for n in (3, 2, 1)]
    header = page(there, links[0]).text
    assert "SeriesDescription" in header
    assert "Yamada^Tarou=山田^太郎=やまだ^たろう" in header
    assert "(7FE0,0010)" in header


def test_texts_of_files_are_only_texts(there: Served) -> None:
    for study in ("1.2.2", "1.2.3"):
        for path in ("", f"/{study}.1", f"/{study}.1/{study}.1.1"):
            plain = page(there, ONE + path.replace(study, "1.2.1")).text
            html = page(there, f"/studies/main/{study}{path}").text
            assert elements(html) <= elements(plain) | {"p"}
            assert "&lt;b&gt; bold &lt;/b&gt;" in html


@pytest.mark.parametrize(
    "path",
    ["1.2.99", "1.2.1/1.2.9", "1.2.1/1.2.1.1/1.2.9", "1.2.1/1.2.2.1/1.2.2.1.1", "%00", "a%2Fb"],
)
def test_what_is_not_there(there: Served, path: str) -> None:
    answer = page(there, f"/studies/main/{path}")
    assert answer.status_code in {400, 404}
    assert "<h1>" in answer.text


def test_each_look_is_audited_by_what_was_looked_at(there: Served) -> None:
    for path in ("", "/1.2.1.1", "/1.2.1.1/1.2.1.1.1"):
        page(there, ONE + path)
    rows = actions(there)
    assert ("ShowStudy", "allowed", "1.2.1") in rows
    assert ("ShowSeries", "allowed", "1.2.1.1") in rows
    assert ("ShowInstance", "allowed", "1.2.1.1.1") in rows


def test_what_is_held_or_kept_says_so_and_stays(there: Served) -> None:
    room, store = there.house.room, there.house.store
    hold = holds.add(room, store, HoldKind.STUDY, "1.2.1", reason="a case", by="test")
    html = page(there, ONE, Role.WRITER).text
    assert "Under legal hold" in html
    assert '<dialog id="delete"' not in html
    assert "Under legal hold" not in page(there, "/studies/main/1.2.2", Role.WRITER).text
    refused = post(there, f"{ONE}/delete", Role.WRITER, sure="yes")
    assert refused.status_code == 409
    holds.release(room, hold.id, by="test")
    for kind, value in ((HoldKind.PATIENT, "P1"), (HoldKind.DATASTORE, store)):
        hold = holds.add(room, store, kind, value, reason="a case", by="test")
        assert "Under legal hold" in page(there, ONE).text
        holds.release(room, hold.id, by="test")
    retention.put(room, store, 3650, by="test")
    html = page(there, ONE, Role.WRITER).text
    assert "To be kept" in html
    assert '<dialog id="delete"' not in html
    retention.clear(room, store)
    assert '<dialog id="delete"' in page(there, ONE, Role.WRITER).text


def test_what_disagrees_with_its_series_is_shown_apart(there: Served, tmp_path: Path) -> None:
    make_instance(
        tmp_path / "other",
        sop="1.2.4.1.9",
        study="1.2.4",
        series="1.2.4.1",
        PatientID="somebody else",
    )
    there.house.imported(tmp_path / "other")
    html = page(there, "/studies/main/1.2.4").text
    assert "Some instances disagreed with their series" in html
    assert html.count('<a class="id"') == 2


def test_deletion_takes_a_role_a_confirmation_and_a_page_of_ours(
    there: Served, tmp_path: Path
) -> None:
    make_instance(tmp_path / "5", sop="1.2.5.1.1", study="1.2.5", series="1.2.5.1")
    there.house.imported(tmp_path / "5")
    path = "/studies/main/1.2.5"
    assert post(there, f"{path}/delete", Role.READER, sure="yes").status_code == 403
    assert post(there, f"{path}/delete", Role.WRITER).status_code == 400
    foreign = {"sec-fetch-site": "cross-site"}
    assert post(there, f"{path}/delete", Role.WRITER, foreign, sure="yes").status_code == 403
    assert page(there, path).status_code == 200
    done = post(there, f"{path}/delete", Role.WRITER, sure="yes")
    assert (done.status_code, done.headers["location"]) == (303, "/studies/main?deleted=1")
    assert "The study is being deleted" in page(there, "/studies/main?deleted=1").text
    rows = actions(there)
    assert ("DeleteStudy", "allowed", "delete") not in rows
    assert ("DeleteStudy", "allowed", "1.2.5") in rows
    assert any(row[0] == "DeleteImageSet" and row[1] == "allowed" for row in rows)


def test_ohif_is_offered_where_it_is_installed(
    there: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = f'href="/ohif/viewer/{there.house.store}?StudyInstanceUIDs=1.2.1"'
    for path in ("/studies/main", ONE):
        assert "/ohif/" not in page(there, path).text
        with monkeypatch.context() as patched:
            patched.setattr(Ohif, "here", property(lambda _: True))
            assert link in page(there, path).text


def test_elements_of_sequences_are_shown_deeper_and_none_without_end() -> None:
    item: dict[str, Any] = {"00100020": {"vr": "LO", "Value": ["a", None]}}
    for _ in range(20):
        item = {"00081140": {"vr": "SQ", "Value": [item]}}
    item["00091001"] = {"vr": "OB", "InlineBinary": "AAAA"}
    item["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "C"}]}
    item["00204000"] = {"vr": "LT", "Value": ["x" * 5000]}
    found = list(_elements(item))
    assert max(one.depth for one in found) == 12
    assert [one.value for one in found if one.tag == "00100010"] == ["A^B==C"]
    assert [(one.name, one.value) for one in found if one.tag == "00091001"] == [("", "…")]
    assert max(len(one.value) for one in found) == 1002
    assert next(iter(_elements({"00100020": {"vr": "LO", "Value": ["a", None]}}))).value == "a\\"


STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("tail", "content"),
    [
        ("2", Content.IMAGES),
        ("66.4", Content.SEGMENTATION),
        ("66.40", Content.REGISTRATION),
        ("88.33", Content.REPORT),
        ("88.59", Content.KEY_OBJECTS),
        ("104.1", Content.DOCUMENT),
        ("104.3", Content.MODEL),
        ("11.1", Content.PRESENTATION),
        ("9.1.1", Content.WAVEFORM),
        ("481.3", Content.STRUCTURES),
        ("481.1", Content.IMAGES),
        ("77.1.4.1.1", Content.IMAGES),
        ("77.1.4.1", Content.VIDEO),
    ],
)
def test_what_classes_are_called(tail: str, content: Content) -> None:
    assert content_of([STORAGE + tail]) is content


def test_classes_that_differ_or_are_nobodys_are_images() -> None:
    assert content_of([STORAGE + "88.33", STORAGE + "2"]) is Content.IMAGES
    assert content_of(["1.2.3"]) is Content.IMAGES
    assert content_of([]) is Content.IMAGES
    assert not Content.REPORT.seen
