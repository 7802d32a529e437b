"""Deletion over DICOMweb, by dicomweb-client: studies, series and instances."""

import time
from collections.abc import Iterator

import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from iryo.access import Role
from iryo.imaging.service.care import retention
from iryo.imaging.service.care.holds import HoldKind, add, release
from tests.imaging.dicomweb.conftest import Library
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("deleting")
    with served(folder, compute="inline", dicomweb_delete=True) as found:
        yield found


def kept(house: Served, study: str, count: int) -> DICOMwebClient:
    """A client of a server that has a study of one series."""
    folder = house.house.folder / study
    folder.mkdir()
    for number in range(1, count + 1):
        make_instance(
            folder / f"{number}.dcm",
            sop=f"{study}.1.{number}",
            study=study,
            series=f"{study}.1",
            number=number,
        )
    house.house.imported(folder)
    return DICOMwebClient(house.dicomweb, session=house.session())


def sets_of(house: Served, study: str) -> list[str]:
    return [one for one in house.house.sets() if house.house.found(one).study_uid == study]


def gone(house: Served, study: str) -> bool:
    deadline = time.monotonic() + 30
    while sets_of(house, study) and time.monotonic() < deadline:
        time.sleep(0.02)  # a job does it
    return not sets_of(house, study)


def test_a_study_but_not_what_is_held(house: Served) -> None:
    kept(house, "1.2.1", 1)
    room, store = house.house.room, house.house.store
    session, url = house.session(), f"{house.dicomweb}/studies/1.2.1"
    assert session.delete(f"{url}/series/1.9").status_code == 404
    held = add(room, store, HoldKind.STUDY, "1.2.1", reason="a trial", by="test")
    for tail in ("", "/series/1.2.1.1", "/series/1.2.1.1/instances/1.2.1.1.1"):
        assert session.delete(url + tail).status_code == 409
    release(room, held.id, by="test")
    assert session.delete(f"{url}/series/1.2.1.1").status_code == 202
    assert gone(house, "1.2.1")
    assert session.delete(url).status_code == 404


def test_an_instance_and_then_the_last(house: Served) -> None:
    client = kept(house, "1.2.2", 3)
    session, url = house.session(), f"{house.dicomweb}/studies/1.2.2/series/1.2.2.1"
    # What is remembered of the series is asked for again.
    assert session.get(f"{url}/instances/1.2.2.1.2/frames/1").status_code == 200
    client.delete_instance("1.2.2", "1.2.2.1", "1.2.2.1.2")
    for tail in ("", "/metadata", "/frames/1", "/rendered"):
        assert session.get(f"{url}/instances/1.2.2.1.2{tail}").status_code == 404, tail
    there = ["1.2.2.1.1", "1.2.2.1.3"]
    assert sorted(one.SOPInstanceUID for one in client.retrieve_series("1.2.2", "1.2.2.1")) == there
    found = client.search_for_instances("1.2.2", "1.2.2.1")
    assert sorted(one["00080018"]["Value"][0] for one in found) == there
    (study,) = client.search_for_studies(search_filters={"StudyInstanceUID": "1.2.2"})
    assert study["00201208"]["Value"] == [2]
    assert session.delete(f"{url}/instances/1.2.2.1.2").status_code == 404
    assert session.delete(f"{url}/instances/1.2.2.1.1").status_code == 204
    assert session.delete(f"{url}/instances/1.2.2.1.3").status_code == 202
    assert gone(house, "1.2.2")
    with pytest.raises(requests.HTTPError, match="404"):
        client.delete_instance("1.2.2", "1.2.2.1", "1.2.2.1.3")


def test_not_what_is_to_be_kept_for_longer(house: Served) -> None:
    kept(house, "1.2.4", 2)
    room, store = house.house.room, house.house.store
    url = f"{house.dicomweb}/studies/1.2.4/series/1.2.4.1/instances/1.2.4.1.1"
    retention.put(room, store, 30, by="test")
    try:
        assert house.session().delete(url).status_code == 409
    finally:
        retention.clear(room, store)
    assert house.session(Role.READER).delete(url).status_code == 403
    assert house.session().delete(url).status_code == 204


def test_nothing_where_the_settings_do_not_allow_it(library: Library) -> None:
    session, url = library.place.session(), library.url("slice1")
    for resource in (url, url.partition("/instances")[0], url.partition("/series")[0]):
        assert session.delete(resource).status_code == 403
    assert session.get(url + "/metadata").status_code == 200
