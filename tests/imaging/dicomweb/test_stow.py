"""STOW-RS, by dicomweb-client and by hand."""

import io
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.data import get_testdata_file
from sqlalchemy import func, select

from iryo.access import Role
from iryo.imaging.service.export import export
from iryo.imaging.service.receive import Keeper
from iryo.imaging.store import arrivals
from tests.imaging.served import Served, served
from tests.imaging.site import make_instance

RELATED = 'multipart/related; type="application/dicom"; boundary=b'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("stow")
    with served(folder, compute="inline", max_upload=8 << 20) as found:
        yield found


@pytest.fixture
def study() -> str:
    """A study of a test's own."""
    return f"1.2.{secrets.randbelow(10**12)}"


def made(house: Served, study: str, number: int) -> bytes:
    path = house.house.folder / "made.dcm"
    sop = f"{study}.1.{number}"
    make_instance(path, sop=sop, study=study, series=f"{study}.1", number=number)
    return path.read_bytes()


def body(files: list[bytes], content: bytes = b"application/dicom") -> bytes:
    head = b"--b\r\nContent-Type: " + content + b"\r\n\r\n"
    return b"".join(head + data + b"\r\n" for data in files) + b"--b--\r\n"


def post(house: Served, data: object, path: str = "", **headers: str) -> requests.Response:
    sent = {"content-type": RELATED} | headers
    return house.session().post(f"{house.dicomweb}/studies{path}", data=data, headers=sent)  # type: ignore[arg-type]


def stored(house: Served, image_set_id: str) -> dict[str, bytes]:
    return {
        one.sop_instance_uid: b"".join(one.pieces)
        for one in export(house.house.room, house.house.store, image_set_id)
    }


def sets_of(house: Served, study: str) -> list[str]:
    """The image sets of a study, as they are when its sender has looked at it."""
    house.look(study)
    return [one for one in house.house.sets() if house.house.found(one).study_uid == study]


def waiting(house: Served) -> int:
    with house.house.app.database.read() as connection:
        return connection.execute(select(func.count()).select_from(arrivals)).scalar_one()


def test_dicomweb_client_stores(house: Served) -> None:
    client = DICOMwebClient(house.dicomweb, session=house.session())
    files = [Path(str(get_testdata_file(name))) for name in ("CT_small.dcm", "MR_small.dcm")]
    datasets = [pydicom.dcmread(path) for path in files]
    answer = client.store_instances(datasets)
    told = [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence]
    assert told == [one.SOPInstanceUID for one in datasets]
    assert "FailedSOPSequence" not in answer
    for one in datasets:
        (image_set,) = sets_of(house, one.StudyInstanceUID)
        back = pydicom.dcmread(io.BytesIO(stored(house, image_set)[one.SOPInstanceUID]))
        assert back == one
    again = client.store_instances(datasets[:1], study_instance_uid=datasets[0].StudyInstanceUID)
    assert again.RetrieveURL == f"{house.dicomweb}/studies/{datasets[0].StudyInstanceUID}"
    assert waiting(house) == 0


def waits_of(house: Served, study: str) -> int:
    """How many instances of a study are stored and not yet visible."""
    query = select(func.count()).where(arrivals.c.study_uid == study)
    with house.house.app.database.read() as connection:
        return connection.execute(query).scalar_one()


def test_who_stored_something_finds_it_at_once(house: Served, study: str) -> None:
    client = DICOMwebClient(house.dicomweb, session=house.session())
    one, two = [pydicom.dcmread(io.BytesIO(made(house, study, n))) for n in (1, 2)]
    client.store_instances([one])
    assert waits_of(house, study) == 1
    assert client.search_for_studies(search_filters={"PatientID": one.PatientID})
    assert waits_of(house, study) == 0
    client.store_instances([two])
    ids = (study, f"{study}.1", two.SOPInstanceUID)
    assert client.retrieve_instance(*ids).SOPInstanceUID == two.SOPInstanceUID
    assert len(client.retrieve_series_metadata(study, f"{study}.1")) == 2


