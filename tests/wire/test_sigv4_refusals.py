"""Signatures by nobody, in no form, of no date: refused, each with AWS's own code."""

from functools import partial
from typing import Any

import botocore.auth
import pytest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire import Request
from iryo.wire.sigv4 import SignatureRefused, Verifier
from tests.wire.loop import KEY, REGION, SECRET
from tests.wire.signing import (
    HOST,
    INCOMPLETE,
    INVALID,
    NOON,
    changed,
    refused,
    signed,
    verifier,
    with_header,
)


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
