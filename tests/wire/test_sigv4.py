"""Signature Version 4 against botocore's signers, and against those who tamper."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire import Request
from iryo.wire.sigv4 import Authenticated, SignatureRefused, Verifier
from tests.wire.loop import KEY, REGION, SECRET, to_wire

NOON = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
HOST = "iryo.example:8000"
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
INVALID, INCOMPLETE = "InvalidSignatureException", "IncompleteSignatureException"
Signer = Callable[..., Any]

HEADER_SIGNERS: dict[str, Signer] = {
    "SigV4Auth": botocore.auth.SigV4Auth,
    "S3SigV4Auth": botocore.auth.S3SigV4Auth,
}
QUERY_SIGNERS: dict[str, Signer] = {
    "SigV4QueryAuth": botocore.auth.SigV4QueryAuth,
    "S3SigV4QueryAuth": botocore.auth.S3SigV4QueryAuth,
}
SIGNERS = {**HEADER_SIGNERS, **QUERY_SIGNERS}


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients' clock stands at noon."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOON.replace(tzinfo=None))


def verifier(at: datetime = NOON, **more: Any) -> Verifier:
    return Verifier({KEY: SECRET}.get, lambda: at, **more)


def service_of(name: str) -> str:
    return "s3" if name.startswith("S3") else "medical-imaging"


def signed(
    name: str = "SigV4Auth",
    *,
    method: str = "POST",
    path: str = "/datastore/0123",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b'{"a": 1}',
    token: str | None = None,
    key: str = KEY,
    secret: str = SECRET,
    service: str | None = None,
    **signer: Any,
) -> Request:
    """A request as botocore's signer `name` signs it."""
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    if name in QUERY_SIGNERS:
        body = b""  # botocore moves a body into the query
    request = AWSRequest(method, url, headers=headers or {}, data=body)
    make = SIGNERS[name]
    make(Credentials(key, secret, token), service or service_of(name), REGION, **signer).add_auth(
        request
    )
    return to_wire(request.prepare())


def refused(request: Request, check: Verifier | None = None) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        (check or verifier()).verify(request)
    return caught.value


def changed(request: Request, **more: Any) -> Request:
    parts = {
        name: getattr(request, name)
        for name in ("method", "path", "query", "headers", "body", "source")
    }
    return Request(**{**parts, **more})


