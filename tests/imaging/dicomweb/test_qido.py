"""QIDO-RS, by dicomweb-client and by hand."""

import gzip
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from iryo.access import Role
from tests.imaging.dicomweb.parts import bodies
from tests.imaging.served import Served, served
from tests.imaging.service.query.archive import fill

ONE, TWO, THREE = "1.2.1", "1.2.2", "1.2.3"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("qido")
    with served(folder, compute="inline", query_results=4) as found:
        found.house.imported(fill(folder / "in"))
        yield found


@pytest.fixture(scope="module")
def client(house: Served) -> DICOMwebClient:
    return DICOMwebClient(house.dicomweb, session=house.session(Role.READER))


def get(house: Served, path: str, *pairs: tuple[str, str], **headers: str) -> requests.Response:
    return house.session().get(house.dicomweb + path, params=list(pairs), headers=headers)


def uids(found: list[dict[str, Any]], keyword: str) -> list[str]:
    return [str(Dataset.from_json(one)[keyword].value) for one in found]


def test_a_client_of_others_searches_for_studies(house: Served, client: DICOMwebClient) -> None:
    assert uids(client.search_for_studies(), "StudyInstanceUID") == [TWO, ONE, THREE]
    (study,) = client.search_for_studies(
        search_filters={"PatientName": "やまだ*", "StudyDate": "20240101-20241231"},
        fields=["StudyDescription", "00101010"],
    )
    dataset = Dataset.from_json(study)
    assert dataset.PatientName == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert dataset.StudyDescription == "Head [routine]"
    assert list(dataset.ModalitiesInStudy) == ["CT", "MR"]
    assert dataset.NumberOfStudyRelatedInstances == 3
    assert dataset.RetrieveURL == f"{house.dicomweb}/studies/{ONE}"
    fuzzy = client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "花子"})
    assert uids(fuzzy, "StudyInstanceUID") == [TWO]
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    pages = [client.search_for_studies(limit=1, offset=at) for at in range(4)]
    assert [uids(page, "StudyInstanceUID") for page in pages] == [[TWO], [ONE], [THREE], []]


def test_a_client_of_others_searches_for_series(house: Served, client: DICOMwebClient) -> None:
    of_study = client.search_for_series(ONE)
    assert uids(of_study, "SeriesInstanceUID") == ["1.2.1.2", "1.2.1.1"]
    assert "00100010" not in of_study[0]
    (found,) = client.search_for_series(
        search_filters={"RequestAttributesSequence.ScheduledProcedureStepID": "SPS2"}
    )
    dataset = Dataset.from_json(found)
    assert dataset.SeriesInstanceUID == "1.2.1.1"
    assert dataset.PatientID == "P1", "the study level too, where no study is named"
    assert dataset.RetrieveURL == f"{house.dicomweb}/studies/{ONE}/series/1.2.1.1"
    assert len(client.search_for_series(search_filters={"Modality": "CT"})) == 3


def test_a_client_of_others_searches_for_instances(house: Served, client: DICOMwebClient) -> None:
    of_series = client.search_for_instances(ONE, "1.2.1.1")
    assert uids(of_series, "SOPInstanceUID") == ["1.2.1.1.2", "1.2.1.1.1"]
    assert "00080060" not in of_series[0]
    of_study = client.search_for_instances(ONE)
    assert [one["00080060"]["Value"] for one in of_study] == [["MR"], ["CT"], ["CT"]]
    assert "00100010" not in of_study[0]
    (one,) = client.search_for_instances(search_filters={"SOPInstanceUID": "1.2.2.1.1"})
    dataset = Dataset.from_json(one)
    assert (dataset.PatientID, dataset.Rows, dataset.NumberOfFrames) == ("p2", 32, 1)
    url = f"{house.dicomweb}/studies/{TWO}/series/1.2.2.1/instances/1.2.2.1.1"
    assert dataset.RetrieveURL == url


def test_keys_by_keyword_tag_and_path(house: Served) -> None:
    by_hand = [
        (("00400275.00400009", "SPS1"),),
        (("RequestAttributesSequence.00400009", "SPS1"),),
        (("SeriesInstanceUID", "1.2.1.1,9.9"),),
        (("0020000e", "1.2.1.1"),),
    ]
    for pairs in by_hand:
        found = get(house, "/series", *pairs).json()
        assert uids(found, "SeriesInstanceUID") == ["1.2.1.1"], pairs
    listed = get(house, "/studies", ("ModalitiesInStudy", "MR,US")).json()
    assert uids(listed, "StudyInstanceUID") == [ONE]
    moments = (("StudyDate", "20240501-20240502"), ("StudyTime", "0900-0830"))
    assert uids(get(house, "/studies", *moments).json(), "StudyInstanceUID") == [TWO, ONE]


