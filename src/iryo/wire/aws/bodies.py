"""Whole bodies of the RPC protocols: json 1.0 and 1.1, smithy-rpc-v2-cbor."""

from typing import Any

import orjson

from iryo.wire import cbor
from iryo.wire.aws.inputs import Malformed

__all__ = ["read_cbor", "read_json"]


def read_json(body: bytes) -> Any:
    """The JSON value in `body`; nested no deeper than orjson allows (1,024).

    Raises:
        Malformed: it is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed(None, "JSON") from None


def read_cbor(body: bytes) -> Any:
    """The CBOR item in `body`.

    Raises:
        Malformed: it is no CBOR.
    """
    try:
        return cbor.loads(body)
    except cbor.CborError:
        raise Malformed(None, "CBOR") from None
