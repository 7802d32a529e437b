"""Signature Version 4 against botocore's signers, and against those who tamper."""

import re
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire.sigv4 import Authenticated
from tests.wire.loop import KEY, REGION, SECRET, to_wire
from tests.wire.signing import (
    HOST,
    INCOMPLETE,
    INVALID,
    NOON,
    QUERY_SIGNERS,
    SIGNERS,
    changed,
    refused,
    service_of,
    sign,
    signed,
    verifier,
    with_header,
)


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
        auth = botocore.auth.SigV4Auth(Credentials(KEY, SECRET), "omics", REGION)
        wire = to_wire(sign(auth, request))
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
            "20261125T120001Z (20261125T121501Z - 15 min.)"
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