def with_header(request: Request, **headers: str | None) -> Request:
    new = {**request.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return changed(request, headers={name: text for name, text in new.items() if text is not None})


class TestWhatBotocoreSigns:
    @pytest.mark.parametrize("name", SIGNERS)
    def test_is_taken(self, name: str) -> None:
        request = signed(name, query="version=1&latest")
        who, body = verifier().verify(request)
        presigned_s3 = name == "S3SigV4QueryAuth"
        assert who == Authenticated(
            KEY, REGION, service_of(name), NOON, "unsigned" if presigned_s3 else "signed"
        )
        assert body == request.body

    @pytest.mark.parametrize("name", SIGNERS)
    @given(
        segments=st.lists(st.text(max_size=6), min_size=1, max_size=4),
        pairs=st.lists(st.tuples(st.text(min_size=1, max_size=6), st.text(max_size=6)), max_size=4),
        value=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(
            str.strip
        ),
        token=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
        body=st.binary(),
    )
    def test_is_taken_whatever_it_says(
        self,
        name: str,
        segments: list[str],
        pairs: list[tuple[str, str]],
        value: str,
        token: str | None,
        body: bytes,
    ) -> None:
        if name in QUERY_SIGNERS:
            pairs = list(dict(pairs).items())  # they keep but one of each name
        request = signed(
            name,
            path="/" + "/".join(quote(each, safe="") for each in segments),
            query="&".join(f"{quote(key, safe='')}={quote(text, safe='')}" for key, text in pairs),
            headers={"x-amz-meta-note": value, "Content-Type": "application/json"},
            token=token,
            body=body,
        )
        assert verifier().verify(request)[1] == request.body

    def test_is_taken_with_repeated_parameters_in_any_order(self) -> None:
        request = signed(query="b=2&a=3&a=1&A=0&b=10")
        assert verifier().verify(changed(request, query="a=1&b=10&A=0&a=3&b=2"))
        assert refused(changed(request, query="a=1&b=10&A=0&a=3")).code == INVALID

    def test_is_taken_with_a_date_header_in_place_of_x_amz_date(self) -> None:
        request = signed(headers={"Date": format_datetime(NOON, usegmt=True)})
        assert "x-amz-date" not in request.headers
        assert request.headers["date"] == "Wed, 25 Nov 2026 12:00:00 -0000"
        assert verifier().verify(request)[0].signed_at == NOON

    def test_is_taken_when_folded_and_spaced_otherwise(self) -> None:
        request = signed(headers={"x-amz-meta-note": "one two  three"})
        assert verifier().verify(with_header(request, x_amz_meta_note="  one  two three\t"))

    def test_the_payload_may_be_left_unsigned_when_the_client_says_so(self) -> None:
        request = AWSRequest("PUT", f"http://{HOST}/a", data=b"1234")
        request.context["payload_signing_enabled"] = False
        botocore.auth.SigV4Auth(Credentials(KEY, SECRET), "omics", REGION).add_auth(request)
        wire = to_wire(request.prepare())
        assert wire.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
        who, body = verifier().verify(changed(wire, body=b"other"))
        assert (who.payload, body) == ("unsigned", b"other")

    def test_presigned_headers_and_hash_parameter(self) -> None:
        request = signed("SigV4QueryAuth", query="X-Amz-Content-Sha256=UNSIGNED-PAYLOAD")
        # botocore itself signed the empty body; with the parameter the client must sign its words.
        assert refused(request).code == INVALID


class TestTampering:
    """Every part that is changed after signing is refused."""

    @pytest.mark.parametrize("name", SIGNERS)
    @pytest.mark.parametrize(
        "change",
        [
            {"method": "PUT"},
            {"path": "/datastore/0124"},
            {"path": "/datastore/0123/"},
            {"query": "version=2"},
            {"query": ""},
            {"path": "/datastore/\u3042"},
        ],
        ids=str,
    )
    def test_of_the_request_line(self, name: str, change: dict[str, str]) -> None:
        request = signed(name, query="version=1")
        if name in QUERY_SIGNERS and "query" in change:
            change = {"query": request.query.replace("version=1", change["query"])}
        assert refused(changed(request, **change)).code == INVALID

    @pytest.mark.parametrize("name", ["SigV4Auth", "S3SigV4Auth", "SigV4QueryAuth"])
    def test_of_the_body(self, name: str) -> None:
        request = signed(name)
        assert refused(changed(request, body=request.body + b" ")).code == INVALID

    @pytest.mark.parametrize("header", ["host", "x-amz-date", "x-amz-target", "content-type"])
    def test_of_a_signed_header(self, header: str) -> None:
        given_headers = {"X-Amz-Target": "A.B", "Content-Type": "application/json"}
        request = signed(headers=given_headers)
        new = {"x-amz-date": "20261125T120001Z"}.get(header, "other")
        assert refused(with_header(request, **{header: new})).code == INVALID
        assert refused(with_header(request, **{header: None})).code in (
            INVALID,
            INCOMPLETE,
        )

    def test_of_the_authorization_at_every_character(self) -> None:
        request = signed()
        text = request.headers["authorization"]
        for index, character in enumerate(text):
            for other in ("0" if character != "0" else "1", ""):
                new = text[:index] + other + text[index + 1 :]
                if re.sub(r"\s", "", new) != re.sub(r"\s", "", text):  # space is no content
                    refused(with_header(request, authorization=new))

    @pytest.mark.parametrize("name", QUERY_SIGNERS)
    def test_of_the_query_at_every_character(self, name: str) -> None:
        request = signed(name, query="version=1", token="token")
        for index, character in enumerate(request.query):
            other = "0" if character != "0" else "1"
            refused(
                changed(request, query=request.query[:index] + other + request.query[index + 1 :])
            )

    @pytest.mark.parametrize("header", ["x-amz-target", "x-amz-content-sha256", "x-amz-anything"])
    def test_with_a_header_that_steers_and_is_not_signed(self, header: str) -> None:
        error = refused(with_header(signed(), **{header: "UNSIGNED-PAYLOAD"}))
        assert error.code == INVALID
        assert "not signed" in error.message

    def test_with_the_secret_of_another(self) -> None:
        assert "does not match" in refused(signed(secret="another")).message

    def test_with_a_signature_for_another_day(self) -> None:
        request = signed()
        new = request.headers["authorization"].replace("/20261125/", "/20261124/")
        error = refused(with_header(request, authorization=new))
        assert (error.code, "YYYYMMDD" in error.message) == (INVALID, True)

    def test_of_the_hash_of_s3(self) -> None:
        request = signed("S3SigV4Auth")
        assert verifier().verify(request)
        error = refused(with_header(request, x_amz_content_sha256="0" * 64))
        assert error.code == INVALID


class TestWhen:
    @pytest.mark.parametrize("minutes", [-15, 0, 15])
    def test_within_the_window(self, minutes: int) -> None:
        assert verifier(NOON + timedelta(minutes=minutes)).verify(signed())

    def test_after_the_window(self) -> None:
        error = refused(signed(), verifier(NOON + timedelta(minutes=15, seconds=1)))
        assert error.code == INVALID
        assert error.message == (
            "Signature expired: 20261125T120000Z is now earlier than "
            "20261125T120001Z (20261125T121501Z - 900 s.)"
        )

    def test_before_the_window(self) -> None:
        error = refused(signed(), verifier(NOON - timedelta(minutes=15, seconds=1)))
        assert error.message.startswith("Signature not yet current: 20261125T120000Z")

    @pytest.mark.parametrize("name", QUERY_SIGNERS)
    def test_a_presigned_request_lasts_as_long_as_it_says(self, name: str) -> None:
        request = signed(name, expires=604_800)
        assert verifier(NOON + timedelta(days=7)).verify(request)
        assert "expired" in refused(request, verifier(NOON + timedelta(days=7, seconds=1))).message
        assert "not yet" in refused(request, verifier(NOON - timedelta(minutes=16))).message

    @pytest.mark.parametrize("expires", [0, -1, 604_801, "1e3", "", "99999999999999999999"])
    def test_a_presigned_request_lasts_no_longer_than_a_week(self, expires: Any) -> None:
        error = refused(signed("SigV4QueryAuth", expires=expires))
        assert (error.code, "604800" in error.message) == (INCOMPLETE, True)


class TestWho:
    def test_nobody(self) -> None:
        error = refused(Request("GET", "/", "a=b", {"host": HOST}))
        assert error.code == "MissingAuthenticationTokenException"
        assert refused(Request("GET", "/")).message == "Missing Authentication Token"

    def test_a_key_that_is_not_known(self) -> None:
        assert refused(signed(key="AKIDOTHER")).code == "UnrecognizedClientException"

    def test_a_changed_secret_counts_at_once(self) -> None:
        secrets = {KEY: SECRET}
        check = Verifier(secrets.get, lambda: NOON)
        request = signed()
        assert check.verify(request)
        secrets[KEY] = "changed"
        refused(request, check)
        secrets.clear()
        assert refused(request, check).code == "UnrecognizedClientException"

    def test_another_region_when_one_is_demanded(self) -> None:
        assert verifier(region=REGION).verify(signed())
        assert "'eu-west-1'" in refused(signed(), verifier(region="eu-west-1")).message

    def test_derived_keys_are_kept_within_bounds(self) -> None:
        check = Verifier({KEY: SECRET}.get, lambda: NOON)
        for number in range(1100):
            check.verify(signed(service=f"service{number}"))
        assert check._derive.cache_info().currsize == 1024

    def test_the_refusal_can_cross_processes(self) -> None:
        import pickle

        error = pickle.loads(pickle.dumps(refused(signed(key="AKIDOTHER"))))
        assert (type(error), error.code) == (SignatureRefused, "UnrecognizedClientException")


def authorization(**more: str | None) -> str:
    parts: dict[str, str | None] = {
        "Credential": f"{KEY}/20261125/{REGION}/omics/aws4_request",
        "SignedHeaders": "host;x-amz-date",
        "Signature": "0" * 64,
        **more,
    }
    return "AWS4-HMAC-SHA256 " + ", ".join(f"{k}={v}" for k, v in parts.items() if v is not None)


def claiming(header: str) -> Request:
    headers = {"host": HOST, "x-amz-date": "20261125T120000Z", "authorization": header}
    return Request("GET", "/", "", headers)


class TestForm:
    @pytest.mark.parametrize(
        ("header", "words"),
        [
            ("Bearer token", "algorithm"),
            ("", "algorithm"),
            ("AWS4-HMAC-SHA256", "without a value"),
            ("AWS4-HMAC-SHA256 Credential", "without a value"),
            (authorization() + ", Signature=1", "twice"),
            (authorization(Signature=None), "'Signature'"),
            (authorization(Credential=None, SignedHeaders=None), "'Credential' parameter. Auth"),
            (authorization(Credential="a/b/c"), "5 slash-delimited"),
            (authorization(Credential="/20261125/r/s/aws4_request"), "5 slash-delimited"),
            (authorization(Signature="0" * 63), "hexadecimal"),
            (authorization(Signature="A" * 64), "hexadecimal"),
            (authorization(SignedHeaders="host;Host"), "lower-case"),
            (authorization(SignedHeaders="host;host;x-amz-date"), "each once"),
            (authorization(SignedHeaders="host;;x-amz-date"), "lower-case"),
        ],
        ids=str,
    )
    def test_of_the_header(self, header: str, words: str) -> None:
        request = Request(
            "GET",
            "/",
            "",
            {"host": HOST, "x-amz-date": "20261125T120000Z", "authorization": header},
        )
        error = refused(request)
        assert (error.code, words in error.message) == (INCOMPLETE, True)

    @pytest.mark.parametrize(
        ("header", "words"),
        [
            (authorization(SignedHeaders="x-amz-date"), "'Host'"),
            (authorization(SignedHeaders="host"), "not signed"),
            (authorization(SignedHeaders="host;x-absent;x-amz-date"), "does not match"),
            (authorization(Credential=f"{KEY}/20261125/r/s/aws5"), "terminator"),
        ],
        ids=str,
    )
    def test_of_the_scope_and_signed_headers(self, header: str, words: str) -> None:
        request = Request(
            "GET",
            "/",
            "",
            {"host": HOST, "x-amz-date": "20261125T120000Z", "authorization": header},
        )
        error = refused(request)
        assert (error.code, words in error.message) == (INVALID, True)

    @pytest.mark.parametrize(
        "date",
        [
            None,
            "yesterday",
            "20261325T120000Z",
            "20261125T250000Z",
            "2026-11-25T12:00:00Z",
            "Wed, 99 Nov 2026 12:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 -2359",
        ],
    )
    def test_of_the_date(self, date: str | None) -> None:
        error = refused(with_header(signed(), x_amz_date=date))
        assert error.code == INCOMPLETE

    def test_one_way_of_signing_at_a_time(self) -> None:
        request = changed(signed(), query=signed("SigV4QueryAuth").query)
        assert "Only one" in refused(request).message

    @pytest.mark.parametrize(
        "name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"]
    )
    def test_of_the_query(self, name: str) -> None:
        request = signed("SigV4QueryAuth")
        pairs = request.query.split("&")
        without = "&".join(pair for pair in pairs if not pair.startswith(f"X-Amz-{name}="))
        assert refused(changed(request, query=without)).code in (
            INCOMPLETE,
            "MissingAuthenticationTokenException",
        )
        twice = "&".join([*pairs, *(pair for pair in pairs if pair.startswith(f"X-Amz-{name}="))])
        assert "repeated" in refused(changed(request, query=twice)).message

    def test_of_the_algorithm_in_the_query(self) -> None:
        request = signed("SigV4QueryAuth")
        query = request.query.replace("HMAC-SHA256", "ECDSA-P256-SHA256")
        assert "AWS4-HMAC-SHA256" in refused(changed(request, query=query)).message


