"""The RPC protocols: json 1.0 and 1.1 (AWS JSON), smithy-rpc-v2-cbor. All is in the body."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from iryo.wire import cbor
from iryo.wire.aws.bodies import read_cbor, read_json
from iryo.wire.aws.constraints import Faults
from iryo.wire.aws.inputs import InputShapes
from iryo.wire.aws.outputs import OutputShapes
from iryo.wire.aws.values import Notation

__all__ = ["DUMPS", "RpcInput", "RpcOutput"]

DUMPS: dict[Notation, Callable[[Any], bytes]] = {"json": orjson.dumps, "cbor": cbor.dumps}


class RpcInput:
    """Reads the input of one operation out of the body."""

    def __init__(self, shape: Any, shapes: InputShapes, notation: Notation) -> None:
        self._load = read_cbor if notation == "cbor" else read_json
        self._parse = None if shape is None else shapes.parse(shape, notation)

    def read(self, body: bytes, faults: Faults) -> dict[str, Any]:
        """The input, by botocore's member names.

        Raises:
            Malformed: the body cannot be read.
        """
        raw = self._load(body) if body else {}
        if self._parse is None:
            return {}
        value: dict[str, Any] = self._parse(raw, None, faults)
        return value


class RpcOutput:
    """Writes the output of one operation into the body.

    Args:
        shape: the output shape, None when there is none.
        shapes: the service's compiled shapes.
        notation: ``json`` or ``cbor``.
        skip: members that travel elsewhere (an event stream).
    """

    def __init__(
        self,
        shape: Any,
        shapes: OutputShapes,
        notation: Notation,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self._dump = DUMPS[notation]
        self._empty = b"" if notation == "cbor" else b"{}"
        self._write = None if shape is None else shapes.structure(shape, notation, skip=skip)

    def write(self, output: Mapping[str, Any]) -> bytes:
        """The body for `output`."""
        return self._empty if self._write is None else self._dump(self._write(output))