def test_others_wait_for_the_study_that_they_name_alone(house: Served, study: str) -> None:
    assert post(house, body([made(house, study, 1)])).status_code == 200
    reader = house.session(Role.READER)
    assert reader.get(f"{house.dicomweb}/studies").status_code == 200
    assert reader.get(f"{house.dicomweb}/series?StudyInstanceUID={study}.9,1.9").json() == []
    assert waits_of(house, study) == 1
    found = reader.get(f"{house.dicomweb}/studies?0020000D=1.9,{study}").json()
    assert [item["0020000D"]["Value"] for item in found] == [[study]]
    assert waits_of(house, study) == 0


def test_a_place_that_is_known_is_waited_for_by_nobody(house: Served, study: str) -> None:
    session = house.session()
    session.headers["accept"] = "image/jphc"  # as it is stored
    frame = f"{house.dicomweb}/studies/{study}/series/{study}.1/instances/{study}.1.%d/frames/1"
    post(house, body([made(house, study, 1)]))
    assert session.get(frame % 1).status_code == 200
    post(house, body([made(house, study, 2)]))
    assert session.get(frame % 1).status_code == 200
    assert waits_of(house, study) == 1
    assert session.get(frame % 2).status_code == 200
    assert waits_of(house, study) == 0


def test_what_decoding_might_refuse_is_answered_when_it_is_visible(house: Served) -> None:
    path = Path(str(get_testdata_file("JPEG2000.dcm")))
    answer = post(house, body([path.read_bytes()]))
    study = pydicom.dcmread(path).StudyInstanceUID
    assert (answer.status_code, waits_of(house, study)) == (200, 0)
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = f"{study}.1"
    dataset.PixelData = pydicom.encaps.encapsulate([b"no codestream"])
    stream = io.BytesIO()
    dataset.save_as(stream)
    told = post(house, body([stream.getvalue()]))
    assert told.status_code in {202, 409}  # kept as it came with a warning, or refused


def test_all_of_a_request_is_one_version(house: Served, study: str) -> None:
    files = [made(house, study, number) for number in range(1, 6)]
    answer = post(house, body(files))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert len(answer.json()["00081199"]["Value"]) == 5
    (image_set,) = sets_of(house, study)
    assert house.house.found(image_set).version == 1
    assert sorted(stored(house, image_set).values()) == sorted(files)


def test_one_file_without_parts(house: Served, study: str) -> None:
    answer = post(house, made(house, study, 1), **{"content-type": "application/dicom"})
    assert answer.status_code == 200
    assert len(sets_of(house, study)) == 1


