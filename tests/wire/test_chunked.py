"""aws-chunked bodies: AWS's published example, botocore's own wrapper, and faults of every kind."""

import hashlib
import hmac
import io
import zlib
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum, Sha256Checksum
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire import Request
from iryo.wire.chunked import STREAMING, ChunkError, Seed, decode
from iryo.wire.sigv4 import SignatureRefused, Verifier

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

# Amazon S3 API Reference, "Transferring Payload in Multiple Chunks (Chunked Upload)", example.
EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EXAMPLE_TIME = datetime(2013, 5, 24, tzinfo=UTC)
EXAMPLE_HEADERS = {
    "host": "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "authorization": (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class,"
        "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    ),
    "x-amz-content-sha256": SIGNED,
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": "66560",
    "content-length": "66824",
}
EXAMPLE_SIGNATURES = (
    b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
EXAMPLE_BODY = b"".join(
    b"%x;chunk-signature=%s\r\n%s\r\n" % (size, signature, b"a" * size)
    for size, signature in zip((65536, 1024, 0), EXAMPLE_SIGNATURES, strict=True)
)


def example(body: bytes = EXAMPLE_BODY) -> Request:
    return Request("PUT", "/examplebucket/chunkObject.txt", "", EXAMPLE_HEADERS, body)


def example_verifier() -> Verifier:
    return Verifier(lambda _: EXAMPLE_SECRET, lambda: EXAMPLE_TIME)


def test_the_example_that_aws_published() -> None:
    who, body = example_verifier().verify(example())
    assert (who.payload, body) == ("chunked", b"a" * 66560)


@pytest.mark.parametrize("place", [0, 30, 100, 65_640, 65_700, 66_700, -3])
def test_the_example_changed_in_any_place(place: int) -> None:
    body = bytearray(EXAMPLE_BODY)
    body[place] ^= 1
    with pytest.raises(SignatureRefused):
        example_verifier().verify(example(bytes(body)))


def test_a_piece_left_out_of_the_example() -> None:
    cut = EXAMPLE_BODY.index(b"400;")
    end = EXAMPLE_BODY.index(b"0;chunk-signature=b6")
    with pytest.raises(SignatureRefused, match="does not match"):
        example_verifier().verify(example(EXAMPLE_BODY[:cut] + EXAMPLE_BODY[end:]))


SEED = Seed(b"k" * 32, "20261125T120000Z", "20261125/us-east-1/omics/aws4_request", "5" * 64)


class Writer:
    """Writes pieces and trailers as the specification says, on its own."""

    def __init__(self, *, signed: bool = True) -> None:
        self.signed = signed
        self.previous = SEED.signature
        self.out = b""

    def sign(self, algorithm: str, *content: str) -> str:
        text = "\n".join((algorithm, SEED.timestamp, SEED.scope, self.previous, *content))
        self.previous = hmac.new(SEED.key, text.encode(), hashlib.sha256).hexdigest()
        return self.previous

    def piece(self, data: bytes) -> "Writer":
        self.out += f"{len(data):x}".encode()
        if self.signed:
            empty, own = hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest()
            signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", empty, own)
            self.out += f";chunk-signature={signature}".encode()
        self.out += b"\r\n" + data + (b"\r\n" if data else b"")
        return self

    def trailers(self, **named: str) -> "Writer":
        lines = {name.replace("_", "-"): value for name, value in named.items()}
        self.out += b"".join(f"{name}:{value}\r\n".encode() for name, value in lines.items())
        if self.signed:
            text = "".join(f"{name}:{lines[name]}\n" for name in sorted(lines))
            own = hashlib.sha256(text.encode()).hexdigest()
            signature = self.sign("AWS4-HMAC-SHA256-TRAILER", own)
            self.out += f"x-amz-trailer-signature:{signature}\r\n".encode()
        self.out += b"\r\n"
        return self


def crc32(data: bytes) -> str:
    return b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def forged(body: bytes, form: str, **headers: str) -> ChunkError:
    with pytest.raises(ChunkError) as caught:
        decode(body, form, {name.replace("_", "-"): text for name, text in headers.items()}, SEED)
    return caught.value


@given(st.lists(st.binary(min_size=1), max_size=5))
def test_signed_pieces(pieces: list[bytes]) -> None:
    writer = Writer()
    for piece in (*pieces, b""):
        writer.piece(piece)
    headers = {"x-amz-decoded-content-length": str(len(b"".join(pieces)))}
    for end in (b"", b"\r\n"):
        assert decode(writer.out + end, SIGNED, headers, SEED) == b"".join(pieces)
    assert "after the last" in str(forged(writer.out + b"x", SIGNED))
    assert "line end" in str(forged(writer.out[:-3], SIGNED))


@given(st.binary(max_size=50))
def test_signed_trailers(data: bytes) -> None:
    writer = Writer()
    if data:
        writer.piece(data)
    writer.piece(b"").trailers(x_amz_checksum_crc32=crc32(data), x_amz_other="1")
    trailer = {"x-amz-trailer": "x-amz-checksum-crc32, X-Amz-Other"}
    assert decode(writer.out, SIGNED_TRAILER, trailer, SEED) == data
    # The same with an empty line before the trailers, as some clients write them.
    spaced = writer.out.replace(b"\r\nx-amz-checksum", b"\r\n\r\nx-amz-checksum", 1)
    assert decode(spaced, SIGNED_TRAILER, trailer, SEED) == data
    changed = writer.out.replace(b"x-amz-other:1", b"x-amz-other:2")
    assert forged(changed, SIGNED_TRAILER, x_amz_trailer=trailer["x-amz-trailer"]).forged
    cut = writer.out[: writer.out.index(b"x-amz-trailer-signature")]
    assert forged(cut, SIGNED_TRAILER, x_amz_trailer=trailer["x-amz-trailer"]).forged


@pytest.mark.parametrize(
    ("checksum", "name"),
    [(Crc32Checksum, "x-amz-checksum-crc32"), (Sha256Checksum, "x-amz-checksum-sha256")],
)
@given(data=st.binary(max_size=3000))
def test_what_botocore_writes(checksum: Any, name: str, data: bytes) -> None:
    body = AwsChunkedWrapper(
        io.BytesIO(data), checksum_cls=checksum, checksum_name=name, chunk_size=1000
    ).read()
    assert decode(body, UNSIGNED_TRAILER, {"x-amz-trailer": name}, SEED) == data
    if data:
        place = body.index(b"\r\n") + 2
        changed = body[:place] + bytes((body[place] ^ 1,)) + body[place + 1 :]
        error = forged(changed, UNSIGNED_TRAILER, x_amz_trailer=name)
        assert error.forged
        assert name in str(error)


def test_a_checksum_that_cannot_be_made_here_is_not_checked() -> None:
    body = (
        Writer(signed=False).piece(b"a").piece(b"").trailers(x_amz_checksum_crc32c="AAAAAA==").out
    )
    assert decode(body, UNSIGNED_TRAILER, {"x-amz-trailer": "x-amz-checksum-crc32c"}, SEED) == b"a"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "line end"),
        (b"1\r\n", "1 bytes announced"),
        (b"1\r\na", "line end"),
        (b"1\r\nab\r\n0\r\n\r\n", "line end expected after"),
        (b"\r\n", "hexadecimal"),
        (b"-1\r\na\r\n", "hexadecimal"),
        (b"0x1\r\na\r\n", "hexadecimal"),
        (b"1_0\r\na\r\n", "hexadecimal"),
        (b"0" * 17 + b"\r\n", "hexadecimal"),
        (b"f" * 16 + b"\r\n", "bytes announced"),
        (b"1" * 2000, "line end expected within 1024"),
        (b"0\r\nx-amz-unknown:1\r\n\r\n", "announce"),
        (b"0\r\nx-amz-a:1\r\nx-amz-a:1\r\n\r\n", "announce"),
        (b"0\r\nx-amz-a\r\n\r\n", "announce"),
        (b"0\r\n\r\nx", "line end"),
        (b"0\r\n\r\n\r\nx", "after the last piece"),
    ],
    ids=repr,
)
def test_faults(body: bytes, words: str) -> None:
    error = forged(body, UNSIGNED_TRAILER, x_amz_trailer="x-amz-a")
    assert words in str(error)
    assert not error.forged


def test_more_faults() -> None:
    assert "16 trailers" in str(
        forged(
            b"0\r\n" + b"".join(b"a%d:1\r\n" % n for n in range(20)) + b"\r\n",
            UNSIGNED_TRAILER,
            x_amz_trailer=",".join(f"a{n}" for n in range(20)),
        )
    )
    assert "chunk-signature expected" in str(forged(b"0\r\n\r\n", SIGNED))
    assert forged(b"0;chunk-signature=\xff\r\n\r\n", SIGNED).forged
    length = forged(Writer().piece(b"a").piece(b"").out, SIGNED, x_amz_decoded_content_length="2")
    assert "says otherwise" in str(length)


@given(st.binary(max_size=80), st.sampled_from(sorted(STREAMING)), st.text(max_size=20))
def test_any_bytes(body: bytes, form: str, trailer: str) -> None:
    with suppress(ChunkError):
        decode(body, form, {"x-amz-trailer": trailer}, SEED)
