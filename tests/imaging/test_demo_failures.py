"""The demo beside an installation that is not what it should be: each check can fail."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from iryo.demo import story as module
from iryo.demo.client import Client, read_frames
from iryo.demo.collect import BROKEN, Gathered, _roots
from iryo.demo.make import TALK_NAME, talk_instance
from iryo.demo.server import Installation
from iryo.demo.story import Story
from iryo.errors import Damaged, Unavailable
from tests.imaging.site import Site, make_instance


@pytest.fixture
def client(site: Site) -> Client:
    """The demo's client of a running installation."""
    made = Client(
        {
            "AWS_ENDPOINT_URL": site.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": site.key[0],
            "AWS_SECRET_ACCESS_KEY": site.key[1],
        }
    )
    made.datastore = site.datastore
    return made


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A story whose words go nowhere."""
    return Story(tmp_path, Console(file=io.StringIO(), width=200))


def gathered(folder: Path, *, files: int, broken: int = 0) -> Gathered:
    """What the demo believes to have gathered."""
    return Gathered(folder, {"ct": files - broken, BROKEN: broken}, broken)


def test_files_that_are_missing_or_refused_are_noticed(
    site: Site, client: Client, story: Story
) -> None:
    folder = site.folder / "in"
    make_instance(folder / "ct" / "1.dcm", sop="1.2.3.1.1")
    (folder / "ct" / "2.dcm").write_text("no DICOM")
    (folder / BROKEN).mkdir()
    (folder / BROKEN / "3.dcm").write_text("no DICOM, on purpose")
    row = story._import(client, gathered(folder, files=4, broken=1))
    assert row.count == "1 of 3"
    assert story.failed[0] == "import: 1 of 3 files imported"
    assert story.failed[1].startswith("import: ct/2.dcm: ")
    assert len(story.failed) == 2


def test_an_import_that_fails_is_told_of(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_instance(site.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    (site.folder / "out").write_text("in the way of the report")
    monkeypatch.setattr("iryo.demo.client._PATIENCE", 0.0)
    with pytest.raises(Unavailable, match="the import is "):
        client.import_folder(site.folder / "in", site.folder / "out")


def test_an_empty_data_store_is_noticed(client: Client, story: Story) -> None:
    with pytest.raises(Damaged, match="no image set"):
        story._list(client)


def test_a_name_that_is_not_as_it_was_written_is_noticed(
    site: Site, client: Client, story: Story
) -> None:
    make_instance(site.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    site.run_import(site.folder / "in")
    story._list(client)
    story._read(client)
    assert story.failed == ["metadata: the name of the talk's example is not as it was written"]
    assert TALK_NAME not in str(story.documents)


def test_frames_that_are_not_what_the_metadata_says_are_noticed(
    site: Site, client: Client, story: Story
) -> None:
    make_instance(site.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    site.run_import(site.folder / "in")
    story._list(client)
    story._read(client)
    (document,) = story.documents.values()
    (series,) = document["Study"]["Series"].values()
    entry = series["Instances"]["1.2.3.1.1"]["ImageFrames"][0]
    assert read_frames(client, story.documents).wrong == []
    entry["PixelDataChecksumFromBaseToFullResolution"][-1]["Checksum"] += 1
    story.failed.clear()
    story._frames(client)
    assert len(story.failed) == 1
    assert story.failed[0].startswith("frames: instance 1.2.3.1.1: ")


class Elsewhere(Installation):
    """An installation that finds somebody else, whatever it is asked for."""

    def iryo(self, *words: str) -> str:
        return json.dumps({"DICOMTags": {"DICOMPatientId": f"SOMEBODY-{len(words)}"}}) + "\n"


def test_searches_that_find_somebody_else_are_noticed(tmp_path: Path, story: Story) -> None:
    story._search(Elsewhere(tmp_path))
    assert len(story.failed) == 3
    assert all("expected the one" in trouble for trouble in story.failed)


def test_an_original_that_is_in_no_image_set_is_noticed(tmp_path: Path, story: Story) -> None:
    (tmp_path / "nm").mkdir()
    (tmp_path / "nm" / "talk.dcm").write_bytes(talk_instance())
    with pytest.raises(Damaged, match=r"no image set has the instance of talk\.dcm"):
        story._export(Elsewhere(tmp_path), gathered(tmp_path, files=1))


def test_without_the_aws_cli_the_story_goes_on(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "program", lambda _: None)
    story._aws_cli({})
    assert story.failed == []
    assert story.rows == []
    assert "pip install awscli" in said(story)


def test_an_aws_cli_that_sees_another_store_is_noticed(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"datastoreSummaries": [{"datastoreName": "somebody's"}]}
    monkeypatch.setattr(module, "run", lambda *_: json.dumps(other))
    story._aws_cli({})
    assert story.failed == ["AWS CLI: it does not list the data store"]


def said(story: Story) -> str:
    """All that the story has printed."""
    stream = story.console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("package", "told"),
    [("boto3", "the demo needs boto3"), ("data_store", "the demo needs the package pydicom-data")],
)
def test_packages_of_the_extra_that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, package: str, told: str
) -> None:
    """`None` in sys.modules is how Python itself says that there is no such module."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Unavailable, match=told):
        needs(package)


def needs(package: str) -> object:
    """What needs the package."""
    return Client({}) if package == "boto3" else _roots()
