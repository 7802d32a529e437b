"""What a room hands to the gateway: its operations, and where its words differ from the model's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iryo.errors import IryoError

__all__ = ["Operation", "ServiceTable"]

Operation = Callable[[Any, dict[str, Any]], dict[str, Any]]
"""(caller, input) -> output, both in botocore's member names.

In the input blobs are `bytes`, timestamps aware UTC `datetime`s, and everything that the model
demands has been checked. In the output a member that is absent or None is left out, blobs are
bytes-like, a streaming blob may be an iterable of bytes, timestamps are aware `datetime`s.
"""


@dataclass(frozen=True)
class ServiceTable:
    """One AWS service as a room offers it.

    Attributes:
        service: botocore's name, such as ``medical-imaging``.
        operations: operation name to function. What is not here answers UnknownOperationException.
        errors: kind of failure to error shape, where it differs from the general table. The most
            derived kind counts.
        patterns: shape name to the pattern that replaces the model's; an empty one takes anything.
    """

    service: str
    operations: Mapping[str, Operation]
    errors: Mapping[type[IryoError], str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
