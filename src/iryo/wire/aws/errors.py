"""Failures in AWS's own words, and the table from iryo's kinds to them.

An `AwsError` says itself which shape it is; of every other `IryoError` the kind decides, by `KINDS`
and by what the operation declares in the model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iryo.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    IryoError,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Quarantined,
    QuotaExceeded,
    Throttled,
    Unavailable,
)

__all__ = ["KINDS", "AwsError", "Failure", "Kind", "choose", "kind_of"]


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


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of failure is called at AWS.

    Attributes:
        kind: the kind, and all that derive from it and have no row of their own.
        shapes: names of error shapes in AWS's models, the likeliest first. The first that the
            operation declares is taken, else the first that the service knows.
        code, status: when no model has any of them.
        secret: whether the message stays here, because it tells of our insides.
    """

    kind: type[IryoError]
    shapes: tuple[str, ...]
    code: str
    status: int
    secret: bool = False


_INTERNAL = (
    "InternalServerException",
    "InternalFailureException",
    "InternalServerError",
    "InternalFailure",
    "ServiceException",
)

KINDS = (
    Kind(
        InvalidInput,
        (
            "ValidationException",
            "BadRequestException",
            "InvalidRequestException",
            "InvalidParameterValueException",
            "InvalidParameterException",
            "InvalidInputException",
        ),
        "ValidationException",
        400,
    ),
    Kind(NotAuthenticated, (), "UnrecognizedClientException", 403),
    Kind(
        AccessDenied,
        ("AccessDeniedException", "ForbiddenException"),
        "AccessDeniedException",
        403,
    ),
    Kind(
        NotFound,
        ("ResourceNotFoundException", "NotFoundException", "ResourceNotFound"),
        "ResourceNotFoundException",
        404,
    ),
    Kind(
        Conflict,
        ("ConflictException", "ResourceInUseException", "ResourceConflictException"),
        "ConflictException",
        409,
    ),
    Kind(NotAcceptable, ("NotAcceptableException",), "NotAcceptableException", 406),
    Kind(
        QuotaExceeded,
        ("ServiceQuotaExceededException", "LimitExceededException"),
        "ServiceQuotaExceededException",
        402,
    ),
    Kind(
        Throttled,
        ("ThrottlingException", "TooManyRequestsException", "LimitExceededException"),
        "ThrottlingException",
        429,
    ),
    Kind(
        Unavailable,
        ("ServiceUnavailableException", "ServiceUnavailable", *_INTERNAL),
        "ServiceUnavailableException",
        503,
        secret=True,
    ),
    Kind(Quarantined, _INTERNAL, "InternalServerException", 500),
    # What is left is nobody's fault but ours.
    Kind(IryoError, _INTERNAL, "InternalServerException", 500, secret=True),
)
"""Kind of failure to AWS's words, the first row that fits."""


def kind_of(error: Exception) -> Kind:
    """The row for `error`; the last one for what is no IryoError."""
    return next((kind for kind in KINDS if isinstance(error, kind.kind)), KINDS[-1])


def choose(kind: Kind, declared: Iterable[str], known: Mapping[str, Any]) -> str | None:
    """The error shape for `kind`: of those the operation declares, else of those known at all."""
    declared = set(declared)
    for names in (declared, known):
        for shape in kind.shapes:
            if shape in names:
                return shape
    return None


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure ready to be written.

    Attributes:
        code: the name that the client sees.
        status: the HTTP status.
        message: for people.
        shape: the error shape, None when the model has none of this name.
        members: of the error shape, the message not among them.
    """

    code: str
    status: int
    message: str
    shape: Any = None
    members: Mapping[str, Any] = field(default_factory=dict)