# The paths of AWS's own suite of tests for signing (aws-sig-v4-test-suite, normalize-path), and
# what clients do to them: S3 keeps a path as it is.
@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/example/..", "/"),
        ("/example1/example2/../..", "/"),
        ("/./", "/"),
        ("/./example", "/example"),
        ("//example//", "/example/"),
        ("/a..b/.c", "/a..b/.c"),
        ("/example%20space/", "/example%2520space/"),
        ("/%E1%88%B4", "/%25E1%2588%25B4"),
    ],
)
def test_the_canonical_path(path: str, normal: str) -> None:
    from iryo.wire.sigv4 import _canonical_path

    auth: Any = botocore.auth.SigV4Auth(Credentials(KEY, SECRET), "omics", REGION)
    assert _canonical_path(path, s3=False) == normal == auth._normalize_url_path(path)
    assert _canonical_path(path, s3=True) == path


@given(
    st.text(max_size=30),
    st.text(max_size=30),
    st.dictionaries(
        st.sampled_from(["authorization", "host", "date", "x-amz-date", "x-amz-content-sha256"]),
        st.text(max_size=60) | st.just(authorization()) | st.just("20261125T120000Z"),
    ),
)
def test_whatever_is_sent_is_refused_and_nothing_else_happens(
    path: str, query: str, headers: dict[str, str]
) -> None:
    refused(Request("GET", path, query, headers))


@given(st.data())
def test_authorization_headers_of_any_kind_are_refused(data: st.DataObject) -> None:
    part = partial(st.text, st.characters(codec="latin-1"), max_size=20)
    header = authorization(
        **{
            name: data.draw(part(), label=name)
            for name in ("Credential", "SignedHeaders", "Signature")
            if data.draw(st.booleans())
        }
    )
    refused(with_header(signed(), authorization=header))
