"""What iryo keeps for itself is neither read nor written by imports, whatever it is called."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iryo.errors import AccessDenied, InvalidInput
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.service.location import S3Place, within
from tests.grown.s3 import S3Server, client_of
from tests.imaging.house import House
from tests.imaging.site import ROLE_ARN, Site, make_instance


@contextmanager
def a_house(folder: Path, **settings: Any) -> Iterator[House]:
    made = House.made(folder, **settings)
    yield made
    made.app.close()


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder to import, beside all that is iryo's."""
    make_instance(tmp_path / "in" / "1.dcm", sop="1.2.3.1.1")
    return tmp_path / "in"


def taken(house: House, source: str, output: str | None = None) -> bool:
    """Whether an import is taken; AccessDenied says that it touches what is our own."""
    try:
        imports.start(house.room, house.store, ImportOrder("x", source, output, ""))
    except AccessDenied as error:
        return "of iryo itself" not in error.message
    return True


def test_the_home_folder(tmp_path: Path, beside: Path) -> None:
    with a_house(tmp_path) as house:
        home = tmp_path / "home"
        house.imported(beside)
        (tmp_path / "link").symlink_to(home / "objects", target_is_directory=True)
        (tmp_path / "around").symlink_to(tmp_path, target_is_directory=True)
        mine = (
            *(home, f"{home}/", f"{home}/../home", home.as_uri(), f"{home.as_uri()}/"),
            *(home / "objects", home / "objects" / "packs", home / "iryo.key"),
            *(tmp_path / "link", f"{tmp_path}/link/", tmp_path / "around" / "home"),
        )
        above = (tmp_path, f"{tmp_path}/", tmp_path / "around", "/")
        for place in (*mine, *above):
            assert not taken(house, str(place)), place
        for place in mine:
            assert not taken(house, str(beside), str(place)), place
        assert taken(house, str(beside), str(tmp_path))  # the report gets a folder of its own in it
        assert taken(house, str(beside))
        other = make_instance(tmp_path / "HOME" / "1.dcm", sop="1.2.3.1.2").parent
        assert taken(house, str(other)) is not (tmp_path / "HOME").samefile(home)


def test_objects_that_lie_elsewhere(tmp_path: Path, beside: Path) -> None:
    store = tmp_path / "else where" / "objects"
    with a_house(tmp_path, objects=f"{store.as_uri()}/") as house:
        assert not taken(house, store.as_uri())
        assert not taken(house, str(store.parent))
        assert not taken(house, str(beside), str(store / "new"))
        assert taken(house, str(beside))


def test_a_link_to_a_stored_object_is_not_followed(tmp_path: Path, beside: Path) -> None:
    with a_house(tmp_path) as house:
        house.imported(beside)
        (pack,) = (one for one in (tmp_path / "home" / "objects" / "packs").rglob("*/*/*"))
        (beside / "2.dcm").symlink_to(pack)
        (beside / "3.dcm").symlink_to(tmp_path / "home" / "iryo.key")
        failures = house.failures(house.imported(beside))
        assert {one: why["exceptionType"] for one, why in failures.items()} == {
            "2.dcm": "SymbolicLink",
            "3.dcm": "SymbolicLink",
        }


def test_an_input_that_becomes_a_link_into_it_is_refused_when_it_is_read(
    tmp_path: Path, beside: Path
) -> None:
    with a_house(tmp_path) as house:
        job = house.ordered(beside)
        beside.rename(tmp_path / "away")
        beside.symlink_to(tmp_path / "home", target_is_directory=True)
        ended = house.run(job)
        assert ended.state == "FAILED"
        assert "of iryo itself" in (ended.message or "")


def test_the_prefix_in_s3(tmp_path: Path, beside: Path, s3_server: S3Server) -> None:
    bucket, access = s3_server.bucket(), s3_server.access
    settings = {
        "objects": f"s3://{bucket}/wards/iryo/",
        "s3_endpoint": access.endpoint,
        "s3_access_key_id": access.key_id,
        "s3_secret_access_key": access.secret,
    }
    with a_house(tmp_path, **settings) as house:
        house.imported(beside)
        for key in ("wards/iryo2/1.dcm", "wards/Iryo/1.dcm", "in/1.dcm"):
            client_of(access).upload_file(str(beside / "1.dcm"), bucket, key)
        mine = ("wards/iryo", "wards/iryo/", "wards/iryo/packs")
        for key in (*mine, "wards", "wards/", ""):
            assert not taken(house, f"s3://{bucket}/{key}"), key
        for key in mine:
            assert not taken(house, str(beside), f"s3://{bucket}/{key}"), key
        assert not taken(house, f"s3://{bucket}")
        for key in ("wards/iryo2", "wards/Iryo", "in"):  # S3 tells A from a
            assert taken(house, f"s3://{bucket}/{key}", f"s3://{bucket}/wards")
        with pytest.raises(InvalidInput, match="nothing is found"):
            taken(house, f"s3://{bucket}/wards/iry")
        assert not taken(house, str(tmp_path / "home"))


def test_clients_are_told(site: Site) -> None:
    with pytest.raises(ClientError) as caught:
        site.client.start_dicom_import_job(
            datastoreId=site.datastore,
            dataAccessRoleArn=ROLE_ARN,
            inputS3Uri=(site.folder / "home").as_uri(),
            outputS3Uri=site.output.as_uri(),
        )
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_places_of_two_kinds_hold_nothing_of_each_other(tmp_path: Path) -> None:
    assert not within(S3Place("bucket", "a"), tmp_path)
    assert not within(tmp_path, S3Place("bucket", ""))
    assert within(tmp_path / "no" / "where", tmp_path / "no")
