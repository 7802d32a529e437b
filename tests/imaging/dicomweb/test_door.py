"""Who may come in at the door of DICOMweb, and what becomes of what they send."""

import hashlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from iryo.access import AuditEvent, Role
from iryo.errors import Conflict, NotAcceptable, Unavailable
from iryo.imaging.dicomweb import Call, Door, Limits, Route, owns
from iryo.server.dicomweb import DicomwebEndpoint
from iryo.wire.http import Response
from tests.imaging.house import House
from tests.imaging.served import Served, served

MOST = 1 << 20


def told(call: Call) -> Response:
    """What the door has made of a request."""
    body = hashlib.sha256(b"".join(call.body)).hexdigest()
    text = f"{call.method} {dict(call.path)} {call.query} {call.base} {body}"
    return Response(200, [("content-type", "text/plain; charset=utf-8")], text.encode())


def failing(call: Call) -> Response:
    match call.path["study"]:
        case "406":
            raise NotAcceptable("found image/gif, expected one of: image/jpeg, image/png")
        case "409":
            raise Conflict("it is held")
        case "503":
            raise Unavailable("the store is away")
    raise ValueError("a secret of the program")


def streaming(_: Call) -> Response:
    return Response(200, [("content-type", "application/octet-stream")], iter([b"ab"] * 1000))


ROUTES = (
    Route("GET", "/studies/{study}/told", "Told", Role.READER, told),
    Route("POST", "/studies", "Posted", Role.WRITER, told),
    Route("GET", "/studies/{study}/fails", "Fails", Role.READER, failing),
    Route("GET", "/studies/{study}/streams", "Streams", Role.READER, streaming),
    Route("GET", "/frames/{frames}", "Quick", Role.READER, told, inline=True),
)


def application(house: House) -> DicomwebEndpoint:
    whole = house.app.dicomweb
    door = Door(
        house.room,
        whole.entrance,
        house.app.audit,
        Limits(max_upload=MOST, query_results=10, deletes=False),
        house.app.observers.requests,
        routes=ROUTES,
    )
    return DicomwebEndpoint(
        door, behind_proxy=False, inline=True, origins=("https://viewer.example",)
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("door"), application) as found:
        yield found


def events(place: Served, action: str) -> list[AuditEvent]:
    place.house.app.audit.flush()
    return list(place.house.app.audit.read(action=action))


def signed(
    place: Served, method: str, url: str, body: bytes = b"", **headers: str
) -> requests.Response:
    key_id, secret = place.keys[Role.WRITER]
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(Credentials(key_id, secret), "medical-imaging", "us-east-1").add_auth(request)
    return requests.request(method, url, headers=dict(request.headers), data=body, timeout=30)


def test_paths_of_the_door() -> None:
    store = "a" * 32
    ours = ["/dicomweb/main/studies", f"/datastore/{store}/studies/1.2/metadata", "/dicomweb"]
    aws = [f"/datastore/{store}", f"/datastore/{store}/imageSet/{store}/getImageSet", "/datastore"]
    assert [owns(path) for path in ours + aws] == [True] * 3 + [False] * 3


def test_a_call_is_what_was_asked(place: Served) -> None:
    answer = place.session().get(f"{place.dicomweb}/studies/1.2%2F3/told?a=b%20c&a=%C3%A9&d")
    base = place.dicomweb
    empty = hashlib.sha256(b"").hexdigest()
    pairs = (("a", "b c"), ("a", "é"), ("d", ""))
    assert answer.text == f"GET {{'study': '1.2/3'}} {pairs} {base} {empty}"
    assert answer.headers["x-request-id"]
    aws = f"{place.url}/datastore/{place.house.store}"
    assert f" {aws} " in place.session().get(f"{aws}/studies/1/told").text


def test_strangers_are_told_how_to_come_in(place: Served) -> None:
    url = f"{place.dicomweb}/studies/1/told"
    for headers in (
        {},
        {"authorization": "Basic Zm9vOmJhcg=="},
        {"authorization": "Basic %%%"},
        {"authorization": "Bearer iryo-nonsense"},
        {"authorization": "Bearer a.b.c"},
        {"authorization": "Digest x"},
        {"authorization": "AWS4-HMAC-SHA256 Credential=x"},
    ):
        answer = requests.get(url, headers=headers, timeout=30)
        assert answer.status_code == 401, headers
        assert "Bearer" in answer.headers["www-authenticate"]
        assert "requestId" in answer.json()