def test_what_is_included(house: Served) -> None:
    plain = get(house, "/studies", ("StudyInstanceUID", ONE)).json()[0]
    fields = (("includefield", "StudyDescription,Modality"), ("includefield", "00100021"))
    more = get(house, "/studies", ("StudyInstanceUID", ONE), *fields).json()[0]
    assert set(more) - set(plain) == {"00081030"}
    every = get(house, "/studies", ("StudyInstanceUID", ONE), ("includefield", "all")).json()[0]
    assert set(every) - set(plain) == {"00081030", "00080062"}


def test_nothing_is_an_empty_list(house: Served) -> None:
    for path in (
        "/studies",
        "/series",
        "/instances",
        "/studies/9.9/series",
        "/studies/9/instances",
    ):
        answer = get(house, path, ("PatientID", "nobody"))
        assert (answer.status_code, answer.content) == (200, b"[]")


def test_more_than_may_be_given_is_said(house: Served) -> None:
    answer = get(house, "/instances")
    assert len(answer.json()) == 4
    assert answer.headers["warning"].startswith("299 iryo ")
    assert "warning" not in get(house, "/instances", ("limit", "2")).headers
    assert "warning" in get(house, "/instances", ("limit", "5")).headers
    rest = get(house, "/instances", ("offset", "4"))
    assert len(rest.json()) == 1
    assert "warning" not in rest.headers


REFUSED = [
    ("/studies", "Patient", "x", "Patient"),
    ("/studies", "0010001", "x", "0010001"),
    ("/studies", "00091001", "x", "00091001"),
    ("/studies", "SeriesDescription", "x", "SeriesDescription"),
    ("/studies", "StudyDate", "today", "StudyDate"),
    ("/studies", "limit", "-1", "limit"),
    ("/studies", "limit", "1e3", "limit"),
    ("/studies", "offset", "x", "offset"),
    ("/studies", "fuzzymatching", "yes", "fuzzymatching"),
    ("/studies", "includefield", "Nonsense", "Nonsense"),
    ("/studies", "PatientName.x", "x", "x"),
    ("/studies/1.2.1/series", "StudyInstanceUID", "1.2.2", "StudyInstanceUID"),
]


@pytest.mark.parametrize(("path", "name", "value", "said"), REFUSED)
def test_what_cannot_be_asked_is_named(
    house: Served, path: str, name: str, value: str, said: str
) -> None:
    answer = get(house, path, (name, value))
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_forms(house: Served) -> None:
    for accept in ("application/dicom+json", "application/json", "*/*", "application/*;q=0.5"):
        answer = get(house, "/studies", accept=accept)
        assert answer.status_code == 200
        assert answer.headers["content-type"] in {"application/dicom+json", "application/json"}
    refused = get(house, "/studies", accept="application/dicom+xml")  # as parts only
    assert refused.status_code == 406
    assert "application/dicom+json" in refused.json()["message"]
    asked = get(house, "/studies", ("accept", "application/json"))
    assert asked.headers["content-type"] == "application/json"


def test_as_xml_too(house: Served) -> None:
    accept = 'multipart/related; type="application/dicom+xml"'
    answer = get(house, "/studies", accept=accept)
    assert answer.status_code == 200
    expected = get(house, "/studies").json()
    found = [len(ET.fromstring(document)) for _, document in bodies(answer)]
    assert found == [len(one) for one in expected]
    nothing = get(house, "/studies", ("PatientID", "nobody"), accept=accept)
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_long_answers_are_packed_for_those_who_take_that(house: Served) -> None:
    plain = get(house, "/studies", **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with house.session().get(f"{house.dicomweb}/studies", stream=True) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.raw.read()) == plain.content


def test_searches_are_audited_without_what_was_asked(house: Served) -> None:
    get(house, "/studies", ("PatientName", "Secret*"))
    get(house, f"/studies/{ONE}/series")
    house.house.app.audit.flush()
    rows = list(house.house.app.audit.read(limit=2))
    assert [row.action for row in rows] == ["SearchForSeries", "SearchForStudies"]
    assert "Secret" not in repr(rows)
    nobody = requests.get(f"{house.dicomweb}/studies", timeout=30)
    assert nobody.status_code == 401
