"""Failures in AWS's own words, and the table from iryo's kinds to them.

Two kinds of thing are raised here: `AwsError`, which an operation or the wire itself raises when it
knows the exact shape that AWS gives, and every other `IryoError`, which `ERRORS` translates.
"""

from collections.abc import Mapping
from typing import Any

from iryo.errors import IryoError

__all__ = ["AwsError"]


class AwsError(IryoError):
    """A failure with the name that AWS gives it.

    Args:
        code: the error shape of the model, or one of AWS's common errors, such as
            ``IncompleteSignatureException``.
        message: for people; never patient data.
        status: the HTTP status when the model does not say it.
        members: further members of the error shape, by botocore's names.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = dict(members or {})

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.code, self.message, self.status, self.members))


def _rebuild(code: str, message: str, status: int, members: Mapping[str, Any]) -> AwsError:
    # Keyword arguments are lost by Exception's own pickling, and errors cross process borders.
    return AwsError(code, message, status=status, members=members)