def test_bearer_tokens_end_with_their_key(place: Served) -> None:
    app = place.house.app
    key_id, _ = app.access.create_key(name="script", role=Role.READER)
    header = {"authorization": f"Bearer {app.sign_in.tokens.issue(key_id, 1)}"}
    for path in ("studies/1/told", "frames/1"):
        url = f"{place.dicomweb}/{path}"
        assert requests.get(url, headers=header, timeout=30).status_code == 200
    assert requests.post(f"{place.dicomweb}/studies", headers=header, timeout=30).status_code == 403
    app.access.disable(key_id)
    for path in ("studies/1/told", "frames/1"):
        url = f"{place.dicomweb}/{path}"
        assert requests.get(url, headers=header, timeout=30).status_code == 401


def test_signatures_cover_the_body(place: Served) -> None:
    url, body = f"{place.dicomweb}/studies", b"x" * 100_000
    found = hashlib.sha256(body).hexdigest()
    assert found in signed(place, "POST", url, body).text
    header = {"x-amz-content-sha256": found}
    assert found in signed(place, "POST", url, body, **header).text
    lying = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
    assert signed(place, "POST", url, body, **lying).status_code == 401
    assert signed(place, "GET", f"{place.dicomweb}/frames/7").status_code == 200


def test_roles_are_those_of_the_data_store(place: Served) -> None:
    app = place.house.app
    key = app.access.create_key(name="other", role=Role.READER, scope="another")
    answer = requests.get(f"{place.dicomweb}/studies/1/told", auth=key, timeout=30)
    assert answer.status_code == 403
    assert [event.outcome for event in events(place, "Told") if event.actor == key[0]] == ["denied"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dicomweb/nowhere/studies/1/told", 404),
        ("/dicomweb", 404),
        ("/dicomweb/main", 404),
        ("/dicomweb/main/nothing", 404),
        ("/dicomweb/main/../../studies", 404),
        ("/dicomweb/main/studies/406/fails", 406),
        ("/dicomweb/main/studies/409/fails", 409),
        ("/dicomweb/main/studies/503/fails", 503),
        ("/dicomweb/main/studies/500/fails", 500),
        ("/dicomweb/main/studies/1/told?a=%ff", 400),
        ("/dicomweb/main/studies/1/told?" + "a&" * 2000, 400),
    ],
)
def test_failures_have_their_status(place: Served, path: str, status: int) -> None:
    request = requests.Request("GET", place.url).prepare()
    request.url = place.url + path
    request.prepare_auth(place.keys[Role.READER])
    with requests.Session() as session:
        answer = session.send(request, timeout=30)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert "secret" not in answer.text


def test_other_methods_are_named(place: Served) -> None:
    answer = place.session().delete(f"{place.dicomweb}/studies/1/told")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_a_body(place: Served) -> None:
    answer = place.session().head(f"{place.dicomweb}/studies/1/streams")
    assert (answer.status_code, answer.content) == (200, b"")
    assert place.session().get(f"{place.dicomweb}/studies/1/streams").content == b"ab" * 1000


def test_too_much_is_refused(place: Served) -> None:
    url = f"{place.dicomweb}/studies"
    assert place.session().post(url, data=b"a" * MOST).status_code == 200
    answer = place.session().post(url, data=(b"a" * 65536 for _ in range(17)))
    assert answer.status_code == 413


def test_a_client_that_stops_in_the_middle_is_audited_as_refused(place: Served) -> None:
    before = len(events(place, "Posted"))
    parts = urlsplit(place.url)
    request = requests.Request("POST", place.url, auth=place.keys[Role.WRITER]).prepare()
    head = (
        "POST /dicomweb/main/studies HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        f"Authorization: {request.headers['Authorization']!s}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as client:
        client.sendall(head.encode() + b"abc")
    deadline = time.monotonic() + 30
    while len(found := events(place, "Posted")) == before and time.monotonic() < deadline:
        time.sleep(0.02)  # its end is seen by the server alone
    assert found[0].outcome == "refused"


def test_browsers_of_named_origins_may_ask(place: Served) -> None:
    url = f"{place.dicomweb}/studies/1/told"
    ask = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    for origin, allowed in (("https://viewer.example", True), ("https://other.example", False)):
        headers = {"origin": origin}
        before = requests.options(url, headers=headers | ask, timeout=30)
        answer = place.session().get(url, headers=headers)
        assert before.status_code == 204
        for each in (before, answer):
            assert ("access-control-allow-origin" in each.headers) is allowed
