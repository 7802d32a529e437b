"""Kinds of failure. One is raised once; each door has one table from kind to its own words.

    IryoError
    ├── InvalidInput          what the caller sent cannot be taken as it is
    │   ├── InvalidDicom      bytes that are not the DICOM they claim to be (tag, offset)
    │   ├── TooLarge          over a size, depth or count that is set on purpose
    │   ├── UnsupportedForm   bytes of a form that is not taken here
    │   └── ChangedWhileRead  a file became another one while it was read
    ├── NotAuthenticated      who asks is not known, or not proven
    ├── AccessDenied          who asks is known and may not
    ├── NotFound              what is asked for is not here
    ├── Conflict              the state of things does not allow it now
    ├── NotAcceptable         no form that the caller takes can be given
    ├── QuotaExceeded         a limit of this installation is reached
    ├── Throttled             too much at once; later it may go
    ├── Unavailable           something that we need is away (store, database, an extra)
    ├── Damaged               what is stored is not what was stored
    │   └── Quarantined       that was found before, and nobody gets it until it is healed
    ├── WorkerDied            the process that did the work is gone
    │   └── TookTooLong       it was ended, since the work took longer than it may
    ├── Cancelled             somebody asked that the work end
    └── LeaseLost             the work has passed to another worker

A message says what was found, what was expected and where, and never holds patient data.
"""

__all__ = [
    "AccessDenied",
    "Cancelled",
    "ChangedWhileRead",
    "Conflict",
    "Damaged",
    "InvalidDicom",
    "InvalidInput",
    "IryoError",
    "LeaseLost",
    "NotAcceptable",
    "NotAuthenticated",
    "NotFound",
    "Quarantined",
    "QuotaExceeded",
    "Throttled",
    "TooLarge",
    "TookTooLong",
    "Unavailable",
    "UnsupportedForm",
    "WorkerDied",
]


class IryoError(Exception):
    """The root of all failures that iryo raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(IryoError):
    """What the caller sent cannot be taken as it is.

    `where` names the member, path or setting at fault, if there is one.
    """

    def __init__(self, message: str, *, where: str | None = None) -> None:
        super().__init__(message)
        self.where = where

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, {"where": self.where}))


class InvalidDicom(InvalidInput):
    """Bytes that are not the DICOM they claim to be.

    Args:
        message: what was found and what was expected.
        where: the tag path, such as ``(0040,0275)[2].(0008,0100)``.
        offset: the byte at which it was seen, from the start of the file; for a deflated data set
            from the start of the inflated data.
        reason: a short name for the kind of fault, such as ``Truncated``; failure reports carry it.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        offset: int | None = None,
        reason: str = "InvalidDicom",
    ) -> None:
        super().__init__(message, where=where)
        self.offset = offset
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        extra = {"where": self.where, "offset": self.offset, "reason": self.reason}
        return (_rebuild, (type(self), self.message, extra))


class TooLarge(InvalidInput):
    """Over a size, depth or count that is set on purpose."""


class UnsupportedForm(InvalidInput):
    """Bytes of a form (a media type, an encoding) that is not taken here."""


class ChangedWhileRead(InvalidInput):
    """A file became another one, or another file took its place, while it was read."""


class NotAuthenticated(IryoError):
    """Who asks is not known, or has not proven to be who they say."""


class AccessDenied(IryoError):
    """Who asks is known and may not do this."""


class NotFound(IryoError):
    """What is asked for is not here."""


class Conflict(IryoError):
    """The state of things does not allow it now."""


class NotAcceptable(IryoError):
    """No form that the caller takes can be given."""


class QuotaExceeded(IryoError):
    """A limit of this installation is reached."""


class Throttled(IryoError):
    """Too much at once; later it may go."""


class Unavailable(IryoError):
    """Something that we need is away: a store, a database, an extra that is not installed."""


class Damaged(IryoError):
    """What is stored is not what was stored."""


class Quarantined(Damaged):
    """What is stored was found damaged before: nobody gets it until it is healed.

    The message is for whoever asks: it names no object and no place.
    """


class WorkerDied(IryoError):
    """The process that did the work is gone (killed, out of memory, crashed in native code)."""


class TookTooLong(WorkerDied):
    """The work took longer than it may, and the process that did it was ended."""


class Cancelled(IryoError):
    """Somebody asked that the work end."""


class LeaseLost(IryoError):
    """The work has passed to another worker; this one must stop without a trace."""


def _rebuild(kind: type[InvalidInput], message: str, extra: dict[str, object]) -> InvalidInput:
    # Keyword arguments are lost by Exception's own pickling, and errors cross process borders.
    return kind(message, **extra)  # type: ignore[arg-type]
