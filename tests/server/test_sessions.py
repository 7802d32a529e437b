"""Sessions of browsers at the doors, over HTTP: DICOMweb and the AWS protocols."""

from collections.abc import Iterator

import boto3
import pytest
import requests
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from iryo.access import Role
from tests.imaging.served import Served, served

LIST = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("sessions")) as found:
        yield found


@pytest.fixture(scope="module")
def browser(place: Served) -> requests.Session:
    return place.browser(Role.WRITER)


def without(browser: requests.Session, *names: str) -> requests.Session:
    """The same browser, which does not send these headers."""
    other = requests.Session()
    other.trust_env = False
    other.cookies.update(browser.cookies)
    other.headers.update({k: v for k, v in browser.headers.items() if k not in names})
    return other


def actors(place: Served, action: str) -> set[str]:
    place.house.app.audit.flush()
    return {row.actor for row in place.house.app.audit.read(action=action)}


def test_dicomweb_is_read_and_written_with_a_session(
    place: Served, browser: requests.Session
) -> None:
    url = f"{place.dicomweb}/studies"
    assert browser.get(url).status_code in {200, 204}
    assert any(one.startswith("user-") for one in actors(place, "SearchForStudies"))
    stow = {"content-type": "multipart/related; type=application/dicom; boundary=x"}
    body = b"--x\r\ncontent-type: application/dicom\r\n\r\nno DICOM\r\n--x--\r\n"
    assert browser.post(url, data=body, headers=stow).status_code == 409  # taken, and no DICOM
    bare = without(browser, "x-iryo-csrf")
    refused = bare.post(url, data=body, headers=stow)
    assert refused.status_code == 401
    assert "x-iryo-csrf" in refused.json()["message"]
    assert bare.get(url).status_code in {200, 204}


def test_aws_operations_with_a_session(place: Served, browser: requests.Session) -> None:
    url = f"{place.url}/datastore"
    listed = browser.get(url)
    assert listed.status_code == 200
    assert [one["datastoreName"] for one in listed.json()["datastoreSummaries"]] == ["main"]
    store = place.house.store
    search = f"{place.url}/datastore/{store}/searchImageSets"
    assert browser.post(search, json={}).json()["imageSetsMetadataSummaries"] == []
    assert without(browser, "x-iryo-csrf").post(search, json={}).status_code == 401
    assert browser.post(f"{place.url}/datastore", json={}).status_code in {400, 403}
    assert browser.get(f"{place.url}/nothing").status_code == 404
    frame = f"{place.url}/datastore/{store}/imageSet/{'0' * 32}/getImageFrame"
    assert browser.post(frame, json={"imageFrameId": "0" * 32}).status_code == 404
    assert any(one.startswith("user-") for one in actors(place, "medical-imaging:SearchImageSets"))


@pytest.mark.parametrize("path", ["/dicomweb/main/studies", "/datastore"])
def test_requests_of_other_sites_and_strangers(
    place: Served, browser: requests.Session, path: str
) -> None:
    url = place.url + path
    for more in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"cookie": "iryo_session=" + "a" * 43},
        {"cookie": "iryo_session=nonsense"},
        {"cookie": f"iryo_session={'a' * 43}; iryo_session={'b' * 43}"},
    ):
        answer = browser.get(url, headers=more)
        assert answer.status_code == 401, more
        # At Basic a browser would ask for a password itself.
        assert "Basic" not in answer.headers.get("www-authenticate", "")
    # The script of a page whose session has gone; and a program that shows nothing at all.
    script = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    answer = requests.get(url, headers=script, timeout=30)
    assert answer.status_code == 401
    assert "Basic" not in answer.headers.get("www-authenticate", "")
    assert requests.get(url, timeout=30).status_code in {401, 403}


def test_the_authorization_header_counts_first(place: Served, browser: requests.Session) -> None:
    url = f"{place.dicomweb}/studies"
    wrong = browser.get(url, headers={"authorization": "Bearer iryo-nonsense"})
    assert wrong.status_code == 401
    key_id, secret = place.keys[Role.READER]
    bare = without(browser, "x-iryo-csrf")
    bare.auth = (key_id, secret)
    assert bare.get(url).status_code in {200, 204}
    assert key_id in actors(place, "SearchForStudies")
    assert bare.post(url, data=b"").status_code == 403  # a reader's key, whoever's cookie comes


def test_a_client_of_aws_with_a_cookie_is_its_key(place: Served, browser: requests.Session) -> None:
    key_id, secret = place.keys[Role.READER]
    client = boto3.client(
        "medical-imaging",
        endpoint_url=place.url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(inject_host_prefix=False),
    )
    token = browser.cookies["iryo_session"]
    client.meta.events.register(
        "before-send",
        lambda request, **_: request.headers.update({"cookie": f"iryo_session={token}"}),
    )
    client.list_datastores()
    assert key_id in actors(place, "medical-imaging:ListDatastores")


def test_roles_and_locks_hold(place: Served) -> None:
    sign_in = place.house.app.sign_in
    reader = place.browser(Role.READER)
    token = str(reader.cookies["iryo_session"])
    urls = [f"{place.dicomweb}/studies", f"{place.url}/datastore"]
    assert all(reader.get(url).status_code in {200, 204} for url in urls)
    assert reader.post(urls[0], data=b"").status_code == 403
    sign_in.sessions.lock(token)
    for url in urls:
        answer = reader.get(url)
        assert answer.status_code == 401
        assert "locked" in answer.json()["message"]
    sign_in.sessions.reopen(token, sign_in.sessions.look(token).user_id, "127.0.0.1")
    assert all(reader.get(url).status_code in {200, 204} for url in urls)
    sign_in.sessions.end(token)
    assert all(reader.get(url).status_code == 401 for url in urls)


HEADERS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=200)


@settings(max_examples=40)
@given(HEADERS, st.sampled_from(["", "iryo_session=", "a=b; iryo_session="]))
def test_any_cookie_header_is_refused_in_order(place: Served, text: str, before: str) -> None:
    for path in ("/dicomweb/main/studies", "/datastore"):
        header = (before + text).strip().encode("latin-1")
        answer = requests.get(place.url + path, headers={"cookie": header}, timeout=30)
        assert answer.status_code in {400, 401, 403}