def test_parts_at_fault_cost_nothing_but_themselves(house: Served, study: str) -> None:
    good, other = made(house, study, 1), made(house, study + ".9", 1)
    data = body([good, b"nonsense", b"", good[:300], other])
    data = data[: -len(b"--b--\r\n")] + body([b"GIF89a"], b"image/gif")
    answer = post(house, data, f"/{study}")
    assert answer.status_code == 202
    told = answer.json()
    assert [one["00081155"]["Value"] for one in told["00081199"]["Value"]] == [[f"{study}.1.1"]]
    (failed,) = told["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [f"{study}.9.1.1"]
    assert failed["00081197"]["Value"] == [0xA900]
    assert [one["00081197"]["Value"][0] for one in told["0008119A"]["Value"]] == [0xC000] * 4
    assert sets_of(house, study + ".9") == []


def test_who_prefers_it_is_answered_when_all_is_durable(house: Served, study: str) -> None:
    files = [made(house, study, number) for number in (1, 2)]
    answer = post(house, body([*files, b"nonsense"]), prefer="wait=5, respond-async")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    told = answer.json()["00081199"]["Value"]
    assert [one["00081155"]["Value"] for one in told] == [[f"{study}.1.1"], [f"{study}.1.2"]]
    assert waiting(house) == 2
    assert sets_of(house, study) == []
    keeper = Keeper(house.house.room)
    keeper.nudge(house.house.store)
    keeper.look()
    deadline = time.monotonic() + 30
    while waiting(house):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (image_set,) = sets_of(house, study)
    assert sorted(stored(house, image_set).values()) == sorted(files)


def test_nothing_that_can_be_stored_is_a_conflict(house: Served) -> None:
    answer = post(house, body([b"nonsense"]))
    assert (answer.status_code, list(answer.json())) == (409, ["0008119A"])


@pytest.mark.parametrize(
    ("data", "content", "status"),
    [
        (b"--b--", RELATED, 400),
        (b"", RELATED, 400),
        (b"nothing", RELATED, 400),
        (b"--c\r\n\r\nx\r\n--c--", RELATED, 400),
        (b"--b--", 'multipart/related; type="application/dicom"', 400),
        (b"--b--", "multipart/related; type=application/dicom; boundary=" + "x" * 280, 400),
        (b"x", "text/plain", 415),
        (b"x", "multipart/form-data; boundary=b", 415),
        (b"x", 'multipart/related; type="image/jpeg"; boundary=b', 415),
        (b"x", "nonsense", 400),
        (b"--b\r\n\r\n" + b"x" * (9 << 20), RELATED, 413),
    ],
)
def test_requests_at_fault(house: Served, data: bytes, content: str, status: int) -> None:
    answer = post(house, data, **{"content-type": content})
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_no_form_for_the_answer(house: Served, study: str) -> None:
    answer = post(house, body([made(house, study, 1)]), accept="text/html")
    assert answer.status_code == 406
    assert sets_of(house, study) == []
    accept = "text/html;q=0.9, */*;q=0.1"
    assert post(house, body([made(house, study, 1)]), accept=accept).status_code == 200


def test_readers_do_not_store(house: Served, study: str) -> None:
    session = house.session(Role.READER)
    url = f"{house.dicomweb}/studies"
    answer = session.post(
        url, data=body([made(house, study, 1)]), headers={"content-type": RELATED}
    )
    assert answer.status_code == 403
    assert sets_of(house, study) == []


@pytest.mark.parametrize("cut", [50, 1500, -8])
def test_a_client_that_stops_in_the_middle_leaves_nothing(
    house: Served, study: str, cut: int
) -> None:
    data = body([made(house, study, 1), made(house, study, 2)])
    parts = urlsplit(house.url)
    request = requests.Request("POST", house.url, auth=house.keys[Role.WRITER]).prepare()
    head = (
        f"POST /dicomweb/main/studies HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n"
        f"Content-Type: {RELATED}\r\n"
        f"Authorization: {request.headers['Authorization']!s}\r\n\r\n"
    )
    audit = house.house.app.audit
    audit.flush()
    before = len(list(audit.read(action="StoreInstances")))
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as client:
        client.sendall(head.encode() + data[:cut])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        audit.flush()
        found = list(audit.read(action="StoreInstances", limit=1))
        if len(list(audit.read(action="StoreInstances"))) > before:
            break
        time.sleep(0.02)  # only the server sees the end
    assert found[0].outcome == "refused"
    assert (sets_of(house, study), waiting(house)) == ([], 0)
    assert list(house.house.app.objects.list("inbox")) == []


def test_many_at_once(house: Served, study: str) -> None:
    """Senders of one series, each its own instances: one primary image set holds them all."""
    statuses: list[int] = []
    bodies = [body([made(house, study, 10 * n + k) for k in (1, 2)]) for n in range(6)]

    def send(data: bytes) -> None:
        statuses.append(post(house, data).status_code)

    threads = [threading.Thread(target=send, args=(data,)) for data in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    (image_set,) = sets_of(house, study)
    assert len(stored(house, image_set)) == 12
